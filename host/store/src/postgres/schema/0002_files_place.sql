-- The place of the files that the hosts of this store share: one row at most.
CREATE TABLE files_place (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    id text NOT NULL
);
