-- Leases of hosts, and what retention looks up.

CREATE TABLE hosts (
    id         TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    length_ms  INTEGER NOT NULL,
    era        TEXT    NOT NULL, -- what `until_ms` counts in: one boot of one machine
    until_ms   INTEGER NOT NULL,
    taken      INTEGER NOT NULL, -- given up or taken over: never renewed again
    opened_at  INTEGER NOT NULL, -- milliseconds since 1970, for people
    renewed_at INTEGER NOT NULL, -- milliseconds since 1970, for people
    PRIMARY KEY (id, epoch)
) STRICT, WITHOUT ROWID;

-- Whoever holds tasks in an older file held no lease: they may be taken over.
INSERT INTO hosts (id, epoch, length_ms, era, until_ms, taken, opened_at, renewed_at)
SELECT DISTINCT host_id, host_epoch, 10000, '', 0, 1, 0, 0 FROM tasks WHERE host_id IS NOT NULL;

ALTER TABLE tasks ADD COLUMN finished_at INTEGER; -- milliseconds since 1970
UPDATE tasks
SET finished_at = CAST(round(unixepoch(json_extract(record, '$.finished_at'), 'subsec') * 1000) AS INTEGER)
WHERE phase = 'over';
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;

-- `taken` of a message: 0 not, 1 for good, 2 held by an instance that has not left a checkpoint since.
CREATE INDEX messages_held ON messages (task) WHERE taken = 2;
