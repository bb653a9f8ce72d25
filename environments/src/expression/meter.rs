//! The meter: what one evaluation may cost, and the `@…` functions that charge it.
//!
//! The meter of a running evaluation stands in a thread-local, because the interpreter's functions carry no
//! state. It is put there and taken away by [`metered`]; evaluations do not nest.

use std::cell::RefCell;

use cel::common::types::{
    CelBytes, CelInt, CelList, CelMap, CelMapKey, CelOptional, CelString, DYN_TYPE, INT_TYPE, LIST_TYPE,
    STRING_TYPE,
};
use cel::common::value::{CowVal, Val};
use cel::{DeclarationError, Env, ExecutionError};

use crate::expression::bindings::Unknown;
use crate::expression::error::Limit;
use crate::expression::matching;

/// What one evaluation may cost, in steps: a loop round, a value of a list or map, or [`STEP_BYTES`] of text are
/// one each. About 0.2 s of work at most; conditions of the wild stay under 10,000.
pub const BUDGET: u64 = 1_000_000;
/// Most items a loop may run over, or a computed list may have: more than the objects of a large environment.
pub const MAX_ITEMS: usize = 20_000;
/// Longest text that an expression may make.
pub const MAX_STRING: usize = 256 * 1024;
/// Bytes of text that count as one step.
const STEP_BYTES: usize = 64;
/// Longest text to look for with `indexOf`; the search compares naively.
const MAX_NEEDLE: usize = 1024;

/// What an evaluation has cost, and why it had to stop.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) spent: u64,
    pub(super) limit: Option<Limit>,
    pub(super) unknown: Option<String>,
    /// Patterns that this evaluation has paid for.
    pub(super) patterns: std::collections::BTreeSet<String>,
}

thread_local! {
    static METER: RefCell<Meter> = RefCell::new(Meter::default());
}

/// Runs `evaluation` with a fresh meter and gives the meter back beside its result.
pub(super) fn metered<T>(evaluation: impl FnOnce() -> T) -> (T, Meter) {
    METER.take();
    let result = evaluation();
    (result, METER.take())
}

impl Meter {
    pub(super) fn charge(&mut self, steps: u64) -> Result<(), ExecutionError> {
        self.spent = self.spent.saturating_add(steps);
        if self.spent > BUDGET { Err(self.stop(Limit::Steps)) } else { Ok(()) }
    }

    pub(super) fn stop(&mut self, limit: Limit) -> ExecutionError {
        self.limit.get_or_insert(limit);
        ExecutionError::function_error("@limit", "")
    }

    fn meet_unknown(&mut self, unknown: &Unknown) -> ExecutionError {
        self.note_unknown(unknown);
        ExecutionError::function_error("@unknown", "")
    }

    /// Keeps the first by name, because a map's parts come in any order.
    fn note_unknown(&mut self, unknown: &Unknown) {
        if self.unknown.as_deref().is_none_or(|noted| *unknown.reference < *noted) {
            self.unknown = Some(unknown.reference.to_string());
        }
    }

    /// Charges a value that is used as a whole: nothing in it may be unknown.
    fn weigh_known(&mut self, value: &dyn Val) -> Result<(), ExecutionError> {
        self.weigh(value, Unknowns::Note)?;
        match &self.unknown {
            Some(_) => Err(ExecutionError::function_error("@unknown", "")),
            None => Ok(()),
        }
    }

    /// Charges what a value weighs, part by part, so that weighing costs no more than is charged.
    fn weigh(&mut self, value: &dyn Val, unknowns: Unknowns) -> Result<(), ExecutionError> {
        if let Some(text) = value.downcast_ref::<CelString>() {
            return self.charge(text_steps(text.inner().len()));
        }
        if let Some(bytes) = value.downcast_ref::<CelBytes>() {
            return self.charge(text_steps(bytes.inner().len()));
        }
        self.charge(1)?;
        if let Some(list) = value.downcast_ref::<CelList>() {
            return list.inner().iter().try_for_each(|item| self.weigh(item.as_ref(), unknowns));
        }
        if let Some(map) = value.downcast_ref::<CelMap>() {
            self.charge(map.inner().len() as u64)?;
            return map.inner().values().try_for_each(|item| self.weigh(item.as_ref(), unknowns));
        }
        if let Some(inner) = value.downcast_ref::<CelOptional>().and_then(CelOptional::option) {
            return self.weigh(inner, unknowns);
        }
        if let (Unknowns::Note, Some(unknown)) = (unknowns, value.downcast_ref::<Unknown>()) {
            self.note_unknown(unknown);
        }
        Ok(())
    }

    fn check_size(&mut self, value: &dyn Val) -> Result<(), ExecutionError> {
        let text = value.downcast_ref::<CelString>().map(|text| text.inner().len());
        let bytes = value.downcast_ref::<CelBytes>().map(|bytes| bytes.inner().len());
        if text.or(bytes).is_some_and(|length| length > MAX_STRING) {
            return Err(self.stop(Limit::Text));
        }
        let list = value.downcast_ref::<CelList>().map(|list| list.inner().len());
        let map = value.downcast_ref::<CelMap>().map(|map| map.inner().len());
        if list.or(map).is_some_and(|items| items > MAX_ITEMS) {
            return Err(self.stop(Limit::Items));
        }
        Ok(())
    }
}

/// What to do with an unknown inside a value.
#[derive(Clone, Copy)]
enum Unknowns {
    /// The value is used as a whole.
    Note,
    /// The value is only passed through, or looked at from outside.
    Pass,
}

fn text_steps(length: usize) -> u64 {
    1 + (length / STEP_BYTES) as u64
}

/// An unknown that the interpreter itself ran into.
pub(super) fn meet(unknown: &Unknown) -> ExecutionError {
    with(|meter| meter.meet_unknown(unknown))
}

pub(super) fn with<T>(work: impl FnOnce(&mut Meter) -> T) -> T {
    METER.with_borrow_mut(work)
}

type Args<'b, 'v> = Vec<CowVal<'b, 'v>>;
type Outcome<'b, 'v> = Result<CowVal<'b, 'v>, ExecutionError>;

/// Registers the functions that [`crate::expression::metering`] puts into trees. `@` cannot be written in CEL.
pub(super) fn extension(env: &mut Env) -> Result<(), DeclarationError> {
    env.add_overload("@read", "@read", vec![DYN_TYPE], read)?;
    env.add_overload("@pass", "@pass", vec![DYN_TYPE], pass)?;
    env.add_overload("@sized", "@sized", vec![DYN_TYPE], sized)?;
    env.add_overload("@tick", "@tick", vec![DYN_TYPE], tick)?;
    env.add_overload("@over", "@over", vec![DYN_TYPE], over)?;
    env.add_overload("@text", "@text", vec![DYN_TYPE], text)?;
    env.add_overload("@search", "@search", vec![DYN_TYPE], search)?;
    env.add_overload("@brief", "@brief", vec![DYN_TYPE], brief)?;
    env.add_overload("@square", "@square", vec![DYN_TYPE], square)?;
    env.add_overload("@count", "@count", vec![DYN_TYPE], count)?;
    env.add_overload("@matches", "@matches", vec![STRING_TYPE, STRING_TYPE], matching::matches)?;
    env.add_member_overload("@join", "@join1", LIST_TYPE, vec![], join)?;
    env.add_member_overload("@join", "@join2", LIST_TYPE, vec![STRING_TYPE], join)?;
    let two = vec![STRING_TYPE, STRING_TYPE];
    env.add_member_overload("@replace", "@replace2", STRING_TYPE, two, replace)?;
    let three = vec![STRING_TYPE, STRING_TYPE, INT_TYPE];
    env.add_member_overload("@replace", "@replace3", STRING_TYPE, three, replace)
}

fn only<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let given = args.len();
    args.into_iter().next().ok_or_else(|| ExecutionError::invalid_argument_count(1, given))
}

/// A value that was read from the bindings.
fn read<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    with(|meter| meter.weigh_known(value.as_ref()))?;
    Ok(value)
}

/// A value on the way to one of its members.
fn pass<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    with(|meter| meter.weigh(value.as_ref(), Unknowns::Pass))?;
    Ok(value)
}

/// A value that was made.
fn sized<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    with(|meter| {
        meter.check_size(value.as_ref())?;
        meter.weigh_known(value.as_ref())
    })?;
    Ok(value)
}

/// One round of a loop.
fn tick<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    with(|meter| meter.charge(1))?;
    only(args)
}

/// What a loop runs over. A map becomes the list of its keys, in order: its own order is random.
fn over<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    with(|meter| {
        if let Some(unknown) = value.downcast_ref::<Unknown>() {
            return Err(meter.meet_unknown(unknown));
        }
        meter.check_size(value.as_ref())?;
        meter.weigh(value.as_ref(), Unknowns::Pass)
    })?;
    let Some(map) = value.downcast_ref::<CelMap>() else { return Ok(value) };
    let mut keys: Vec<CelMapKey<'_>> = map.inner().keys().cloned().collect();
    keys.sort();
    let keys: Vec<Box<dyn Val + 'v>> = keys.iter().map(key_value).collect();
    Ok(CowVal::owned(CelList::from(keys)))
}

fn key_value<'v>(key: &CelMapKey<'_>) -> Box<dyn Val + 'v> {
    match key {
        CelMapKey::Bool(value) => Box::new(*value),
        CelMapKey::Int(value) => Box::new(*value),
        CelMapKey::UInt(value) => Box::new(*value),
        CelMapKey::String(value) => Box::new(CelString::from(value.inner().to_owned())),
    }
}

fn text<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    with(|meter| meter.check_size(value.as_ref()))?;
    Ok(value)
}

/// A text that is searched naively: it costs a step per byte.
fn search<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    if let Some(text) = value.downcast_ref::<CelString>() {
        with(|meter| meter.charge(text.inner().len() as u64))?;
    }
    Ok(value)
}

fn brief<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    if value.downcast_ref::<CelString>().is_some_and(|text| text.inner().len() > MAX_NEEDLE) {
        return Err(with(|meter| meter.stop(Limit::Text)));
    }
    Ok(value)
}

/// A list in which every item is compared with every other.
fn square<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    if let Some(list) = value.downcast_ref::<CelList>() {
        let items = list.inner().len() as u64;
        with(|meter| meter.charge(items.saturating_mul(items)))?;
    }
    Ok(value)
}

fn count<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let value = only(args)?;
    if let Some(count) = value.downcast_ref::<CelInt>() {
        let items = usize::try_from(*count.inner()).unwrap_or(0);
        with(|meter| if items > MAX_ITEMS { Err(meter.stop(Limit::Items)) } else { Ok(()) })?;
    }
    Ok(value)
}

pub(super) fn text_of(value: &dyn Val) -> Result<&str, ExecutionError> {
    value.downcast_ref::<CelString>().map(CelString::inner).ok_or_else(|| {
        let got = value.get_type().name().to_owned();
        ExecutionError::UnexpectedType { got, want: "string".to_owned() }
    })
}

#[allow(clippy::needless_pass_by_value)] // the interpreter's signature
fn join<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let separator = args.get(1).map_or(Ok(""), |value| text_of(value.as_ref()))?;
    let list = args.first().and_then(|list| list.downcast_ref::<CelList>()).map(CelList::inner);
    let items = list.ok_or_else(ExecutionError::missing_argument_or_target)?;
    let mut joined = String::new();
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            joined.push_str(separator);
        }
        joined.push_str(text_of(item.as_ref())?);
        if joined.len() > MAX_STRING {
            return Err(with(|meter| meter.stop(Limit::Text)));
        }
    }
    Ok(CowVal::owned(CelString::from(joined)))
}

#[allow(clippy::needless_pass_by_value)] // the interpreter's signature
fn replace<'b, 'v>(args: Args<'b, 'v>) -> Outcome<'b, 'v> {
    let [text, from, to, rest @ ..] = args.as_slice() else {
        return Err(ExecutionError::missing_argument_or_target());
    };
    let (text, from, to) = (text_of(text.as_ref())?, text_of(from.as_ref())?, text_of(to.as_ref())?);
    let most =
        rest.first().and_then(|count| count.downcast_ref::<CelInt>()).map_or(-1, |count| *count.inner());
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let found = text.matches(from).take(most).count();
    if text.len().saturating_add(found.saturating_mul(to.len())) > MAX_STRING {
        return Err(with(|meter| meter.stop(Limit::Text)));
    }
    Ok(CowVal::owned(CelString::from(text.replacen(from, to, most))))
}
