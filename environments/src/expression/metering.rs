//! Rewrites a parsed tree so that its evaluation is metered: the interpreter itself counts nothing.
//!
//! - Each maximal chain of members is wrapped in `@read`: it is charged what the value weighs.
//! - Each operator or function that makes a value is wrapped in `@sized`: charged, and bounded in size.
//! - Each loop charges a step per round (`@tick`) and bounds what it runs over (`@over`, which also puts maps in
//!   order).
//! - Functions whose cost is more than the size of what goes in and comes out get guards around what goes in.
//!
//! The shapes that the interpreter recognises as appending or folding are kept, or they would become quadratic.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, MapEntryExpr, operators,
};

use crate::expression::functions::is_namespace;

/// The metered form of a tree.
pub(super) fn metered(expr: &IdedExpr) -> IdedExpr {
    match &expr.expr {
        Expr::Ident(name) if name.starts_with('@') => expr.clone(),
        Expr::Ident(_) => wrapped("@read", expr.clone()),
        Expr::Select(select) if select.test => inner(expr),
        Expr::Select(_) => wrapped("@read", inner(expr)),
        Expr::Call(call) if is_index(call) => wrapped("@read", inner(expr)),
        Expr::Call(call) => metered_call(expr.id, call),
        Expr::List(list) => {
            let mut list = list.clone();
            list.elements = list.elements.iter().map(metered).collect();
            node(expr.id, Expr::List(list))
        }
        Expr::Map(map) => {
            let mut map = map.clone();
            for entry in &mut map.entries {
                if let EntryExpr::MapEntry(entry) = &mut entry.expr {
                    let MapEntryExpr { key, value, optional: _ } = entry;
                    *key = metered(key);
                    *value = metered(value);
                }
            }
            node(expr.id, Expr::Map(map))
        }
        Expr::Comprehension(inner) => node(expr.id, Expr::Comprehension(Box::new(metered_loop(inner)))),
        // Struct literals were refused before.
        Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => expr.clone(),
    }
}

/// Whether a comprehension only binds a name (`optMap`, `sortBy`): it runs over nothing.
pub(super) fn is_binding(inner: &ComprehensionExpr) -> bool {
    matches!(&inner.iter_range.expr, Expr::List(list) if list.elements.is_empty())
        && matches!(inner.loop_cond.expr, Expr::Literal(_))
}

fn is_index(call: &CallExpr) -> bool {
    let index =
        matches!(call.func_name.as_str(), operators::INDEX | operators::OPT_INDEX | operators::OPT_SELECT);
    index && call.target.is_none() && call.args.len() == 2
}

/// A chain of members without its `@read`: names are left alone, so that the interpreter sees them as one name.
fn inner(expr: &IdedExpr) -> IdedExpr {
    match &expr.expr {
        Expr::Ident(_) => expr.clone(),
        Expr::Select(select) => {
            let mut select = select.clone();
            select.operand = Box::new(inner(&select.operand));
            node(expr.id, Expr::Select(select))
        }
        Expr::Call(call) if is_index(call) => {
            let mut made = call.clone();
            made.args = vec![inner(&call.args[0]), metered(&call.args[1])];
            let made = node(expr.id, Expr::Call(made));
            // An optional index copies what it finds.
            if call.func_name == operators::INDEX { made } else { wrapped("@pass", made) }
        }
        _ => metered(expr),
    }
}

fn metered_call(id: u64, call: &CallExpr) -> IdedExpr {
    let mut made = call.clone();
    made.args = call.args.iter().map(metered).collect();
    let namespace = matches!(call.target.as_deref(), Some(IdedExpr { expr: Expr::Ident(name), .. })
        if is_namespace(name));
    if let Some(target) = &call.target
        && !namespace
    {
        made.target = Some(Box::new(metered(target)));
    }
    if call.func_name == operators::ADD {
        return wrapped("@sized", node(id, Expr::Call(made)));
    }
    if call.func_name.starts_with(['_', '!', '-']) || call.func_name.starts_with('@') {
        return node(id, Expr::Call(made));
    }
    guard_arguments(&mut made);
    wrapped("@sized", node(id, Expr::Call(made)))
}

/// Functions whose cost is not the size of what goes in and comes out.
fn guard_arguments(call: &mut CallExpr) {
    match call.func_name.as_str() {
        // Patterns are compiled within bounds, and once.
        "matches" => {
            call.args.splice(0..0, call.target.take().map(|target| *target));
            "@matches".clone_into(&mut call.func_name);
        }
        // One text may grow by the other's length, many times over.
        "replace" | "join" => call.func_name.insert(0, '@'),
        "split" => guard_target(call, "@text"),
        // Compares naively: the length of one times the length of the other.
        "indexOf" | "lastIndexOf" => {
            guard_target(call, "@search");
            if let Some(first) = call.args.first_mut() {
                *first = wrapped("@brief", std::mem::take(first));
            }
        }
        "distinct" => guard_target(call, "@square"),
        "range" => {
            if let Some(first) = call.args.first_mut() {
                *first = wrapped("@count", std::mem::take(first));
            }
        }
        _ => {}
    }
}

fn guard_target(call: &mut CallExpr, with: &str) {
    if let Some(target) = call.target.take() {
        call.target = Some(Box::new(wrapped(with, *target)));
    }
}

fn metered_loop(inner: &ComprehensionExpr) -> ComprehensionExpr {
    if is_binding(inner) {
        return ComprehensionExpr {
            accu_init: metered(&inner.accu_init),
            result: metered(&inner.result),
            ..inner.clone()
        };
    }
    let mut made = ComprehensionExpr {
        iter_range: wrapped("@over", self::inner(&inner.iter_range)),
        accu_init: metered(&inner.accu_init),
        ..inner.clone()
    };
    let append = is_true(&inner.loop_cond).then(|| append_step(&inner.loop_step)).flatten();
    if let Some(step) = append {
        made.loop_step = step;
    } else {
        made.loop_cond = wrapped("@tick", inner.loop_cond.clone());
        made.loop_step = metered(&inner.loop_step);
    }
    made
}

fn is_true(expr: &IdedExpr) -> bool {
    matches!(&expr.expr, Expr::Literal(LiteralValue::Boolean(value)) if *value.inner())
}

/// `@result + [x]`, or `test ? @result + [x] : @result`: the tick goes inside, the shape stays.
fn append_step(step: &IdedExpr) -> Option<IdedExpr> {
    let Expr::Call(call) = &step.expr else { return None };
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::ADD, [accumulator, items]) => {
            let Expr::List(list) = &items.expr else { return None };
            let mut list = list.clone();
            list.elements = list.elements.iter().map(|item| wrapped("@tick", metered(item))).collect();
            let mut made = call.clone();
            made.args = vec![accumulator.clone(), node(items.id, Expr::List(list))];
            Some(node(step.id, Expr::Call(made)))
        }
        (operators::CONDITIONAL, [test, appended, otherwise]) => {
            let mut made = call.clone();
            made.args = vec![wrapped("@tick", metered(test)), append_step(appended)?, otherwise.clone()];
            Some(node(step.id, Expr::Call(made)))
        }
        _ => None,
    }
}

fn wrapped(name: &str, expr: IdedExpr) -> IdedExpr {
    let id = expr.id;
    let call = CallExpr { func_name: name.to_owned(), target: None, args: vec![expr] };
    node(id, Expr::Call(call))
}

fn node(id: u64, expr: Expr) -> IdedExpr {
    IdedExpr { id, expr }
}
