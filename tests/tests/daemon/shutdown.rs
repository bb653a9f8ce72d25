//! How the daemon ends: within ten seconds of a signal whatever it does, at once after a second one.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use naksha_tests::{Installation, await_true};

use crate::{awaiting_health, shop};

/// What the daemon promises, and what a loaded machine may add.
const PROMISED: Duration = Duration::from_secs(10);
const MARGIN: Duration = Duration::from_secs(5);

/// A client that sent half a request, and keeps a graceful server waiting for the rest.
fn half_a_request(shop: &Installation) -> UnixStream {
    let mut client = UnixStream::connect(shop.root().join("state/naksha.sock")).expect("should connect");
    let head = "POST /api/v1/sync HTTP/1.1\r\nhost: naksha\r\ncontent-type: application/json\r\n\
                content-length: 100\r\nexpect: 100-continue\r\n\r\n";
    client.write_all(head.as_bytes()).expect("should send");
    // The server asks for the rest: it is in the middle of this request for certain.
    let mut answer = [0; 12];
    client.read_exact(&mut answer).expect("should be answered");
    assert_eq!(&answer, b"HTTP/1.1 100");
    client
}

#[test]
fn an_apply_that_waits_does_not_hold_up_the_end() {
    let (shop, daemon) = awaiting_health();
    daemon.await_status("dev", "waiting for web", |status| {
        status["state"] == "progressing" && status["why"].to_string().contains("settings: waiting for web")
    });
    let signalled = Instant::now();
    assert_eq!(daemon.stop(), Some(0));
    assert!(signalled.elapsed() < PROMISED, "took {:?}", signalled.elapsed());
    let log = fs::read_to_string(shop.root().join("daemon.log")).unwrap();
    assert!(log.contains(" stopped") && !log.contains("not everything ended in time"), "{log}");
}

#[test]
fn a_client_that_hangs_is_cut_off_and_named() {
    let shop = shop();
    let daemon = shop.start();
    let _client = half_a_request(&shop);
    let signalled = Instant::now();
    assert_eq!(daemon.stop(), Some(0));
    assert!(signalled.elapsed() < PROMISED + MARGIN, "took {:?}", signalled.elapsed());
    let log = fs::read_to_string(shop.root().join("daemon.log")).unwrap();
    assert!(log.contains("not everything ended in time") && log.contains("socket's server"), "{log}");
}

#[test]
fn a_second_signal_ends_at_once() {
    let shop = shop();
    let daemon = shop.start();
    let _client = half_a_request(&shop);
    let signalled = Instant::now();
    daemon.terminate();
    await_true("the first signal to be heard", || daemon.log().contains("stopping"));
    daemon.terminate();
    assert_eq!(daemon.ended(), Some(0));
    assert!(signalled.elapsed() < MARGIN, "took {:?}", signalled.elapsed());
    let log = fs::read_to_string(shop.root().join("daemon.log")).unwrap();
    assert!(log.contains("second signal: ending at once"), "{log}");
}
