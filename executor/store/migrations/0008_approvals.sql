-- Of what is shown on a pull request somebody has to approve; and what each review was about when it was seen first.

PRAGMA user_version = 8;

-- `approvers` are names, a line each. `unapproved`: it was merged, and nobody had approved who had to.
CREATE TABLE asks (
    pull        INTEGER NOT NULL REFERENCES pulls (id) ON DELETE CASCADE,
    environment INTEGER NOT NULL REFERENCES environments (id),
    approvers   TEXT NOT NULL,
    content     TEXT NOT NULL,
    unapproved  INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (pull, environment)
) STRICT, WITHOUT ROWID;
CREATE INDEX asks_by_environment ON asks (environment);

-- Outlives the reports. A review has a row of an environment without a name, which says that it was seen.
CREATE TABLE approved (
    repository  INTEGER NOT NULL REFERENCES repositories (id),
    number      INTEGER NOT NULL,
    review      INTEGER NOT NULL,
    environment TEXT NOT NULL,
    content     TEXT NOT NULL,
    PRIMARY KEY (repository, number, review, environment)
) STRICT, WITHOUT ROWID;
