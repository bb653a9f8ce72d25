//! The functions that expressions may call: the published list, and how each is charged.
//!
//! The list is checked when an expression is read, so that a slip of the pen is a diagnostic and not a run-time
//! surprise. docs/policies.md shows it.

/// One function, macro or namespaced function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// `size`, `math.greatest`.
    pub name: &'static str,
    /// How it is written, for the docs.
    pub form: &'static str,
    pub library: &'static str,
}

const fn function(library: &'static str, name: &'static str, form: &'static str) -> Function {
    Function { name, form, library }
}

/// Every function, by library.
pub const FUNCTIONS: &[Function] = &[
    function("macros", "has", "has(a.b)"),
    function("macros", "all", "list.all(x, test)"),
    function("macros", "exists", "list.exists(x, test)"),
    function("macros", "exists_one", "list.exists_one(x, test)"),
    function("macros", "existsOne", "list.existsOne(x, test)"),
    function("macros", "map", "list.map(x, value)"),
    function("macros", "filter", "list.filter(x, test)"),
    function("macros", "sortBy", "list.sortBy(x, key)"),
    function("standard", "size", "size(x)"),
    function("standard", "contains", "text.contains(text)"),
    function("standard", "startsWith", "text.startsWith(text)"),
    function("standard", "endsWith", "text.endsWith(text)"),
    function("standard", "matches", "text.matches(pattern)"),
    function("standard", "int", "int(x)"),
    function("standard", "uint", "uint(x)"),
    function("standard", "double", "double(x)"),
    function("standard", "string", "string(x)"),
    function("standard", "bytes", "bytes(text)"),
    function("standard", "bool", "bool(x)"),
    function("standard", "dyn", "dyn(x)"),
    function("standard", "type", "type(x)"),
    function("time", "timestamp", "timestamp('2030-01-31T09:00:00Z')"),
    function("time", "duration", "duration('90s')"),
    function("time", "getFullYear", "timestamp.getFullYear()"),
    function("time", "getMonth", "timestamp.getMonth()"),
    function("time", "getDate", "timestamp.getDate()"),
    function("time", "getDayOfMonth", "timestamp.getDayOfMonth()"),
    function("time", "getDayOfWeek", "timestamp.getDayOfWeek()"),
    function("time", "getDayOfYear", "timestamp.getDayOfYear()"),
    function("time", "getHours", "timestamp.getHours()"),
    function("time", "getMinutes", "timestamp.getMinutes()"),
    function("time", "getSeconds", "timestamp.getSeconds()"),
    function("time", "getMilliseconds", "timestamp.getMilliseconds()"),
    function("optional", "optional.of", "optional.of(x)"),
    function("optional", "optional.none", "optional.none()"),
    function("optional", "optional.ofNonZeroValue", "optional.ofNonZeroValue(x)"),
    function("optional", "hasValue", "a.?b.hasValue()"),
    function("optional", "value", "a.?b.value()"),
    function("optional", "or", "a.?b.or(a.?c)"),
    function("optional", "orValue", "a.?b.orValue(x)"),
    function("optional", "optMap", "a.?b.optMap(x, value)"),
    function("optional", "optFlatMap", "a.?b.optFlatMap(x, optional)"),
    function("strings", "charAt", "text.charAt(0)"),
    function("strings", "indexOf", "text.indexOf(text)"),
    function("strings", "lastIndexOf", "text.lastIndexOf(text)"),
    function("strings", "join", "list.join(',')"),
    function("strings", "lowerAscii", "text.lowerAscii()"),
    function("strings", "upperAscii", "text.upperAscii()"),
    function("strings", "trim", "text.trim()"),
    function("strings", "replace", "text.replace('a', 'b')"),
    function("strings", "split", "text.split(',')"),
    function("strings", "substring", "text.substring(0, 3)"),
    function("strings", "format", "'%s'.format([x])"),
    function("strings", "reverse", "x.reverse()"),
    function("strings", "strings.quote", "strings.quote(text)"),
    function("lists", "slice", "list.slice(0, 2)"),
    function("lists", "flatten", "list.flatten()"),
    function("lists", "distinct", "list.distinct()"),
    function("lists", "sort", "list.sort()"),
    function("lists", "lists.range", "lists.range(3)"),
    function("math", "math.greatest", "math.greatest(a, b)"),
    function("math", "math.least", "math.least(a, b)"),
    function("math", "math.ceil", "math.ceil(x)"),
    function("math", "math.floor", "math.floor(x)"),
    function("math", "math.round", "math.round(x)"),
    function("math", "math.trunc", "math.trunc(x)"),
    function("math", "math.abs", "math.abs(x)"),
    function("math", "math.sign", "math.sign(x)"),
    function("math", "math.sqrt", "math.sqrt(x)"),
    function("math", "math.isInf", "math.isInf(x)"),
    function("math", "math.isNaN", "math.isNaN(x)"),
    function("math", "math.isFinite", "math.isFinite(x)"),
    function("math", "math.bitAnd", "math.bitAnd(a, b)"),
    function("math", "math.bitOr", "math.bitOr(a, b)"),
    function("math", "math.bitXor", "math.bitXor(a, b)"),
    function("math", "math.bitNot", "math.bitNot(x)"),
    function("math", "math.bitShiftLeft", "math.bitShiftLeft(x, 1)"),
    function("math", "math.bitShiftRight", "math.bitShiftRight(x, 1)"),
    function("encoders", "base64.encode", "base64.encode(bytes)"),
    function("encoders", "base64.decode", "base64.decode(text)"),
];

/// Whether `name` may be called.
pub(super) fn is_known(name: &str) -> bool {
    FUNCTIONS.iter().any(|function| function.name == name)
}

/// Whether `name` is the first part of a namespaced function: `math`, `lists`.
pub(super) fn is_namespace(name: &str) -> bool {
    FUNCTIONS.iter().any(|function| function.name.split_once('.').is_some_and(|(space, _)| space == name))
}

/// Names that are types, not variables: `type(x) == int`.
pub(super) fn is_type(name: &str) -> bool {
    matches!(
        name,
        "bool"
            | "bytes"
            | "double"
            | "int"
            | "uint"
            | "string"
            | "list"
            | "map"
            | "null_type"
            | "type"
            | "optional_type"
            | "google"
    )
}
