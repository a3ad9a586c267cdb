//! The hostile suite with figures: how each guest ends, within what time, what it costs the host and its neighbour; ten
//! thousand runs at random; how late stops come; a crowd that spins.
//! Does not assert anything but that the ends are right: the tests do.

mod crowd;
mod late;
mod mixed;
mod rows;

use std::path::Path;

use anyhow::Result;
use taskwright_system_tests::hostile::{Data, sandbox};

use crate::{Options, table};

/// Measures all of it. What must be counted alone comes first.
pub(crate) async fn measure(options: &Options, folder: &Path) -> Result<()> {
    crate::turn::cost::measure().await?;
    table::heading("hostile: a spinning guest, from when it should end to its end");
    late::measure().await?;
    table::heading("hostile: 1,000 guests that spin beside 100 honest tasks at one time");
    crowd::measure().await?;
    let sandbox = sandbox(&folder.join("cache"));
    for data in [Data::Memory, Data::Sqlite] {
        rows::measure(data, &folder.join(format!("{data:?}")), &sandbox, options.only.as_deref()).await?;
    }
    table::heading("hostile: a mix at random");
    for data in [Data::Memory, Data::Sqlite] {
        mixed::measure(data, &folder.join(format!("mix-{data:?}")), &sandbox, options.runs, options.seed).await?;
    }
    Ok(())
}
