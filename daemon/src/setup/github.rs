//! What is done on GitHub. Pure.

use super::manifest::{filled, manifest, pages};
use super::place::Place;
use super::steps::{Step, copied, secret_command, shell};
use crate::pulls::AGGREGATE;

pub(super) fn identity(place: &Place) -> Step {
    let [organisation, person] = pages(place);
    let manifest = serde_json::to_string_pretty(&manifest(place)).unwrap_or_default();
    let key = place.app_key();
    let text = format!(
        "Register it at {organisation},\nor where the repository is a person's at {person}.\n\
         This link fills the form:\n\n{}\n\n\
         The same as a manifest, for who posts one to that page:\n\n{}\n\n\
         Then generate a private key on the App's page, install the App in {}, and keep the key where only the daemon may read it:\n\n{}",
        copied(&filled(place, &organisation)),
        copied(&manifest),
        place.repository,
        copied(&format!("install -m 600 downloaded-key.pem {}", shell(&key.display().to_string())))
    );
    Step::new("A GitHub App", text)
}

pub(super) fn webhook(place: &Place) -> Step {
    let text = format!(
        "So that nothing waits for the next look. Its secret:\n\n{}\n\n\
         The App's settings have the address, and take the secret; an App has one address. Other repositories have a webhook of their own, at\n\
         {}/settings/hooks/new:\n\n{}\n\n\
         A proxy with TLS hands that address on to the daemon, which listens on 127.0.0.1:8642 (`http.listen`).{}",
        copied(&secret_command(&place.webhook_secret())),
        place.page(),
        copied(&format!(
            "Payload URL         {}\n\
             Content type        application/json\n\
             Secret              what the file holds\n\
             Events              Pushes, Pull requests, Issue comments",
            place.webhook()
        )),
        place.stand_in()
    );
    Step::new("A webhook", text)
}

pub(super) fn protection(place: &Place) -> Step {
    let text = format!(
        "At {}/settings/rules/new?target=branch, a rule for the default branch: require status checks to pass, and add\n\n{}\n\n\
         with the App as its source: then nobody else's word counts. It sums all others up, and is set on every pull request. GitHub\n\
         lets one choose a check once it was reported.",
        place.page(),
        copied(AGGREGATE)
    );
    Step::new(format!("Require the check `{AGGREGATE}`, from the App"), text)
}
