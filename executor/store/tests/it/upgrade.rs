//! Databases of older versions are brought up to date when they are opened.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use naksha_environments::inventory::Owned;
use naksha_environments::object::ObjectKey;
use naksha_environments::run_once::RunEnd;
use naksha_executor::contract::store::samples::{LONG, begin, key, owned, scope, step};
use naksha_executor::port::store::{Effect, SharedStore, Store as _};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

use crate::folder::{folder, open};

/// A database as the first versions left it, with one environment and one object.
async fn as_of(path: &Path, versions: usize) {
    let all =
        [include_str!("../../migrations/0001_state.sql"), include_str!("../../migrations/0002_place.sql")];
    let migration = |(number, (name, sql)): (i64, (&'static str, &'static str))| {
        Migration::new(number, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let migrations =
        (1..).zip(["state", "place"].into_iter().zip(all)).take(versions).map(migration).collect();
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut conn = options.connect().await.unwrap();
    Migrator::with_migrations(migrations).run(&mut conn).await.unwrap();
    for sql in [
        "INSERT INTO repositories (name) VALUES ('acme')",
        "INSERT INTO environments (repository, name) VALUES (1, 'dev')",
        "INSERT INTO objects (environment, api_group, kind, namespace, name, unit, api_version, desired, applied, stateful)
         VALUES (1, 'batch', 'Job', 'shop', 'migrate', 'web', 'batch/v1',
             'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', '{}', 0)",
    ] {
        sqlx::query(sql).execute(&mut conn).await.unwrap();
    }
    conn.close().await.unwrap();
}

#[tokio::test]
async fn the_first_version_learns_where_objects_are() {
    let (_folder, path) = folder();
    as_of(&path, 1).await;
    let store: SharedStore = Arc::new(open(&path).await.unwrap());
    let dev = scope("dev");
    assert_eq!(store.inventory(&dev).await.unwrap().place, None);
    let generation = store.lease(&dev, "us", LONG).await.unwrap();
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let effect = Effect::Own(key("web"), Arc::new(owned("web")));
    store.record(&dev, generation, apply, &[step("a step", effect)]).await.unwrap();
    assert!(store.inventory(&dev).await.unwrap().place.is_some());
}

#[tokio::test]
async fn the_second_version_learns_how_runs_ended() {
    let (_folder, path) = folder();
    as_of(&path, 2).await;
    let store: SharedStore = Arc::new(open(&path).await.unwrap());
    let dev = scope("dev");
    let inventory = store.inventory(&dev).await.unwrap();
    let job = ObjectKey::new("batch", "Job", Some("shop"), "migrate");
    assert_eq!((&inventory[&job].end, inventory.recovered), (&None, false), "nobody wrote it down");
    let generation = store.lease(&dev, "us", LONG).await.unwrap();
    let ended = Owned { end: Some(RunEnd::Failed("it failed".to_owned())), ..Owned::clone(&inventory[&job]) };
    let ended = BTreeMap::from([(job.clone(), Arc::new(ended))]);
    store.refresh_marks(&dev, generation, &ended).await.unwrap();
    store.close().await;
    drop(store);
    let store = open(&path).await.unwrap();
    assert_eq!(store.inventory(&dev).await.unwrap()[&job], ended[&job]);
}
