//! What differs between the target and what Git wants: observed anew and planned as a pass does it, and nothing is done.

use std::sync::Arc;

use naksha_environments::plan::Preconditions;
use naksha_environments::quiet::Quiet;
use naksha_environments::wire::DiffDocument;
use naksha_executor::port::store::{Scope, Store};
use naksha_executor::port::target::Wanted;
use naksha_renderer::plan::{PlanInput, objects_to_compare, plan};

use super::LookError;
use crate::judgement::planner;
use crate::scene::Scene;
use crate::secret_marks::{CurrentMarks, current_marks};

pub async fn diff(scope: &Scope, scene: Arc<Scene>, store: &dyn Store) -> Result<DiffDocument, LookError> {
    let inventory = store.inventory(scope).await.map_err(LookError::Store)?;
    let wanted = objects_to_compare(&scene.rendered, &inventory);
    let wanted: Vec<Wanted> = wanted.into_iter().map(|(key, mark)| Wanted { key, mark }).collect();
    let observation = scene.target.observe(wanted.into()).await.map_err(LookError::Target)?;
    let CurrentMarks { marks: secrets, unread: _ } =
        current_marks(scene.secrets.as_ref(), &scene.key, &scene.rendered, &Quiet::default()).await;
    let repository = scope.repository.to_string();
    let compare = move || {
        let input = PlanInput {
            preconditions: Preconditions {
                control: Some(scene.revisions.control.clone()),
                content: Some(scene.revisions.content.clone()),
                policies: None,
                planner: planner(),
            },
            secrets: Some(&secrets),
            ..PlanInput::new(&scene.rendered, &observation, &inventory, &scene.environment)
        };
        DiffDocument::of(&repository, &plan(&input), &observation)
    };
    tokio::task::spawn_blocking(compare).await.map_err(LookError::Computation)
}
