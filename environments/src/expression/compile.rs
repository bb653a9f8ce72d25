//! From source to [`Expression`]: guarded, parsed, checked, and rewritten so that its evaluation is metered.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, operators};
use cel::{Env, ParseErrors, Program};

use crate::diagnostic::{Place, Span, did_you_mean};
use crate::expression::error::{ExpressionError, Problem};
use crate::expression::functions::{FUNCTIONS, is_known, is_namespace};
use crate::expression::references::{Use, uses};
use crate::expression::result::{Gives, gives};
use crate::expression::{guard, meter, metering};

/// Deepest tree: `a + b + c` is two deep, `a.b.c` too. Evaluation recurses once per step.
pub const MAX_DEPTH: usize = 128;
/// Loops inside loops. The product of their lists is the work; three are a program, not a condition.
pub const MAX_LOOPS: usize = 2;

/// The libraries that expressions may use; [`FUNCTIONS`] is its list.
pub(super) static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| {
    let mut env = Env::stdlib().with_optional_support(true);
    let added = env
        .add_extension(cel::extensions::strings)
        .and_then(|()| env.add_extension(cel::extensions::lists))
        .and_then(|()| env.add_extension(cel::extensions::math))
        .and_then(|()| env.add_extension(cel::extensions::encoders))
        .and_then(|()| env.add_extension(meter::extension));
    added.expect("should register libraries that do not overlap");
    Arc::new(env)
});

/// A CEL expression that parses and is within the limits. Compiled once; cloning it is cheap.
#[derive(Clone)]
pub struct Expression {
    pub source: Arc<str>,
    pub place: Option<Place>,
    pub(super) compiled: Arc<Compiled>,
}

/// What parsing left.
pub(super) struct Compiled {
    /// The tree that is evaluated.
    pub(super) metered: IdedExpr,
    pub(super) gives: Option<Gives>,
    uses: Vec<Use>,
    /// First place of each name and field.
    names: BTreeMap<String, Span>,
    /// `a-b` that reads as a subtraction: the name on the right → what was likely meant.
    hyphens: BTreeMap<String, String>,
}

impl Expression {
    /// Parses `source`. `place` is where it stands, for messages.
    pub fn parse(source: &str, place: Option<Place>) -> Result<Self, ExpressionError> {
        guard::check(source)?;
        if source.trim().is_empty() {
            return Err(ExpressionError::new(Problem::Empty, Span { start: 0, end: source.len() }));
        }
        // The parser is not ours; should it panic on some input, that input is refused and the process lives.
        let parsed = catch_unwind(AssertUnwindSafe(|| ENVIRONMENT.compile(source)));
        let program = match parsed {
            Ok(Ok(program)) => program,
            Ok(Err(errors)) => return Err(syntax(source, &errors)),
            Err(_) => {
                let problem = Problem::Syntax("the parser gave up".to_owned());
                return Err(ExpressionError::new(problem, Span { start: 0, end: source.len() }));
            }
        };
        let tree = program.expression();
        check_tree(source, &program)?;
        let compiled = Compiled {
            metered: metering::metered(tree),
            gives: gives(tree),
            uses: uses(tree),
            names: names(source, &program),
            hyphens: hyphens(tree),
        };
        Ok(Self { source: source.into(), place, compiled: Arc::new(compiled) })
    }

    /// Every read of a variable, sorted, each once; variables of loops are not among them.
    pub fn uses(&self) -> &[Use] {
        &self.compiled.uses
    }

    /// The paths of [`Expression::uses`], each once.
    pub fn references(&self) -> Vec<Vec<String>> {
        let mut paths: Vec<_> = self.compiled.uses.iter().map(|read| read.path.clone()).collect();
        paths.dedup();
        paths
    }

    /// Where `name` first stands, as a variable or a field: bytes of the source.
    pub fn span_of(&self, name: &str) -> Option<Span> {
        self.compiled.names.get(name).copied()
    }

    /// For a variable that nobody defines: what was likely meant, when it is the right half of a name with a
    /// hyphen (`units.object-store` subtracts `store`).
    pub fn hyphen_hint(&self, name: &str) -> Option<String> {
        let meant = self.compiled.hyphens.get(name)?;
        Some(format!("names with `-` need brackets: `{meant}`"))
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Expression {}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

/// The direct parts of an expression.
pub(super) fn children(expr: &Expr) -> Vec<&IdedExpr> {
    match expr {
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).collect(),
        Expr::Select(select) => vec![&select.operand],
        Expr::List(list) => list.elements.iter().collect(),
        Expr::Map(map) => map.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Struct(made) => made.entries.iter().flat_map(|entry| entry_parts(&entry.expr)).collect(),
        Expr::Comprehension(inner) => {
            vec![&inner.iter_range, &inner.accu_init, &inner.loop_cond, &inner.loop_step, &inner.result]
        }
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn entry_parts(entry: &EntryExpr) -> Vec<&IdedExpr> {
    match entry {
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
        EntryExpr::StructField(field) => vec![&field.value],
    }
}

/// Depth, loops and functions. Walks with a stack of its own: the depth is not known to be small yet.
fn check_tree(source: &str, program: &Program) -> Result<(), ExpressionError> {
    let mut stack = vec![(program.expression(), 1_usize, 0_usize)];
    while let Some((expr, depth, loops)) = stack.pop() {
        let at = || span_of(source, program, expr.id);
        if depth > MAX_DEPTH {
            return Err(ExpressionError::new(Problem::TooDeep { limit: MAX_DEPTH }, at()));
        }
        let mut loops = loops;
        match &expr.expr {
            Expr::Call(call) => check_call(call).map_err(|(problem, hint)| {
                ExpressionError::new(problem, name_before(source, at())).hint(hint)
            })?,
            Expr::Comprehension(inner) if !metering::is_binding(inner) => loops += 1,
            Expr::Struct(made) => {
                let problem = Problem::Struct(made.type_name.clone());
                return Err(ExpressionError::new(problem, name_before(source, at())));
            }
            _ => {}
        }
        if loops > MAX_LOOPS {
            return Err(ExpressionError::new(Problem::TooManyLoops { limit: MAX_LOOPS }, at()));
        }
        stack.extend(children(&expr.expr).into_iter().map(|child| (child, depth + 1, loops)));
    }
    Ok(())
}

fn check_call(call: &CallExpr) -> Result<(), (Problem, String)> {
    let name = match call.target.as_deref().map(|target| &target.expr) {
        Some(Expr::Ident(space)) if is_namespace(space) => format!("{space}.{}", call.func_name),
        _ => call.func_name.clone(),
    };
    // Operators are written `_+_`; what macros expand to has an `@`, which cannot be written.
    let operator = call.func_name.starts_with(['_', '!', '-']) || call.func_name.contains('@');
    if operator || is_known(&name) {
        return Ok(());
    }
    let near = did_you_mean(&name, FUNCTIONS.iter().map(|function| function.name));
    let hint = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => "docs/policies.md lists the functions there are".to_owned(),
    };
    Err((Problem::UnknownFunction(name), hint))
}

/// The name before the bracket at which the parser places a call.
fn name_before(source: &str, bracket: Span) -> Span {
    let before = source[..bracket.start].trim_end();
    let name = before.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_');
    if name.len() == before.len() { bracket } else { Span { start: name.len(), end: before.len() } }
}

/// The bytes of a node. The parser counts characters.
fn span_of(source: &str, program: &Program, id: u64) -> Span {
    let Some((start, stop)) = program.source_info().offset_for(id) else {
        return Span { start: 0, end: source.len() };
    };
    let start = byte_at(source, start as usize);
    Span { start, end: byte_at(source, stop as usize + 1).max(start) }
}

fn byte_at(source: &str, characters: usize) -> usize {
    source.char_indices().nth(characters).map_or(source.len(), |(at, _)| at)
}

fn names(source: &str, program: &Program) -> BTreeMap<String, Span> {
    let mut names = BTreeMap::new();
    let mut stack = vec![program.expression()];
    while let Some(expr) = stack.pop() {
        let name = match &expr.expr {
            Expr::Ident(name) if !name.starts_with('@') => Some(name),
            Expr::Select(select) => Some(&select.field),
            _ => None,
        };
        if let Some(name) = name {
            let span = span_of(source, program, expr.id);
            let first = names.entry(name.clone()).or_insert(span);
            *first = (*first).min(span);
        }
        stack.extend(children(&expr.expr));
    }
    names
}

/// Subtractions whose right side starts with a plain name and whose left side ends with a member.
fn hyphens(root: &IdedExpr) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut stack = vec![root];
    while let Some(expr) = stack.pop() {
        if let Expr::Call(call) = &expr.expr
            && call.func_name == operators::SUBSTRACT
            && let [left, right] = call.args.as_slice()
            && let (Some(left), Some(right)) = (member_path(left), member_path(right))
            && let [owner @ .., last] = left.as_slice()
            && !owner.is_empty()
        {
            let named = format!(r#"{}["{last}-{}"]"#, owner.join("."), right[0]);
            let meant = right[1..].iter().fold(named, |path, part| path + "." + part);
            found.entry(right[0].clone()).or_insert(meant);
        }
        stack.extend(children(&expr.expr));
    }
    found
}

fn member_path(expr: &IdedExpr) -> Option<Vec<String>> {
    match &expr.expr {
        Expr::Ident(name) => Some(vec![name.clone()]),
        Expr::Select(select) if !select.test => {
            let mut path = member_path(&select.operand)?;
            path.push(select.field.clone());
            Some(path)
        }
        _ => None,
    }
}

/// The parser's first complaint, in our words.
fn syntax(source: &str, errors: &ParseErrors) -> ExpressionError {
    let Some(first) = errors.errors.first() else {
        let problem = Problem::Syntax("it is no expression".to_owned());
        return ExpressionError::new(problem, Span { start: 0, end: source.len() });
    };
    let (line, column) = first.pos;
    let before: usize = source
        .split_inclusive('\n')
        .take(usize::try_from(line - 1).unwrap_or_default())
        .map(|line| line.chars().count())
        .sum();
    let start = byte_at(source, before + usize::try_from(column - 1).unwrap_or_default());
    let end = source[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    let quoted = first.msg.split_once('\'').and_then(|(_, rest)| rest.split_once('\'')).map(|(text, _)| text);
    let reason = match quoted {
        Some("<EOF>") => "it ends too early".to_owned(),
        Some(text) if !text.is_empty() && first.msg.starts_with("Syntax error") => {
            format!("unexpected `{}`", text.trim())
        }
        _ if first.msg.starts_with("Syntax error") => "it is no expression".to_owned(),
        _ => first.msg.clone(),
    };
    let error = ExpressionError::new(Problem::Syntax(reason), Span { start, end });
    match syntax_hint(source, start) {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

fn syntax_hint(source: &str, at: usize) -> Option<&'static str> {
    let rest = &source[at..];
    if rest.starts_with('=') && !rest.starts_with("==") {
        return Some("compare with `==`");
    }
    if rest.starts_with("and ") {
        return Some("write `&&`");
    }
    if rest.starts_with("or ") {
        return Some("write `||`");
    }
    if source.starts_with("${{") {
        return Some("this field is always an expression: leave out `${{ }}`");
    }
    None
}
