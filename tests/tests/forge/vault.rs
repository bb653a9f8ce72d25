//! Credentials and secrets that are in a real Vault: of the daemon for its forge and for Git, and of units. All of them are rotated there.

use std::fs;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use naksha_tests::vault::{Store, Vault};
use naksha_tests::{await_true, must};
use serde_json::json;

use crate::site::{ENVIRONMENT, Site, site_with};

const MANIFEST: &str = "apiVersion: v1
kind: ConfigMap
metadata: {name: login, namespace: shop}
data: {user: ada}
";

/// A unit whose Secret has a value of the store.
fn unit(store: &Store<'_>) -> String {
    format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: login}}\nspec:\n  manifests: [login.yaml]\n  \
         secrets: {{login: {{password: \"vault:{}#password\"}}}}\n",
        store.path("shop/login")
    )
}

/// The daemon logs in to Vault as a role, and has its token for everything on the forge there.
fn configure(site: &Site, vault: &Vault, store: &Store<'_>) {
    let root = site.installation.root();
    let role = vault.role(&json!({"token_policies": [vault.policy(&store.reading())], "token_ttl": "20s"}));
    fs::write(root.join("secret-id"), &role.secret_id).unwrap();
    let config = &site.installation.program.config;
    let text = fs::read_to_string(config).unwrap();
    let file = root.join("forge-token");
    let (of_file, of_secret) = (
        format!("token_file = \"{}\"", file.display()),
        format!("token_secret = \"vault:{}#token\"", store.path("daemon/forge")),
    );
    assert_eq!(text.matches(&of_file).count(), 2, "for Git, and for the forge: {text}");
    let secrets = format!(
        "[secrets.vault]\naddress = \"{}\"\napprole = {{role_id = \"{}\", secret_id_file = \"{}\", mount = \"{}\"}}\n",
        vault.url(),
        role.role_id,
        root.join("secret-id").display(),
        role.mount,
    );
    let folder = format!("[secrets]\ndirectory = \"{}\"\n", root.join("secrets").display());
    assert!(text.contains(&folder), "{text}");
    fs::write(config, text.replace(&of_file, &of_secret).replace(&folder, &secrets)).unwrap();
    fs::remove_file(file).unwrap();
}

impl Site {
    fn has_password(&self, password: &str) -> bool {
        let encoded = BASE64_STANDARD.encode(password);
        self.installation.objects("dev").values().any(|text| text.contains(&encoded))
    }
}

#[test]
fn what_is_in_vault_is_used_and_rotated_and_what_is_the_daemons_own_is_nobody_elses() {
    let Some(vault) = Vault::shared() else { return };
    let store = vault.store(2);
    let environment = ENVIRONMENT.replace("units: [web]", "units: [web, login]");
    let login = unit(&store);
    let files = [
        ("environments/dev/environment.yaml", environment.as_str()),
        ("units/login/unit.yaml", &login),
        ("units/login/login.yaml", MANIFEST),
    ];
    let Some(site) = site_with(&files) else { return };
    store.write("daemon/forge", &json!({"token": site.forged.bot.token}));
    store.write("shop/login", &json!({"password": "the-first-one"}));
    configure(&site, vault, &store);
    let daemon = site.begin();
    await_true("the first password to be there", || site.has_password("the-first-one"));
    site.propose(&daemon, 2, 3);

    // A token that is no good is told, and another one needs no restart.
    store.write("daemon/forge", &json!({"token": "0123456789012345678901234567890123456789"}));
    await_true("the wrong token to be refused", || daemon.log().contains("the forge refuses us"));
    let rotated = must(site.forged.scoped_token(&["all"]));
    store.write("daemon/forge", &json!({"token": rotated}));
    site.propose(&daemon, 2, 4);
    assert!(!daemon.log().contains(&rotated) && !daemon.log().contains(&site.forged.bot.token));

    store.write("shop/login", &json!({"password": "the-second-one"}));
    await_true("the second password to be there", || {
        site.run(&["sync", "dev"]);
        site.has_password("the-second-one")
    });

    // Whoever writes a unit does not get at what the daemon is on the forge.
    let own = format!("vault:{}#token", store.path("daemon/forge"));
    let head = site.change("theft", "units/login/unit.yaml", &login_reference(&store), &own);
    let number = must(site.forged.open("theft", "a change"));
    site.await_comment(&daemon, number, &head);
    site.merge(number, "merge");
    let is_refused =
        |status: &serde_json::Value| status["why"].to_string().contains("it is the daemon's own");
    daemon.await_status("dev", "refused", is_refused);
    assert!(!site.has_password(&rotated));
}

fn login_reference(store: &Store<'_>) -> String {
    format!("vault:{}#password", store.path("shop/login"))
}
