//! What the author of a task kind uses.
