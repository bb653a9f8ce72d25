//! Bombs: each ends in a clear error inside its limits, and a daemon that meets them lives on.

use std::time::Instant;

use anyhow::{Context as _, ensure};
use naksha_tests::Installation;

use crate::Scale;
use crate::commit::{Daemon, resident_mib};
use crate::result::Measurement;
use crate::shop::installation;

/// Every bomb must be over by then; the limits inside are smaller.
const LIMIT_S: f64 = 30.0;

struct Bomb {
    name: &'static str,
    path: &'static str,
    text: fn() -> String,
    /// What its error must say.
    says: &'static str,
}

const BOMBS: &[Bomb] = &[
    Bomb {
        name: "a YAML file of 1,000,000 lines",
        path: "units/app-1/app.yaml",
        text: long_yaml,
        says: "app.yaml",
    },
    Bomb { name: "a billion laughs", path: "units/app-1/app.yaml", text: laughs, says: "app.yaml" },
    Bomb { name: "20,000 nested brackets", path: "units/app-1/app.yaml", text: brackets, says: "app.yaml" },
    Bomb {
        name: "a template that loops for ever",
        path: "units/app-0/app.yaml.tera",
        text: endless,
        says: "app-0",
    },
    Bomb {
        name: "a template that doubles a text",
        path: "units/app-0/app.yaml.tera",
        text: doubling,
        says: "app-0",
    },
    Bomb { name: "a policy of nested comprehensions", path: "policies/bomb.yaml", text: cel, says: "bomb" },
];

fn long_yaml() -> String {
    "a: &a [1, 2, 3]\n".to_owned() + &(0..1_000_000).map(|line| format!("k{line}: *a\n")).collect::<String>()
}

fn laughs() -> String {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}", level - 1);
        text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![before; 10].join(", ")));
    }
    text
}

fn brackets() -> String {
    "a: ".to_owned() + &"[".repeat(20_000)
}

fn endless() -> String {
    let loops = "{% for a in range(end=9999) %}".repeat(6);
    format!("{loops}{}", "{% endfor %}".repeat(6))
}

fn doubling() -> String {
    "{% set a = \"0123456789\" %}\n".to_owned() + &"{% set a = a ~ a %}\n".repeat(60) + "{{ a }}"
}

fn cel() -> String {
    let rule = "[1,2,3,4,5,6,7,8,9].all(a, [1,2,3,4,5,6,7,8,9].all(b, [1,2,3,4,5,6,7,8,9].all(c, [1,2,3,4,5,6,7,8,9].all(d, a+b+c+d > 0))))";
    format!(
        "apiVersion: naksha.dev/v1alpha1\nkind: Policy\nmetadata: {{name: bomb}}\nspec:\n  match: {{kinds: []}}\n  rule: {rule}\n  message: never\n  severity: error\n"
    )
}

pub(crate) fn hostile(_: Scale) -> anyhow::Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    for bomb in BOMBS {
        let installation = installation(4)?;
        installation.repository.write(bomb.path, &(bomb.text)());
        measurements.push(explode(bomb.name, bomb.says, &installation)?);
    }
    let installation = installation(4)?;
    for file in 0..100_001 {
        installation.repository.write(&format!("many/{}/{file}.txt", file % 100), "x");
    }
    measurements.push(explode("a commit of 100,000 files", "files", &installation)?);
    measurements.push(survive()?);
    Ok(measurements)
}

/// `naksha check` meets the bomb.
fn explode(name: &str, says: &str, installation: &Installation) -> anyhow::Result<Measurement> {
    let started = Instant::now();
    let printed = installation.program.run(installation.repository.folder(), &["check", "."]);
    let took = started.elapsed().as_secs_f64();
    ensure!(printed.code == 1 || printed.code == 2, "{name}: ended with {}: {}", printed.code, printed.err);
    let said = format!("{}{}", printed.out, printed.err);
    ensure!(
        said.contains(says),
        "{name}: the error does not say `{says}`: {}",
        said.chars().take(2000).collect::<String>()
    );
    let code = said
        .split("NK0")
        .nth(1)
        .map_or_else(String::new, |rest| format!("NK0{}", &rest[..3.min(rest.len())]));
    Ok(Measurement::new(name, took, "s").at_most(LIMIT_S).note(code))
}

/// A daemon meets every bomb in turn, and goes on to apply a good commit.
fn survive() -> anyhow::Result<Measurement> {
    let installation = installation(4)?;
    let daemon = Daemon::start(&installation)?;
    daemon.await_synced("dev", &installation.repository.head())?;
    let mut peak = 0.0_f64;
    for bomb in BOMBS {
        let good = installation
            .repository
            .folder()
            .join(bomb.path)
            .is_file()
            .then(|| installation.repository.read(bomb.path));
        let commit = installation.repository.write(bomb.path, &(bomb.text)()).commit(bomb.name);
        let started = Instant::now();
        while daemon.status("dev")?["control"] != commit.as_str() {
            ensure!(
                started.elapsed().as_secs_f64() < LIMIT_S * 2.0,
                "{}: the daemon does not answer for it",
                bomb.name
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        peak = peak.max(resident_mib(daemon.process.id())?);
        match good {
            Some(text) => installation.repository.write(bomb.path, &text),
            None => installation.repository.remove(bomb.path),
        };
        let commit = installation.repository.commit("good again");
        daemon.await_synced("dev", &commit).with_context(|| format!("after {}", bomb.name))?;
    }
    Ok(Measurement::new("the daemon's memory after each bomb, largest", peak, "MiB")
        .note("it lived, and applied a good commit after each"))
}
