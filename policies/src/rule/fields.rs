//! unknown-field.

use naksha_environments::kubernetes::{UnknownField, unknown_fields};

use crate::found::Found;
use crate::rule::object::Object;

pub(super) fn rule(object: &Object<'_>, found: &mut Vec<Found>) {
    for UnknownField { path, name, near } in unknown_fields(object.body) {
        let kind = &object.key.kind;
        let message = format!("{kind} has no field `{name}` there");
        let fix = near.map(|near| format!("did you mean `{near}`?"));
        found.push(Found { fix, ..Found::new("unknown-field", path, message) });
    }
}
