-- The digest of the component that a task began with.

ALTER TABLE tasks ADD COLUMN code TEXT;

-- What a host cannot run must not be in the way of what it can.
DROP INDEX tasks_due;
DROP INDEX tasks_due_in_turn;
CREATE INDEX tasks_due ON tasks (kind, code, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_due_in_turn ON tasks (kind, code, session, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_code ON tasks (kind, code) WHERE phase <> 'over';
