//! Durable records of session tasks: the Store trait, memory and SQLite.
