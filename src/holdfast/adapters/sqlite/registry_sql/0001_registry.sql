-- A house: its spaces, principals, grants and quotas, and every change of them.
CREATE TABLE principal (
    n          INTEGER PRIMARY KEY,
    name       TEXT NOT NULL UNIQUE,
    administers INTEGER NOT NULL
) STRICT;

-- `id` is random and names the file. `key` is the name as nobody could tell it from another.
-- `made` says that the file was made: were it missing now, it would be lost.
CREATE TABLE space (
    n               INTEGER PRIMARY KEY,
    id              BLOB NOT NULL UNIQUE,
    name            TEXT NOT NULL,
    key             TEXT NOT NULL UNIQUE,
    made            INTEGER NOT NULL,
    created_ms      INTEGER NOT NULL,
    memories        INTEGER,
    bytes           INTEGER,
    writes_a_minute INTEGER
) STRICT;

CREATE TABLE grant (
    space     INTEGER NOT NULL REFERENCES space (n),
    principal INTEGER NOT NULL REFERENCES principal (n),
    right     INTEGER NOT NULL,
    by        INTEGER NOT NULL REFERENCES principal (n),
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (space, principal)
) STRICT, WITHOUT ROWID;
CREATE INDEX grant_principal ON grant (principal);

-- What is left of a dropped space. `chain` is null until its files are erased.
CREATE TABLE tombstone (
    space   BLOB PRIMARY KEY,
    receipt BLOB NOT NULL UNIQUE,
    at_ms   INTEGER NOT NULL,
    by      INTEGER NOT NULL REFERENCES principal (n),
    reason  TEXT,
    files   INTEGER NOT NULL,
    bytes   INTEGER NOT NULL,
    chain   BLOB
) STRICT, WITHOUT ROWID;

-- Append-only. Spaces stand here by id alone, so that a dropped one leaves no name.
CREATE TABLE audit (
    seq       INTEGER PRIMARY KEY,
    at_ms     INTEGER NOT NULL,
    by        INTEGER NOT NULL REFERENCES principal (n),
    what      TEXT NOT NULL,
    space     BLOB NOT NULL,
    principal INTEGER REFERENCES principal (n),
    detail    TEXT NOT NULL,
    chain     BLOB NOT NULL
) STRICT;
