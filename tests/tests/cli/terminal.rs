//! What a person at a terminal sees, and a program behind a pipe does not: colour and progress.

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use naksha_tests::Installation;
use rustix::pty::OpenptFlags;

use crate::shop;

/// A command whose output and error go to a terminal.
struct AtTerminal {
    child: Child,
    screen: std::fs::File,
}

impl AtTerminal {
    fn start(shop: &Installation, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let master = rustix::pty::openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap();
        let terminal = std::fs::File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let out = OwnedFd::from(terminal.try_clone().unwrap());
        let child = Command::new(&shop.program.executable)
            .args(arguments)
            .env("NAKSHA_CONFIG", &shop.program.config)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .current_dir(shop.repository.folder())
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(OwnedFd::from(terminal))
            .spawn()
            .unwrap();
        Self { child, screen: std::fs::File::from(master) }
    }

    /// What the terminal gets until `enough`, or until the command ends.
    fn until(&mut self, enough: impl Fn(&str) -> bool) -> String {
        let (mut bytes, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            // The last one to write closes the terminal: the kernel says so with an error.
            match self.screen.read(&mut part) {
                _ if enough(&text) => return text,
                Ok(0) | Err(_) => return text,
                Ok(read) => bytes.extend_from_slice(&part[..read]),
            }
        }
    }

    fn all(mut self) -> String {
        let text = self.until(|_| false);
        self.child.wait().unwrap();
        text
    }
}

impl Drop for AtTerminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A repository with an error, so that there is something to colour.
fn wrong() -> Installation {
    let shop = shop();
    shop.repository.edit("units/web/unit.yaml", "templates", "templatse");
    shop
}

#[test]
fn colour_is_for_terminals() {
    let shop = wrong();
    let red = "\u{1b}[1m\u{1b}[31merror[NK0101]\u{1b}[0m";
    let seen = AtTerminal::start(&shop, &["check"], &[]).all();
    assert!(seen.contains(red), "{seen:?}");
    for variables in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let seen = AtTerminal::start(&shop, &["check"], &[variables]).all();
        assert!(seen.contains("error[NK0101]") && !seen.contains("\u{1b}[3"), "{variables:?}: {seen:?}");
    }
    // An empty variable asks for nothing (no-color.org).
    assert!(AtTerminal::start(&shop, &["check"], &[("NO_COLOR", "")]).all().contains(red));
    let piped = Command::new(&shop.program.executable)
        .arg("check")
        .env("NAKSHA_CONFIG", &shop.program.config)
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .current_dir(shop.repository.folder())
        .output()
        .unwrap();
    let text = String::from_utf8(piped.stdout).unwrap();
    assert!(text.contains("error[NK0101]") && !text.contains('\u{1b}'), "{text:?}");
}

/// A template that runs into its limit of time: work that takes long.
fn long_work() -> Installation {
    let shop = shop();
    let endless =
        "{% for a in range(end=100000) %}{% for b in range(end=100000) %}{% endfor %}{% endfor %}\n";
    shop.repository.edit("units/settings/settings.yaml.tera", "apiVersion", &format!("{endless}apiVersion"));
    shop
}

#[test]
fn progress_is_for_terminals_and_for_work_that_takes_long() {
    let shop = long_work();
    let mut command = AtTerminal::start(&shop, &["check"], &[]);
    let seen = command.until(|text| text.contains("checking ("));
    assert!(seen.contains("checking ("), "{seen:?}");
    drop(command);
    // Behind a pipe nothing moves, however long it takes.
    let printed = crate::run(&shop, &["check"]).expect_code(1);
    assert!(printed.out.contains("NK0317") && printed.err.is_empty(), "{}{}", printed.out, printed.err);
    // What is quick does not flicker.
    let quick = crate::files();
    let seen = AtTerminal::start(&quick, &["schema", "Unit"], &[]).all();
    assert!(!seen.contains('\u{1b}'), "{seen:?}");
}
