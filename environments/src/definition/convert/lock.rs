//! Locks and approvals.

use std::collections::BTreeMap;

use crate::codes::definition as codes;
use crate::definition::reading::{At, Reading};
use crate::definition::v1alpha1::{ApprovalSpec, LockSpec};
use crate::digest::Digest;
use crate::environment::{Approval, Lock};
use crate::ids::Revision;
use crate::plan::PlanId;

pub(in crate::definition) fn lock(reading: &mut Reading<'_>, spec: LockSpec, root: At<'_>) -> Option<Lock> {
    let at = root.key("spec");
    let LockSpec { source, render, charts, images, workflows } = spec;
    let own = at.key("source");
    let revision = Revision::parse(&source);
    if let Err(error) = &revision {
        let hint = "write the full commit id; `naksha promote` does";
        reading.problem(
            codes::INVALID_ID,
            own,
            format!("`{source}` is no commit id: {}", error.reason),
            hint,
        );
    }
    let render = render.and_then(|text| digest(reading, &text, at.key("render")));
    let mut versions = BTreeMap::new();
    for (name, text) in &workflows {
        let own = at.key("workflows").key(name);
        let digest = digest(reading, text, own);
        if let (Some(name), Some(digest)) = (reading.key_name(name, own), digest) {
            versions.insert(name, digest);
        }
    }
    Some(Lock {
        source: revision.ok()?,
        place: reading.place(own),
        render,
        charts: charts.into_iter().collect(),
        images: images.into_iter().collect(),
        workflows: versions,
    })
}

fn digest(reading: &mut Reading<'_>, text: &str, at: At<'_>) -> Option<Digest> {
    let digest = Digest::parse(text);
    if digest.is_none() {
        let message = format!("`{text}` is no digest");
        reading.problem(
            codes::INVALID_ID,
            at,
            message,
            "write `sha256:` and 64 hex digits, or remove the line",
        );
    }
    digest
}

pub(in crate::definition) fn approval(
    reading: &mut Reading<'_>,
    spec: ApprovalSpec,
    root: At<'_>,
) -> Option<Approval> {
    let at = root.key("spec");
    let ApprovalSpec { plan, by, reason, expires } = spec;
    let id = PlanId::parse(&plan);
    if let Err(error) = &id {
        let message = format!("`{plan}` is no plan id: {}", error.reason);
        reading.problem(
            codes::INVALID_ID,
            at.key("plan"),
            message,
            "copy all 32 digits: `naksha status` names the file, and `naksha show` prints the id",
        );
    }
    let by = reading.filled(&by, "`by`", at.key("by"));
    let reason = reading.filled(&reason, "the reason", at.key("reason"));
    let until = expires.map(|text| {
        let parsed = text.parse::<jiff::Timestamp>();
        if parsed.is_err() {
            let message = format!("`{text}` is no point in time");
            let hint = "write date, time and zone: `2027-01-31T18:00:00Z`";
            reading.problem(codes::INVALID_DATE, at.key("expires"), message, hint);
        }
        parsed.ok()
    });
    let expires = match until {
        Some(parsed) => Some(parsed?),
        None => None,
    };
    let path = reading.lines.path().clone();
    Some(Approval { plan: id.ok()?, by: by?, reason: reason?, expires, path })
}
