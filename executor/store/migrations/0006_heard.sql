-- Comments on pull requests that were read for commands, so that none is carried out twice. Comment 0: since when they are read.

PRAGMA user_version = 6;

CREATE TABLE heard (
    repository INTEGER NOT NULL REFERENCES repositories (id),
    comment    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (repository, comment)
) STRICT, WITHOUT ROWID;
