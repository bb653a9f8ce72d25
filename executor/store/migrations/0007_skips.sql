-- Sources that somebody lets an environment have before those before it ran them.

PRAGMA user_version = 7;

CREATE TABLE skips (
    environment INTEGER NOT NULL REFERENCES environments (id),
    source      TEXT NOT NULL,
    who         TEXT NOT NULL,
    PRIMARY KEY (environment, source)
) STRICT, WITHOUT ROWID;
