-- Which events what was held after event `seq` rests on: numbers, no words. The one with `is_horizon` says where the
-- history begins: up to there, events that are not in `kept` were pruned.
CREATE TABLE snapshot (
    seq        INTEGER PRIMARY KEY,
    hlc        INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    is_horizon INTEGER NOT NULL,
    anchors    BLOB NOT NULL,
    kept       BLOB NOT NULL,
    digest     BLOB NOT NULL,
    seal       BLOB NOT NULL -- SHA-256 of the other columns
) STRICT;
