-- Which host gives a session its wakes, so that of several one does.

CREATE TABLE wake_claims (
    session    INTEGER PRIMARY KEY REFERENCES sessions (no) ON DELETE CASCADE,
    host_id    TEXT    NOT NULL,
    host_epoch INTEGER NOT NULL
) STRICT;
