//! What an expression gives, as far as its form alone tells: `size(x)` is a number whatever `x` is.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};

use crate::expression::compile::Expression;

/// The sort of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    Bool,
    Number,
    Text,
    List,
    Map,
    Null,
    /// A sum joins numbers, texts or lists; never truths.
    Sum,
    /// Bytes, a time, a duration, a type or an optional value.
    Other,
}

impl Gives {
    /// For sentences: "it gives a number".
    pub fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Map => "a map",
            Self::Null => "null",
            Self::Sum => "a number or a text",
            Self::Other => "neither true nor false",
        }
    }
}

impl Expression {
    /// The sort of its result; `None` where only its variables decide.
    pub fn gives(&self) -> Option<Gives> {
        self.compiled.gives
    }
}

/// What functions and operators give, whatever they are given.
const RESULTS: [(Gives, &[&str]); 5] = [
    (
        Gives::Bool,
        &[
            operators::LOGICAL_AND,
            operators::LOGICAL_OR,
            operators::LOGICAL_NOT,
            operators::EQUALS,
            operators::NOT_EQUALS,
            operators::GREATER,
            operators::GREATER_EQUALS,
            operators::LESS,
            operators::LESS_EQUALS,
            operators::IN,
            operators::NOT_STRICTLY_FALSE,
            "contains",
            "startsWith",
            "endsWith",
            "matches",
            "bool",
            "hasValue",
            "isInf",
            "isNaN",
            "isFinite",
        ],
    ),
    (
        Gives::Number,
        &[
            operators::NEGATE,
            operators::SUBSTRACT,
            operators::MULTIPLY,
            operators::DIVIDE,
            operators::MODULO,
            "size",
            "int",
            "uint",
            "double",
            "indexOf",
            "lastIndexOf",
            "getFullYear",
            "getMonth",
            "getDate",
            "getDayOfMonth",
            "getDayOfWeek",
            "getDayOfYear",
            "getHours",
            "getMinutes",
            "getSeconds",
            "getMilliseconds",
            "math.@max",
            "math.@min",
            "ceil",
            "floor",
            "round",
            "trunc",
            "abs",
            "sign",
            "sqrt",
            "bitAnd",
            "bitOr",
            "bitXor",
            "bitNot",
            "bitShiftLeft",
            "bitShiftRight",
        ],
    ),
    (
        Gives::Text,
        &[
            "string",
            "charAt",
            "join",
            "lowerAscii",
            "upperAscii",
            "trim",
            "replace",
            "substring",
            "format",
            "quote",
            "encode",
        ],
    ),
    (Gives::List, &["split", "slice", "flatten", "distinct", "sort", "range"]),
    (Gives::Other, &["bytes", "decode", "type", "timestamp", "duration", "of", "none", "ofNonZeroValue"]),
];

/// The sort of a parsed tree's result.
pub(super) fn gives(tree: &IdedExpr) -> Option<Gives> {
    match &tree.expr {
        Expr::Literal(literal) => Some(match literal {
            LiteralValue::Boolean(_) => Gives::Bool,
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Gives::Number,
            LiteralValue::String(_) => Gives::Text,
            LiteralValue::Bytes(_) => Gives::Other,
            LiteralValue::Null => Gives::Null,
        }),
        Expr::List(_) => Some(Gives::List),
        Expr::Map(_) => Some(Gives::Map),
        Expr::Select(select) => select.test.then_some(Gives::Bool),
        Expr::Call(call) => of_call(call),
        // A loop gives what it collects in, or what is made of it at the end.
        Expr::Comprehension(inner) => match &inner.result.expr {
            Expr::Ident(name) if *name == inner.accu_var => gives(&inner.accu_init),
            _ => gives(&inner.result),
        },
        Expr::Ident(_) | Expr::Struct(_) | Expr::Unspecified => None,
    }
}

fn of_call(call: &CallExpr) -> Option<Gives> {
    let name = call.func_name.as_str();
    match name {
        operators::CONDITIONAL => {
            let [_, yes, no] = call.args.as_slice() else { return None };
            let (yes, no) = (gives(yes)?, gives(no)?);
            // A truth on one side only: the condition decides.
            (yes == no || (yes != Gives::Bool && no != Gives::Bool)).then_some(yes)
        }
        operators::ADD => {
            let known = call.args.iter().find_map(gives);
            let joined = known.filter(|known| matches!(known, Gives::Number | Gives::Text | Gives::List));
            Some(joined.unwrap_or(Gives::Sum))
        }
        "dyn" => gives(call.args.first()?),
        _ => RESULTS.iter().find(|(_, names)| names.contains(&name)).map(|(gives, _)| *gives),
    }
}
