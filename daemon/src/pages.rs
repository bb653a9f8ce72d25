//! The pages of docs/errors, embedded when the program is built.

const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// The page of a code.
pub fn of(code: &str) -> Option<&'static str> {
    PAGES.binary_search_by(|(id, _)| (*id).cmp(code)).ok().map(|at| PAGES[at].1)
}
