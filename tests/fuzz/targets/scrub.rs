//! Any text where a secret may stand: scrubbing twice is scrubbing once, nothing but masks comes in, and what
//! stands where secrets stand is gone. And any text on a terminal: nothing is left that it would obey.
#![no_main]

use libfuzzer_sys::fuzz_target;
use naksha_environments::secret::MASK;
use naksha_environments::wire::{scrub, scrub_value};
use naksha_renderer::present::{clean_block, clean_line};
use serde_json::json;

const CANARY: &str = "c4n4ryC4N4RYc4n4ry";

fuzz_target!(|text: &str| {
    let once = scrub(text);
    assert_eq!(scrub(&once), once, "twice");
    let mut rest = text;
    for piece in once.split(MASK) {
        let Some(at) = rest.find(piece) else { panic!("{piece:?} of {once:?} came from nowhere") };
        rest = &rest[at + piece.len()..];
    }
    let value = json!({"a": [text], "b": {"name": text, "value": text}});
    let masked = scrub_value(&value);
    assert_eq!(scrub_value(&masked), masked, "twice");
    hidden(text);
    for clean in [clean_line(text), clean_block(text)] {
        assert!(clean.chars().all(|c| c == '\n' || !c.is_control()), "{clean:?}");
        assert!(!clean.contains(['\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}', '\u{e0041}']), "{clean:?}");
        assert_eq!(clean_block(&clean), clean, "twice");
    }
    assert!(!clean_line(text).contains('\n'));
});

/// Whatever stands before and after, on other lines.
fn hidden(text: &str) {
    for secret in [
        format!("postgres://user:{CANARY}@db/x"),
        format!("DB_PASSWORD={CANARY}"),
        format!("\"apiKey\": \"{CANARY}\""),
        format!("Authorization: Bearer {CANARY}"),
        format!("-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----"),
        format!("ghp_{CANARY}{CANARY}"),
    ] {
        let around = format!("{text}\n{secret}\n{text}");
        assert!(!scrub(&around).contains(CANARY) || text.contains("c4n4ry"), "{secret} after {text:?}");
    }
    let named =
        scrub_value(&json!({"password": CANARY, "x": [{"name": "API_TOKEN", "value": CANARY}], "y": text}));
    assert!(!named.to_string().contains(CANARY) || text.contains("c4n4ry"), "{named}");
}
