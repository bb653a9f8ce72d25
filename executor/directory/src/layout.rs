//! Which file an object is in: `<namespace or _cluster>/<kind>[.<group>]/<name>.yaml`. Pure.
//!
//! Every part is a plain file name, whatever the object's names are: what is not a letter, a digit, `-`, `.` or an
//! inner `_` is written as `%XX`, and a name that grows too long is cut and ends in a digest. Different names
//! never share a file, except kinds of one group that differ in case only; the file says whose it is.

use std::fmt::Write as _;

use naksha_environments::digest::Digest;
use naksha_environments::object::ObjectKey;

/// Stands for the namespace of objects that have none. No namespace is called so: `_` may not begin one.
const CLUSTER: &str = "_cluster";

const EXTENSION: &str = ".yaml";

/// Longest part of a path that is written out: file systems end at 255 bytes, and room is left for the extension.
const MAX_PART: usize = 200;

/// Where an object's file is, relative to the root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Location {
    pub namespace: String,
    pub kind: String,
    pub file: String,
}

impl Location {
    pub(crate) fn of(key: &ObjectKey) -> Self {
        let namespace = key.namespace.as_deref().map_or_else(|| CLUSTER.to_owned(), escape);
        let kind = match &*key.group {
            "" => key.kind.to_lowercase(),
            group => format!("{}.{group}", key.kind.to_lowercase()),
        };
        Self { namespace, kind: escape(&kind), file: file(key) }
    }

    /// The folder that the file is in.
    pub(crate) fn folder(&self) -> String {
        format!("{}/{}", self.namespace, self.kind)
    }

    pub(crate) fn path(&self) -> String {
        format!("{}/{}/{}", self.namespace, self.kind, self.file)
    }
}

/// The name of an object's file.
pub(crate) fn file(key: &ObjectKey) -> String {
    escape(&key.name) + EXTENSION
}

/// The folder of an object's file.
pub(crate) fn folder(key: &ObjectKey) -> String {
    Location::of(key).folder()
}

/// What decides which folder an object's file is in: namespace, group and kind.
pub(crate) type Place<'a> = (Option<&'a str>, &'a str, &'a str);

/// Objects of one place have their files in one folder. Costs nothing.
pub(crate) fn place(key: &ObjectKey) -> Place<'_> {
    (key.namespace.as_deref(), &key.group, &key.kind)
}

fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric() || byte == b'-' || (at > 0 && matches!(byte, b'.' | b'_'));
        if plain {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("should write to a string");
        }
    }
    if out.is_empty() {
        // No name at all is no file name either; `%` begins no escaped name but this one without digits after it.
        return "%".to_owned();
    }
    if out.len() > MAX_PART {
        let digest = Digest::of_bytes(name.as_bytes()).hex();
        out.truncate(MAX_PART - 33);
        // `~` is escaped everywhere else.
        out.push('~');
        out.push_str(&digest[..32]);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(group: &str, kind: &str, namespace: Option<&str>, name: &str) -> String {
        let location = Location::of(&ObjectKey::new(group, kind, namespace, name));
        format!("{}/{}", location.folder(), location.file)
    }

    #[test]
    fn plain_names_read_as_they_are() {
        assert_eq!(path("apps", "Deployment", Some("naksha"), "web"), "naksha/deployment.apps/web.yaml");
        assert_eq!(path("", "ConfigMap", Some("naksha"), "web.v2"), "naksha/configmap/web.v2.yaml");
        assert_eq!(path("", "Namespace", None, "naksha"), "_cluster/namespace/naksha.yaml");
    }

    #[test]
    fn no_name_leads_out_of_its_folder() {
        assert_eq!(
            path("", "Secret", Some(".."), "../../etc/passwd"),
            "%2E./secret/%2E.%2F..%2Fetc%2Fpasswd.yaml"
        );
        assert_eq!(
            path("", "A/B", Some("_cluster"), ".naksha-target"),
            "%5Fcluster/a%2Fb/%2Enaksha-target.yaml"
        );
        assert_eq!(path("x/y", "Role", Some(""), "system:node"), "%/role.x%2Fy/system%3Anode.yaml");
        assert_eq!(path("", "K", None, "é\0\n"), "_cluster/k/%C3%A9%00%0A.yaml");
    }

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let (one, two) = ("a".repeat(253), format!("{}b", "a".repeat(252)));
        let (one, two) = (path("", "K", None, &one), path("", "K", None, &two));
        assert_ne!(one, two);
        for path in [one, two] {
            assert!(path.split('/').all(|part| part.len() <= 255), "{path}");
        }
    }
}
