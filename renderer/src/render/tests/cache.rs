//! What a render costs when little changed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::*;

/// Bytes by content, counting reads.
#[derive(Debug, Default)]
struct Counted {
    contents: Mutex<BTreeMap<ContentId, Arc<[u8]>>>,
    reads: AtomicUsize,
}

impl Blobs for Counted {
    fn read(&self, id: &ContentId, _: u64) -> Result<Arc<[u8]>, BlobError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.contents.lock().unwrap().get(id).cloned().ok_or(BlobError::Missing)
    }
}

impl Counted {
    fn tree(self: &Arc<Self>, files: &[(String, String)]) -> SourceTree {
        let mut entries = BTreeMap::new();
        for (path, text) in files {
            let content =
                ContentId::new(&naksha_environments::digest::Digest::of_bytes(text.as_bytes()).hex());
            self.contents.lock().unwrap().insert(content.clone(), Arc::from(text.as_bytes()));
            entries.insert(TreePath::parse(path).unwrap(), Entry { kind: EntryKind::File, content });
        }
        let folders = folders(&entries);
        let tree = SourceTree::new(None, entries, Vec::new(), Arc::clone(self) as Arc<dyn Blobs>);
        tree.with_folders(folders)
    }

    fn take(&self) -> usize {
        self.reads.swap(0, Ordering::Relaxed)
    }
}

/// Ids of folders, as Git has them.
fn folders(entries: &BTreeMap<TreePath, Entry>) -> HashMap<TreePath, ContentId> {
    let mut below: BTreeMap<TreePath, String> = BTreeMap::new();
    for (path, entry) in entries {
        for folder in std::iter::successors(path.parent(), TreePath::parent) {
            *below.entry(folder).or_default() += &format!("{path} {};", entry.content.as_str());
        }
    }
    below.into_iter().map(|(path, text)| (path, ContentId::new(&text))).collect()
}

/// Counts jobs, and fails them all when told to.
#[derive(Debug)]
struct Engine {
    jobs: Arc<AtomicUsize>,
    failure: Option<TemplateFailure>,
    inner: InProcess,
}

impl TemplateEngine for Engine {
    fn render(&self, job: &TemplateJob) -> Result<TemplateOutput, TemplateFailure> {
        self.jobs.fetch_add(1, Ordering::Relaxed);
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None => self.inner.render(job),
        }
    }
}

fn counting(failure: Option<TemplateFailure>) -> (World, Arc<AtomicUsize>) {
    let jobs = Arc::new(AtomicUsize::new(0));
    let engine = Engine { jobs: Arc::clone(&jobs), failure, inner: InProcess::new() };
    (World { engine: Box::new(engine), ..World::new() }, jobs)
}

fn many(units: usize, changed: Option<usize>, variable: &str) -> Vec<(String, String)> {
    let names: Vec<_> = (0..units).map(|index| format!("u{index}")).collect();
    let mut files = vec![
        repository("  trunk: main\n  shared: [shared/*.tera]\n"),
        environment(
            "dev",
            &format!(
                "  target: {{directory: out/}}\n  variables: {{v: {variable}}}\n  units: [{}]\n",
                names.join(", ")
            ),
        ),
        file("shared/l.tera", "x"),
    ];
    for (index, name) in names.iter().enumerate() {
        files.push(unit(name, "  templates: [a.tera]\n"));
        let mark = if changed == Some(index) { "changed" } else { "same" };
        let include = if index % 2 == 0 { "{% include '/shared/l.tera' %}" } else { "" };
        files.push(file(&format!("units/{name}/a.tera"), &config_map(&format!("{name}-{mark}{include}"))));
    }
    files
}

#[test]
fn a_commit_costs_what_it_touches() {
    let blobs = Arc::new(Counted::default());
    let (world, jobs) = counting(None);
    let count = || (jobs.swap(0, Ordering::Relaxed), blobs.take());
    let first = world.render(&blobs.tree(&many(20, None, "1")), "dev");
    assert_eq!(count().0, 20);
    let again = world.render(&blobs.tree(&many(20, None, "1")), "dev");
    assert_eq!(count(), (0, 0), "nothing changed");
    assert_eq!(show(&first), show(&again));

    world.render(&blobs.tree(&many(20, Some(3), "1")), "dev");
    let (jobs_of_one, reads_of_one) = count();
    assert_eq!(jobs_of_one, 1);
    assert!(reads_of_one <= 3, "{reads_of_one} reads for one file");

    let mut shared = many(20, Some(3), "1");
    shared.retain(|(path, _)| path != "shared/l.tera");
    shared.push(file("shared/l.tera", "y"));
    world.render(&blobs.tree(&shared), "dev");
    assert_eq!(count().0, 10, "only units that include the shared file");

    world.render(&blobs.tree(&many(20, Some(3), "2")), "dev");
    assert_eq!(count().0, 20, "templates see every variable");
    world.render(&blobs.tree(&many(20, Some(3), "1")), "dev");
    assert_eq!(count().0, 0, "older renders are kept");
}

#[test]
fn a_folder_with_the_same_id_is_not_looked_at() {
    let blobs = Arc::new(Counted::default());
    let world = World::new();
    let made = |from: &str, shared: &str| {
        let files = [
            repository("  trunk: main\n  shared: [shared/*.tera]\n"),
            dev("[own, reader, listed]"),
            unit("own", "  templates: [a.tera]\n"),
            file("units/own/a.tera", &config_map(&format!("own-{from}"))),
            unit("reader", "  templates: [a.tera]\n"),
            file("units/reader/a.tera", &config_map("reader-{% include '/shared/l.tera' %}")),
            unit("listed", "  manifests: [/shared/*.yaml]\n"),
            file("shared/l.tera", shared),
            file(&format!("shared/{shared}.yaml"), &config_map(&format!("listed-{shared}"))),
        ];
        // Not true, so that it shows who believes it.
        let units = ["units/own", "units/reader", "units/listed"].map(|path| TreePath::parse(path).unwrap());
        let folders = units.map(|path| (path, ContentId::new("the same"))).into_iter().collect();
        let rendered = world.render(&blobs.tree(&files).with_folders(folders), "dev");
        let mut names: Vec<_> = rendered.objects().map(|(_, object)| object.key.name.to_string()).collect();
        names.sort();
        names
    };
    assert_eq!(made("one", "one"), ["listed-one", "own-one", "reader-one"]);
    assert_eq!(made("two", "two"), ["listed-two", "own-one", "reader-two"]);
}

#[test]
fn a_definition_that_is_a_link_is_what_it_leads_to() {
    let blobs = Arc::new(Counted::default());
    let world = World::new();
    let made = |path: &str| {
        let definition = format!(
            "{HEAD}kind: Unit\nmetadata: {{name: own}}\nspec:\n  manifests: [a.yaml]\n  secrets: {{db: {{password: \"{path}\"}}}}\n"
        );
        let files = [
            repository("  trunk: main\n"),
            dev("[own]"),
            file("units/own/unit.yaml", "../../common.txt"),
            file("common.txt", &definition),
            file("units/own/a.yaml", &config_map("own")),
        ];
        let plain = blobs.tree(&files);
        let entry = |(path, entry): (&TreePath, &Entry)| {
            let is_link = path.as_str() == "units/own/unit.yaml";
            let kind = if is_link { EntryKind::Symlink } else { entry.kind };
            (path.clone(), Entry { kind, content: entry.content.clone() })
        };
        let entries = plain.paths().map(entry).collect();
        let tree = SourceTree::new(None, entries, Vec::new(), Arc::clone(&blobs) as Arc<dyn Blobs>);
        show(&world.render(&tree, "dev"))
    };
    assert!(made("vault:kv/one#password").contains("kv/one"));
    assert!(made("vault:kv/two#password").contains("kv/two"));
}

#[test]
fn what_is_in_use_is_not_evicted() {
    let blobs = Arc::new(Counted::default());
    let (world, jobs) = counting(None);
    let world = World { cache: RenderCache::new(30_000), ..world };
    let always = many(20, None, "1");
    world.render(&blobs.tree(&always), "dev");
    for round in 0..12 {
        // Something else fills the cache; dev is rendered in between, each time.
        let mut other = many(5, None, &format!("x{round}"));
        other.retain(|(path, _)| !path.starts_with("environments"));
        let spec = format!(
            "  target: {{directory: out/}}\n  variables: {{v: x{round}}}\n  units: [u0, u1, u2, u3, u4]\n"
        );
        other.push(environment("other", &spec));
        world.render(&blobs.tree(&other), "other");
        world.render(&blobs.tree(&always), "dev");
    }
    jobs.swap(0, Ordering::Relaxed);
    // A comment in the environment's definition: no unit is any different.
    let mut touched = always.clone();
    let at = touched.iter().position(|(path, _)| path.starts_with("environments")).unwrap();
    touched[at].1.push_str("# touched\n");
    world.render(&blobs.tree(&touched), "dev");
    assert_eq!(jobs.load(Ordering::Relaxed), 0);
}

#[test]
fn failures_are_kept_too() {
    let (world, jobs) = counting(None);
    let files = tree(&[
        repository("  trunk: main\n"),
        dev("[a]"),
        unit("a", "  templates: [a.tera]\n"),
        file("units/a/a.tera", "{{ nope }}"),
    ]);
    let shown: Vec<_> = (0..3).map(|_| show(&world.render(&files, "dev"))).collect();
    assert_eq!(jobs.load(Ordering::Relaxed), 1);
    assert_eq!(shown[0], shown[2]);
}

#[test]
fn what_depends_on_the_machine_is_tried_again() {
    let files = tree(&[
        repository("  trunk: main\n"),
        dev("[a]"),
        unit("a", "  templates: [a.tera]\n"),
        file("units/a/a.tera", &config_map("a")),
    ]);
    let tries = |failure: TemplateFailure, renders: usize| {
        let (world, jobs) = counting(Some(failure));
        for _ in 0..renders {
            let rendered = world.render(&files, "dev");
            assert_eq!(state(&rendered, "a"), "broken: it has errors");
        }
        jobs.load(Ordering::Relaxed)
    };
    // Skips 1, 2, 4 and 8 renders after each failure.
    assert_eq!(tries(TemplateFailure::Time { limit_ms: 5000 }, 20), 5);
    assert_eq!(tries(TemplateFailure::Engine { reason: "gone".to_owned() }, 4), 4);
}

#[test]
fn the_cache_is_bounded() {
    let world = World { cache: RenderCache::new(20_000), ..World::new() };
    for round in 0..20 {
        world.render(&tree(&many(10, None, &round.to_string())), "dev");
    }
    assert!(world.cache.len() < 40, "{} units are kept", world.cache.len());
    assert!(!world.cache.is_empty());
}
