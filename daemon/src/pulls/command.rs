//! Commands in comments: `/naksha …`. Pure. The grammar is exact: what is nearly a command is told, and not guessed.

use naksha_environments::ids::{EnvironmentName, Revision};

/// What every command begins with.
const PREFIX: &str = "/naksha";
/// What there is, for those who wrote something else.
const USAGE: &str = "`/naksha plan`, `/naksha ack PLAN REASON`, `/naksha allow SHA`, `/naksha suspend ENV`, \
                     `/naksha resume ENV`, `/naksha promote ENV`, `/naksha explain CODE`";
/// Digits of a plan id that tell it from others.
const MIN_DIGITS: usize = 8;

/// What somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Plan and report anew.
    Plan,
    /// A person's word about a plan, by the beginning of its id.
    Acknowledge {
        plan: String,
        reason: String,
    },
    /// A head of a fork may be compared with what is there.
    Allow(Revision),
    Suspend(EnvironmentName),
    Resume(EnvironmentName),
    /// What was barred may be proposed again.
    Promote(EnvironmentName),
    Explain(String),
}

/// Nothing: it is no command. An error: it looks like one, and this is wrong with it.
pub fn parse(text: &str) -> Option<Result<Command, String>> {
    let text = text.trim();
    let rest = text.strip_prefix(PREFIX)?;
    // `/naksha-something` is somebody else's.
    if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
        return None;
    }
    Some(parse_rest(rest))
}

fn parse_rest(rest: &str) -> Result<Command, String> {
    if rest.trim().contains('\n') {
        return Err("a command is one line, and nothing else is in its comment".to_owned());
    }
    let (verb, rest) = word(rest);
    let environment = |text: &str| {
        let (name, more) = word(text);
        match EnvironmentName::parse(name) {
            Ok(name) if more.is_empty() => Ok(name),
            Ok(_) => Err(format!("nothing comes after the environment; there are {USAGE}")),
            Err(_) => Err(format!("`/naksha {verb}` names one environment: `/naksha {verb} dev`")),
        }
    };
    match verb {
        "plan" if rest.is_empty() => Ok(Command::Plan),
        "ack" => {
            let (plan, reason) = word(rest);
            let is_id = plan.len() >= MIN_DIGITS && plan.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_id {
                return Err(format!(
                    "`/naksha ack` names a plan by {MIN_DIGITS} or more digits of its id, as the report shows it"
                ));
            }
            if reason.is_empty() {
                return Err("say why, for those who wonder later: `/naksha ack PLAN REASON`".to_owned());
            }
            Ok(Command::Acknowledge { plan: plan.to_ascii_lowercase(), reason: reason.to_owned() })
        }
        // The whole of it: others with the same beginning can be made.
        "allow" => Revision::parse(&rest.to_ascii_lowercase())
            .map(Command::Allow)
            .map_err(|_| "`/naksha allow` names the whole commit, all of its digits".to_owned()),
        "suspend" => environment(rest).map(Command::Suspend),
        "resume" => environment(rest).map(Command::Resume),
        "promote" => environment(rest).map(Command::Promote),
        "explain" if !rest.is_empty() && !rest.contains(char::is_whitespace) => {
            Ok(Command::Explain(rest.to_ascii_uppercase()))
        }
        _ => Err(format!("there is no such command; there are {USAGE}")),
    }
}

/// The first word, and what comes after it.
fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> EnvironmentName {
        EnvironmentName::parse(text).unwrap()
    }

    #[test]
    fn commands_are_read_exactly() {
        let ack = |plan: &str, reason: &str| Command::Acknowledge {
            plan: plan.to_owned(),
            reason: reason.to_owned(),
        };
        for (text, command) in [
            ("/naksha plan", Command::Plan),
            ("  /naksha   plan \n", Command::Plan),
            ("/naksha ack 0123ABCDef it is  fine", ack("0123abcdef", "it is  fine")),
            (
                "/naksha allow 0123456789ABCDEF0123456789abcdef01234567",
                Command::Allow(Revision::parse("0123456789abcdef0123456789abcdef01234567").unwrap()),
            ),
            ("/naksha suspend staging", Command::Suspend(name("staging"))),
            ("/naksha resume staging", Command::Resume(name("staging"))),
            ("/naksha promote prod", Command::Promote(name("prod"))),
            ("/naksha explain nk0101", Command::Explain("NK0101".to_owned())),
        ] {
            assert_eq!(parse(text), Some(Ok(command)), "{text}");
        }
    }

    #[test]
    fn what_is_no_command_is_none_and_what_is_nearly_one_is_told() {
        for text in ["", "fine", "please /naksha plan", "> /naksha plan", "/naksha-plan", "/nakshaplan"] {
            assert_eq!(parse(text), None, "{text}");
        }
        for (text, words) in [
            ("/naksha", "there is no such command"),
            ("/naksha plan now", "there is no such command"),
            ("/naksha apply", "there is no such command"),
            ("/naksha plan\n/naksha ack 01234567 fine", "one line"),
            ("/naksha ack", "names a plan"),
            ("/naksha ack 0123 fine", "names a plan"),
            ("/naksha ack everything fine", "names a plan"),
            ("/naksha ack 01234567", "say why"),
            ("/naksha allow", "the whole commit"),
            ("/naksha allow 0123456789", "the whole commit"),
            ("/naksha suspend", "names one environment"),
            ("/naksha suspend staging prod", "nothing comes after"),
            ("/naksha explain", "there is no such command"),
        ] {
            let told = parse(text).unwrap().unwrap_err();
            assert!(told.contains(words), "{text}: {told}");
        }
    }
}
