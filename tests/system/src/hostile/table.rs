//! The table: the rows of every hostile guest, and of those of the sandbox's guests that are hostile too.
//! Does not hold a row itself: `rows` does. A guest in `examples/hostile` without rows does not compile here.

use crate::hostile::{Row, rows};

/// Every row.
#[must_use]
pub fn table() -> Vec<Row> {
    let mut table = rows::of_the_sandbox::rows();
    macro_rules! add {
        ($guest:ident) => {
            table.extend(rows::$guest());
        };
    }
    taskwright_test_guests::foreach_hostile_guest!(add);
    table
}
