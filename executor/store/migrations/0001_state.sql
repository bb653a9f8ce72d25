-- Version 1 of the state. A released migration is never edited: its checksum is in every database.
-- Times are microseconds since 1970 in UTC; leases are milliseconds on the database's own clock.

PRAGMA application_id = 1852535656; -- "nksh"
PRAGMA user_version = 1;

-- What belongs to the installation as a whole, such as the key of marks.
CREATE TABLE installation (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE repositories (
    id   INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
) STRICT;

-- The head that each tracked ref was last seen at.
CREATE TABLE refs (
    repository INTEGER NOT NULL REFERENCES repositories (id),
    name       TEXT NOT NULL,
    head       TEXT NOT NULL,
    PRIMARY KEY (repository, name)
) STRICT, WITHOUT ROWID;

-- `inventory` counts the transactions that changed its objects or workflows: what is cached in memory is current
-- exactly when it was read at this number.
CREATE TABLE environments (
    id               INTEGER PRIMARY KEY,
    repository       INTEGER NOT NULL REFERENCES repositories (id),
    name             TEXT NOT NULL,
    inventory        INTEGER NOT NULL DEFAULT 0,
    target           TEXT,
    applied_control  TEXT,
    applied_content  TEXT,
    suspended_by     TEXT,
    suspended_reason TEXT,
    suspended_since  INTEGER,
    UNIQUE (repository, name),
    CHECK ((applied_control IS NULL) = (applied_content IS NULL)),
    CHECK ((suspended_by IS NULL) = (suspended_reason IS NULL)),
    CHECK ((suspended_by IS NULL) = (suspended_since IS NULL))
) STRICT;

-- One owner per environment. A released lease has no owner, and a generation that nobody holds.
CREATE TABLE leases (
    environment INTEGER PRIMARY KEY REFERENCES environments (id),
    generation  INTEGER NOT NULL,
    owner       TEXT,
    until_ms    INTEGER NOT NULL,
    lasts_ms    INTEGER NOT NULL
) STRICT;

CREATE TABLE barred (
    environment INTEGER NOT NULL REFERENCES environments (id),
    source      TEXT NOT NULL,
    reason      TEXT NOT NULL,
    PRIMARY KEY (environment, source)
) STRICT, WITHOUT ROWID;

-- Sources that an environment ran; `apply` is the latest one, and gives the order.
CREATE TABLE ran (
    environment INTEGER NOT NULL REFERENCES environments (id),
    source      TEXT NOT NULL,
    -- Grows with every source that took its turn.
    turn        INTEGER NOT NULL,
    PRIMARY KEY (environment, source)
) STRICT, WITHOUT ROWID;

CREATE TABLE plans (
    id          INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL REFERENCES environments (id),
    plan        TEXT NOT NULL,
    parent      TEXT,
    control     TEXT,
    content     TEXT,
    document    TEXT NOT NULL,
    decision    TEXT NOT NULL,
    reasons     TEXT NOT NULL,
    at          INTEGER NOT NULL,
    UNIQUE (environment, plan)
) STRICT;
CREATE INDEX plans_by_id ON plans (plan);
CREATE INDEX plans_by_time ON plans (environment, at);

CREATE TABLE applies (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    environment INTEGER NOT NULL REFERENCES environments (id),
    plan        TEXT NOT NULL,
    control     TEXT,
    content     TEXT,
    outcome     TEXT CHECK (outcome IN ('succeeded', 'failed', 'superseded', 'interrupted')),
    reason      TEXT,
    started     INTEGER NOT NULL,
    ended       INTEGER,
    CHECK ((outcome IS NULL) = (ended IS NULL))
) STRICT;
CREATE INDEX applies_by_environment ON applies (environment, id);
CREATE INDEX applies_by_plan ON applies (environment, plan);
CREATE UNIQUE INDEX one_apply_runs ON applies (environment) WHERE outcome IS NULL;

CREATE TABLE steps (
    id       INTEGER PRIMARY KEY,
    apply    INTEGER NOT NULL REFERENCES applies (id) ON DELETE CASCADE,
    subject  TEXT NOT NULL,
    unit     TEXT,
    verb     TEXT NOT NULL,
    outcome  TEXT NOT NULL CHECK (outcome IN ('done', 'failed', 'skipped')),
    reason   TEXT,
    attempts INTEGER NOT NULL,
    started  INTEGER NOT NULL,
    ended    INTEGER NOT NULL
) STRICT;
CREATE INDEX steps_by_apply ON steps (apply, id);

-- The inventory. `api_group` is empty for the core group, `namespace` for what is cluster-scoped. `version` and
-- `fingerprint` are absent while a first write is intended but not confirmed. `applied` and `secrets` hold
-- references and keyed marks, never a secret.
CREATE TABLE objects (
    id          INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL REFERENCES environments (id),
    api_group   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    namespace   TEXT NOT NULL,
    name        TEXT NOT NULL,
    unit        TEXT NOT NULL,
    api_version TEXT NOT NULL,
    desired     TEXT NOT NULL,
    applied     TEXT NOT NULL,
    uid         TEXT,
    version     TEXT,
    fingerprint TEXT,
    secrets     TEXT,
    stateful    INTEGER NOT NULL,
    UNIQUE (environment, api_group, kind, namespace, name),
    CHECK ((version IS NULL) = (fingerprint IS NULL))
) STRICT;

CREATE TABLE workflows (
    environment INTEGER NOT NULL REFERENCES environments (id),
    name        TEXT NOT NULL,
    digest      TEXT NOT NULL,
    graph       TEXT NOT NULL,
    PRIMARY KEY (environment, name)
) STRICT;

CREATE TABLE acknowledgements (
    id          INTEGER PRIMARY KEY,
    environment INTEGER NOT NULL REFERENCES environments (id),
    plan        TEXT NOT NULL,
    who         TEXT NOT NULL,
    reason      TEXT NOT NULL,
    expires     INTEGER,
    source      TEXT NOT NULL,
    at          INTEGER NOT NULL,
    UNIQUE (environment, plan, who, source)
) STRICT;

-- What waits for delivery. Ids are never used twice: a late answer about a replaced message finds nothing.
CREATE TABLE outbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    sink     TEXT NOT NULL,
    topic    TEXT NOT NULL,
    body     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER,
    error    TEXT,
    UNIQUE (sink, topic)
) STRICT;
CREATE INDEX outbox_by_sink ON outbox (sink, id);

CREATE TABLE audit (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    environment INTEGER REFERENCES environments (id),
    apply       INTEGER,
    at          INTEGER NOT NULL,
    who         TEXT NOT NULL,
    what        TEXT NOT NULL,
    revision    TEXT,
    plan        TEXT,
    result      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_environment ON audit (environment, id);
CREATE TRIGGER audit_is_never_edited BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE (ABORT, 'an audit row is never edited');
END;
