//! The table as Markdown: a line for each row.
//! Does not judge: a row that did not end as it must is marked, and why is printed below.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use taskwright_runner::sandbox::Sandbox;
use taskwright_system_tests::hostile::{Data, Stage, table as rows};

use crate::figures::{median, milliseconds, peak_kib, percentile, reset_peak, resident_kib};
use crate::table;

/// How long the neighbour is looked at alone.
const ALONE: Duration = Duration::from_secs(3);

fn in_ms(times: &[Duration]) -> Vec<f64> {
    times.iter().map(|time| milliseconds(*time)).collect()
}

/// Plays every row, or those whose names begin with a text.
pub(crate) async fn measure(data: Data, folder: &Path, sandbox: &Sandbox, only: Option<&str>) -> Result<()> {
    let stage = async |name: &str| {
        let folder = folder.join(name);
        std::fs::create_dir_all(&folder)?;
        anyhow::Ok(Stage::set_up(data, &folder, sandbox).await)
    };
    let alone = in_ms(&stage("alone").await?.rest(ALONE).await);
    let (alone_p50, alone_p99) = (median(&alone), percentile(&alone, 99));
    table::heading(&format!("hostile: every guest, {data:?}"));
    table::line("| Guest | What it does | Ends | after | RSS rose by | Neighbour's task, median | worst | of |");
    table::line("|---|---|---|---:|---:|---:|---:|---:|");
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for (number, row) in rows().iter().enumerate() {
        if only.is_some_and(|only| !row.name.starts_with(only)) {
            continue;
        }
        let stage = stage(&number.to_string()).await?;
        let before = resident_kib()?;
        reset_peak();
        let ended = stage.play(row).await;
        let rose = (peak_kib()? - before).max(0.0) / 1024.0;
        let times = in_ms(&ended.neighbour);
        let mark = if ended.wrong.is_empty() { "" } else { " **(wrong)**" };
        let what = row.what.replace('|', "\\|");
        table::line(&format!(
            "| `{}` | {what} | {}{mark} | {} | {rose:.1} MiB | {:.1} ms | {:.1} ms | {} |",
            row.name,
            row.end,
            spoken(ended.took),
            median(&times),
            percentile(&times, 100),
            times.len()
        ));
        wrong.extend(ended.wrong.into_iter().map(|problem| format!("{}: {problem}", row.name)));
        all.extend(times);
    }
    let (p50, p99) = (median(&all), percentile(&all, 99));
    table::line("");
    table::line(&format!(
        "Neighbour alone: p50 {alone_p50:.1} ms, p99 {alone_p99:.1} ms ({} tasks). Beside all of them: p50 {p50:.1} ms ({:.2} x), p99 {p99:.1} ms ({:.2} x), {} tasks.",
        alone.len(),
        p50 / alone_p50,
        p99 / alone_p99,
        all.len()
    ));
    for problem in wrong {
        table::line(&format!("wrong: {problem}"));
    }
    Ok(())
}

fn spoken(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{:.0} ms", milliseconds(time))
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}
