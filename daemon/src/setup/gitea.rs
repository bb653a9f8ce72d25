//! What is done on a Gitea or Forgejo. Pure.

use super::place::Place;
use super::steps::{Step, copied, secret_command, shell};
use crate::pulls::AGGREGATE;

/// What the bot's token may.
const SCOPES: &str = "write:repository, write:issue, read:user, read:organization";

pub(super) fn identity(place: &Place) -> Step {
    let (page, token) = (place.page(), place.token());
    let file = shell(&token.display().to_string());
    let text = format!(
        "- A user of its own, `naksha` for instance, as a collaborator with administrator rights: {page}/settings/collaboration\n\
         \x20 (Gitea tells nobody else what others may do there.)\n\
         - Signed in as that user, a token with the scopes {SCOPES}:\n\
         \x20 {}/user/settings/applications\n\
         - The token in a file that only the daemon may read:\n\n{}",
        place.site.pages(),
        copied(&format!("(umask 077 && cat > {file})           # paste it, then Ctrl-D"))
    );
    Step::new("A bot", text)
}

pub(super) fn webhook(place: &Place) -> Step {
    let text = format!(
        "So that nothing waits for the next look. Its secret:\n\n{}\n\n\
         At {}/settings/hooks/gitea/new:\n\n{}\n\n\
         A proxy with TLS hands that address on to the daemon, which listens on 127.0.0.1:8642 (`http.listen`).{}",
        copied(&secret_command(&place.webhook_secret())),
        place.page(),
        copied(&format!(
            "Target URL          {}\n\
             HTTP method         POST\n\
             Content type        application/json\n\
             Secret              what the file holds\n\
             Trigger on          Push; all of Pull Request Events; Issue Comment",
            place.webhook()
        )),
        place.stand_in()
    );
    Step::new("A webhook", text)
}

pub(super) fn protection(place: &Place) -> Step {
    let text = format!(
        "At {}/settings/branches, a rule for `main`: enable status checks, with the pattern\n\n{}\n\n\
         It sums all others up, and is set on every pull request.",
        place.page(),
        copied(AGGREGATE)
    );
    Step::new(format!("Require the check `{AGGREGATE}`"), text)
}
