//! A bare repository on disk, worked on with git itself: its merges are not those of the library that is tested.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail, ensure};

/// As whom the fake commits.
const NAME: &str = "GitHub";
const EMAIL: &str = "noreply@github.test";

#[derive(Debug, Clone)]
pub(super) struct Bare {
    folder: PathBuf,
}

/// A commit, as far as it is told.
#[derive(Debug, Clone)]
pub(super) struct Commit {
    pub(super) sha: String,
    pub(super) tree: String,
    pub(super) parents: Vec<String>,
    pub(super) author: Signature,
    pub(super) committer: Signature,
    pub(super) message: String,
}

#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) name: String,
    pub(super) email: String,
    pub(super) date: String,
}

/// What is at a path of a tree.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) name: String,
    /// `blob` or `tree`
    pub(super) kind: String,
    pub(super) sha: String,
}

impl Bare {
    pub(super) fn init(folder: &Path) -> anyhow::Result<Self> {
        fs::create_dir_all(folder)?;
        let bare = Self { folder: folder.to_owned() };
        bare.git(&["init", "--quiet", "--bare", "--initial-branch=main"])?;
        for (name, value) in [
            ("http.receivepack", "true"),
            ("uploadpack.allowAnySHA1InWant", "true"),
            // Those of pull requests are GitHub's own.
            ("receive.hideRefs", "refs/pull"),
            ("core.logAllRefUpdates", "false"),
            ("gc.auto", "0"),
        ] {
            bare.git(&["config", name, value])?;
        }
        Ok(bare)
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn git(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.git_with(arguments, &[], b"")
    }

    fn git_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &[u8],
    ) -> anyhow::Result<String> {
        let (status, out, words) = self.run(arguments, variables, input)?;
        ensure!(status == 0, "git {}: {words}", arguments.first().unwrap_or(&""));
        Ok(String::from_utf8_lossy(&out).trim_end_matches('\n').to_owned())
    }

    fn run(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &[u8],
    ) -> anyhow::Result<(i32, Vec<u8>, String)> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.folder).args(arguments);
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
        for role in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{role}_NAME"), NAME).env(format!("GIT_{role}_EMAIL"), EMAIL);
        }
        command.envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("git does not start")?;
        let mut stdin = child.stdin.take().context("git has an input")?;
        stdin.write_all(input)?;
        drop(stdin);
        let output = child.wait_with_output()?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        Ok((output.status.code().unwrap_or(-1), output.stdout, words))
    }

    /// Every reference and what it names.
    pub(super) fn refs(&self) -> anyhow::Result<BTreeMap<String, String>> {
        let listed = self.git(&["for-each-ref", "--format=%(refname) %(objectname)"])?;
        let pairs = listed.lines().filter_map(|line| line.split_once(' '));
        Ok(pairs.map(|(name, sha)| (name.to_owned(), sha.to_owned())).collect())
    }

    pub(super) fn set_ref(&self, name: &str, sha: &str) -> anyhow::Result<()> {
        self.git(&["update-ref", name, sha]).map(drop)
    }

    pub(super) fn delete_ref(&self, name: &str) -> anyhow::Result<()> {
        self.git(&["update-ref", "-d", name]).map(drop)
    }

    pub(super) fn has_commit(&self, sha: &str) -> bool {
        let is_whole = sha.len() == 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_whole && self.git(&["cat-file", "-e", &format!("{sha}^{{commit}}")]).is_ok()
    }

    pub(super) fn is_ancestor(&self, old: &str, new: &str) -> bool {
        self.git(&["merge-base", "--is-ancestor", old, new]).is_ok()
    }

    pub(super) fn commit(&self, sha: &str) -> anyhow::Result<Commit> {
        let format = "--format=%H%n%T%n%P%n%an%n%ae%n%aI%n%cn%n%ce%n%cI%n%B";
        let text = self.git(&["log", "-1", format, sha])?;
        let lines: Vec<&str> = text.splitn(10, '\n').collect();
        let [sha, tree, parents, an, ae, ad, cn, ce, cd, message] = lines[..] else {
            bail!("git told a commit in {} lines", lines.len());
        };
        let signature = |name: &str, email: &str, date: &str| Signature {
            name: name.to_owned(),
            email: email.to_owned(),
            date: date.to_owned(),
        };
        Ok(Commit {
            sha: sha.to_owned(),
            tree: tree.to_owned(),
            parents: parents.split_whitespace().map(str::to_owned).collect(),
            author: signature(an, ae, ad),
            committer: signature(cn, ce, cd),
            message: message.trim_end().to_owned(),
        })
    }

    /// Commits that are in one and not in the other, oldest first, without merges.
    pub(super) fn between(&self, base: &str, head: &str) -> anyhow::Result<Vec<String>> {
        let listed = self.git(&["rev-list", "--reverse", "--no-merges", &format!("{base}..{head}")])?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Lines that were added and deleted, and files, from where two parted.
    pub(super) fn diff_counts(&self, base: &str, head: &str) -> anyhow::Result<(u64, u64, u64)> {
        let listed = self.git(&["diff", "--numstat", &format!("{base}...{head}")])?;
        let mut counts = (0, 0, 0);
        for line in listed.lines() {
            let mut numbers = line.split('\t').map(|number| number.parse::<u64>().unwrap_or_default());
            counts.0 += numbers.next().unwrap_or_default();
            counts.1 += numbers.next().unwrap_or_default();
            counts.2 += 1;
        }
        Ok(counts)
    }

    /// The tree of a merge; nothing: they conflict.
    pub(super) fn merge_tree(&self, ours: &str, theirs: &str) -> anyhow::Result<Option<String>> {
        let (status, out, words) = self.run(&["merge-tree", "--write-tree", ours, theirs], &[], b"")?;
        match status {
            0 => Ok(Some(String::from_utf8_lossy(&out).trim().to_owned())),
            1 => Ok(None),
            _ => bail!("git merge-tree: {words}"),
        }
    }

    pub(super) fn commit_tree(
        &self,
        tree: &str,
        parents: &[&str],
        message: &str,
        author: Option<&Signature>,
    ) -> anyhow::Result<String> {
        let mut arguments = vec!["commit-tree", tree];
        for parent in parents {
            arguments.extend(["-p", parent]);
        }
        let mut variables = Vec::new();
        if let Some(Signature { name, email, date }) = author {
            variables.extend([
                ("GIT_AUTHOR_NAME", name.as_str()),
                ("GIT_AUTHOR_EMAIL", email.as_str()),
                ("GIT_AUTHOR_DATE", date.as_str()),
            ]);
        }
        self.git_with(&arguments, &variables, message.as_bytes())
    }

    /// A commit on top of another one, with the same change; nothing: it conflicts.
    pub(super) fn pick(&self, onto: &str, commit: &str) -> anyhow::Result<Option<String>> {
        let picked = self.commit(commit)?;
        let Some(parent) = picked.parents.first() else { return Ok(None) };
        // As if it stood on the same parent, so that the merge has that one as base.
        let tree = self.git(&["rev-parse", &format!("{onto}^{{tree}}")])?;
        let stand_in = self.commit_tree(&tree, &[parent], "stand-in", None)?;
        let Some(tree) = self.merge_tree(&stand_in, commit)? else { return Ok(None) };
        self.commit_tree(&tree, &[onto], &picked.message, Some(&picked.author)).map(Some)
    }

    /// What is at a path; entries of a folder are listed by [`Self::list`].
    pub(super) fn entry(&self, commit: &str, path: &str) -> Option<Entry> {
        let listed = self.git(&["ls-tree", commit, "--", path.trim_end_matches('/')]).ok()?;
        listed.lines().find_map(entry)
    }

    pub(super) fn list(&self, commit: &str, path: &str) -> Vec<Entry> {
        let at = format!("{commit}:{path}");
        let listed = self.git(&["ls-tree", &at]).unwrap_or_default();
        listed.lines().filter_map(entry).collect()
    }

    pub(super) fn blob(&self, sha: &str) -> anyhow::Result<Vec<u8>> {
        let (status, out, words) = self.run(&["cat-file", "blob", sha], &[], b"")?;
        ensure!(status == 0, "git cat-file: {words}");
        Ok(out)
    }

    /// A commit with one file written; its number and the file's.
    pub(super) fn write(
        &self,
        parent: &str,
        path: &str,
        content: &[u8],
        message: &str,
    ) -> anyhow::Result<(String, String)> {
        let index = tempfile::tempdir()?;
        let index = index.path().join("index");
        let index = index.to_str().context("a path that is text")?;
        let index = [("GIT_INDEX_FILE", index)];
        let blob = self.git_with(&["hash-object", "-w", "--stdin"], &[], content)?;
        self.git_with(&["read-tree", parent], &index, b"")?;
        let info = format!("100644,{blob},{path}");
        self.git_with(&["update-index", "--add", "--replace", "--cacheinfo", &info], &index, b"")?;
        let tree = self.git_with(&["write-tree"], &index, b"")?;
        Ok((self.commit_tree(&tree, &[parent], message, None)?, blob))
    }
}

fn entry(line: &str) -> Option<Entry> {
    let (about, path) = line.split_once('\t')?;
    let mut words = about.split(' ').skip(1).map(str::to_owned);
    let name = path.rsplit('/').next().unwrap_or(path).to_owned();
    Some(Entry { kind: words.next()?, sha: words.next()?, name })
}
