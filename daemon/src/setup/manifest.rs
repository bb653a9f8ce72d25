//! What a GitHub App has to be: as a manifest, and as a link that fills GitHub's form (GitHub, "Registering a GitHub App from a
//! manifest", "Registering a GitHub App using URL parameters"). Pure.

use naksha_executor_forge::{GITHUB_EVENTS, app_rights};
use serde_json::{Map, Value, json};

use super::place::Place;

pub(super) fn app_name(place: &Place) -> String {
    // Names of Apps are unique in all of GitHub, and at most 34 characters long.
    format!("naksha {}", place.owner()).chars().take(34).collect()
}

/// The manifest of an App that does for this repository.
pub fn manifest(place: &Place) -> Value {
    let rights: Map<String, Value> =
        app_rights().map(|(name, level)| (name.to_owned(), Value::from(level))).collect();
    json!({
        "name": app_name(place),
        "url": place.page(),
        "public": false,
        "hook_attributes": {"url": place.webhook(), "active": place.daemon.is_some()},
        "default_permissions": rights,
        "default_events": GITHUB_EVENTS,
    })
}

/// Where an App is registered: of an organisation, and of a person.
pub(super) fn pages(place: &Place) -> [String; 2] {
    let pages = place.site.pages();
    [
        format!("{pages}/organizations/{}/settings/apps/new", place.owner()),
        format!("{pages}/settings/apps/new"),
    ]
}

/// The same page, with its form filled.
pub(super) fn filled(place: &Place, page: &str) -> String {
    let mut asked = vec![
        ("name".to_owned(), app_name(place)),
        ("url".to_owned(), place.page()),
        ("public".to_owned(), "false".to_owned()),
        ("webhook_active".to_owned(), place.daemon.is_some().to_string()),
        ("webhook_url".to_owned(), place.webhook()),
    ];
    asked.extend(app_rights().map(|(name, level)| (name.to_owned(), level.to_owned())));
    asked.extend(GITHUB_EVENTS.map(|event| ("events[]".to_owned(), event.to_owned())));
    let asked: Vec<_> =
        asked.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    format!("{page}?{}", asked.join("&"))
}

fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let escape = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(escape).collect()
}
