//! `naksha explain NK0101`: the page of a code. The pages are part of the program.

use anyhow::bail;
use clap::Args;
use naksha_environments::codes::Code;
use naksha_environments::diagnostic::did_you_mean;
use serde_json::json;

use super::{Context, Outcome};
use crate::pages;

#[derive(Debug, Args)]
pub(super) struct Explain {
    /// The code, as printed; without one, all codes are listed
    code: Option<String>,
}

impl Explain {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<Outcome> {
        let Some(text) = self.code else {
            list(context);
            return Ok(Outcome::Fine);
        };
        let Some(code) = Code::parse(&text) else {
            let near = did_you_mean(&text.to_uppercase(), Code::all().map(Code::id));
            let hint = near.map(|id| format!("; did you mean {id}?")).unwrap_or_default();
            bail!("there is no code `{text}`{hint} (`naksha explain` lists all)");
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

fn list(context: &Context) {
    if context.terminal.is_json() {
        let codes: Vec<_> =
            Code::all().map(|code| json!({"code": code.id(), "title": code.title()})).collect();
        context.terminal.json(&codes);
        return;
    }
    let lines: Vec<_> =
        Code::all().map(|code| format!("{}  {:8} {}", code.id(), code.severity(), code.title())).collect();
    context.terminal.print(&lines.join("\n"));
}
