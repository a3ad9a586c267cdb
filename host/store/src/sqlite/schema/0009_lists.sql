-- What lists walk along. Entries with equal columns lie in the order of creation, so that a page costs the same wherever in
-- it it begins, and however many tasks are of another state or kind.

DROP INDEX tasks_of_session;
CREATE INDEX tasks_listed ON tasks (session, hidden);
CREATE INDEX tasks_of_group ON tasks (session, hidden, kind, state);
CREATE INDEX tasks_of_name ON tasks (session, name) WHERE name IS NOT NULL;
CREATE INDEX tasks_live_children ON tasks (session, parent_task_id) WHERE parent_task_id IS NOT NULL AND phase <> 'over';
CREATE INDEX sessions_of_state ON sessions (state, id);
