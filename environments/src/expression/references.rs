//! Which variables an expression reads, and which of the reads a `has()` stands guard over.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, operators};

use crate::expression::functions::{is_namespace, is_type};

/// One read of a variable: `nodes["fetch"].output.body` is `[nodes, fetch, output, body]`.
///
/// The path ends where an index is computed or a function is called.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Use {
    pub path: Vec<String>,
    /// The paths that a `has()` (or `.?`) has tested wherever this read happens.
    pub guards: Vec<Vec<String>>,
}

impl Use {
    /// Whether a `has()` tests the path, or a part of it from the left, before it is read.
    pub fn is_guarded(&self) -> bool {
        self.guards.iter().any(|guard| self.path.starts_with(guard))
    }

    /// As [`Use::is_guarded`], by a test of at most the first `parts` parts: `has(a.b.c)` fails itself when `a.b`
    /// is not there.
    pub fn is_guarded_within(&self, parts: usize) -> bool {
        self.guards.iter().any(|guard| guard.len() <= parts && self.path.starts_with(guard))
    }
}

/// Every read of a free variable, sorted, each once.
pub(super) fn uses(root: &IdedExpr) -> Vec<Use> {
    let mut walk = Walk { found: BTreeSet::new() };
    walk.visit(root, &Scope::default());
    walk.found.into_iter().collect()
}

/// What is bound and what is tested at one point of the expression.
#[derive(Debug, Clone, Default)]
struct Scope {
    bound: Vec<String>,
    tested: Vec<Vec<String>>,
}

impl Scope {
    fn knowing(&self, tested: Vec<Vec<String>>) -> Self {
        let mut scope = self.clone();
        scope.tested.extend(tested);
        scope
    }

    fn binding<'a>(&self, names: impl IntoIterator<Item = &'a String>) -> Self {
        let mut scope = self.clone();
        scope.bound.extend(names.into_iter().cloned());
        scope
    }
}

struct Walk {
    found: BTreeSet<Use>,
}

impl Walk {
    fn visit(&mut self, expr: &IdedExpr, scope: &Scope) {
        if let Some(chain) = chain_of(expr) {
            self.visit_chain(expr, &chain, scope);
            return;
        }
        match &expr.expr {
            Expr::Call(call) => self.visit_call(call, scope),
            Expr::Select(select) => self.visit(&select.operand, scope),
            Expr::List(list) => list.elements.iter().for_each(|element| self.visit(element, scope)),
            Expr::Map(map) => map.entries.iter().for_each(|entry| self.visit_entry(&entry.expr, scope)),
            Expr::Struct(made) => made.entries.iter().for_each(|entry| self.visit_entry(&entry.expr, scope)),
            Expr::Comprehension(comprehension) => self.visit_loop(comprehension, scope),
            Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    /// A chain of members is one read; computed indexes on the way are expressions of their own.
    fn visit_chain(&mut self, expr: &IdedExpr, chain: &Chain, scope: &Scope) {
        self.visit_indexes(expr, scope);
        let root = &chain.path[0];
        if root.starts_with('@') || scope.bound.contains(root) || is_type(root) {
            return;
        }
        let mut guards = scope.tested.clone();
        guards.extend(chain.optional.iter().map(|parts| chain.path[..*parts].to_vec()));
        guards.retain(|guard| guard[0] == *root);
        guards.sort();
        guards.dedup();
        self.found.insert(Use { path: chain.path.clone(), guards });
    }

    fn visit_indexes(&mut self, expr: &IdedExpr, scope: &Scope) {
        match &expr.expr {
            Expr::Select(select) => self.visit_indexes(&select.operand, scope),
            Expr::Call(call) if is_index(call) => {
                self.visit_indexes(&call.args[0], scope);
                self.visit(&call.args[1], scope);
            }
            _ => {}
        }
    }

    fn visit_call(&mut self, call: &CallExpr, scope: &Scope) {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::CONDITIONAL, [test, yes, no]) => {
                self.visit(test, scope);
                self.visit(yes, &scope.knowing(tested_when(test, true)));
                self.visit(no, &scope.knowing(tested_when(test, false)));
            }
            // Both sides of `&&` and `||` are judged together: an error on one gives way to a decision on the other.
            (operators::LOGICAL_AND, [left, right]) => {
                self.visit(left, &scope.knowing(tested_when(right, true)));
                self.visit(right, &scope.knowing(tested_when(left, true)));
            }
            (operators::LOGICAL_OR, [left, right]) => {
                self.visit(left, &scope.knowing(tested_when(right, false)));
                self.visit(right, &scope.knowing(tested_when(left, false)));
            }
            _ => {
                if let Some(target) = &call.target
                    && !matches!(&target.expr, Expr::Ident(name) if is_namespace(name))
                {
                    self.visit(target, scope);
                }
                call.args.iter().for_each(|arg| self.visit(arg, scope));
            }
        }
    }

    fn visit_entry(&mut self, entry: &EntryExpr, scope: &Scope) {
        match entry {
            EntryExpr::MapEntry(entry) => {
                self.visit(&entry.key, scope);
                self.visit(&entry.value, scope);
            }
            EntryExpr::StructField(field) => self.visit(&field.value, scope),
        }
    }

    fn visit_loop(&mut self, comprehension: &ComprehensionExpr, scope: &Scope) {
        self.visit(&comprehension.iter_range, scope);
        self.visit(&comprehension.accu_init, scope);
        let variables = [&comprehension.iter_var, &comprehension.accu_var];
        let inner = scope.binding(variables.into_iter().chain(&comprehension.iter_var2));
        self.visit(&comprehension.loop_cond, &inner);
        self.visit(&comprehension.loop_step, &inner);
        self.visit(&comprehension.result, &inner);
    }
}

/// A chain of members that starts at a variable.
struct Chain {
    path: Vec<String>,
    /// Lengths of the prefixes that `.?` or `[?]` may find absent.
    optional: Vec<usize>,
    /// Nothing after a computed index is part of the path.
    cut: bool,
}

fn is_index(call: &CallExpr) -> bool {
    let index =
        matches!(call.func_name.as_str(), operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT);
    index && call.target.is_none() && call.args.len() == 2
}

fn chain_of(expr: &IdedExpr) -> Option<Chain> {
    match &expr.expr {
        Expr::Ident(name) => Some(Chain { path: vec![name.clone()], optional: Vec::new(), cut: false }),
        Expr::Select(select) => {
            let mut chain = chain_of(&select.operand)?;
            if !chain.cut {
                chain.path.push(select.field.clone());
                if select.test {
                    chain.optional.push(chain.path.len());
                }
            }
            Some(chain)
        }
        Expr::Call(call) if is_index(call) => {
            let mut chain = chain_of(&call.args[0])?;
            match literal_text(&call.args[1]) {
                Some(key) if !chain.cut => {
                    chain.path.push(key);
                    if call.func_name != operators::INDEX {
                        chain.optional.push(chain.path.len());
                    }
                }
                _ => chain.cut = true,
            }
            Some(chain)
        }
        _ => None,
    }
}

fn literal_text(expr: &IdedExpr) -> Option<String> {
    match &expr.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner().to_owned()),
        _ => None,
    }
}

/// The paths that are surely there when `test` gave `outcome`.
fn tested_when(test: &IdedExpr, outcome: bool) -> Vec<Vec<String>> {
    match &test.expr {
        Expr::Select(select) if select.test && outcome => {
            chain_of(test).filter(|chain| !chain.cut).map(|chain| chain.path).into_iter().collect()
        }
        Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [inner]) => tested_when(inner, !outcome),
            (operators::LOGICAL_AND, [left, right]) if outcome => both(left, right, outcome),
            (operators::LOGICAL_OR, [left, right]) if !outcome => both(left, right, outcome),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

fn both(left: &IdedExpr, right: &IdedExpr, outcome: bool) -> Vec<Vec<String>> {
    let mut tested = tested_when(left, outcome);
    tested.extend(tested_when(right, outcome));
    tested
}
