-- What the last report on each pull request showed; the commit that merged it, once it is merged; and whether what became of it
-- was told for good.

PRAGMA user_version = 4;

CREATE TABLE pulls (
    id         INTEGER PRIMARY KEY,
    repository INTEGER NOT NULL REFERENCES repositories (id),
    number     INTEGER NOT NULL,
    head       TEXT NOT NULL,
    merged     TEXT,
    settled    INTEGER NOT NULL DEFAULT 0,
    at         INTEGER NOT NULL,
    UNIQUE (repository, number)
) STRICT;

-- `actions` are digests, a line each.
CREATE TABLE shown (
    pull        INTEGER NOT NULL REFERENCES pulls (id) ON DELETE CASCADE,
    environment INTEGER NOT NULL REFERENCES environments (id),
    plan        TEXT NOT NULL,
    actions     TEXT NOT NULL,
    document    TEXT NOT NULL,
    PRIMARY KEY (pull, environment)
) STRICT;
CREATE INDEX shown_by_environment ON shown (environment);
CREATE INDEX shown_by_plan ON shown (plan);
