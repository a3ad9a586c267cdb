//! The real binary, as a person or a script uses it: each test has a folder of its own.
//! Holds no tests itself: see the modules.

mod backup;
mod bucket;
mod commands;
mod config;
mod dirty_texts;
mod drain;
mod external;
mod global_flags;
mod kills;
mod kinds;
mod migrate;
mod outages;
mod place;
mod postgres;
mod sessions;
mod several;
mod tools;
mod user;
mod wakes;
mod zombie;
