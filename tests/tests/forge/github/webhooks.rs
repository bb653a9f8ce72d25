//! Webhooks that did not arrive, and arrive when they are asked for again.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use naksha_executor::contract::forge::Stage as _;
use naksha_tests::{await_true, must};

use super::site::{FILE, Site};
use crate::github_stage::as_app;

/// Answers what comes with these, one after the other, and then with 202; how many came.
fn listener(answers: Vec<u16>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/webhooks/infra", listener.local_addr().unwrap());
    let (mut answers, came) = (answers.into_iter(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&came);
    // Ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut text = Vec::new();
            let mut chunk = vec![0; 65_536];
            while !is_whole(&text) {
                match stream.read(&mut chunk) {
                    Ok(0) | Err(_) => break,
                    Ok(read) => text.extend_from_slice(&chunk[..read]),
                }
            }
            kept.lock().unwrap().push(String::from_utf8_lossy(&text).into_owned());
            let status = answers.next().unwrap_or(202);
            let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            drop(stream.write_all(answer.as_bytes()));
        }
    });
    (url, came)
}

fn is_whole(text: &[u8]) -> bool {
    let Some(end) = text.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&text[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    text.len() >= end + 4 + length.unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_did_not_arrive_is_asked_for_again_once() {
    let Some(stage) = as_app() else { return };
    let (forge, github) = (stage.forge(), &stage.forged.github);
    let begin = Timestamp::now() - SignedDuration::from_mins(1);
    let (url, came) = listener(vec![503; 2]);
    github.hook(&url, "nobody-knows");
    // A push, and a pull request.
    stage.push("change");
    stage.open("change");
    let delivered = |count: usize, what: &str| {
        await_true(what, || github.deliveries().len() == count);
        github.deliveries().iter().filter(|(_, is_taken)| *is_taken).count()
    };
    assert_eq!(delivered(2, "two to be refused"), 0);
    assert_eq!(forge.redeliver(begin).await, Ok(2));
    assert_eq!(delivered(4, "two to be sent again"), 2);
    assert_eq!(forge.redeliver(begin).await, Ok(0), "both arrived");
    let came = came.lock().unwrap();
    let names = |name: &str| {
        let line = |text: &String| {
            let lines = text.lines().map(str::to_lowercase);
            lines.into_iter().find_map(|line| line.strip_prefix(name).map(str::to_owned)).unwrap_or_default()
        };
        let mut all: Vec<_> = came.iter().map(line).collect();
        all.sort();
        all
    };
    assert_eq!(names("x-github-event: "), ["pull_request", "pull_request", "push", "push"]);
    let mut guids = names("x-github-delivery: ");
    guids.dedup();
    assert_eq!(guids.len(), 2, "the same again: {guids:?}");
}

#[test]
fn what_did_not_arrive_is_sent_again_at_the_next_start() {
    let Some(site) = Site::with(&[]) else { return };
    let daemon = site.begin();
    assert_eq!(daemon.stop(), Some(0));
    let head = site.change("more", FILE, "replicas: 2", "replicas: 3");
    let number = must(site.forged.open("more", "more replicas"));
    let failed = || site.forged.github.deliveries().into_iter().filter(|(_, taken)| !taken).count();
    await_true("a webhook that nobody took", || failed() > 0);
    let _daemon = site.installation.start();
    site.await_comment(number, &head);
    await_true("it to be asked for again", || site.forged.github.count("POST", "/attempts") > 0);
}
