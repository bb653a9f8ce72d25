//! Loads: what is read again, what is remembered, what belongs to what, and what a broken file leaves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;

use super::{Claimant, Loaded, Loader};
use crate::definition::Kind;
use crate::digest::Digest;
use crate::source::{BlobError, Blobs, ContentId, Entry, EntryKind, SourceTree, TreePath};

/// Blobs that count what is read.
#[derive(Debug, Default)]
struct Counted {
    contents: BTreeMap<ContentId, Arc<[u8]>>,
    reads: Mutex<Vec<ContentId>>,
}

impl Blobs for Counted {
    fn read(&self, id: &ContentId, _: u64) -> Result<Arc<[u8]>, BlobError> {
        self.reads.lock().unwrap().push(id.clone());
        self.contents.get(id).cloned().ok_or(BlobError::Missing)
    }
}

#[derive(Debug, Clone, Default)]
struct Repo(BTreeMap<String, String>);

impl Repo {
    fn with(mut self, path: &str, text: &str) -> Self {
        self.0.insert(path.to_owned(), text.to_owned());
        self
    }

    fn unit(self, name: &str, spec: &str) -> Self {
        let text = format!(
            "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {{name: {name}}}\nspec:\n  {spec}\n"
        );
        self.with(&format!("units/{name}/unit.yaml"), &text)
    }

    fn environment(self, name: &str, spec: &str) -> Self {
        let head =
            format!("apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {{name: {name}}}\n");
        let text = format!("{head}spec:\n  target: {{directory: {name}/}}\n  {spec}\n");
        self.with(&format!("environments/{name}/environment.yaml"), &text)
    }

    fn tree(&self) -> (SourceTree, Arc<Counted>) {
        let mut blobs = Counted::default();
        let mut entries = BTreeMap::new();
        for (path, text) in &self.0 {
            let content = ContentId::new(&Digest::of_bytes(text.as_bytes()).hex());
            blobs.contents.insert(content.clone(), Arc::from(text.as_bytes()));
            entries.insert(TreePath::parse(path).unwrap(), Entry { kind: EntryKind::File, content });
        }
        let blobs = Arc::new(blobs);
        (SourceTree::new(None, entries, Vec::new(), Arc::clone(&blobs) as Arc<dyn Blobs>), blobs)
    }

    fn load(&self, loader: &Loader) -> (Loaded, usize) {
        let (tree, blobs) = self.tree();
        let answer = loader.load(&tree);
        let reads = blobs.reads.lock().unwrap().len();
        (answer, reads)
    }
}

fn lines(loaded: &Loaded) -> Vec<String> {
    let show = |place: &crate::diagnostic::Place| place.to_string();
    let found = loaded.diagnostics.iter();
    found
        .map(|found| format!("{} {}", found.code, found.place.as_ref().map(show).unwrap_or_default()))
        .collect()
}

fn many(units: usize) -> Repo {
    let mut repo = Repo::default();
    let mut names = Vec::new();
    for at in 0..units {
        let name = format!("unit-{at:04}");
        let need = if at == 0 { String::new() } else { format!("dependsOn: [unit-{:04}]", at - 1) };
        repo = repo.unit(&name, &format!("manifests: [manifests/*.yaml]\n  {need}"));
        repo = repo.with(&format!("units/{name}/manifests/web.yaml"), &format!("name: {name}"));
        names.push(name);
    }
    repo.environment("dev", &format!("units: [{}]", names.join(", ")))
}

#[test]
fn what_did_not_change_is_not_read_again() {
    let loader = Loader::default();
    let repo = many(50);
    let (first, reads) = repo.load(&loader);
    assert_eq!((lines(&first), reads), (vec![], 51));
    let (again, reads) = repo.load(&loader);
    assert_eq!(reads, 0);
    assert_eq!(again.claims, first.claims);
    let changed = repo.clone().unit("unit-0007", "manifests: [manifests/*.yaml]\n  timeout: 1m");
    let (after, reads) = changed.load(&loader);
    assert_eq!(reads, 1);
    assert_eq!(lines(&after), Vec::<String>::new());
    let same = after
        .definitions
        .units
        .iter()
        .filter(|(name, unit)| Arc::ptr_eq(unit, &first.definitions.units[*name]));
    assert_eq!(same.count(), 49);
}

#[test]
fn a_load_answers_as_a_fresh_loader_would() {
    let warm = Loader::default();
    let repo = many(5).with("legacy/a.tf", "x");
    let variants = [
        repo.clone(),
        repo.clone().unit("unit-0002", "manifests: [manifest/*.yaml]"),
        repo.clone().unit("unit-0002", "manifests: [manifests/*.yaml]\n  dependsOn: [unit-0004]"),
        repo.clone()
            .unit("unit-0003", "manifests: [manifests/*.yaml]\n  outputs: {a: \"${{ variables.x }}\"}"),
        repo.clone().with("units/unit-0003/unit.yaml", "kind: ["),
        repo.clone().environment("dev", "units: [unit-0001]"),
        repo.clone().environment("prod", "units: []"),
        repo.clone(),
    ];
    for variant in variants.iter().chain(variants.iter().rev()) {
        let (cached, _) = variant.load(&warm);
        let (fresh, _) = variant.load(&Loader::default());
        assert_eq!(cached.diagnostics, fresh.diagnostics);
        assert_eq!(cached.claims, fresh.claims);
        assert_eq!(cached.definitions.units, fresh.definitions.units);
        assert_eq!(cached.definitions.broken, fresh.definitions.broken);
    }
}

#[test]
fn a_changed_prompt_makes_a_new_version() {
    let loader = Loader::default();
    let head = "apiVersion: naksha.dev/v1alpha1\nkind: Workflow\nmetadata: {name: sum}\n";
    let text = format!(
        "{head}spec: {{nodes: {{sum: {{uses: llm, with: {{prompt: {{file: /prompts/sum.md}}}}}}}}}}\n"
    );
    let repo = Repo::default().with("workflows/sum.yaml", &text).with("prompts/sum.md", "short");
    let (first, _) = repo.load(&loader);
    assert_eq!(lines(&first), Vec::<String>::new());
    let (second, reads) = repo.clone().with("prompts/sum.md", "long").load(&loader);
    assert_eq!(reads, 2, "the prompt, and the workflow that reads it");
    let digest = |loaded: &Loaded| loaded.definitions.workflows.values().next().unwrap().digest;
    assert_ne!(digest(&first), digest(&second));
    let mut gone = repo.clone();
    gone.0.remove("prompts/sum.md");
    let (third, _) = gone.load(&loader);
    assert_eq!(lines(&third), ["NK0220 workflows/sum.yaml:4:55"]);
    assert_eq!(
        third.definitions.broken.workflows.iter().next().map(crate::ids::WorkflowName::as_str),
        Some("sum")
    );
}

#[test]
fn a_broken_definition_never_looks_deleted() {
    let repo = many(3)
        .with(
            "units/unit-0001/unit.yaml",
            "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: unit-0001}\nspec: {manifests: [",
        )
        .with("units/unit-0002/unit.yaml", "\u{1}")
        .with("naksha.yaml", "kind: Repository\n")
        .with("environments/prod/lock.yaml", "spec: {}");
    let (loaded, _) = repo.load(&Loader::default());
    let broken = &loaded.definitions.broken;
    let units: Vec<_> = broken.units.iter().map(crate::ids::UnitName::as_str).collect();
    assert_eq!(units, ["unit-0001", "unit-0002"]);
    assert!(broken.repository);
    assert_eq!(broken.locks.iter().next().map(crate::ids::EnvironmentName::as_str), Some("prod"));
    let codes: Vec<_> = loaded.diagnostics.iter().map(|found| found.code.id()).collect();
    assert!(!codes.contains(&"NK0201") && !codes.contains(&"NK0222"), "{codes:?}");
}

#[test]
fn every_file_has_one_owner() {
    let repo = Repo::default()
        .with("naksha.yaml", "apiVersion: naksha.dev/v1alpha1\nkind: Repository\nmetadata: {name: infra}\nspec: {shared: [partials/*.tera], ignore: [docs/**]}\n")
        .unit("web", "templates: [manifests/*.yaml.tera]")
        .with("units/web/manifests/web.yaml.tera", "a: 1")
        .with("units/web/partials/probe.tera", "b: 1")
        .with("units/web/README.md", "web")
        .with("partials/labels.tera", "c: 1")
        .with("docs/a.txt", "a")
        .with(".gitignore", "target")
        .with("LICENSE", "free")
        .with("policies/tests/case.yaml", "object: {}")
        .with("lost.txt", "x");
    let (loaded, _) = repo.load(&Loader::default());
    assert_eq!(lines(&loaded), ["NK0222 lost.txt"]);
    let owner = |path: &str| loaded.claims.owner(&TreePath::parse(path).unwrap()).map(ToString::to_string);
    assert_eq!(owner("units/web/manifests/web.yaml.tera").as_deref(), Some("unit `web`"));
    assert_eq!(owner("units/web/partials/probe.tera").as_deref(), Some("unit `web`"));
    assert_eq!(owner("partials/labels.tera").as_deref(), Some("the shared files"));
    assert_eq!(owner("docs/a.txt").as_deref(), Some("the ignored files"));
    assert_eq!(owner("LICENSE"), None);
    let path = TreePath::parse("units/web/unit.yaml").unwrap();
    let own = Claimant::Definition { kind: Kind::Unit, name: "web".to_owned() };
    assert_eq!(loaded.claims.owner(&path), Some(&own));
}

#[test]
fn names_of_files_are_any_text() {
    let repo = Repo::default()
        .with("café.x", "")
        .with("units/é.md", "")
        .with("日本", "")
        .with(".md", "")
        .with("A.MD", "");
    let (loaded, _) = repo.load(&Loader::default());
    assert_eq!(lines(&loaded), ["NK0222 café.x", "NK0222 日本"]);
}

#[test]
fn definitions_are_found_where_nobody_expects_them() {
    let repo = Repo::default()
        .with("apps/web/unit.yml", "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: web}\nspec: {manifests: [web.yaml]}\n")
        .with("apps/web/web.yaml", "kind: Service\n")
        .with("old/dev.yaml", "apiVersion: naksha.dev/v1alpha1\nkind: Environment\nmetadata: {name: dev}\nspec: {target: {directory: dev/}}\n");
    let (loaded, _) = repo.load(&Loader::default());
    assert!(loaded.definitions.units.contains_key(&"web".parse().unwrap()));
    assert_eq!(lines(&loaded), ["NK0108 old/dev.yaml:3:18"]);
    assert_eq!(loaded.definitions.broken.environments.len(), 1);
}

#[test]
fn a_unit_inside_the_folder_of_another_keeps_its_partials() {
    let repo = Repo::default()
        .unit("outer", "templates: [t/*.yaml.tera]")
        .with("units/outer/t/a.yaml.tera", "a")
        .unit("outer/inner", "templates: [t/*.yaml.tera]")
        .with("units/outer/inner/unit.yaml", "apiVersion: naksha.dev/v1alpha1\nkind: Unit\nmetadata: {name: inner}\nspec: {templates: [t/*.yaml.tera]}\n")
        .with("units/outer/inner/t/b.yaml.tera", "b")
        .with("units/outer/inner/p.tera", "p");
    let (loaded, _) = repo.load(&Loader::default());
    assert_eq!(lines(&loaded), Vec::<String>::new());
    let path = TreePath::parse("units/outer/inner/p.tera").unwrap();
    assert_eq!(loaded.claims.owner(&path).map(ToString::to_string).as_deref(), Some("unit `inner`"));
}
