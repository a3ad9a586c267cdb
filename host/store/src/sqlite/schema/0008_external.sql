-- Work that is done elsewhere.

-- When a host ends it all the same: milliseconds since 1970.
ALTER TABLE tasks ADD COLUMN external_ends_at INTEGER;
-- Whether its cancel waits to be told.
ALTER TABLE tasks ADD COLUMN external_cancel INTEGER NOT NULL DEFAULT 0;

CREATE INDEX tasks_external_ends ON tasks (external_ends_at) WHERE external_ends_at IS NOT NULL;
CREATE INDEX tasks_external_cancel ON tasks (no) WHERE external_cancel = 1;
