//! Everything that one object's body tells: findings, what it refers to, and what it makes.

use std::collections::BTreeSet;

use naksha_environments::object::ObjectKey;
use serde_json::Value;

use crate::found::Found;
use crate::pod::Pod;
use crate::rule::reference::{Made, Reference};
use crate::rule::{cleartext, fields, image, network, pod_quality, pod_security, rbac, reference};

/// An object while it is examined.
#[derive(Debug)]
pub(crate) struct Object<'a> {
    pub(crate) key: &'a ObjectKey,
    pub(crate) body: &'a Value,
    pub(crate) pod: Option<Pod<'a>>,
}

/// What examining an object gave. Depends on nothing but the object.
#[derive(Debug, Default)]
pub(crate) struct Examined {
    pub(crate) found: Vec<Found>,
    /// With the object that each means.
    pub(crate) references: Vec<(ObjectKey, Reference)>,
    /// What controllers make of it: a Certificate's Secret.
    pub(crate) makes: Vec<Made>,
    /// Keys of a Secret or ConfigMap.
    pub(crate) keys: Option<BTreeSet<String>>,
}

type Rule = fn(&Object<'_>, &mut Vec<Found>);

const RULES: &[Rule] = &[
    cleartext::in_object,
    image::rule,
    pod_security::rule,
    pod_quality::rule,
    network::rule,
    rbac::rule,
    fields::rule,
];

pub(crate) fn examine(key: &ObjectKey, body: &Value) -> Examined {
    let object = Object { key, body, pod: Pod::of(key, body) };
    let mut found = Vec::new();
    for rule in RULES {
        rule(&object, &mut found);
    }
    let pointing = |reference: Reference| (reference.target(key), reference);
    Examined {
        found,
        references: reference::references(&object).into_iter().map(pointing).collect(),
        makes: reference::made(&object),
        keys: reference::data_keys(&object),
    }
}
