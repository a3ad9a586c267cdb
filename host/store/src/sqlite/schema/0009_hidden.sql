-- Hidden tasks: `hidden` is 0 for a task that is listed, 1 for a hidden one, and 2 once the session has taken note of its end.

CREATE INDEX tasks_hidden ON tasks (session, state, no) WHERE hidden = 1;
