-- The life of sessions, and what begins nothing more.

ALTER TABLE sessions ADD COLUMN state TEXT NOT NULL DEFAULT 'open';
-- The whole record as JSON.
ALTER TABLE sessions ADD COLUMN record TEXT;
-- Whether its end is planned and not carried out.
ALTER TABLE sessions ADD COLUMN ending INTEGER NOT NULL DEFAULT 0;
-- On whose behalf it was opened.
ALTER TABLE sessions ADD COLUMN owner_id TEXT;
ALTER TABLE sessions ADD COLUMN owner_task_id TEXT;

-- A session of an older file has been open since its first task.
UPDATE sessions SET record = json_object(
    'id', id,
    'state', 'open',
    'opened_at', opened,
    'updated_at', opened,
    'version', 1
)
FROM (
    SELECT s.no AS of, coalesce(
        (SELECT json_extract(t.record, '$.created_at') FROM tasks t WHERE t.session = s.no ORDER BY t.no LIMIT 1),
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    ) AS opened
    FROM sessions s
)
WHERE no = of;

CREATE INDEX sessions_ending ON sessions (id) WHERE ending = 1;
CREATE INDEX sessions_of_owner ON sessions (owner_id, owner_task_id) WHERE owner_task_id IS NOT NULL;

CREATE TABLE canceled_lineages (
    session INTEGER NOT NULL REFERENCES sessions (no) ON DELETE CASCADE,
    lineage TEXT    NOT NULL, -- `run:` or `task:` and an id
    at      INTEGER NOT NULL, -- milliseconds since 1970
    PRIMARY KEY (session, lineage)
) STRICT, WITHOUT ROWID;
