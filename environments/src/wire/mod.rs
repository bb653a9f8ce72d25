//! The documented JSON of plans, states and diagnostics: twins of the domain types, converted here by hand.
//!
//! What leaves the process (files, the API, the store, comments on pull requests) is built from these documents,
//! and they are masked by construction: a secret has no field to stand in, and every other text went through
//! [`scrub()`]. They own their texts, so a stored document can be shown long after its plan is gone.
//!
//! A document has a `version`. Fields are added within a version; a reader ignores those it does not know.

mod diagnostic;
mod diff;
mod events;
mod plan;
mod plan_of;
mod schema;
mod scrub;
mod shown;
mod status;
mod stored;
mod tree;
mod workflow;

pub use diagnostic::{DiagnosticDocument, NoteDocument, PlaceDocument};
pub use diff::{DIFF_VERSION, DiffDocument};
pub use events::{EVENTS_VERSION, EventDocument, EventsDocument};
pub use plan::{
    AcknowledgementDocument, ActionDocument, BlockedDocument, ChangeDocument, ConflictDocument,
    CountsDocument, DecisionDocument, DriftDocument, FindingDocument, HoldDocument, LeftDocument,
    LeftFieldDocument, PLAN_VERSION, PlanDocument, PreconditionsDocument, ReasonDocument, StandingDocument,
    SubjectDocument,
};
pub use schema::schemas;
pub use scrub::{is_sensitive_name, scrub, scrub_value};
pub use shown::{MAX_TEXT, ShownDocument};
pub use status::{BarredDocument, STATUS_VERSION, StatusDocument, UnitStatusDocument, why_document};
pub use stored::{ApplyDocument, STORED_PLAN_VERSION, StepDocument, StoredPlanDocument};
pub use tree::{TREE_VERSION, TreeDocument, TreeNodeDocument, UnitTreeDocument};
pub use workflow::{
    EdgeDocument, GrantDocument, NodeDocument, PictureDocument, PictureEdge, PictureNode, SettingDocument,
    WorkflowChangeDocument,
};

#[cfg(test)]
mod tests;
