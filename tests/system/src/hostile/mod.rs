//! The hostile suite over the whole system: a table of guests that misbehave, each with the end it must come to, and what
//! runs a row of it beside an honest neighbour and looks for what it left behind.
//! Does not time anything for a verdict: the tests judge ends and leaks, `taskwright-bench -- hostile` prints the times.

mod aftermath;
mod clean;
mod end;
mod mixed;
mod neighbour;
mod row;
mod rows;
mod stage;
mod table;

pub use clean::unclean;
pub use end::End;
pub use mixed::{Mix, Mixed, run_mixed};
pub use row::{Row, Script};
pub use stage::{Data, Ended, Stage, sandbox};
pub use table::table;
