//! Workflows and policy contexts.

use std::collections::BTreeSet;
use std::time::Duration;

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::workflow_graph::{Draft, Read, check_graph};
use super::workflow_input::{Input, trigger};
use crate::codes::definition as codes;
use crate::definition::node_types::NODE_TYPES;
use crate::definition::reading::{At, Reading, quoted};
use crate::definition::references::{Claim, Mentioned};
use crate::definition::v1alpha1::{
    BudgetSpec, BudgetsSpec, ConcurrencySpec, EffectWord, NodeSpec, PolicyContextSpec, RetrySpec,
    WhenFullWord, WorkflowSpec,
};
use crate::diagnostic::Diagnostic;
use crate::digest::{Digest, canonical_json};
use crate::expression::{Expression, Text};
use crate::ids::{ContextName, NodeId, WorkflowName};
use crate::workflow::{
    Budget, Budgets, Concurrency, Effect, Node, PolicyContext, Retry, WhenFull, WorkflowGraph,
};
use crate::yaml::{self, Lines};

/// Nodes of one workflow. Whether one waits for another is worked out for every pair.
const MAX_NODES: usize = 500;
/// What the second attempt waits.
const DEFAULT_INITIAL: Duration = Duration::from_secs(1);
/// What no attempt waits longer than.
const DEFAULT_MAX: Duration = Duration::from_mins(1);
const DEFAULT_FACTOR: f64 = 2.0;

pub(in crate::definition) fn workflow(
    reading: &mut Reading<'_>,
    name: WorkflowName,
    spec: WorkflowSpec,
    written: &Value,
    root: At<'_>,
) -> WorkflowGraph {
    let at = root.key("spec");
    let WorkflowSpec { context, triggers, input, concurrency, nodes, budget } = spec;
    let context = context.and_then(|name| reading.name::<ContextName>(&name, at.key("context")));
    if let Some(context) = &context {
        reading.mention(Mentioned::Context, context, at.key("context"));
    }
    let input = Input::check(reading, Value::Object(input), at.key("input"));
    let triggers = triggers.iter().enumerate();
    let triggers = triggers
        .filter_map(|(index, spec)| trigger(reading, spec, &input, at.key("triggers").item(index)))
        .collect();
    let concurrency = concurrency.map(|spec| concurrency_of(reading, spec, &input, at.key("concurrency")));
    let mut resolved = written.get("spec").and_then(Value::as_object).cloned().unwrap_or_default();
    let nodes = graph_nodes(reading, nodes, &mut resolved, &input, at.key("nodes"));
    resolved.insert("name".to_owned(), name.as_str().into());
    let json = canonical_json(&Value::Object(resolved));
    WorkflowGraph {
        name,
        place: reading.place(root.key("metadata").key("name")),
        context,
        triggers,
        input: input.schema,
        concurrency,
        nodes,
        budget: budgets(&budget),
        digest: Digest::of_bytes(json.as_bytes()),
        json: json.into(),
    }
}

fn concurrency_of(
    reading: &mut Reading<'_>,
    spec: ConcurrencySpec,
    input: &Input,
    at: At<'_>,
) -> Concurrency {
    let ConcurrencySpec { key, limit, when_full } = spec;
    let own = at.key("key");
    let key = key.and_then(|text| reading.expression(&text.0, own));
    if let Some(key) = &key {
        reading.visit_expression(key, own, &mut |reading, expression, read, place| {
            if reading.known_root(expression, read, &place, &["input", "environment"]) {
                input.check_read(reading, &read.path, &place);
            }
        });
    }
    let when_full = match when_full {
        WhenFullWord::Queue => WhenFull::Queue,
        WhenFullWord::Drop => WhenFull::Drop,
        WhenFullWord::Replace => WhenFull::Replace,
    };
    Concurrency { key, limit, when_full }
}

fn graph_nodes(
    reading: &mut Reading<'_>,
    specs: IndexMap<String, NodeSpec>,
    resolved: &mut Map<String, Value>,
    input: &Input,
    at: At<'_>,
) -> IndexMap<NodeId, Node> {
    if specs.is_empty() {
        reading.key_problem(
            codes::NO_NODES,
            at,
            "the workflow has no nodes",
            "add one: `fetch: {uses: http}`",
        );
    }
    if specs.len() > MAX_NODES {
        let message = format!("the workflow has {} nodes, and {MAX_NODES} are allowed", specs.len());
        reading.key_problem(codes::TOO_MANY_VALUES, at, message, "split it into several workflows");
        return IndexMap::new();
    }
    // Also those that were reported: nobody is told that they are not there.
    let written = at.node().and_then(yaml::Node::as_mapping).into_iter().flatten();
    let names: BTreeSet<String> = written.map(|entry| entry.key.to_string()).collect();
    let mut drafts = Vec::with_capacity(specs.len());
    for (text, spec) in specs {
        let own = at.key(&text);
        let Some(id) = reading.key_name::<NodeId>(&text, own) else { continue };
        let slot =
            resolved.get_mut("nodes").and_then(|nodes| nodes.get_mut(&text)).and_then(Value::as_object_mut);
        drafts.push(node(reading, id, spec, &names, slot, own));
    }
    check_graph(reading, &drafts, &names, input);
    drafts.into_iter().map(|draft| (draft.id, draft.node)).collect()
}

fn node(
    reading: &mut Reading<'_>,
    id: NodeId,
    spec: NodeSpec,
    names: &BTreeSet<String>,
    resolved: Option<&mut Map<String, Value>>,
    at: At<'_>,
) -> Draft {
    let NodeSpec {
        uses,
        needs,
        with,
        when,
        for_each,
        max_parallel,
        until,
        max_iterations,
        retry,
        timeout,
        effect,
    } = spec;
    check_uses(reading, &uses, at.key("uses"));
    check_pair(reading, at, "maxParallel", "forEach");
    check_pair(reading, at, "maxIterations", "until");
    check_pair(reading, at, "until", "maxIterations");
    let mut draft_reads = Vec::new();
    let has_items = at.key("forEach").exists();
    let when = bare(reading, when.map(|text| text.0), at.key("when"), false, &mut draft_reads);
    if let Some(when) = &when {
        reading.must_decide(when, "`when`", at.key("when"));
    }
    let for_each = bare(reading, for_each.map(|text| text.0), at.key("forEach"), false, &mut draft_reads);
    let until_reads = draft_reads.len();
    let until = bare(reading, until.map(|text| text.0), at.key("until"), has_items, &mut draft_reads);
    if let Some(until) = &until {
        reading.must_decide(until, "`until`", at.key("until"));
    }
    draft_reads[until_reads..].iter_mut().for_each(|read| read.after = true);
    reading.texts(at.key("with"), &mut |_, expression, read, place| {
        draft_reads.push(Read::new(expression, read, place, has_items));
    });
    let mut with = Value::Object(with);
    prompt(reading, &mut with, at.key("with").key("prompt"), has_items, &mut draft_reads);
    let needs = needs_of(reading, &id, &needs, names, at.key("needs"));
    let all = at.key("needs").node().map_or(0, |node| node.as_sequence().map_or(usize::MAX, <[_]>::len));
    let knows_needs = needs.len() == all;
    if let Some(resolved) = resolved {
        resolve(resolved, &with, &needs);
    }
    let node = Node {
        uses,
        needs,
        with,
        when,
        for_each,
        until,
        max_iterations,
        max_parallel,
        retry: retry.and_then(|spec| retry_of(reading, &spec, at.key("retry"))),
        timeout: timeout.and_then(|text| reading.duration(&text.0, at.key("timeout"))),
        effect: effect.map(|word| match word {
            EffectWord::None => Effect::None,
            EffectWord::Idempotent => Effect::Idempotent,
            EffectWord::AtLeastOnce => Effect::AtLeastOnce,
            EffectWord::External => Effect::External,
        }),
        place: reading.key_place(at),
    };
    Draft { id, node, reads: draft_reads, when_place: reading.place(at.key("when")), knows_needs }
}

/// What the version of the workflow is made of: prompts by content, needs in one order.
fn resolve(resolved: &mut Map<String, Value>, with: &Value, needs: &[NodeId]) {
    if resolved.contains_key("with") {
        resolved.insert("with".to_owned(), with.clone());
    }
    let needs: BTreeSet<&NodeId> = needs.iter().collect();
    if needs.is_empty() {
        resolved.remove("needs");
    } else {
        let needs = needs.into_iter().map(|need| Value::from(need.as_str())).collect();
        resolved.insert("needs".to_owned(), Value::Array(needs));
    }
}

/// A type that there is not would be found out when a run gets there.
fn check_uses(reading: &mut Reading<'_>, uses: &str, at: At<'_>) {
    if NODE_TYPES.iter().any(|(name, _)| *name == uses) {
        return;
    }
    let names = || NODE_TYPES.iter().map(|(name, _)| *name);
    let hint = match reading.near(uses, names()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are {}", quoted(&names().collect::<Vec<_>>())),
    };
    reading.problem(codes::UNKNOWN_NODE_TYPE, at, format!("there is no type of node `{uses}`"), hint);
}

fn check_pair(reading: &mut Reading<'_>, at: At<'_>, given: &str, needed: &str) {
    if at.key(given).exists() && !at.key(needed).exists() {
        let message = format!("`{given}` means nothing without `{needed}`");
        let hint = format!("add `{needed}`, or remove `{given}`");
        reading.key_problem(codes::CONFLICTING_KEYS, at.key(given), message, hint);
    }
}

fn bare(
    reading: &mut Reading<'_>,
    source: Option<String>,
    at: At<'_>,
    has_items: bool,
    reads: &mut Vec<Read>,
) -> Option<Expression> {
    let expression = reading.expression(&source?, at)?;
    reading.visit_expression(&expression, at, &mut |_, expression, read, place| {
        reads.push(Read::new(expression, read, place, has_items));
    });
    Some(expression)
}

/// Puts a prompt's file in its place: `prompt: {file: …}` becomes the text.
fn prompt(reading: &mut Reading<'_>, with: &mut Value, at: At<'_>, has_items: bool, reads: &mut Vec<Read>) {
    let Some(Value::Object(fields)) = with.get_mut("prompt") else { return };
    let Some(Value::String(file)) = fields.get("file") else { return };
    let own = at.key("file");
    let Some(path) = reading.path(file, own) else { return };
    let place = reading.place(own);
    reading.claims.push(Claim::File { path: path.clone(), optional: false, place: place.clone() });
    let text = match reading.files.read(&path) {
        Ok(text) => text,
        Err(crate::source::ReadError::NotFound { .. }) => {
            // The claim is reported with what there is instead, once all files are known.
            reading.incomplete = true;
            return;
        }
        Err(error) => {
            let message = format!("the prompt cannot be read: {error}");
            reading.found.push(Diagnostic::new(codes::UNREADABLE_FILE, message).at(place));
            return;
        }
    };
    let lines = Lines::new(&path, &text);
    match Text::parse(&text, Some(crate::diagnostic::Place::file(&path))) {
        Ok(parsed) => {
            for (span, expression) in parsed.expressions() {
                for read in expression.uses() {
                    reads.push(Read::new(expression, read, lines.place(span), has_items));
                }
            }
        }
        Err(error) => {
            let diagnostic = Diagnostic::new(codes::INVALID_EXPRESSION, error.to_string());
            let diagnostic =
                diagnostic.at(lines.place(error.span)).note(Some(place), "read as a prompt here");
            reading.found.push(match error.hint {
                Some(hint) => diagnostic.hint(hint),
                None => diagnostic,
            });
        }
    }
    if fields.len() == 1 {
        with["prompt"] = Value::String(text.to_string());
    } else {
        fields.shift_remove("file");
        fields.insert("text".to_owned(), Value::String(text.to_string()));
    }
}

fn needs_of(
    reading: &mut Reading<'_>,
    id: &NodeId,
    needs: &[String],
    names: &BTreeSet<String>,
    at: At<'_>,
) -> Vec<NodeId> {
    let mut out: Vec<NodeId> = Vec::new();
    for (index, text) in needs.iter().enumerate() {
        let own = at.item(index);
        if text == id.as_str() {
            let message = format!("node `{id}` needs itself");
            reading.problem(codes::NEEDS_ITSELF, own, message, "remove it from its own `needs`");
        } else if !names.contains(text) {
            let message = format!("node `{id}` needs `{text}`, and there is no such node");
            let hint = match reading.near(text, names.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add the node, or remove `{text}`"),
            };
            reading.problem(codes::UNKNOWN_NODE, own, message, hint);
        } else if let Ok(need) = NodeId::parse(text) {
            if out.contains(&need) {
                reading.problem(
                    codes::REPEATED_ENTRY,
                    own,
                    format!("`{need}` is listed twice"),
                    "list it once",
                );
            } else {
                out.push(need);
            }
        }
    }
    out
}

fn retry_of(reading: &mut Reading<'_>, spec: &RetrySpec, at: At<'_>) -> Option<Retry> {
    let own = at.key("backoff");
    let backoff = &spec.backoff;
    let initial = match &backoff.initial {
        Some(text) => reading.duration(&text.0, own.key("initial"))?,
        None => DEFAULT_INITIAL,
    };
    let max = match &backoff.max {
        Some(text) => reading.duration(&text.0, own.key("max"))?,
        None => DEFAULT_MAX.max(initial),
    };
    if max < initial {
        let message = "the longest wait is shorter than the first one";
        reading.problem(codes::INVALID_DURATION, own.key("max"), message, "make `max` at least `initial`");
    }
    Some(Retry {
        attempts: spec.attempts,
        initial,
        max,
        factor: backoff.factor.unwrap_or(DEFAULT_FACTOR),
        jitter: backoff.jitter.unwrap_or(true),
    })
}

fn budgets(spec: &BudgetsSpec) -> Budgets {
    let budget = |spec: &BudgetSpec| Budget { usd: spec.usd, tokens: spec.tokens };
    Budgets { run: budget(&spec.run), day: budget(&spec.day) }
}

pub(in crate::definition) fn context(
    reading: &mut Reading<'_>,
    name: ContextName,
    spec: PolicyContextSpec,
    root: At<'_>,
) -> PolicyContext {
    let at = root.key("spec");
    let PolicyContextSpec {
        models,
        tools,
        hosts,
        buckets,
        collections,
        secrets,
        budget,
        searches_per_second,
    } = spec;
    for (index, pattern) in secrets.iter().enumerate() {
        // A pattern is a reference in which `*` may stand; the bare `*` would grant every secret there is.
        let fits = crate::secret::SecretRef::parse(&pattern.replace('*', "any")).is_ok();
        if !fits || pattern.starts_with("vault:*") {
            let message = format!("`{pattern}` is no pattern of references to Vault");
            let hint = "write `vault:PATH#FIELD`, with `*` for what may differ: `vault:kv/rag#*`";
            reading.problem(codes::INVALID_SECRET_REFERENCE, at.key("secrets").item(index), message, hint);
        }
    }
    for (index, host) in hosts.iter().enumerate() {
        if host.is_empty() || host.contains(['/', ' ']) {
            let message = format!("`{host}` is no host");
            let hint = "write the bare name, with a port if need be: `docs.example`, `api.example:8443`";
            reading.problem(codes::INVALID_NAME, at.key("hosts").item(index), message, hint);
        }
    }
    PolicyContext {
        name,
        place: reading.place(root.key("metadata").key("name")),
        models,
        tools,
        hosts,
        buckets,
        collections,
        secrets,
        budget: budgets(&budget),
        searches_per_second,
    }
}
