//! When a token is made anew, what it is asked to be for, and that nothing secret is shown.

use super::*;

fn permissions(all: &[(&str, &str)]) -> Permissions {
    all.iter().map(|(name, level)| ((*name).to_owned(), (*level).to_owned())).collect()
}

#[test]
fn a_token_is_made_anew_five_minutes_before_it_ends() {
    let ends = Timestamp::from_second(1_700_003_600).unwrap();
    let token = Token::given("ghs_x").unwrap();
    let granted = Granted { token, ends, app: 1, slug: String::new(), permissions: Permissions::new() };
    let is_fresh = |second| granted.is_fresh(Timestamp::from_second(second).unwrap());
    assert!(is_fresh(1_700_000_000));
    assert!(is_fresh(1_700_003_299));
    assert!(!is_fresh(1_700_003_300));
    assert!(!is_fresh(1_700_003_601));
}

#[test]
fn no_more_is_asked_for_than_is_needed_and_given() {
    let has = permissions(&[
        ("administration", "write"),
        ("checks", "write"),
        ("contents", "read"),
        ("metadata", "read"),
        ("organization_hooks", "write"),
        ("statuses", "write"),
    ]);
    let asked =
        permissions(&[("checks", "write"), ("contents", "read"), ("metadata", "read"), ("statuses", "read")]);
    assert_eq!(wanted(&NEEDED, &has), asked);
    assert!(wanted(&NEEDED_FOR_TEAMS, &has).is_empty());
}

#[test]
fn what_may_be_written_is_what_was_granted() {
    let permissions = permissions(&[("checks", "write"), ("issues", "read"), ("x", "admin")]);
    let token = Token::given("ghs_x").unwrap();
    let granted = Granted { token, ends: Timestamp::now(), app: 1, slug: String::new(), permissions };
    assert!(granted.may_write("checks") && granted.may_write("x"));
    assert!(!granted.may_write("issues") && granted.may_read("issues"));
    assert!(!granted.may_write("contents") && !granted.may_read("contents"));
    assert!(!format!("{granted:?}").contains("ghs_x"));
}

#[tokio::test]
async fn a_key_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key.pem");
    std::fs::write(&file, "canary").unwrap();
    let address = Address::parse("http://127.0.0.1:1").unwrap();
    let installation = Installation::new(&address, "o/r", "1", Place::File(file));
    let error = installation.token().await.expect_err("should be no key");
    assert!(matches!(error, ForgeError::Denied(_)), "{error:?}");
    assert!(!format!("{error} {error:?} {installation:?}").contains("canary"), "{error:?}");
}
