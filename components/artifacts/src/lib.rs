//! The kinds that Taskwright ships, compiled to components.
