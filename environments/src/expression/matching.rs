//! `matches`: patterns compiled within bounds, and once.
//!
//! The engine never backtracks, so a match costs at most the pattern's compiled size times the text's length;
//! the charge follows both.

use std::cell::RefCell;
use std::collections::BTreeMap;

use cel::ExecutionError;
use cel::common::types::CelBool;
use cel::common::value::CowVal;
use regex::{Regex, RegexBuilder};

use crate::expression::error::Limit;
use crate::expression::meter;

/// Longest pattern, in bytes.
const MAX_PATTERN: usize = 512;
/// Longest text that is matched.
const MAX_TEXT: usize = 64 * 1024;
/// Compiled size of an ordinary pattern; one byte of text costs [`SMALL_STEPS`].
const SMALL: usize = 64 * 1024;
const SMALL_STEPS: u64 = 4;
/// Compiled size of the largest pattern (a few Unicode classes); one byte of text costs [`LARGE_STEPS`].
const LARGE: usize = 1024 * 1024;
const LARGE_STEPS: u64 = 64;
/// What compiling costs, in steps: a few milliseconds for the largest.
const COMPILE_STEPS: u64 = 5_000;
/// Patterns kept per thread; policies judge thousands of objects with the same few.
const KEPT: usize = 64;

#[derive(Clone)]
struct Pattern {
    regex: Regex,
    steps_per_byte: u64,
}

thread_local! {
    static PATTERNS: RefCell<BTreeMap<String, Pattern>> = const { RefCell::new(BTreeMap::new()) };
}

/// `text.matches(pattern)`.
#[allow(clippy::needless_pass_by_value)] // the interpreter's signature
pub(super) fn matches<'b, 'v>(args: Vec<CowVal<'b, 'v>>) -> Result<CowVal<'b, 'v>, ExecutionError> {
    let [text, pattern] = args.as_slice() else {
        return Err(ExecutionError::invalid_argument_count(2, args.len()));
    };
    let (text, source) = (meter::text_of(text.as_ref())?, meter::text_of(pattern.as_ref())?);
    if text.len() > MAX_TEXT {
        return Err(meter::with(|meter| meter.stop(Limit::Text)));
    }
    // Paid once per evaluation, compiled or not: the cost must not depend on what ran before.
    meter::with(|meter| {
        if meter.patterns.contains(source) {
            return Ok(());
        }
        meter.patterns.insert(source.to_owned());
        meter.charge(COMPILE_STEPS)
    })?;
    let pattern = compiled(source)?;
    meter::with(|meter| meter.charge(pattern.steps_per_byte * (1 + text.len() as u64)))?;
    Ok(CowVal::owned(CelBool::from(pattern.regex.is_match(text))))
}

fn compiled(source: &str) -> Result<Pattern, ExecutionError> {
    if let Some(pattern) = PATTERNS.with_borrow(|patterns| patterns.get(source).cloned()) {
        return Ok(pattern);
    }
    if source.len() > MAX_PATTERN {
        return Err(meter::with(|meter| meter.stop(Limit::Pattern)));
    }
    let within = |size| RegexBuilder::new(source).size_limit(size).nest_limit(32).build();
    let (regex, steps_per_byte) = match within(SMALL) {
        Err(regex::Error::CompiledTooBig(_)) => (within(LARGE), LARGE_STEPS),
        built => (built, SMALL_STEPS),
    };
    let pattern = match regex {
        Ok(regex) => Pattern { regex, steps_per_byte },
        Err(regex::Error::CompiledTooBig(_)) => {
            return Err(meter::with(|meter| meter.stop(Limit::Pattern)));
        }
        Err(_) => return Err(ExecutionError::function_error("matches", "the pattern is not valid")),
    };
    PATTERNS.with_borrow_mut(|patterns| {
        if patterns.len() >= KEPT {
            patterns.clear();
        }
        patterns.insert(source.to_owned(), pattern.clone());
    });
    Ok(pattern)
}
