//! The real binary, as a person or a script uses it: each test has a folder of its own.
//! Holds no tests itself: see the modules.

mod backup;
mod bucket;
mod commands;
mod config;
mod descriptors;
mod dirty_texts;
mod drain;
mod external;
mod global_flags;
mod gone_store;
mod kills;
mod kinds;
mod migrate;
mod outages;
mod own_paths;
mod place;
mod postgres;
mod repair;
mod sessions;
mod several;
mod signals;
mod tools;
mod user;
mod wakes;
mod zombie;
