//! Any three objects: merging what was planned leaves nothing to plan.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::merge::merge;
use serde_json::Value;

fuzz_target!(|texts: (&str, &str, &str)| {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_object);
    let (Some(live), Some(previous), Some(desired)) = (parse(texts.0), parse(texts.1), parse(texts.2)) else { return };
    let once = merge("Deployment", Some(&live), Some(&previous), &desired, &[]);
    let twice = merge("Deployment", Some(&once), Some(&desired), &desired, &[]);
    assert_eq!(once, twice);
});
