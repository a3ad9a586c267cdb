-- The run that a task was created in, so that what belongs to a run is found without a look at everything else.

ALTER TABLE tasks ADD COLUMN run_id TEXT;
UPDATE tasks SET run_id = json_extract(record, '$.parent.run_id')
WHERE json_extract(record, '$.parent.run_id') IS NOT NULL;
CREATE INDEX tasks_of_run ON tasks (session, run_id) WHERE run_id IS NOT NULL;
