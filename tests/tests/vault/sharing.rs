//! One request for everybody who asks for the same.

use naksha_tests::vault::Vault;
use serde_json::json;

use crate::stage::Source;

#[test]
fn all_who_ask_at_once_make_one_request() {
    let Some(vault) = Vault::shared() else { return };
    let store = vault.store(2);
    store.write("db", &json!({"url": "x", "user": "y"}));
    let role = vault.role(&json!({"token_policies": [vault.policy(&store.reading())]}));
    let source = Source::with_role(vault, &role);
    let fields = ["url", "user"].iter().cycle().take(64);
    let places: Vec<String> = fields.map(|field| format!("{}#{field}", store.path("db"))).collect();
    let values = source.values(&places);
    for pair in values.chunks(2) {
        assert_eq!(pair, [Ok("x".to_owned()), Ok("y".to_owned())]);
    }
    assert_eq!(vault.requests(&format!("read {}", store.read_path("db")), None), 1);
    assert_eq!(vault.requests(&format!("read sys/internal/ui/mounts/{}", store.path("db")), None), 1);
    assert_eq!(vault.requests(&format!("update auth/{}/login", role.mount), None), 1);
}
