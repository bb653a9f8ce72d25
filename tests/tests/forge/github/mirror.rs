//! Git as the App: the mirror fetches with the token that the adapter uses, and with no other one.

use naksha::git::{Mirror, MirrorConfig, RefName};
use naksha_environments::ids::RepositoryName;
use naksha_executor::contract::forge::Stage as _;
use naksha_executor_forge::{Address, Installation, Place};
use naksha_tests::github::AppKey;
use tempfile::TempDir;

use crate::github_stage::{GitHubStage, as_app};

struct Fetching {
    stage: GitHubStage,
    folder: TempDir,
    installation: Installation,
}

impl Fetching {
    fn begin() -> Option<Self> {
        let (stage, folder) = (as_app()?, tempfile::tempdir().unwrap());
        let address = Address::parse(stage.forged.github.url()).unwrap();
        let key = Place::File(stage.forged.key_file(folder.path(), AppKey::First).unwrap());
        let id = stage.forged.github.app_ids().0;
        let installation = Installation::new(&address, &stage.forged.full_name, &id, key);
        Some(Self { stage, folder, installation })
    }

    /// Fetches `main` of an address; where it is, or why not.
    async fn fetch(&self, url: &str) -> Result<String, String> {
        let mut config = MirrorConfig::new(RepositoryName::parse("infra").unwrap(), url).unwrap();
        config.credentials.installation = Some(self.installation.clone());
        let folder = self.folder.path().to_owned();
        let fetch = move || {
            let mirror = Mirror::open(&config, &folder).map_err(|error| error.to_string())?;
            let main = RefName::branch("main").unwrap();
            let fetched = mirror.fetch(&[main]).map_err(|error| format!("{error} {error:?}"))?;
            Ok(fetched.updates[0].new.as_ref().unwrap().to_string())
        };
        tokio::task::spawn_blocking(fetch).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repository_is_fetched_as_the_app() {
    let Some(fetching) = Fetching::begin() else { return };
    let github = &fetching.stage.forged.github;
    let url = fetching.stage.forged.clone_url();
    assert_eq!(fetching.fetch(&url).await, Ok(github.head("main").unwrap()));
    let forge = naksha_executor_forge::GitHub::installed(&fetching.installation);
    naksha_executor::port::forge::Forge::hosted(&forge).await.expect("should say");
    assert_eq!(github.count("POST", "/access_tokens"), 1, "one token for both");

    // It is revoked: the fetch that finds out fails, and the next one has another.
    github.expire_tokens();
    let refused = fetching.fetch(&url).await.expect_err("should be refused");
    assert!(refused.contains("401") && !refused.contains("ghs_"), "{refused}");
    assert_eq!(fetching.fetch(&url).await, Ok(github.head("main").unwrap()));

    github.uninstall();
    fetching.fetch(&url).await.expect_err("should be refused");
    let refused = fetching.fetch(&url).await.expect_err("should be refused");
    assert!(refused.contains("the credential from the GitHub App cannot be used"), "{refused}");
    assert!(!fetching.stage.push("change").as_str().is_empty(), "others go on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_token_goes_to_the_apps_own_github_only() {
    let Some(fetching) = Fetching::begin() else { return };
    let other = as_app().expect("should be another one");
    let refused = fetching.fetch(&other.forged.clone_url()).await.expect_err("should be refused");
    assert!(refused.contains("none is configured"), "{refused}");
    let tokens = |stage: &GitHubStage| stage.forged.github.count("POST", "/access_tokens");
    assert_eq!((tokens(&fetching.stage), tokens(&other)), (0, 0), "none was even made");
}
