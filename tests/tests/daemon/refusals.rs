//! What cannot be done is told with a code, a hint, and where to read on.

use std::fs;
use std::net::TcpListener;

use naksha_environments::codes::Code;
use naksha_tests::Installation;
use naksha_tests::program::Printed;

use crate::shop;

/// Where a database says which version of the schema it has (SQLite file format, 1.3: user version).
const VERSION_OFFSET: usize = 60;

/// The command cannot be done, for the reason with this code.
fn refused(shop: &Installation, arguments: &[&str], code: &str) -> Printed {
    let printed = shop.program.run(shop.root(), arguments).expect_code(2);
    assert!(Code::parse(code).is_some());
    assert!(printed.err.contains(&format!("error[{code}]: ")), "{arguments:?}: {}", printed.err);
    assert!(printed.err.contains("= hint: "), "{arguments:?}: {}", printed.err);
    assert!(printed.err.contains(&format!("`naksha explain {code}`")), "{arguments:?}: {}", printed.err);
    printed
}

#[test]
fn a_configuration_that_is_not_understood() {
    let shop = shop();
    shop.configure("[limit]\nhistory = \"1d\"\n");
    let printed = refused(&shop, &["daemon"], "NK0901");
    assert!(printed.err.contains("unknown field `limit`"), "{}", printed.err);
    fs::write(shop.root().join("bare.toml"), "").unwrap();
    refused(&shop, &["daemon", "--config", "bare.toml"], "NK0901");
    refused(&shop, &["status", "--config", "nowhere.toml"], "NK0901");
}

#[test]
fn a_state_folder_that_cannot_be_made() {
    refused(&shop(), &["daemon", "--state", "/proc/naksha"], "NK0902");
}

#[test]
fn an_address_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let printed = refused(&shop(), &["daemon", "--listen", &address], "NK0903");
    assert!(printed.err.contains(&address), "{}", printed.err);
}

#[test]
fn a_second_daemon() {
    let shop = shop();
    let daemon = shop.start();
    let printed = refused(&shop, &["daemon"], "NK0801");
    assert!(printed.err.contains(&format!("process {}", daemon.id())), "{}", printed.err);
    let (other, socket) = (shop.root().join("other"), shop.root().join("state/naksha.sock"));
    let (other, socket) = (other.display().to_string(), socket.display().to_string());
    refused(&shop, &["daemon", "--state", &other, "--socket", &socket], "NK0904");
    shop.program.run(shop.root(), &["status"]).expect_code(0);
}

#[test]
fn no_daemon() {
    let shop = shop();
    for command in [&["status"][..], &["history"], &["sync"], &["resume", "dev"]] {
        refused(&shop, command, "NK0905");
    }
}

#[test]
fn secrets_that_are_not_mounted() {
    let shop = shop();
    fs::remove_dir_all(shop.root().join("secrets")).unwrap();
    refused(&shop, &["daemon"], "NK0909");
}

#[test]
fn a_newer_database_is_left_alone() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    assert_eq!(daemon.stop(), Some(0));
    let file = shop.root().join("state/naksha.db");
    let mut bytes = fs::read(&file).unwrap();
    bytes[VERSION_OFFSET..VERSION_OFFSET + 4].copy_from_slice(&99_u32.to_be_bytes());
    fs::write(&file, &bytes).unwrap();
    let printed = refused(&shop, &["daemon"], "NK0802");
    assert!(printed.err.contains("schema version 99"), "{}", printed.err);
    let copy = shop.root().join("copy.db").display().to_string();
    refused(&shop, &["backup", &copy], "NK0802");
    assert_eq!(fs::read(&file).unwrap(), bytes);
}

#[test]
fn what_a_daemon_does_not_know() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    let printed = refused(&shop, &["suspend", "pord", "--reason", "a slip"], "NK0911");
    assert!(printed.err.contains("infra/dev"), "{}", printed.err);
    refused(&shop, &["show", "0123456789abcdef"], "NK0810");
    let applied = shop.program.run(shop.root(), &["history", "--format", "json"]).expect_code(0).json();
    let applied = applied["entries"][0]["plan"].as_str().unwrap();
    for plan in ["0123456789abcdef", applied] {
        let printed = refused(&shop, &["ack", plan, "--reason", "fine"], "NK0912");
        assert!(printed.err.contains("no plan waits"), "{}", printed.err);
    }
}

#[test]
fn a_target_that_may_not_be_used_is_told_in_the_status() {
    let shop = shop();
    shop.repository.edit(
        "environments/dev/environment.yaml",
        "{directory: out}",
        "{kubernetes: {cluster: prod}}",
    );
    shop.repository.commit("a cluster");
    let daemon = shop.start();
    let status = daemon.await_status("dev", "refused", |status| status["why"].to_string().contains("NK0616"));
    assert_eq!(status["state"], "unknown", "{status}");
}

#[test]
fn a_target_that_is_away_is_told_with_its_code() {
    let shop = shop();
    let daemon = shop.start();
    daemon.await_applied("dev", &shop.repository.head());
    fs::rename(shop.target("dev"), shop.root().join("away")).unwrap();
    shop.program.run(shop.root(), &["sync"]).expect_code(0);
    let status = daemon.await_state("dev", "unknown");
    assert!(status["why"][0].as_str().unwrap().starts_with("NK0601: "), "{status}");
}
