//! A control plane leaves no process and no folder, however its owner ends.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use naksha_tests::kubernetes::{ControlPlane, Parts, Server, Setup, can_start};
use naksha_tests::{await_true, must};
use rustix::process::{Pid, Signal, kill_process};

/// Command lines that name this folder.
fn processes(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("should list processes").flatten() {
        // A process that ends meanwhile, or that nobody has reaped yet, has no command line.
        let Ok(line) = fs::read_to_string(entry.path().join("cmdline")) else { continue };
        if line.contains(&*folder.to_string_lossy()) {
            found.push(line.replace('\0', " "));
        }
    }
    found
}

#[test]
fn a_dropped_one_leaves_nothing() {
    if !can_start(Parts::Api) {
        return;
    }
    let cluster = must(ControlPlane::start(Parts::Api));
    must(cluster.check());
    let folder = cluster.folder().to_owned();
    assert!(cluster.process_id(Server::Etcd).is_some() && cluster.process_id(Server::Kwok).is_none());
    // etcd, the API server and the keeper.
    let running = processes(&folder);
    assert_eq!(running.len(), 3, "{running:#?}");
    drop(cluster);
    assert_eq!(processes(&folder), [] as [String; 0]);
    assert!(!folder.exists());
}

#[test]
fn one_whose_test_panics_leaves_nothing() {
    if !can_start(Parts::Api) {
        return;
    }
    let (tell, told) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let cluster = must(ControlPlane::start(Parts::Api));
        tell.send(cluster.folder().to_owned()).expect("should be told");
        panic!("as a failed test does");
    });
    let folder = told.recv().expect("should start");
    panicked.join().expect_err("should panic");
    assert_eq!(processes(&folder), [] as [String; 0]);
    assert!(!folder.exists());
}

/// The program, once it has told where everything is.
struct RunningProgram {
    child: Child,
    folder: PathBuf,
    /// Open as long as the program writes to it.
    _out: BufReader<ChildStdout>,
}

fn run_program(arguments: &[&str]) -> RunningProgram {
    let mut child = Command::new(env!("CARGO_BIN_EXE_naksha-test-cluster"))
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("should start the program");
    let mut out = BufReader::new(child.stdout.take().expect("should have its output"));
    let mut lines = out.by_ref().lines().map_while(Result::ok);
    let kubeconfig = lines.find_map(|line| Some(line.split_once("KUBECONFIG=")?.1.to_owned()));
    let kubeconfig = PathBuf::from(kubeconfig.expect("should tell where the kubeconfig is"));
    let folder = kubeconfig.ancestors().nth(2).expect("should be in the folder's users").to_owned();
    RunningProgram { child, folder, _out: out }
}

#[test]
fn the_keeper_ends_what_a_killed_owner_leaves() {
    if !can_start(Parts::Api) {
        return;
    }
    let RunningProgram { mut child, folder, _out } = run_program(&["--parts", "api"]);
    assert_eq!(processes(&folder).len(), 3);
    child.kill().expect("should be killed");
    child.wait().expect("should have ended");
    await_true("the keeper to end the servers", || processes(&folder).is_empty());
    await_true("the keeper to remove the folder", || !folder.exists());
}

#[test]
fn the_program_stops_everything_when_it_is_told_to_end() {
    if !can_start(Parts::Api) {
        return;
    }
    let RunningProgram { mut child, folder, _out } = run_program(&["--parts", "api"]);
    kill_process(Pid::from_child(&child), Signal::INT).expect("should be signalled");
    assert!(child.wait().expect("should end").success());
    assert_eq!(processes(&folder), [] as [String; 0]);
    assert!(!folder.exists());
}

#[test]
fn a_named_folder_stays_and_is_found_again() {
    if !can_start(Parts::Api) {
        return;
    }
    let parent = tempfile::tempdir().expect("should make a folder");
    let folder = parent.path().join("cluster");
    let setup = Setup::new(Parts::Api).within(folder.clone());
    let namespace = {
        let cluster = must(ControlPlane::start_with(&setup));
        must(cluster.fresh_namespace())
    };
    assert!(folder.join("etcd").exists());
    let cluster = must(ControlPlane::start_with(&setup));
    must(cluster.admin().get(&format!("/api/v1/namespaces/{namespace}")));
}

#[test]
fn a_server_that_does_not_start_says_why() {
    if !can_start(Parts::Api) {
        return;
    }
    let parent = tempfile::tempdir().expect("should make a folder");
    let folder = parent.path().join("cluster");
    fs::create_dir(&folder).expect("should make a folder");
    fs::write(folder.join("service-account.key"), "no key").expect("should write");
    let setup = Setup::new(Parts::Api).within(folder.clone());
    let error = ControlPlane::start_with(&setup).expect_err("should refuse the key");
    let error = format!("{error:#}");
    assert!(error.starts_with("kube-apiserver ended (exit status: 1)"), "{error}");
    assert!(error.contains("service-account.key"), "{error}");
    assert_eq!(processes(&folder), [] as [String; 0]);
}
