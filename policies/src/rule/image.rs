//! image-latest-or-untagged, image-no-digest.

use crate::found::Found;
use crate::pod::text;
use crate::rule::object::Object;

/// What follows an image's name.
#[derive(Debug, PartialEq, Eq)]
enum Pin<'a> {
    None,
    Tag(&'a str),
    Digest,
}

pub(super) fn rule(object: &Object<'_>, found: &mut Vec<Found>) {
    let Some(pod) = &object.pod else { return };
    for container in pod.containers() {
        let Some(image) = text(container.value, "image").filter(|image| !image.is_empty()) else { continue };
        let field = container.path.key("image");
        let words = container.words();
        let message = match pin(image) {
            Pin::Digest => continue,
            Pin::None => Found::new(
                "image-latest-or-untagged",
                field,
                format!("{words} uses image `{image}`, which has no tag"),
            ),
            Pin::Tag("latest") => Found::new(
                "image-latest-or-untagged",
                field,
                format!("{words} uses image `{image}`, whose tag moves"),
            ),
            Pin::Tag(_) => {
                Found::new("image-no-digest", field, format!("{words} uses image `{image}` without a digest"))
            }
        };
        found.push(message);
    }
}

/// `host:5000/name:tag@sha256:…`; a colon before the last slash belongs to the host.
fn pin(image: &str) -> Pin<'_> {
    if image.contains("@sha256:") || image.contains("@sha512:") {
        return Pin::Digest;
    }
    let name = image.rsplit('/').next().unwrap_or(image);
    match name.split_once(':') {
        Some((_, tag)) if !tag.is_empty() => Pin::Tag(tag),
        _ => Pin::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_no_tag() {
        assert_eq!(pin("registry.example:5000/team/app"), Pin::None);
        assert_eq!(pin("registry.example:5000/team/app:1.2"), Pin::Tag("1.2"));
        assert_eq!(pin("app:1.2@sha256:00"), Pin::Digest);
        assert_eq!(pin("app:"), Pin::None);
    }
}
