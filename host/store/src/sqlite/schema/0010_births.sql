-- How many tasks were removed: one that is created under the id of a removed one is told from it by this.

CREATE TABLE forgotten (count INTEGER NOT NULL) STRICT;
INSERT INTO forgotten (count) VALUES (0);
