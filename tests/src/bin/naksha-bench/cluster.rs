//! A real API server: naksha beside the floor, a loop that sends one server-side apply per object and nothing else.
//!
//! The server is kube-apiserver with etcd on this machine; it shares the cores with whoever asks. Both sides use a service
//! account: members of system:masters are exempt from flow control.

mod floor;
mod objects;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use naksha_tests::Installation;
use naksha_tests::kubernetes::{ControlPlane, Parts, Setup, Tuning};
use reqwest::Method;
use serde_json::{Value, json};

use crate::Scale;
use crate::commit::{Daemon, cpu_seconds, reconcile_seconds, resident_mib};
use crate::result::{Measurement, percentile};
use crate::shop::program;
use floor::Floor;
use objects::Kind;

/// Longest wait for an apply.
const PATIENCE: Duration = Duration::from_mins(5);
/// Writes at a time of the floor; the better one counts.
const CONCURRENCY: [usize; 2] = [16, 64];

/// An API server, and an account that may do everything.
struct Bench {
    plane: ControlPlane,
    kubeconfig: PathBuf,
}

impl Bench {
    fn start() -> anyhow::Result<Self> {
        let plane = ControlPlane::start_with(&Setup::new(Parts::Api).tuned_for(Tuning::Benchmarks))?;
        let kubeconfig = plane.service_account("default", "bench")?;
        let binding = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "bench"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "namespace": "default", "name": "bench"}],
        });
        plane.admin().create("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", &binding)?;
        for name in ["shop", "twin"] {
            let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
            plane.admin().create("/api/v1/namespaces", &namespace)?;
        }
        Ok(Self { plane, kubeconfig })
    }

    /// An installation whose only environment is empty yet.
    fn installation(&self) -> anyhow::Result<Installation> {
        let program = program()?;
        let installation = Installation::new(program.to_str().context("the path is UTF-8")?);
        installation.configure(&format!(
            "\n[clusters.bench]\nkubeconfig = \"{}\"\n[clusters.bench.environments.\"infra/dev\"]\nown_rights = true\n\
             [clusters.bench.environments.\"infra/twin\"]\nown_rights = true\n",
            self.kubeconfig.display()
        ));
        let repository = &installation.repository;
        repository.write(
            "naksha.yaml",
            "apiVersion: naksha.dev/v1alpha1\nkind: Repository\nmetadata: {name: infra}\nspec: {trunk: main}\n",
        );
        repository.write("environments/dev/environment.yaml", &objects::environment("dev", "shop", 0));
        repository.commit("nothing yet");
        Ok(installation)
    }

    /// Requests that the server has answered, but for watches and its own.
    fn requests(&self) -> anyhow::Result<f64> {
        let answer = self.plane.admin().send(Method::GET, "/metrics", None)?;
        let text = answer.body.as_str().context("metrics are text")?.to_owned();
        let counted = |line: &&str| {
            line.starts_with("apiserver_request_total{")
                && !line.contains("verb=\"WATCH\"")
                && !line.contains("resource=\"leases\"")
                // What asks for this number is counted too.
                && !line.contains("resource=\"\"")
        };
        let values =
            text.lines().filter(counted).filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok());
        Ok(values.sum())
    }
}

/// Seconds and CPU seconds until the daemon has applied what a commit says.
fn applied(daemon: &Daemon, installation: &Installation, message: &str) -> anyhow::Result<(f64, f64)> {
    let before = cpu_seconds(daemon.process.id())?;
    let commit = installation.repository.commit(message);
    let started = Instant::now();
    loop {
        let status = daemon.status("dev").unwrap_or(Value::Null);
        if status["applied"] == commit {
            return Ok((started.elapsed().as_secs_f64(), cpu_seconds(daemon.process.id())? - before));
        }
        if started.elapsed() > PATIENCE {
            bail!("it was not applied: {}\n{}", status["why"], daemon.process.log());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// When the first object of a first apply is there.
fn first_written(bench: &Bench, kind: Kind) -> anyhow::Result<Instant> {
    let (path, started) = (format!("{}?limit=1", kind.collection("shop")), Instant::now());
    while started.elapsed() < PATIENCE {
        let list = bench.plane.admin().get(&path)?;
        if list["items"].as_array().is_some_and(|items| !items.is_empty()) {
            return Ok(Instant::now());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("nothing was written")
}

/// The best of the floor: seconds for creating and for changing every object. A server gets slower with the objects that it
/// has, so that each run has one of its own, as naksha has.
fn floor(kind: Kind) -> anyhow::Result<(f64, f64)> {
    let (mut create, mut change) = (f64::MAX, f64::MAX);
    for at_a_time in CONCURRENCY {
        let bench = Bench::start()?;
        let floor = Floor::new(&bench.kubeconfig)?;
        create = create.min(floor.apply(objects::bodies(kind, "shop", "one"), at_a_time)?);
        change = change.min(floor.apply(objects::bodies(kind, "shop", "two"), at_a_time)?);
    }
    Ok((create, change))
}

fn apply(kind: Kind) -> anyhow::Result<Vec<Measurement>> {
    let (floor_create, floor_change) = floor(kind)?;
    let bench = Bench::start()?;
    let installation = bench.installation()?;
    let daemon = Daemon::start(&installation)?;
    applied_nothing(&daemon, &installation)?;
    objects::write(&installation, kind, "one");
    let (create, create_cpu, first) = std::thread::scope(|scope| {
        let first = scope.spawn(|| first_written(&bench, kind));
        let (took, cpu) = applied(&daemon, &installation, "everything")?;
        let ended = Instant::now();
        let first = first.join().map_err(|_| anyhow::anyhow!("who looks for a first object panicked"))??;
        Ok::<_, anyhow::Error>((took, cpu, took - ended.duration_since(first).as_secs_f64()))
    })?;
    objects::write(&installation, kind, "two");
    let (change, change_cpu) = applied(&daemon, &installation, "another everything")?;
    let memory = resident_mib(daemon.process.id())?;
    let objects = kind.count();
    #[allow(clippy::cast_precision_loss, reason = "a few thousand")]
    let count = objects as f64;
    let compared = |what: &str, took: f64, floor: f64| {
        let rate = format!("the floor: {floor:.2} s, {:.0} objects a second", count / floor);
        Measurement::new(what, took, "s")
            .at_most(floor / 0.7)
            .compared_with(rate)
            .note(format!("{objects} objects, {:.0} % of the floor's rate", floor / took * 100.0))
    };
    let cpu = |what: &str, used: f64| {
        Measurement::new(what, used * 1000.0 / count, "ms")
            .at_most(1.0)
            .note("of the daemon's own CPU, for each object")
    };
    Ok(vec![
        compared("first apply, commit to applied", create, floor_create),
        Measurement::new("first apply, commit to the first object", first, "s").at_most(1.0),
        cpu("first apply, CPU", create_cpu),
        compared("every object changed, commit to applied", change, floor_change),
        cpu("every object changed, CPU", change_cpu),
        Measurement::new("resident memory after it", memory, "MiB").at_most(200.0),
    ])
}

fn applied_nothing(daemon: &Daemon, installation: &Installation) -> anyhow::Result<()> {
    daemon.await_synced("dev", &installation.repository.head())
}

pub(crate) fn apply_1000x4(_: Scale) -> anyhow::Result<Vec<Measurement>> {
    apply(Kind::Applications)
}

pub(crate) fn apply_10k_configmaps(_: Scale) -> anyhow::Result<Vec<Measurement>> {
    apply(Kind::ConfigMaps)
}

/// A daemon that has applied so many ConfigMaps in each of these environments and looked at them once more.
fn settled(kind: Kind, environments: &[&str]) -> anyhow::Result<(Bench, Installation, Daemon)> {
    let bench = Bench::start()?;
    let installation = bench.installation()?;
    let daemon = Daemon::start(&installation)?;
    applied_nothing(&daemon, &installation)?;
    objects::write(&installation, kind, "one");
    if environments.contains(&"twin") {
        objects::write_twin(&installation, kind);
    }
    let commit = installation.repository.commit("everything");
    let started = Instant::now();
    for environment in environments {
        let is_there = |status: Value| status["applied"] == commit && status["state"] == "synced";
        while !daemon.status(environment).is_ok_and(is_there) {
            ensure!(started.elapsed() < PATIENCE, "it was not applied: {}", daemon.process.log());
            std::thread::sleep(Duration::from_millis(500));
        }
    }
    std::thread::sleep(Duration::from_secs(2));
    Ok((bench, installation, daemon))
}

/// Percent of a core that a daemon takes for as long as it is watched, once it was calm for a while.
fn idle(daemon: &Daemon, calm: Duration, watched: Duration) -> anyhow::Result<f64> {
    std::thread::sleep(calm);
    let (before, from) = (cpu_seconds(daemon.process.id())?, Instant::now());
    std::thread::sleep(watched);
    Ok((cpu_seconds(daemon.process.id())? - before) / from.elapsed().as_secs_f64() * 100.0)
}

pub(crate) fn no_change_10k(_: Scale) -> anyhow::Result<Vec<Measurement>> {
    let (bench, installation, daemon) = settled(Kind::ConfigMaps, &["dev"])?;
    let before = bench.requests()?;
    let mut samples = Vec::new();
    for _ in 0..10 {
        let used = cpu_seconds(daemon.process.id())?;
        let (count, _) = reconcile_seconds(&daemon.metrics()?, "dev");
        daemon.sync("dev")?;
        let started = Instant::now();
        while reconcile_seconds(&daemon.metrics()?, "dev").0 == count {
            ensure!(started.elapsed() < PATIENCE, "no pass was made");
            std::thread::sleep(Duration::from_millis(5));
        }
        samples.push((cpu_seconds(daemon.process.id())? - used) * 1000.0);
    }
    let asked = bench.requests()? - before;
    // A restart: one watch-list per kind, and no read per object.
    drop(daemon);
    let before = bench.requests()?;
    let daemon = Daemon::start(&installation)?;
    daemon.await_synced("dev", &installation.repository.head())?;
    let restart = bench.requests()? - before;
    let idle = idle(&daemon, Duration::from_secs(2), Duration::from_secs(15))?;
    Ok(vec![
        Measurement::new("forced full compare, CPU, p50", percentile(&mut samples, 0.5), "ms").at_most(200.0),
        Measurement::new("requests to the server in ten of them", asked, "").at_most(0.0),
        Measurement::new("requests to the server after a restart", restart, "")
            .at_most(20.0)
            .note("discovery, and no read per object"),
        Measurement::new("CPU, idle", idle, "% of a core").at_most(1.0),
        Measurement::new("resident memory", resident_mib(daemon.process.id())?, "MiB").at_most(200.0),
    ])
}

/// What a daemon holds that owns a hundred thousand objects in two environments.
pub(crate) fn hold_100k(_: Scale) -> anyhow::Result<Vec<Measurement>> {
    let (_bench, installation, daemon) = settled(Kind::ManyConfigMaps, &["dev", "twin"])?;
    let memory = resident_mib(daemon.process.id())?;
    drop(daemon);
    let started = Instant::now();
    let daemon = Daemon::start(&installation)?;
    for environment in ["dev", "twin"] {
        daemon.await_synced(environment, &installation.repository.head())?;
    }
    let took = started.elapsed().as_secs_f64();
    // The Lease is renewed meanwhile.
    let idle = idle(&daemon, Duration::from_secs(5), Duration::from_secs(40))?;
    Ok(vec![
        Measurement::new("resident memory after the first apply", memory, "MiB").at_most(600.0),
        Measurement::new("restart to synced", took, "s"),
        Measurement::new("resident memory after a restart", resident_mib(daemon.process.id())?, "MiB")
            .at_most(600.0),
        Measurement::new("CPU, idle", idle, "% of a core").at_most(1.0),
    ])
}

pub(crate) fn drift_10k(scale: Scale) -> anyhow::Result<Vec<Measurement>> {
    let (bench, installation, _daemon) = settled(Kind::ConfigMaps, &["dev"])?;
    let samples = if scale.full { 300 } else { 60 };
    let mut healed = healed(&bench, samples)?;
    let mut written = written(&bench, &installation)?;
    Ok(vec![
        Measurement::new("drift to healed, p50", percentile(&mut healed, 0.5), "ms"),
        Measurement::new("drift to healed, p99", percentile(&mut healed, 0.99), "ms").at_most(300.0),
        Measurement::new(
            "one object changed in Git, commit to written, p50",
            percentile(&mut written, 0.5),
            "ms",
        ),
        Measurement::new(
            "one object changed in Git, commit to written, p99",
            percentile(&mut written, 0.99),
            "ms",
        )
        .at_most(1000.0),
    ])
}

/// Milliseconds from a commit that changes one of ten thousand objects until it is written.
fn written(bench: &Bench, installation: &Installation) -> anyhow::Result<Vec<f64>> {
    let repository = &installation.repository;
    let mut took = Vec::new();
    // Each time in another unit.
    for sample in 0..60 {
        let level = format!("commit-{sample}");
        let file = format!("units/app-{sample}/app.yaml");
        let changed =
            repository.read(&file).replacen("\"level\":\"one\"", &format!("\"level\":\"{level}\""), 1);
        repository.write(&file, &changed);
        repository.commit("one object");
        let (committed, first) = (Instant::now(), objects::config_map(sample * objects::PER_UNIT));
        let path = format!("/api/v1/namespaces/shop/configmaps/{first}");
        took.push(since(committed, bench, &path, &json!(level))?);
    }
    Ok(took)
}

/// Milliseconds until an object has this level.
fn since(started: Instant, bench: &Bench, path: &str, level: &Value) -> anyhow::Result<f64> {
    while bench.plane.admin().get(path)?["data"]["level"] != *level {
        ensure!(started.elapsed() < PATIENCE, "it was not written");
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(started.elapsed().as_secs_f64() * 1000.0)
}

/// Milliseconds from somebody's edit of one of ten thousand objects until it is healed.
fn healed(bench: &Bench, samples: usize) -> anyhow::Result<Vec<f64>> {
    let mut took = Vec::new();
    for sample in 0..samples {
        // Another one each time: what is changed again and again is a fight, and backed off from.
        let path = format!("/api/v1/namespaces/shop/configmaps/{}", objects::config_map(sample));
        let mut object = bench.plane.admin().get(&path)?;
        let wanted = object["data"]["level"].clone();
        object["data"]["level"] = json!("drifted");
        let begun = Instant::now();
        let answer = bench.plane.admin().send(Method::PUT, &path, Some(&object))?;
        ensure!(answer.status == 200, "the edit was refused: {}", answer.body);
        took.push(since(begun, bench, &path, &wanted)?);
    }
    Ok(took)
}
