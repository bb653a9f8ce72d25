//! `naksha explain NK0101`: the page of a code, or what a shipped rule finds. The pages are part of the program.

use anyhow::bail;
use clap::Args;
use naksha_environments::codes::Code;
use naksha_environments::diagnostic::did_you_mean;
use naksha_policies::{BundledRule, bundled_rules};
use serde_json::json;

use super::{Context, Outcome};
use crate::pages;

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code or the shipped rule, as printed; without one, all are listed
    code: Option<String>,
}

impl Explain {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Some(text) = self.code else {
            list(context);
            return Ok(Outcome::Fine);
        };
        if let Some(rule) = bundled_rules().iter().find(|rule| rule.name.as_str() == text) {
            explain_rule(context, rule);
            return Ok(Outcome::Fine);
        }
        let Some(code) = Code::parse(&text) else {
            let rules = bundled_rules().iter().map(|rule| rule.name.as_str());
            let near = did_you_mean(&text, Code::all().map(Code::id).chain(rules));
            let hint = near.map(|id| format!("; did you mean {id}?")).unwrap_or_default();
            bail!("there is no code and no shipped rule `{text}`{hint} (`naksha explain` lists all)");
        };
        let page = pages::of(code.id()).unwrap_or_default();
        if context.terminal.is_json() {
            let severity = code.severity().as_str();
            context
                .terminal
                .json(&json!({"code": code.id(), "title": code.title(), "severity": severity, "page": page}));
        } else {
            context.terminal.print(page);
        }
        Ok(Outcome::Fine)
    }
}

fn explain_rule(context: &Context, rule: &BundledRule) {
    let BundledRule { name, set, severity, production, sealed, guard, locked, finds, fix, family: _ } = rule;
    if context.terminal.is_json() {
        context.terminal.json(&json!({
            "rule": name, "set": set, "severity": severity.as_str(), "production": production.as_str(),
            "guard": guard, "locked": locked, "finds": finds, "fix": fix,
        }));
        return;
    }
    let mut lines =
        vec![format!("# {name}: a rule of the set `{set}`"), String::new(), format!("It finds {finds}.")];
    let strict = (production != severity).then(|| format!("{production} in production"));
    let sealed = sealed.map(|sealed| format!("{sealed} where the environment is sealed"));
    let severities: Vec<_> = [Some(severity.to_string()), strict, sealed].into_iter().flatten().collect();
    lines.push(format!("Severity: {}.", severities.join(", ")));
    lines.push(format!("To fix it: {fix}."));
    lines.push(match (guard, locked) {
        (true, _) => {
            "It is a guard: it stops a plan until a person says yes to it, `naksha ack PLAN --reason …`."
                .to_owned()
        }
        (false, true) => "It cannot be lowered.".to_owned(),
        (false, false) => {
            "Its severity is set, and it is waived, under `policies` in naksha.yaml.".to_owned()
        }
    });
    context.terminal.print(&lines.join("\n"));
}

fn list(context: &Context) {
    let rules = bundled_rules().iter();
    if context.terminal.is_json() {
        let codes = Code::all().map(|code| json!({"code": code.id(), "title": code.title()}));
        let rules = rules.map(|rule| json!({"rule": rule.name, "title": rule.finds}));
        context.terminal.json(&codes.chain(rules).collect::<Vec<_>>());
        return;
    }
    let codes = Code::all().map(|code| format!("{}  {:8} {}", code.id(), code.severity(), code.title()));
    let rules = rules.map(|rule| format!("{}  {}  {}", rule.name, rule.severity, rule.finds));
    context.terminal.print(&codes.chain(rules).collect::<Vec<_>>().join("\n"));
}
