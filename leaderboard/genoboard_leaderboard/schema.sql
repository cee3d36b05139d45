-- The index of entries. It can be made anew from the submission folders at any time, so a changed schema needs no migration.

CREATE TABLE IF NOT EXISTS board (
    key TEXT PRIMARY KEY,
    task TEXT NOT NULL,
    data TEXT NOT NULL,
    data_fingerprint TEXT NOT NULL,
    split TEXT NOT NULL,
    split_fingerprint TEXT NOT NULL,
    entries INTEGER NOT NULL, -- how many, which would take long to count
    revision TEXT NOT NULL -- another one after every change to its entries, and never one that was there before
) STRICT;

CREATE INDEX IF NOT EXISTS board_by_task ON board (task);

-- What is not queried on lives in `document`, the whole entry as JSON.
CREATE TABLE IF NOT EXISTS entry (
    id TEXT PRIMARY KEY,
    board TEXT NOT NULL REFERENCES board (key),
    standing TEXT NOT NULL,
    name TEXT NOT NULL,
    created TEXT NOT NULL,
    removed INTEGER NOT NULL,
    team TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS entry_by_time ON entry (board, created, id);
CREATE INDEX IF NOT EXISTS entry_by_standing ON entry (board, standing, created, id);
CREATE INDEX IF NOT EXISTS entry_by_name ON entry (name);
CREATE INDEX IF NOT EXISTS entry_by_team ON entry (board, team, created, id) WHERE team != '';
CREATE INDEX IF NOT EXISTS entry_removed ON entry (board, created, id) WHERE removed;

-- The standing that a board's entries of one key make, renewed with each of them: a board is listed without reading its entries.
CREATE TABLE IF NOT EXISTS standing (
    board TEXT NOT NULL REFERENCES board (key),
    key TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (board, key)
) STRICT;

-- The mean of a standing's replicates over the entries that count.
CREATE TABLE IF NOT EXISTS resampled (
    board TEXT NOT NULL,
    standing TEXT NOT NULL,
    metric TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (board, metric, standing)
) STRICT;

-- What can be said of a board's order: kept by the first reader who worked it out, and true for as long as the board has that revision.
CREATE TABLE IF NOT EXISTS assessment (
    board TEXT NOT NULL REFERENCES board (key),
    metric TEXT NOT NULL,
    direction TEXT NOT NULL,
    revision TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (board, metric, direction)
) STRICT;

-- Bootstrap replicates of a score: little-endian float64.
CREATE TABLE IF NOT EXISTS replicates (
    entry TEXT NOT NULL REFERENCES entry (id),
    metric TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (entry, metric)
) STRICT;
