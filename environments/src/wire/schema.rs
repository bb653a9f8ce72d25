//! JSON Schemas of the documents.

use schemars::schema_for;
use serde_json::Value;

use super::diagnostic::DiagnosticDocument;
use super::diff::DiffDocument;
use super::events::EventsDocument;
use super::plan::PlanDocument;
use super::status::StatusDocument;
use super::stored::StoredPlanDocument;
use super::tree::TreeDocument;

/// Name and JSON Schema of every document; `docs/schema/<name>.json` holds the same.
pub fn schemas() -> [(&'static str, Value); 7] {
    [
        ("plan", schema_for!(PlanDocument).to_value()),
        ("stored-plan", schema_for!(StoredPlanDocument).to_value()),
        ("status", schema_for!(StatusDocument).to_value()),
        ("diagnostic", schema_for!(DiagnosticDocument).to_value()),
        ("tree", schema_for!(TreeDocument).to_value()),
        ("events", schema_for!(EventsDocument).to_value()),
        ("diff", schema_for!(DiffDocument).to_value()),
    ]
}
