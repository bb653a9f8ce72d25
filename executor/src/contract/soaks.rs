//! What every store must do for [`Soaks`]; as [`super::reviews`], with `fresh` giving a `SharedSoaks`.
//!
//! [`Soaks`]: crate::port::soak::Soaks

use std::time::Duration;

use naksha_environments::digest::Digest;

use super::store::samples::{at, audit, begin, end, lease, revision, scope};
use crate::port::soak::{SharedSoaks, Soak};
use crate::port::store::{ApplyOutcome, SharedStore};

/// One `#[tokio::test]` per case of the suite.
#[macro_export]
macro_rules! soaks_contract {
    ($fresh:ident) => {
        $crate::soaks_contract!($fresh: what_ran_is_known_from_its_apply_on, what_never_ran_soaks_not,
            who_skips_is_known_for_that_source);
    };
    ($fresh:ident: $($case:ident),+) => {
        mod soaks {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    let (_guard, store, soaks) = super::$fresh().await;
                    $crate::contract::soaks::$case(store, soaks).await;
                }
            )+
        }
    };
}

pub async fn what_ran_is_known_from_its_apply_on(store: SharedStore, soaks: SharedSoaks) {
    let dev = scope("dev");
    assert!(soaks.soaks(&dev).await.expect("should read").is_empty());
    let generation = lease(&store, &dev).await;
    let mut parent = None;
    for digit in ['a', 'b'] {
        let apply = begin(&store, &dev, generation, (parent, digit)).await;
        store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
        parent = Some(digit);
    }
    let known = soaks.soaks(&dev).await.expect("should read");
    assert_eq!(known, [Soak::new(revision('b')), Soak::new(revision('a'))], "newest first");
    let well = Soak {
        source: revision('a'),
        well: Duration::from_millis(90_017),
        is_well: Some(false),
        at: at(7),
        render: Some(Digest::of_bytes(b"render")),
    };
    soaks.soak(&dev, &well).await.expect("should remember");
    let known = soaks.soaks(&dev).await.expect("should read");
    assert_eq!(known, [Soak::new(revision('b')), well.clone()]);
    // Running it again is no news about how it was before.
    let apply = begin(&store, &dev, generation, (Some('b'), 'a')).await;
    store.finish(&dev, generation, apply, &end(ApplyOutcome::Succeeded)).await.expect("should end");
    assert_eq!(soaks.soaks(&dev).await.expect("should read"), [well, Soak::new(revision('b'))]);
}

pub async fn what_never_ran_soaks_not(store: SharedStore, soaks: SharedSoaks) {
    let dev = scope("dev");
    soaks.soak(&dev, &Soak::new(revision('a'))).await.expect("should be no error");
    lease(&store, &dev).await;
    soaks.soak(&dev, &Soak::new(revision('a'))).await.expect("should be no error");
    assert!(soaks.soaks(&dev).await.expect("should read").is_empty());
}

pub async fn who_skips_is_known_for_that_source(store: SharedStore, soaks: SharedSoaks) {
    let (dev, staging) = (scope("dev"), scope("staging"));
    assert_eq!(soaks.skipped(&dev, &revision('a')).await.expect("should read"), None);
    for who in ["@sam", "@kim"] {
        soaks.skip(&dev, &revision('a'), who, &audit("skip")).await.expect("should remember");
    }
    assert_eq!(soaks.skipped(&dev, &revision('a')).await.expect("should read"), Some("@kim".to_owned()));
    assert_eq!(soaks.skipped(&dev, &revision('b')).await.expect("should read"), None);
    assert_eq!(soaks.skipped(&staging, &revision('a')).await.expect("should read"), None);
    let told = store.audit(Some(&dev), 10).await.expect("should read");
    assert_eq!(told.iter().filter(|told| told.entry.what == "skip").count(), 2, "{told:?}");
}
