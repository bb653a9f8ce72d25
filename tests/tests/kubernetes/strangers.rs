//! Pull requests of strangers on an environment of a cluster: nothing that they bring is asked of the server, until somebody lets it.

use std::fs;

use naksha_tests::github::Forged;
use naksha_tests::kubernetes::{ControlPlane, Parts};
use naksha_tests::{await_true, must};

use super::site::{Site, config_map};

/// Has the daemon find the repository, and what people propose, on a forge.
fn host(site: &Site<'_>, forged: &Forged) {
    let token = must(forged.token_file(site.installation.root()));
    let folder = site.installation.repository.folder();
    let local = format!("url = \"{}\"", folder.display());
    let remote = format!(
        "url = \"{}\"\npoll = \"1s\"\ncredentials = {{token_file = \"{token}\"}}\nforge = {{kind = \"github\", api = \"{}\", \
         repository = \"{}\", token_file = \"{token}\", poll = \"1s\"}}",
        forged.clone_url(),
        forged.github.url(),
        forged.full_name,
        token = token.display(),
    );
    let config = &site.installation.program.config;
    let text = fs::read_to_string(config).expect("should read the configuration");
    assert!(text.contains(&local), "{text}");
    fs::write(config, text.replace(&local, &remote)).expect("should write the configuration");
    must(forged.push(folder, "main", &forged.writer));
}

#[test]
fn what_a_stranger_brings_is_not_asked_of_the_server_until_somebody_lets_it() {
    let Some(plane) = ControlPlane::shared(Parts::Api) else { return };
    let Some(forged) = Forged::start("infra") else { return };
    forged.github.limit_requests(1_000_000);
    forged.github.limit_content(None);
    let gate = must(plane.gate());
    let site = Site::through(plane, &gate.url());
    site.commit(&[("web", &[], config_map("ours", "one"))]);
    host(&site, &forged);
    let daemon = site.start();
    let status = daemon.await_state(&site.environment, "held");
    let plan = status["plan"].as_str().expect("should have a plan");
    let (program, root) = (&site.installation.program, site.installation.root());
    program.run(root, &["ack", plan, "--reason", "it is the first"]).expect_code(0);
    site.await_applied(&daemon);

    let repository = &site.installation.repository;
    must(forged.branch(repository.folder(), "theirs", "main"));
    let manifests = [config_map("ours", "one"), config_map("theirs", "two")].join("---\n");
    let head = repository.write("units/web/all.yaml", &manifests).commit("theirs");
    must(forged.push_to_fork(repository.folder(), "theirs"));
    let number = must(forged.open(&format!("{}:theirs", forged.stranger.login), "from afar"));
    let check = format!("naksha/plan: {}", site.environment);
    let await_words = |words: &str| {
        await_true(&format!("{check} to say {words}: {}", daemon.log()), || {
            must(forged.statuses(&head)).iter().any(|(name, _, told)| *name == check && told == words)
        });
    };
    let is_asked_for = || gate.asked().iter().any(|asked| asked.path.contains("/configmaps/theirs"));
    await_words("1 to create (compared with the base only)");
    assert!(!is_asked_for(), "{:#?}", gate.asked());
    must(forged.say(&forged.writer, number, &format!("/naksha allow {head}")));
    await_words("1 to create");
    assert!(is_asked_for(), "it is tried on the server then");
    assert_eq!(site.config_maps().len(), 1, "and not written");
}
