//! What is kept, what ends it, and what is never kept.

use std::collections::BTreeMap;

use naksha_environments::digest::Digest;
use naksha_environments::ids::UnitName;
use naksha_environments::inventory::Owned;
use naksha_environments::object::Body;
use naksha_environments::quiet::Quiet;
use rustix::fs::{AtFlags, CWD, statat};

use super::*;
use crate::place::identity;

/// One file stands for all: what matters here is that it has one name and is on the root's volume.
struct Bench {
    folder: tempfile::TempDir,
    proven: Proven,
}

impl Bench {
    fn trusted() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), proven: Proven::default() };
        std::fs::write(bench.folder.path().join("file"), "").unwrap();
        bench.proven.trust(bench.root(), bench.proven.doubt());
        bench
    }

    fn root(&self) -> Identity {
        identity(self.folder.path()).unwrap()
    }

    fn stat(&self) -> Stat {
        statat(CWD, self.folder.path().join("file"), AtFlags::empty()).unwrap()
    }

    /// The names that had to be looked at in a pass that proves everything. `meanwhile` happens during the look.
    fn pass(&self, names: &[&str], now: Instant, meanwhile: impl FnOnce(&Proven)) -> Vec<String> {
        let wanted: Vec<_> = names.iter().map(|name| wanted(name)).collect();
        self.pass_of(wanted.into(), now, meanwhile)
    }

    fn pass_of(&self, question: Question, now: Instant, meanwhile: impl FnOnce(&Proven)) -> Vec<String> {
        let Recalled { open, round, .. } = self.proven.recall(Some(self.root()), question, now);
        let mut round = round.unwrap();
        for Wanted { key, mark } in &open {
            round.saw(&key.name, key, Some((&self.stat(), mark.as_ref().unwrap())));
        }
        meanwhile(&self.proven);
        self.proven.keep(round);
        open.iter().map(|one| one.key.name.to_string()).collect()
    }
}

fn wanted(name: &str) -> Wanted {
    let mark = Mark { uid: None, version: name.into(), fingerprint: Digest::of_bytes(b"") };
    Wanted { key: ObjectKey::new("", "ConfigMap", Some("ns"), name), mark: Some(mark) }
}

const ALL: [&str; 3] = ["a", "b", "c"];

/// What happens, and which names are looked at again because of it.
type Case = (&'static str, fn(&Proven), &'static [&'static str]);

#[test]
fn what_was_heard_decides_what_is_looked_at_again() {
    let now = Instant::now();
    let cases: [Case; 6] = [
        ("nothing", |_| (), &[]),
        ("a known file", |proven| proven.heard(b"b", About::File), &["b"]),
        ("our write to a known file", |proven| proven.heard(b"b", About::OurWrite), &["b"]),
        ("our write to another file", |proven| proven.heard(b"new", About::OurWrite), &[]),
        ("another file", |proven| proven.heard(b"new", About::File), &ALL),
        ("our write", |proven| proven.forget(&wanted("c").key), &["c"]),
    ];
    for (what, happen, looked_at) in cases {
        let bench = Bench::trusted();
        assert_eq!(bench.pass(&ALL, now, |_| ()), ALL, "{what}");
        happen(&bench.proven);
        assert_eq!(bench.pass(&ALL, now, |_| ()), looked_at, "{what}");
        assert!(bench.pass(&ALL, now, |_| ()).is_empty(), "{what}");
        // During a look nothing of what it finds can be kept: it may have seen what was there before.
        let bench = Bench::trusted();
        bench.pass(&ALL, now, happen);
        let kept = what == "nothing";
        assert_eq!(bench.pass(&ALL, now, |_| ()).is_empty(), kept, "during a look: {what}");
    }
}

/// Everything as quiet, but for these.
fn quiet_but(names: &[&str]) -> Question {
    let (asked, quiet): (Vec<_>, Vec<_>) = ALL.iter().partition(|name| names.contains(name));
    let owned = |Wanted { key, mark }: Wanted| {
        let applied = Body::new(&serde_json::json!({}));
        let owned = Owned {
            unit: UnitName::parse("unit").unwrap(),
            api_version: "v1".into(),
            desired: applied.digest(),
            applied,
            mark,
            secrets: BTreeMap::new(),
            stateful: false,
            end: None,
        };
        (key, Arc::new(owned))
    };
    let quiet = Quiet::all(Arc::new(quiet.into_iter().map(|name| owned(wanted(name))).collect()));
    Question { wanted: asked.into_iter().map(wanted).collect(), quiet }
}

#[test]
fn of_the_quiet_only_what_something_happened_to_is_looked_at() {
    let now = Instant::now();
    let cases: [Case; 7] = [
        ("nothing", |_| (), &[]),
        ("a known file", |proven| proven.heard(b"b", About::File), &["b"]),
        ("our write", |proven| proven.forget(&wanted("c").key), &["c"]),
        ("our write to another file", |proven| proven.heard(b"new", About::OurWrite), &[]),
        ("another file", |proven| proven.heard(b"new", About::File), &ALL),
        ("a doubt", |proven| assert!(proven.doubt() > 0), &ALL),
        ("a question about one after all was forgotten", |proven| proven.memory().forget_everything(), &ALL),
    ];
    for (what, happen, looked_at) in cases {
        let bench = Bench::trusted();
        let again = || {
            let doubts = bench.proven.memory().doubts;
            bench.proven.trust(bench.root(), doubts);
        };
        let sorted = |mut names: Vec<String>| {
            names.sort();
            names
        };
        assert_eq!(bench.pass(&ALL, now, |_| ()), ALL, "{what}");
        assert!(bench.pass_of(quiet_but(&[]), now, |_| ()).is_empty(), "{what}: all is proven");
        happen(&bench.proven);
        again();
        let known = looked_at != ALL;
        // A question about one object says nothing of the others.
        let one = bench.pass(&["a"], now, |_| ());
        assert_eq!(one.is_empty(), known, "{what}");
        let left = looked_at.iter().filter(|name| known || **name != "a").copied().collect::<Vec<_>>();
        assert_eq!(sorted(bench.pass_of(quiet_but(&[]), now, |_| ())), left, "{what}");
        assert!(bench.pass_of(quiet_but(&["b"]), now, |_| ()).is_empty(), "{what}: proven again");
    }
}

#[test]
fn what_could_not_be_kept_is_looked_at_again() {
    let (bench, now) = (Bench::trusted(), Instant::now());
    bench.pass(&ALL, now, |_| ());
    assert!(bench.pass_of(quiet_but(&[]), now, |_| ()).is_empty());
    bench.proven.forget(&wanted("b").key);
    let heard = |proven: &Proven| proven.heard(b"c", About::File);
    assert_eq!(bench.pass_of(quiet_but(&["b"]), now, heard), ["b"]);
    let mut again = bench.pass_of(quiet_but(&[]), now, |_| ());
    again.sort();
    assert_eq!(again, ["b", "c"]);
}

#[test]
fn without_trust_nothing_is_kept() {
    let (bench, now) = (Bench::trusted(), Instant::now());
    let recall = |root| bench.proven.recall(root, vec![wanted("a")].into(), now);
    bench.pass(&ALL, now, |_| ());
    assert!(recall(Some(bench.root())).round.is_some());
    let other = Identity { inode: 1, ..bench.root() };
    for root in [None, Some(other)] {
        let Recalled { open, round } = recall(root);
        assert!(open.len() == 1 && round.is_none(), "{root:?}");
    }
    bench.proven.heard(b"folder", About::Anything);
    assert!(recall(Some(bench.root())).round.is_none());
    // Something was heard while the directory was gone through.
    let doubt = bench.proven.doubt();
    bench.proven.heard(b"folder", About::Anything);
    bench.proven.trust(bench.root(), doubt);
    assert!(!bench.proven.is_trusted());
    bench.proven.trust(bench.root(), bench.proven.doubt());
    assert_eq!(bench.pass(&ALL, now, |_| ()), ALL, "what was known before counts no more");
}

#[test]
fn everything_is_looked_at_now_and_then() {
    let (bench, now) = (Bench::trusted(), Instant::now());
    assert_eq!(bench.pass(&["a"], now, |_| ()), ["a"]);
    let almost = Duration::from_secs(59);
    assert!(almost < MAX_AGE);
    assert_eq!(bench.pass(&ALL, now + almost, |_| ()), ["b", "c"]);
    // Counted from the oldest proof.
    assert_eq!(bench.pass(&ALL, now + MAX_AGE, |_| ()), ALL);
    assert!(bench.pass(&ALL, now + MAX_AGE + almost, |_| ()).is_empty());
}

#[test]
fn only_the_version_that_was_proven_is_answered_for() {
    let (bench, now) = (Bench::trusted(), Instant::now());
    bench.pass(&ALL, now, |_| ());
    let mut moved = wanted("a");
    moved.mark.as_mut().unwrap().version = "other".into();
    let unmarked = Wanted { mark: None, ..wanted("b") };
    let recalled = bench.proven.recall(Some(bench.root()), vec![moved, unmarked, wanted("c")].into(), now);
    assert_eq!(recalled.open.len(), 2);
}

#[test]
fn a_file_with_two_names_is_never_sure() {
    let (bench, now) = (Bench::trusted(), Instant::now());
    let (file, link) = (bench.folder.path().join("file"), bench.folder.path().join("link"));
    std::fs::hard_link(file, &link).unwrap();
    bench.pass(&ALL, now, |_| ());
    assert_eq!(bench.pass(&ALL, now, |_| ()), ALL);
    std::fs::remove_file(link).unwrap();
    bench.pass(&ALL, now, |_| ());
    assert!(bench.pass(&ALL, now, |_| ()).is_empty());
}

#[test]
fn objects_that_share_a_file_do_not_share_a_proof() {
    let (bench, now) = (Bench::trusted(), Instant::now());
    let (one, other) = (wanted("a"), wanted("b"));
    let recall = || bench.proven.recall(Some(bench.root()), vec![one.clone(), other.clone()].into(), now);
    let mut round = recall().round.unwrap();
    for Wanted { key, mark } in [&one, &other] {
        round.saw("same", key, Some((&bench.stat(), mark.as_ref().unwrap())));
    }
    bench.proven.keep(round);
    assert_eq!(recall().open.len(), 1);
    bench.proven.heard(b"same", About::File);
    assert_eq!(recall().open.len(), 2);
}

#[test]
fn memory_is_bounded() {
    let (bench, now) = (Bench::trusted(), Instant::now());
    let names: Vec<String> = (0..MAX_FILES + 10).map(|number| number.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    bench.pass(&names, now, |_| ());
    assert_eq!(bench.pass(&names, now, |_| ()).len(), 10);
    assert_eq!(bench.proven.memory().files.len(), MAX_FILES);
}
