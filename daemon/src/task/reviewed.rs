//! How far it is known which pull requests were merged: told by the one who asks the forge, heard by the environments' loops.

use std::collections::BTreeMap;
use std::sync::Arc;

use naksha_environments::ids::Revision;
use tokio::sync::watch;

use crate::git::RefName;

/// What is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Known {
    /// Up to here.
    pub heads: BTreeMap<RefName, Revision>,
    /// Why not further.
    pub trouble: Option<String>,
}

/// A clone hears for itself.
#[derive(Debug, Clone)]
pub struct Reviewed {
    told: Arc<watch::Sender<Known>>,
    heard: watch::Receiver<Known>,
}

impl Default for Reviewed {
    fn default() -> Self {
        let (told, heard) = watch::channel(Known::default());
        Self { told: Arc::new(told), heard }
    }
}

impl Reviewed {
    /// It is known up to these heads. `has_news`: a merge was just found.
    pub fn tell(&self, heads: BTreeMap<RefName, Revision>, has_news: bool) {
        let now = Known { heads, trouble: None };
        self.told.send_if_modified(|known| {
            let is_new = has_news || *known != now;
            *known = now;
            is_new
        });
    }

    /// It cannot be found out, and why.
    pub fn tell_trouble(&self, trouble: String) {
        let trouble = Some(trouble);
        self.told.send_if_modified(|known| {
            let is_new = known.trouble != trouble;
            known.trouble = trouble;
            is_new
        });
    }

    /// Resolves once it is known up to heads that fit.
    pub async fn known(&mut self, fits: impl Fn(&BTreeMap<RefName, Revision>) -> bool) {
        // It cannot end: we hold the other side.
        let _ = self.heard.wait_for(|known| fits(&known.heads)).await;
    }

    pub fn trouble(&self) -> Option<String> {
        self.heard.borrow().trouble.clone()
    }

    /// What is known now is heard.
    pub fn mark_heard(&mut self) {
        self.heard.mark_unchanged();
    }

    /// Resolves when more is known than was heard.
    pub async fn changed(&mut self) {
        let _ = self.heard.changed().await;
    }
}
