//! Claims tasks from a store and runs them in the sandbox.
