//! What was measured, as tables of Markdown.
//! Does not measure.

use super::contender::{ALL, Contender};
use super::raw::{Setting, Shape, best};
use super::{Measured, Row};
use crate::figures::percentile;
use crate::table::{heading, line};

/// A row of cells.
fn row(cells: &[String]) {
    line(&format!("| {} |", cells.join(" | ")));
}

/// The names of columns, the first of them to the left.
fn columns(names: &[&str]) {
    line(&format!("| {} |", names.join(" | ")));
    let mut rules = vec!["---:"; names.len()];
    rules[0] = "---";
    line(&format!("|{}|", rules.join("|")));
}

/// A ratio, or a dash where there is nothing to compare with.
fn times(one: f64, other: f64) -> String {
    let ratio = one / other;
    if ratio.is_finite() { format!("{ratio:.2}") } else { "–".to_owned() }
}

/// A number of which a few digits matter.
fn number(value: f64) -> String {
    match value.abs() {
        _ if !value.is_finite() => "–".to_owned(),
        0.0..0.1 => format!("{value:.3}"),
        0.1..10.0 => format!("{value:.2}"),
        10.0..100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// All of them.
pub(crate) fn print(measured: &Measured) {
    raw(measured);
    if measured.rows.is_empty() {
        return;
    }
    rates(measured);
    costs(measured);
    calm(measured);
    calls(measured);
}

fn raw(measured: &Measured) {
    if measured.raw.is_empty() {
        return;
    }
    heading("hosts: the raw limit, claim and finish alone through pgbench");
    line("");
    columns(&[
        "table",
        "connections",
        "tasks a transaction",
        "tasks/s",
        "x ours, one by one",
        "WAL B/task",
        "syncs/task",
        "HOT",
    ]);
    let singly = best(&measured.raw, 1);
    for raw in &measured.raw {
        let Setting { shape, clients, batch } = raw.setting;
        let shape = match shape {
            Shape::Ours => "like ours",
            Shape::Least => "the least",
        };
        row(&[
            shape.to_owned(),
            clients.to_string(),
            batch.to_string(),
            number(raw.rate),
            times(raw.rate, singly),
            number(raw.wal_bytes),
            number(raw.wal_syncs),
            format!("{:.0} %", raw.hot_share * 100.0),
        ]);
    }
}

/// The rate of somebody else with as many hosts.
fn rate_of(measured: &Measured, who: Contender, hosts: usize) -> f64 {
    let same = measured.rows.iter().find(|row| row.who == who && row.hosts == hosts);
    same.map_or(f64::NAN, |row| row.drain.rate)
}

fn by_contender(measured: &Measured) -> impl Iterator<Item = &Row> {
    ALL.into_iter().flat_map(|who| measured.rows.iter().filter(move |row| row.who == who))
}

fn rates(measured: &Measured) {
    heading(&format!("hosts: {} jobs claimed, started and finished", measured.jobs));
    line("");
    columns(&[
        "who",
        "hosts",
        "tasks/s",
        "x 1 host",
        "x apalis",
        "x graphile, batched",
        "x graphile, one by one",
        "x raw, one by one",
        "x raw, 64 at once",
    ]);
    let (singly, batched) = (best(&measured.raw, 1), best(&measured.raw, 64));
    for Row { who, hosts, drain, .. } in by_contender(measured) {
        let against = |other| times(drain.rate, rate_of(measured, other, *hosts));
        row(&[
            who.title().to_owned(),
            hosts.to_string(),
            number(drain.rate),
            times(drain.rate, rate_of(measured, *who, 1)),
            against(Contender::Apalis),
            against(Contender::Graphile),
            against(Contender::GraphileSingly),
            times(drain.rate, singly),
            times(drain.rate, batched),
        ]);
    }
}

fn costs(measured: &Measured) {
    heading("hosts: what one of these jobs costs");
    line("");
    columns(&[
        "who",
        "hosts",
        "statements",
        "commits",
        "syncs",
        "WAL B",
        "x apalis",
        "HOT",
        "CPU of the server, ms",
        "CPU of the hosts, ms",
    ]);
    for Row { who, hosts, drain, .. } in by_contender(measured) {
        let apalis = measured.rows.iter().find(|row| row.who == Contender::Apalis && row.hosts == *hosts);
        row(&[
            who.title().to_owned(),
            hosts.to_string(),
            number(drain.server.statements),
            number(drain.server.commits),
            number(drain.server.wal_syncs),
            number(drain.server.wal_bytes),
            times(drain.server.wal_bytes, apalis.map_or(f64::NAN, |row| row.drain.server.wal_bytes)),
            format!("{} %", number(drain.server.hot_share() * 100.0)),
            number(drain.server.cpu_seconds * 1e3),
            number(drain.hosts_cpu * 1e3),
        ]);
    }
}

fn calm(measured: &Measured) {
    if measured.rows.iter().all(|row| row.calm.is_none()) {
        return;
    }
    let pace = measured.pace;
    heading(&format!("hosts: made to started, {} jobs/s for {} s; and with nothing to do", pace.rate, pace.seconds));
    line("");
    columns(&[
        "who",
        "hosts",
        "p50 ms",
        "p99 ms",
        "p99 x apalis",
        "p99 x graphile",
        "idle: statements/s",
        "of each host",
        "WAL B/s",
    ]);
    let p99 = |who, hosts| {
        let same = measured.rows.iter().find(|row| row.who == who && row.hosts == hosts);
        same.and_then(|row| row.calm.as_ref()).map_or(f64::NAN, |calm| percentile(&calm.to_start, 99))
    };
    for Row { who, hosts, calm, .. } in by_contender(measured) {
        let Some(calm) = calm else { continue };
        let own = percentile(&calm.to_start, 99);
        row(&[
            who.title().to_owned(),
            hosts.to_string(),
            number(percentile(&calm.to_start, 50)),
            number(own),
            times(own, p99(Contender::Apalis, *hosts)),
            times(own, p99(Contender::Graphile, *hosts)),
            number(calm.idle_statements),
            number(calm.idle_statements / *hosts as f64),
            number(calm.idle_wal),
        ]);
    }
}

/// What the runner asks of its store, and the store of the server.
fn calls(measured: &Measured) {
    for Row { who, hosts, drain, .. } in by_contender(measured).filter(|row| row.who.is_own()) {
        let mut calls: Vec<_> = drain.calls.iter().filter(|(_, each)| **each >= 0.001).collect();
        calls.sort_by(|one, other| other.1.total_cmp(one.1));
        let calls: Vec<String> = calls.iter().map(|(verb, each)| format!("{verb} {each:.3}")).collect();
        line("");
        line(&format!("{}, {hosts} hosts, calls of the store for each task: {}.", who.title(), calls.join(", ")));
    }
    let Some(Row { who, hosts, drain, .. }) = by_contender(measured).filter(|row| row.who == Contender::Native).last()
    else {
        return;
    };
    heading(&format!("hosts: statements for each task, {}, {hosts} hosts", who.title()));
    line("");
    columns(&["statement", "times", "ms of the server", "of all"]);
    let all: f64 = drain.statements.iter().map(|statement| statement.total_ms).sum();
    for statement in &drain.statements {
        row(&[
            format!("`{}`", statement.text),
            format!("{:.3}", statement.calls),
            format!("{:.3}", statement.total_ms),
            format!("{:.0} %", statement.total_ms / all * 100.0),
        ]);
    }
}
