//! What each guest must come to: a function for each, of the guest's name.
//! Does not run anything.

mod describing;
mod ending;
mod floods;
mod ids_and_texts;
mod memory;
pub(crate) mod of_the_sandbox;
mod perimeter;
mod stuck;
mod values;

pub(crate) use describing::*;
pub(crate) use ending::*;
pub(crate) use floods::*;
pub(crate) use ids_and_texts::*;
pub(crate) use memory::*;
pub(crate) use perimeter::*;
pub(crate) use stuck::*;
pub(crate) use values::*;
