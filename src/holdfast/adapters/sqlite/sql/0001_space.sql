-- The journal: what happened. Everything below it can be made again from it.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node (
    ref      INTEGER PRIMARY KEY,
    id       BLOB NOT NULL UNIQUE,
    node_seq INTEGER NOT NULL,
    hlc      INTEGER NOT NULL,
    chain    BLOB NOT NULL
) STRICT;

CREATE TABLE event (
    seq        INTEGER PRIMARY KEY,
    node       INTEGER NOT NULL REFERENCES node (ref),
    node_seq   INTEGER NOT NULL,
    hlc        INTEGER NOT NULL,
    type       INTEGER NOT NULL,
    n          INTEGER NOT NULL,
    record     BLOB NOT NULL,
    version    INTEGER NOT NULL,
    other      BLOB,
    commitment BLOB NOT NULL,
    chain      BLOB NOT NULL,
    salt       BLOB,
    payload    BLOB
) STRICT;
CREATE INDEX event_n ON event (n);
-- The type is RECEIPT.
CREATE INDEX event_receipt ON event (seq) WHERE type = 6;

-- The projection: what holds now. Texts are not repeated here; `seq` leads to the payload that has them.
CREATE TABLE memory (
    n         INTEGER PRIMARY KEY,
    id        BLOB NOT NULL UNIQUE,
    state     INTEGER NOT NULL,
    version   INTEGER NOT NULL,
    seq       INTEGER NOT NULL,
    close_seq INTEGER,
    closed_by BLOB,
    tomb_seq  INTEGER,
    receipt   BLOB,
    kind      INTEGER,
    role      INTEGER,
    origin    INTEGER,
    said_ms   INTEGER,
    session   TEXT,
    author    TEXT,
    category  TEXT,
    subject   TEXT,
    source    TEXT,
    terms     BLOB
) STRICT;
CREATE INDEX memory_session ON memory (session) WHERE session IS NOT NULL;
CREATE INDEX memory_closed_by ON memory (closed_by) WHERE closed_by IS NOT NULL;

CREATE TABLE tag (
    n   INTEGER NOT NULL,
    tag TEXT NOT NULL,
    PRIMARY KEY (n, tag)
) STRICT, WITHOUT ROWID;

-- Classes of sensitive content that a policy found.
CREATE TABLE mark (
    n    INTEGER NOT NULL,
    mark TEXT NOT NULL,
    PRIMARY KEY (n, mark)
) STRICT, WITHOUT ROWID;

-- Memories that are kept for a while, and until when.
CREATE TABLE expiry (
    at_ms INTEGER NOT NULL,
    n     INTEGER NOT NULL,
    PRIMARY KEY (at_ms, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX expiry_n ON expiry (n);

CREATE TABLE derivation (
    source BLOB NOT NULL,
    n      INTEGER NOT NULL,
    PRIMARY KEY (source, n)
) STRICT, WITHOUT ROWID;
CREATE INDEX derivation_n ON derivation (n);

CREATE TABLE bar (
    digest BLOB PRIMARY KEY,
    reason INTEGER NOT NULL,
    seq    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE model (
    only_row    INTEGER PRIMARY KEY CHECK (only_row = 1),
    fingerprint TEXT NOT NULL,
    dimensions  INTEGER NOT NULL,
    seq         INTEGER NOT NULL
) STRICT;

CREATE TABLE backlog (
    n INTEGER PRIMARY KEY
) STRICT;

-- Vectors: made from the texts by the model, kept through a rebuild, erased with the memory.
-- `data` is a float32 scale, the int8 values and a CRC-32 of both, little-endian.
CREATE TABLE vector (
    revision INTEGER PRIMARY KEY AUTOINCREMENT,
    n        INTEGER NOT NULL UNIQUE,
    entry    INTEGER NOT NULL,
    data     BLOB NOT NULL
) STRICT;

-- Who used the space: beside the journal and in no digest, kept through a rebuild, added up in batches.
-- One row per node, so that the counts of several can be joined.
CREATE TABLE visitor (
    ref       INTEGER PRIMARY KEY,
    principal TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE access (
    visitor  INTEGER NOT NULL,
    node     INTEGER NOT NULL,
    reads    INTEGER NOT NULL,
    listed   INTEGER NOT NULL,
    writes   INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    PRIMARY KEY (visitor, node)
) STRICT, WITHOUT ROWID;

-- Who was given which memory; erased with the memory.
CREATE TABLE touch (
    n        INTEGER NOT NULL,
    visitor  INTEGER NOT NULL,
    node     INTEGER NOT NULL,
    count    INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms  INTEGER NOT NULL,
    PRIMARY KEY (n, visitor, node)
) STRICT, WITHOUT ROWID;
