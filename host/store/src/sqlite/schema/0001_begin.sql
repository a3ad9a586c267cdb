-- Sessions, tasks, messages, events and wakes.
--
-- Rows that change often are small and carry what is looked up; what is large or never changes lies in tables of its own.
-- Indexes over tasks are partial, so that claims and lookups by name do not grow with history.

CREATE TABLE sessions (
    no       INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    last_seq INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE tasks (
    no              INTEGER PRIMARY KEY, -- the order of creation
    id              TEXT    NOT NULL UNIQUE,
    session         INTEGER NOT NULL REFERENCES sessions (no),
    version         INTEGER NOT NULL,
    state           TEXT    NOT NULL,
    phase           TEXT    NOT NULL,
    due_at          INTEGER,             -- milliseconds since 1970
    host_id         TEXT,
    host_epoch      INTEGER,
    kind            TEXT    NOT NULL,
    name            TEXT,
    idempotency_key TEXT,
    parent_task_id  TEXT,
    hidden          INTEGER NOT NULL,
    record          TEXT    NOT NULL     -- the whole record as JSON, without its specification
) STRICT;

CREATE INDEX tasks_of_session ON tasks (session);
CREATE INDEX tasks_live ON tasks (session) WHERE phase <> 'over';
CREATE INDEX tasks_due ON tasks (kind, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_resident ON tasks (host_id, host_epoch) WHERE host_id IS NOT NULL;
CREATE INDEX tasks_of_parent ON tasks (session, parent_task_id) WHERE parent_task_id IS NOT NULL;
CREATE UNIQUE INDEX tasks_live_name ON tasks (session, name) WHERE name IS NOT NULL AND phase <> 'over';
CREATE UNIQUE INDEX tasks_key ON tasks (session, idempotency_key) WHERE idempotency_key IS NOT NULL;

CREATE TABLE specs (
    task INTEGER PRIMARY KEY REFERENCES tasks (no) ON DELETE CASCADE,
    spec TEXT    NOT NULL
) STRICT;

CREATE TABLE results (
    task   INTEGER PRIMARY KEY REFERENCES tasks (no) ON DELETE CASCADE,
    result TEXT    NOT NULL
) STRICT;

CREATE TABLE checkpoints (
    task  INTEGER PRIMARY KEY REFERENCES tasks (no) ON DELETE CASCADE,
    bytes BLOB    NOT NULL
) STRICT;

CREATE TABLE messages (
    no        INTEGER PRIMARY KEY, -- the order of acceptance
    id        TEXT    NOT NULL UNIQUE,
    task      INTEGER NOT NULL REFERENCES tasks (no) ON DELETE CASCADE,
    direction TEXT    NOT NULL,
    taken     INTEGER NOT NULL DEFAULT 0,
    answered  INTEGER NOT NULL,
    body      TEXT    NOT NULL     -- the whole message as JSON
) STRICT;

CREATE INDEX messages_of_task ON messages (task);
CREATE INDEX messages_unread ON messages (task) WHERE taken = 0 AND direction = 'inbound';

CREATE TABLE events (
    no      INTEGER PRIMARY KEY,
    session INTEGER NOT NULL REFERENCES sessions (no),
    seq     INTEGER NOT NULL,
    at      INTEGER NOT NULL, -- milliseconds since 1970
    task_id TEXT    NOT NULL,
    type    TEXT    NOT NULL,
    changes TEXT,             -- names of fields with commas between them
    body    TEXT    NOT NULL, -- a record or a message as JSON
    UNIQUE (session, seq)
) STRICT;

CREATE TABLE wakes (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    session         INTEGER NOT NULL REFERENCES sessions (no),
    task_id         TEXT    NOT NULL,
    attempt         INTEGER NOT NULL,
    cause_key       TEXT    NOT NULL,
    cause           TEXT    NOT NULL, -- JSON
    text            TEXT    NOT NULL,
    created_at      INTEGER NOT NULL, -- milliseconds since 1970
    acknowledged_at INTEGER,
    UNIQUE (session, task_id, attempt, cause_key)
) STRICT;

CREATE INDEX wakes_pending ON wakes (session) WHERE acknowledged_at IS NULL;
