//! The tools, one file each: what a model is told, and what is done.
//! Does not check arguments: that is done before, by the schema that the definition publishes.

pub(crate) mod cancel;
pub(crate) mod get;
pub(crate) mod list;
pub(crate) mod message;
pub(crate) mod spawn;
pub(crate) mod wait;
