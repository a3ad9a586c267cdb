-- Which of a session's due tasks are handed out first, and how many are at work.

ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 1; -- 0 high, 1 normal, 2 low
DROP INDEX tasks_due_in_turn;
CREATE INDEX tasks_due_in_turn ON tasks (kind, code, session, priority, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX tasks_at_work ON tasks (session) WHERE phase = 'resident' AND state = 'running';
CREATE INDEX tasks_at_work_of_kind ON tasks (kind) WHERE phase = 'resident' AND state = 'running';
