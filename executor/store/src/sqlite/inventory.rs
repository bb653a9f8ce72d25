//! The inventory: one row per owned object, plain columns, so that ten thousand load in a blink.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::TryStreamExt as _;
use naksha_environments::ids::{Generation, UnitName, WorkflowName};
use naksha_environments::inventory::{Inventory, Owned, RegisteredWorkflow};
use naksha_environments::object::{Body, DesiredObject, KeyMap, KeyParts, Mark, ObjectKey, Uid};
use naksha_environments::rendered::Rendered;
use naksha_environments::run_once::RunEnd;
use naksha_environments::secret::SecretMark;
use naksha_executor::port::store::{AuditEntry, Scope};
use sqlx::query::Query;
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteRow};
use sqlx::{Row as _, SqliteConnection};

use super::cache::{Cache, Change};
use super::{audit, row, scope};
use crate::failure::Failure;

const INTEND: &str =
    "INSERT INTO objects (environment, api_group, kind, namespace, name, unit, api_version, desired,
        applied, uid, version, fingerprint, secrets, stateful, ended, ended_words)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
    ON CONFLICT (environment, api_group, kind, namespace, name) DO NOTHING";

const OWN: &str =
    "INSERT INTO objects (environment, api_group, kind, namespace, name, unit, api_version, desired,
        applied, uid, version, fingerprint, secrets, stateful, ended, ended_words)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)
    ON CONFLICT (environment, api_group, kind, namespace, name) DO UPDATE SET unit = excluded.unit,
        api_version = excluded.api_version, desired = excluded.desired, applied = excluded.applied,
        uid = excluded.uid, version = excluded.version, fingerprint = excluded.fingerprint,
        secrets = excluded.secrets, stateful = excluded.stateful, ended = excluded.ended,
        ended_words = excluded.ended_words";

const REFRESH: &str = "UPDATE objects SET unit = ?6, api_version = ?7, desired = ?8, applied = ?9, uid = ?10,
        version = ?11, fingerprint = ?12, secrets = ?13, stateful = ?14, ended = ?15, ended_words = ?16
    WHERE environment = ?1 AND api_group = ?2 AND kind = ?3 AND namespace = ?4 AND name = ?5";

type Statement<'q> = Query<'q, Sqlite, SqliteArguments>;

/// Binds an object to one of the statements above.
fn bind<'q>(
    sql: &'static str,
    environment: i64,
    key: &'q ObjectKey,
    owned: &'q Owned,
) -> Result<Statement<'q>, Failure> {
    let Owned { unit, api_version, desired, applied, mark, secrets, stateful, end } = owned;
    let uid = mark.as_ref().and_then(|mark| mark.uid.as_ref()).map(|uid| uid.0.to_string());
    let secrets = if secrets.is_empty() {
        None
    } else {
        Some(serde_json::to_string(secrets).map_err(|error| Failure::row("secrets", error))?)
    };
    let (ended, words) = match end {
        None => (None, None),
        Some(RunEnd::Succeeded) => (Some("succeeded"), None),
        Some(RunEnd::Failed(words)) => (Some("failed"), Some(words.clone())),
    };
    Ok(sqlx::query(sql)
        .bind(environment)
        .bind(key.group.to_string())
        .bind(key.kind.to_string())
        .bind(key.namespace.as_deref().unwrap_or_default().to_owned())
        .bind(key.name.to_string())
        .bind(unit.as_str().to_owned())
        .bind(api_version.to_string())
        .bind(desired.to_string())
        .bind(applied.as_json().to_owned())
        .bind(uid)
        .bind(mark.as_ref().map(|mark| mark.version.to_string()))
        .bind(mark.as_ref().map(|mark| mark.fingerprint.to_string()))
        .bind(secrets)
        .bind(*stateful)
        .bind(ended)
        .bind(words))
}

/// Adds an object that will be ours, unless it is there already.
pub(crate) async fn intend(
    conn: &mut SqliteConnection,
    environment: i64,
    key: &ObjectKey,
    owned: &Owned,
) -> Result<(), Failure> {
    bind(INTEND, environment, key, owned)?.execute(conn).await?;
    Ok(())
}

pub(crate) async fn own(
    conn: &mut SqliteConnection,
    environment: i64,
    key: &ObjectKey,
    owned: &Owned,
) -> Result<(), Failure> {
    bind(OWN, environment, key, owned)?.execute(conn).await?;
    Ok(())
}

pub(crate) async fn forget(
    conn: &mut SqliteConnection,
    environment: i64,
    key: &ObjectKey,
) -> Result<(), Failure> {
    sqlx::query(
        "DELETE FROM objects
         WHERE environment = ?1 AND api_group = ?2 AND kind = ?3 AND namespace = ?4 AND name = ?5",
    )
    .bind(environment)
    .bind(&*key.group)
    .bind(&*key.kind)
    .bind(key.namespace.as_deref().unwrap_or_default())
    .bind(&*key.name)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn register(
    conn: &mut SqliteConnection,
    environment: i64,
    name: &WorkflowName,
    workflow: &RegisteredWorkflow,
) -> Result<(), Failure> {
    sqlx::query(
        "INSERT INTO workflows (environment, name, digest, graph) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (environment, name) DO UPDATE SET digest = excluded.digest, graph = excluded.graph",
    )
    .bind(environment)
    .bind(name.as_str())
    .bind(workflow.digest.to_string())
    .bind(&*workflow.graph)
    .execute(conn)
    .await?;
    Ok(())
}

pub(crate) async fn retire(
    conn: &mut SqliteConnection,
    environment: i64,
    name: &WorkflowName,
) -> Result<(), Failure> {
    sqlx::query("DELETE FROM workflows WHERE environment = ?1 AND name = ?2")
        .bind(environment)
        .bind(name.as_str())
        .execute(conn)
        .await?;
    Ok(())
}

pub(super) async fn refresh(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
    objects: &BTreeMap<ObjectKey, Arc<Owned>>,
) -> Result<((), Option<Change>), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    for (key, owned) in objects {
        bind(REFRESH, environment, key, owned)?.execute(&mut *conn).await?;
    }
    let (version, objects) = (moved(conn, environment).await?, objects.clone());
    let change = Change::new(scope, version, move |inventory| {
        for (key, owned) in &objects {
            inventory.renew(key, owned);
        }
    });
    Ok(((), Some(change)))
}

pub(super) async fn recover(
    conn: &mut SqliteConnection,
    scope: &Scope,
    generation: Generation,
    (place, objects): (&str, &BTreeMap<ObjectKey, Arc<Owned>>),
    entry: &AuditEntry,
) -> Result<((), Option<Change>), Failure> {
    let environment = scope::fence(conn, scope, generation).await?;
    for (key, owned) in objects {
        own(conn, environment, key, owned).await?;
    }
    is_at(conn, environment, place).await?;
    sqlx::query("UPDATE environments SET recovered = 1 WHERE id = ?1")
        .bind(environment)
        .execute(&mut *conn)
        .await?;
    audit::write(conn, environment, None, entry).await?;
    let (version, objects) = (moved(conn, environment).await?, objects.clone());
    let place: Arc<str> = place.into();
    let change = Change::new(scope, version, move |inventory| {
        inventory.place = Some(place);
        inventory.recovered = true;
        inventory.extend(objects);
    });
    Ok(((), Some(change)))
}

/// Remembers where the objects are. True: they were somewhere else, or nowhere.
pub(crate) async fn is_at(
    conn: &mut SqliteConnection,
    environment: i64,
    place: &str,
) -> Result<bool, Failure> {
    let written = sqlx::query("UPDATE environments SET place = ?2 WHERE id = ?1 AND place IS NOT ?2")
        .bind(environment)
        .bind(place)
        .execute(conn)
        .await?;
    Ok(written.rows_affected() > 0)
}

/// Everything was applied since the inventory was recovered. True: it had been.
pub(crate) async fn is_whole(conn: &mut SqliteConnection, environment: i64) -> Result<bool, Failure> {
    let written = sqlx::query("UPDATE environments SET recovered = 0 WHERE id = ?1 AND recovered <> 0")
        .bind(environment)
        .execute(conn)
        .await?;
    Ok(written.rows_affected() > 0)
}

/// Every write that changes an inventory moves its version once; the new one.
pub(crate) async fn moved(conn: &mut SqliteConnection, environment: i64) -> Result<i64, Failure> {
    let version = sqlx::query_scalar(
        "UPDATE environments SET inventory = inventory + 1 WHERE id = ?1 RETURNING inventory",
    )
    .bind(environment)
    .fetch_one(conn)
    .await?;
    Ok(version)
}

/// The inventory, from memory where that is current. What is read shares its texts with `beside`.
pub(crate) async fn load(
    conn: &mut SqliteConnection,
    scope: &Scope,
    cache: &Cache,
    beside: Option<&Rendered>,
) -> Result<Arc<Inventory>, Failure> {
    let Some(environment) = scope::find(conn, scope).await? else { return Ok(Arc::default()) };
    let (version, place, recovered): (i64, Option<String>, bool) =
        sqlx::query_as("SELECT inventory, place, recovered FROM environments WHERE id = ?1")
            .bind(environment)
            .fetch_one(&mut *conn)
            .await?;
    if let Some(inventory) = cache.get(scope, version) {
        return Ok(inventory);
    }
    let mut inventory = objects(conn, environment, beside).await?;
    inventory.workflows = workflows(conn, environment).await?;
    inventory.place = place.map(Into::into);
    inventory.recovered = recovered;
    let inventory = Arc::new(inventory);
    cache.put(scope, version, Arc::clone(&inventory));
    Ok(inventory)
}

async fn objects(
    conn: &mut SqliteConnection,
    environment: i64,
    beside: Option<&Rendered>,
) -> Result<Inventory, Failure> {
    let mut rows = sqlx::query(
        "SELECT api_group, kind, namespace, name, unit, api_version, desired, applied, uid, version, fingerprint,
                secrets, stateful, ended, ended_words
         FROM objects WHERE environment = ?1",
    )
    .bind(environment)
    .fetch(conn);
    let mut shared = Shared::default();
    let wanted: KeyMap<&Arc<DesiredObject>> = beside
        .iter()
        .flat_map(|rendered| rendered.objects())
        .map(|(_, wanted)| (wanted.key.clone(), wanted))
        .collect();
    let mut inventory = Inventory::default();
    while let Some(columns) = rows.try_next().await? {
        let (key, owned) = object(&columns, &mut shared, &wanted)?;
        inventory.own(key, Arc::new(owned));
    }
    Ok(inventory)
}

fn object(
    columns: &SqliteRow,
    shared: &mut Shared,
    wanted: &KeyMap<&Arc<DesiredObject>>,
) -> Result<(ObjectKey, Owned), Failure> {
    let namespace: &str = columns.try_get(2)?;
    let name: &str = columns.try_get(3)?;
    let applied: &str = columns.try_get(7)?;
    let key: ObjectKey = KeyParts {
        group: shared.text(columns.try_get(0)?),
        kind: shared.text(columns.try_get(1)?),
        namespace: (!namespace.is_empty()).then(|| shared.text(namespace)),
        name: name.into(),
    }
    .into();
    let wanted = wanted.get(&key);
    let key = wanted.map_or(key, |wanted| wanted.key.clone());
    let same = wanted.map(|wanted| &wanted.body).filter(|body| body.as_json() == applied).cloned();
    let owned = Owned {
        unit: shared.unit(columns.try_get(4)?)?,
        api_version: shared.text(columns.try_get(5)?),
        desired: row::digest(columns.try_get(6)?)?,
        applied: same.unwrap_or_else(|| Body::from_canonical(applied.into())),
        mark: mark(columns)?,
        secrets: secrets(columns.try_get(11)?)?,
        stateful: columns.try_get(12)?,
        end: end(columns.try_get(13)?, columns.try_get(14)?)?,
    };
    Ok((key, owned))
}

fn mark(columns: &SqliteRow) -> Result<Option<Mark>, Failure> {
    let uid: Option<&str> = columns.try_get(8)?;
    let version: Option<&str> = columns.try_get(9)?;
    let fingerprint: Option<&str> = columns.try_get(10)?;
    let (Some(version), Some(fingerprint)) = (version, fingerprint) else { return Ok(None) };
    let uid = uid.map(|uid| Uid(uid.into()));
    Ok(Some(Mark { uid, version: version.into(), fingerprint: row::digest(fingerprint)? }))
}

fn end(ended: Option<&str>, words: Option<String>) -> Result<Option<RunEnd>, Failure> {
    match (ended, words) {
        (None, None) => Ok(None),
        (Some("succeeded"), None) => Ok(Some(RunEnd::Succeeded)),
        (Some("failed"), Some(words)) => Ok(Some(RunEnd::Failed(words))),
        (ended, _) => Err(Failure::row("ended", ended.unwrap_or("words of no end"))),
    }
}

fn secrets(text: Option<&str>) -> Result<BTreeMap<String, SecretMark>, Failure> {
    let Some(text) = text else { return Ok(BTreeMap::new()) };
    serde_json::from_str(text).map_err(|error| Failure::row("secrets", error))
}

async fn workflows(
    conn: &mut SqliteConnection,
    environment: i64,
) -> Result<BTreeMap<WorkflowName, RegisteredWorkflow>, Failure> {
    let rows: Vec<(String, String, String)> =
        sqlx::query_as("SELECT name, digest, graph FROM workflows WHERE environment = ?1")
            .bind(environment)
            .fetch_all(conn)
            .await?;
    rows.into_iter()
        .map(|(name, digest, graph)| {
            let workflow = RegisteredWorkflow { digest: row::digest(&digest)?, graph: graph.into() };
            Ok((row::name(&name)?, workflow))
        })
        .collect()
}

/// Texts that many rows have in common, kept in memory once.
#[derive(Debug, Default)]
struct Shared {
    texts: BTreeSet<Arc<str>>,
    units: BTreeMap<String, UnitName>,
}

impl Shared {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(found) = self.texts.get(text) {
            return Arc::clone(found);
        }
        let fresh: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&fresh));
        fresh
    }

    fn unit(&mut self, text: &str) -> Result<UnitName, Failure> {
        if let Some(found) = self.units.get(text) {
            return Ok(found.clone());
        }
        let fresh: UnitName = row::name(text)?;
        self.units.insert(text.to_owned(), fresh.clone());
        Ok(fresh)
    }
}
