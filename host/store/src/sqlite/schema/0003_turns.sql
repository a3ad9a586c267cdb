-- What is due by session, so that sessions can be served in turn whatever lies before them.

CREATE INDEX tasks_due_in_turn ON tasks (kind, session, due_at) WHERE due_at IS NOT NULL;
