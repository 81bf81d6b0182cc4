-- Working memory: beside the journal and in no digest, kept through a rebuild, gone when its time is up, and erased
-- when something of its session is forgotten.
CREATE TABLE scratch (
    session    TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      BLOB NOT NULL,
    expires_ms INTEGER NOT NULL,
    PRIMARY KEY (session, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX scratch_expires ON scratch (expires_ms);

-- Copies of what was said last, for a space whose working tier is asked to hold them.
CREATE TABLE recent (
    place       INTEGER PRIMARY KEY AUTOINCREMENT,
    session     TEXT NOT NULL,
    id          BLOB NOT NULL,
    at_ms       INTEGER NOT NULL,
    line        BLOB NOT NULL,
    expires_ms  INTEGER NOT NULL,
    episode_ms  INTEGER NOT NULL,
    UNIQUE (session, id)
) STRICT;
