//! Proofs that last from pass to pass: what needs no look, and everything that ends a proof.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use naksha_environments::digest::Digest;
use naksha_environments::object::{Mark, ObjectKey, Observed};
use naksha_environments::secret::MarkKey;
use naksha_executor::port::target::{Removal, Target, Wanted, WriteMode};
use naksha_kubernetes_health::RuleSet;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::watch::Receiver;

use super::super::{DirectoryTarget, Watching};
use super::{open, write};
use crate::change;
use crate::document::Reader;
use crate::marker::Seen;
use crate::observe::{Looked, observe};
use crate::place::identity;
use crate::proven::{MAX_AGE, Proven};
use crate::target::Inner;

/// Only how long a broken target may hang a test; every wait below ends as soon as what it waits for happens.
const PATIENCE: Duration = Duration::from_mins(1);

const NAMESPACES: [&str; 2] = ["near", "far"];
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// A target that has seen nothing yet, over objects that are old enough for their stamps to be proof.
struct Place {
    /// The root is in it, and what is outside the root.
    folder: TempDir,
    root: PathBuf,
    target: DirectoryTarget,
    wanted: Vec<Wanted>,
}

fn key(namespace: &str, name: &str) -> ObjectKey {
    ObjectKey::new("", "ConfigMap", Some(namespace), name)
}

fn body(key: &ObjectKey, value: &str) -> Value {
    let metadata = json!({"name": &*key.name, "namespace": key.namespace.as_deref()});
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"v": value}})
}

fn in_sync(observed: &Observed) -> bool {
    matches!(observed, Observed::InSync { .. })
}

/// Stands for the marks that everything is asked about with.
fn asked() -> &'static Mark {
    static MARK: LazyLock<Mark> =
        LazyLock::new(|| Mark { uid: None, version: "asked".into(), fingerprint: Digest::of_bytes(b"") });
    &MARK
}

fn live(observed: &Observed) -> bool {
    matches!(observed, Observed::Live(_))
}

fn absent(observed: &Observed) -> bool {
    *observed == Observed::Absent
}

fn unknown(observed: &Observed) -> bool {
    matches!(observed, Observed::Unknown { .. })
}

/// In place, in one step: same inode, same size.
fn edit(file: &Path) {
    let text = fs::read_to_string(file).unwrap().replace("v: \"1\"", "v: \"2\"");
    OpenOptions::new().write(true).open(file).unwrap().write_all(text.as_bytes()).unwrap();
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

async fn told(changes: &mut Receiver<u64>) {
    tokio::time::timeout(PATIENCE, changes.changed()).await.expect("should be told").unwrap();
}

impl Place {
    async fn make(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let target = open(&root);
        let mut wanted = Vec::new();
        for (namespace, name) in
            NAMESPACES.iter().flat_map(|space| names.iter().map(move |name| (space, name)))
        {
            let key = key(namespace, name);
            let written = target.write(&write(&key, WriteMode::Create, &body(&key, "1"))).await.unwrap();
            wanted.push(Wanted { key, mark: Some(written.mark) });
        }
        let mut place = Self { target: open(&root), folder, root, wanted };
        while place.wanted.iter().any(|one| one.mark.as_ref().unwrap().version.ends_with('r')) {
            place.look_and_record().await;
        }
        // What was written is no event for one that begins to watch only now.
        place.target = open(&place.root);
        place
    }

    async fn look(&self) -> Looked {
        self.target.look(self.wanted.clone().into(), Instant::now()).await.unwrap()
    }

    /// As a pass does that records what it found.
    async fn look_and_record(&mut self) -> Looked {
        let looked = self.look().await;
        for one in &mut self.wanted {
            if let Observed::InSync { mark, .. } = looked.observation.of(&one.key, one.mark.as_ref()) {
                one.mark = Some(mark);
            }
        }
        looked
    }

    async fn prove(&self) {
        assert_eq!(self.look().await.files, self.wanted.len(), "nothing is known");
        let looked = self.look().await;
        assert_eq!(looked.files, 0, "nothing happened");
        assert!(looked.observation.objects.is_empty());
    }

    /// Until the kernel is trusted again.
    async fn prove_again(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.look_and_record().await.files > 0 {
            assert!(Instant::now() < end, "should be trusted again");
            tokio::task::yield_now().await;
        }
    }

    fn file(&self, namespace: &str, name: &str) -> PathBuf {
        self.root.join(format!("{namespace}/configmap/{name}.yaml"))
    }
}

#[tokio::test]
async fn what_did_not_change_is_not_looked_at() {
    let mut place = Place::make(&NAMES).await;
    place.prove().await;
    // In any order, in parts, and with something unknown among it.
    place.wanted.reverse();
    assert_eq!(place.look().await.files, 0);
    place.wanted.truncate(3);
    place.wanted.insert(1, Wanted { key: key("near", "new"), mark: None });
    let Looked { observation, files } = place.look().await;
    assert_eq!((observation.objects.len(), files), (1, 1), "what is as it was needs no answer");
    assert_eq!(observation.of(&key("near", "new"), None), Observed::Absent);
}

/// A name, what somebody does to `near/a` (given the root and a folder outside), what is seen of `near/a` then, and
/// how many objects must be looked at for it.
type Case = (&'static str, fn(&Path, &Path), fn(&Observed) -> bool, usize);

#[tokio::test]
async fn whatever_others_do_is_seen() {
    const ALL: usize = NAMES.len() * NAMESPACES.len();
    let cases: [Case; 8] = [
        ("edited in place", |root, _| edit(&root.join("near/configmap/a.yaml")), live, 1),
        (
            "edited, and its times put back",
            |root, _| {
                let file = root.join("near/configmap/a.yaml");
                let modified = fs::metadata(&file).unwrap().modified().unwrap();
                edit(&file);
                OpenOptions::new().write(true).open(&file).unwrap().set_modified(modified).unwrap();
            },
            live,
            1,
        ),
        (
            "replaced",
            |root, outside| {
                fs::copy(root.join("near/configmap/a.yaml"), outside.join("a")).unwrap();
                edit(&outside.join("a"));
                fs::rename(outside.join("a"), root.join("near/configmap/a.yaml")).unwrap();
            },
            live,
            1,
        ),
        ("deleted", |root, _| fs::remove_file(root.join("near/configmap/a.yaml")).unwrap(), absent, 1),
        (
            "a link in its place",
            |root, outside| {
                fs::copy(root.join("near/configmap/a.yaml"), outside.join("a")).unwrap();
                symlink(outside.join("a"), outside.join("link")).unwrap();
                fs::rename(outside.join("link"), root.join("near/configmap/a.yaml")).unwrap();
            },
            unknown,
            1,
        ),
        (
            "its folder moved away",
            |root, outside| fs::rename(root.join("near/configmap"), outside.join("configmap")).unwrap(),
            absent,
            ALL,
        ),
        (
            "the folder above moved within the root",
            |root, _| fs::rename(root.join("near"), root.join("elsewhere")).unwrap(),
            absent,
            ALL,
        ),
        (
            "another file made",
            |root, _| fs::write(root.join("near/configmap/z.yaml"), "").unwrap(),
            in_sync,
            ALL,
        ),
    ];
    for (what, happen, expected, files) in cases {
        let place = Place::make(&NAMES).await;
        place.prove().await;
        let mut changes = place.target.changes();
        happen(&place.root, place.folder.path());
        told(&mut changes).await;
        let looked = place.look().await;
        let observed = looked.observation.of(&key("near", "a"), Some(asked()));
        assert!(expected(&observed), "{what}: {observed:?}");
        assert_eq!(looked.files, files, "{what}");
        assert!(
            in_sync(&looked.observation.of(&key("far", "b"), Some(asked()))),
            "{what}: others are not affected"
        );
    }
}

#[tokio::test]
async fn a_removed_folder_is_seen() {
    let place = Place::make(&NAMES).await;
    place.prove().await;
    let mut changes = place.target.changes();
    fs::remove_dir_all(place.root.join("near")).unwrap();
    // Many steps: the count may move in the middle of them.
    loop {
        told(&mut changes).await;
        let observation = place.look().await.observation;
        if NAMES.iter().all(|name| absent(&observation.of(&key("near", name), Some(asked())))) {
            assert!(in_sync(&observation.of(&key("far", "a"), Some(asked()))));
            return;
        }
    }
}

#[tokio::test]
async fn a_folder_that_comes_back_is_watched_again() {
    let mut place = Place::make(&NAMES).await;
    place.prove().await;
    let mut changes = place.target.changes();
    let (far, outside) = (place.root.join("far"), place.folder.path().join("far"));
    fs::rename(&far, &outside).unwrap();
    told(&mut changes).await;
    assert!(absent(&place.look().await.observation.of(&key("far", "a"), Some(asked()))));
    fs::rename(&outside, &far).unwrap();
    told(&mut changes).await;
    assert!(in_sync(&place.look().await.observation.of(&key("far", "a"), Some(asked()))));
    place.prove_again().await;
    changes.mark_unchanged();
    edit(&place.file("far", "a"));
    told(&mut changes).await;
    let looked = place.look().await;
    assert!(live(&looked.observation.of(&key("far", "a"), Some(asked()))));
    assert_eq!(looked.files, 1);
}

#[tokio::test]
async fn our_own_writes_end_one_proof_each() {
    let mut place = Place::make(&NAMES).await;
    place.prove().await;
    let Wanted { key: first, mark } = place.wanted[0].clone();
    let before = mark.unwrap();
    let update = write(&first, WriteMode::Update { expect: before.clone() }, &body(&first, "2"));
    let written = place.target.write(&update).await.unwrap();
    // Nobody recorded the write.
    let looked = place.look().await;
    assert!(live(&looked.observation.of(&first, Some(asked()))), "it is not what it was");
    assert_eq!(looked.files, 1);
    place.wanted[0].mark = Some(written.mark);
    let looked = place.look().await;
    assert!(in_sync(&looked.observation.of(&first, Some(asked()))));
    assert_eq!(looked.files, 1);

    let Wanted { key: second, mark } = place.wanted[1].clone();
    place.target.remove(&Removal { key: second.clone(), expect: mark.unwrap() }).await.unwrap();
    let looked = place.look().await;
    assert!(absent(&looked.observation.of(&second, Some(asked()))));
    assert_eq!(looked.files, 2);
    place.wanted.remove(1);
    place.prove_again().await;
}

#[tokio::test]
async fn a_folder_that_we_remove_ends_no_trust() {
    let mut place = Place::make(&NAMES).await;
    place.prove().await;
    let mut changes = place.target.changes();
    for Wanted { key, mark } in place.wanted.drain(..NAMES.len()) {
        place.target.remove(&Removal { key, expect: mark.unwrap() }).await.unwrap();
    }
    assert!(!place.root.join("near").exists() && place.root.join("far").exists());
    // The kernel tells in order: once this is heard of, the removals were.
    edit(&place.file("far", "a"));
    told(&mut changes).await;
    assert_eq!(place.look().await.files, 1, "only what was edited, and not the {} others", NAMES.len() - 1);
}

#[tokio::test]
async fn a_minute_later_everything_is_looked_at() {
    let place = Place::make(&NAMES).await;
    let begun = Instant::now();
    for (later, files) in [
        (Duration::ZERO, place.wanted.len()),
        (Duration::from_secs(59), 0),
        (MAX_AGE, place.wanted.len()),
        (MAX_AGE, 0),
    ] {
        let looked = place.target.look(place.wanted.clone().into(), begun + later).await.unwrap();
        assert_eq!(looked.files, files, "{later:?}");
        assert!(looked.observation.objects.values().all(in_sync));
    }
}

#[tokio::test]
async fn who_insists_has_everything_looked_at() {
    let mut place = Place::make(&NAMES).await;
    place.prove().await;
    place.target.doubt();
    assert_eq!(place.look().await.files, place.wanted.len());
    place.prove_again().await;
}

#[tokio::test]
async fn where_the_kernel_does_not_tell_nothing_is_kept() {
    let mut place = Place::make(&NAMES).await;
    let never = Watching::Every(Duration::from_hours(1));
    place.target = DirectoryTarget::open_watching(&place.root, MarkKey::new([7; 32]), never).unwrap();
    for _ in 0..3 {
        assert_eq!(place.look().await.files, place.wanted.len());
    }
}

#[tokio::test]
async fn another_directory_in_its_place_is_looked_at() {
    let mut place = Place::make(&NAMES).await;
    place.prove().await;
    let mut changes = place.target.changes();
    let other = place.folder.path().join("other");
    copy(&place.root, &other);
    fs::remove_file(other.join("near/configmap/a.yaml")).unwrap();
    fs::rename(&place.root, place.folder.path().join("before")).unwrap();
    fs::rename(&other, &place.root).unwrap();
    // At once: no event is waited for.
    let looked = place.look().await;
    assert!(absent(&looked.observation.of(&key("near", "a"), Some(asked()))));
    assert!(in_sync(&looked.observation.of(&key("near", "b"), Some(asked()))));
    assert_eq!(looked.files, place.wanted.len());
    told(&mut changes).await;
    place.wanted.remove(0);
    place.prove_again().await;
}

#[tokio::test]
async fn a_root_may_be_a_link() {
    let mut place = Place::make(&NAMES).await;
    let link = place.folder.path().join("link");
    symlink(&place.root, &link).unwrap();
    place.target = open(&link);
    place.prove().await;
    let mut changes = place.target.changes();
    edit(&place.file("near", "a"));
    told(&mut changes).await;
    let looked = place.look().await;
    assert!(live(&looked.observation.of(&key("near", "a"), Some(asked()))));
    assert_eq!(looked.files, 1);
    // Leads elsewhere from now on.
    let other = place.folder.path().join("other");
    copy(&place.root, &other);
    fs::remove_file(other.join("near/configmap/b.yaml")).unwrap();
    symlink(&other, place.folder.path().join("next")).unwrap();
    fs::rename(place.folder.path().join("next"), &link).unwrap();
    let looked = place.look().await;
    assert!(absent(&looked.observation.of(&key("near", "b"), Some(asked()))));
    assert_eq!(looked.files, place.wanted.len());
}

/// What an observation says, without the versions of files: they say when it was made.
fn essence(looked: &Looked, wanted: &[Wanted]) -> Vec<String> {
    let of = |observed: &Observed| match observed {
        Observed::InSync { mark, .. } => format!("in sync: {:?}", mark.fingerprint),
        Observed::Live(live) => format!("live: {:?}", live.mark.fingerprint),
        Observed::Absent | Observed::Unknown { .. } => format!("{observed:?}"),
    };
    let line =
        |Wanted { key, mark }: &Wanted| format!("{key} {}", of(&looked.observation.of(key, mark.as_ref())));
    wanted.iter().map(line).collect()
}

/// Observes and records all the time while somebody is at work, and compares in the end with one who keeps nothing.
async fn hammer(names: &[&str], work: impl FnOnce(&Path, &Path) + Send + 'static) {
    let mut place = Place::make(names).await;
    place.prove().await;
    let mut changes = place.target.changes();
    let (root, outside) = (place.root.clone(), place.folder.path().to_owned());
    let worker = thread::spawn(move || work(&root, &outside));
    while !worker.is_finished() {
        place.look_and_record().await;
    }
    worker.join().unwrap();
    let never = Watching::Every(Duration::from_hours(1));
    let truthful = DirectoryTarget::open_watching(&place.root, MarkKey::new([7; 32]), never).unwrap();
    loop {
        let truth = truthful.look(place.wanted.clone().into(), Instant::now()).await.unwrap();
        let looked = place.look().await;
        if essence(&looked, &place.wanted) == essence(&truth, &place.wanted) {
            break;
        }
        // An event is on its way, and nothing else may be what is missing.
        told(&mut changes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hammered_while_observing() {
    hammer(&NAMES, |root, outside| {
        for round in 0..300 {
            let folder = root.join(NAMESPACES[round % 2]);
            let away = if round % 3 == 0 { root.join("away") } else { outside.join("away") };
            fs::rename(&folder, &away).unwrap();
            if round % 4 == 0 {
                // Where no watch may be yet.
                copy(&away, &folder);
                edit(&folder.join("configmap/a.yaml"));
                fs::remove_dir_all(&folder).unwrap();
            }
            fs::rename(&away, &folder).unwrap();
            let (one, other) = (folder.join("configmap/b.yaml"), folder.join("configmap/c.yaml"));
            match round / 2 % 5 {
                1 => fs::write(&one, "garbage").unwrap(),
                2 => fs::remove_file(&one).unwrap(),
                3 => drop(fs::copy(&other, &one).unwrap()),
                _ => edit(&other),
            }
        }
        edit(&root.join("near/configmap/d.yaml"));
    })
    .await;
}

/// What who observes and who edits know of each other.
#[derive(Default)]
struct Meanwhile {
    looks: AtomicUsize,
    edited: AtomicBool,
}

impl Meanwhile {
    /// Edits, while passes go on at least until then.
    fn edit(&self, file: &Path) {
        self.edited.store(true, Ordering::Release);
        edit(file);
    }

    /// Until a whole look took place.
    fn wait_for_a_look(&self) {
        let looks = self.looks.load(Ordering::Acquire);
        while self.looks.load(Ordering::Acquire) < looks + 2 {
            std::hint::spin_loop();
        }
    }
}

/// One edit of `near/a` by somebody else, while passes run that look at everything and keep what they find.
async fn edit_meanwhile(place: &mut Place, work: impl FnOnce(&Meanwhile) + Send + 'static) {
    let mut changes = place.target.changes();
    let meanwhile = Arc::new(Meanwhile::default());
    let his = Arc::clone(&meanwhile);
    let worker = thread::spawn(move || work(&his));
    let mut now = Instant::now();
    while !meanwhile.edited.load(Ordering::Acquire) {
        now += MAX_AGE;
        place.target.look(place.wanted.clone().into(), now).await.unwrap();
        meanwhile.looks.fetch_add(1, Ordering::Release);
    }
    worker.join().unwrap();
    // From here on nothing is looked at but what was not kept, or what is heard of.
    while !live(
        &place
            .target
            .look(place.wanted.clone().into(), now)
            .await
            .unwrap()
            .observation
            .of(&key("near", "a"), Some(asked())),
    ) {
        told(&mut changes).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_during_a_look_is_seen() {
    let mut place = Place::make(&NAMES).await;
    let file = place.file("near", "a");
    let before = fs::read(&file).unwrap();
    for _ in 0..30 {
        let edited = file.clone();
        edit_meanwhile(&mut place, move |meanwhile| meanwhile.edit(&edited)).await;
        fs::write(&file, &before).unwrap();
        place.target = open(&place.root);
        while place.wanted[0].mark.as_ref().unwrap().version.ends_with('r') || place.look().await.files > 0 {
            place.look_and_record().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_in_a_folder_that_came_just_now_is_seen() {
    let mut place = Place::make(&NAMES).await;
    let (root, outside) = (place.root.clone(), place.folder.path().join("near"));
    fs::rename(root.join("near"), &outside).unwrap();
    place.target = open(&root);
    edit_meanwhile(&mut place, move |meanwhile| {
        fs::rename(outside, root.join("near")).unwrap();
        meanwhile.wait_for_a_look();
        meanwhile.edit(&root.join("near/configmap/a.yaml"));
    })
    .await;
}

#[tokio::test]
async fn our_own_writes_are_not_learned_from_the_kernel() {
    let place = Place::make(&NAMES).await;
    // Trusted, and nobody is listening.
    let proven = Arc::new(Proven::default());
    proven.trust(identity(&place.root).unwrap(), proven.doubt());
    let inner = Inner {
        root: place.root.clone(),
        marks: Reader { marks: MarkKey::new([7; 32]), rules: RuleSet::bundled().clone() },
        seen: Seen::default(),
        marking: Mutex::default(),
        own: Arc::default(),
        proven,
    };
    let look = || observe(&inner, place.wanted.clone().into(), Instant::now()).unwrap();
    assert_eq!((look().files, look().files), (place.wanted.len(), 0));
    let [first, second, ..] = &place.wanted[..] else { unreachable!("there are more") };
    let update = WriteMode::Update { expect: first.mark.clone().unwrap() };
    change::write(&inner, &write(&first.key, update, &body(&first.key, "2"))).unwrap();
    assert!(live(&look().observation.of(&first.key, Some(asked()))));
    let removal = Removal { key: second.key.clone(), expect: second.mark.clone().unwrap() };
    change::remove(&inner, &removal).unwrap();
    assert!(absent(&look().observation.of(&second.key, Some(asked()))));
    assert_eq!(look().files, 2);
}
