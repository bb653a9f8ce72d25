//! Databases of older versions are brought up to date when they are opened.

use std::sync::Arc;

use naksha_executor::contract::store::samples::{LONG, begin, key, owned, scope, step};
use naksha_executor::port::store::{Effect, SharedStore};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqlSafeStr as _};

use crate::folder::{folder, open};

#[tokio::test]
async fn the_first_version_learns_where_objects_are() {
    let (_folder, path) = folder();
    let sql = include_str!("../../migrations/0001_state.sql").into_sql_str();
    let first = Migration::new(1, "state".into(), MigrationType::Simple, sql, false);
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut conn = options.connect().await.unwrap();
    Migrator::with_migrations(vec![first]).run(&mut conn).await.unwrap();
    sqlx::query("INSERT INTO repositories (name) VALUES ('shop')").execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();

    let store: SharedStore = Arc::new(open(&path).await.unwrap());
    let dev = scope("dev");
    assert_eq!(store.inventory(&dev).await.unwrap().place, None);
    let generation = store.lease(&dev, "us", LONG).await.unwrap();
    let apply = begin(&store, &dev, generation, (None, 'a')).await;
    let effect = Effect::Own(key("web"), Arc::new(owned("web")));
    store.record(&dev, generation, apply, &[step("a step", effect)]).await.unwrap();
    assert!(store.inventory(&dev).await.unwrap().place.is_some());
}
