//! Carries a registry over from a file to a PostgreSQL: batch by batch, so that it can be broken off anywhere and goes on there, and
//! compared in the end.
//! Does not carry files of sessions, and does not change or remove the source.

pub(crate) mod table;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

pub use table::Sum;
use table::{Rows, TABLES, sum};

use crate::postgres::{Mark, Target};
use crate::sqlite::Source;
use crate::{SqliteOptions, SqliteStore, Store, StoreError};

/// How a migration is done.
#[derive(Debug, Clone)]
pub struct MigrateOptions {
    /// The schema of the target.
    pub schema: String,
    /// The most rows of one batch, which is one transaction; at least 1. It has fewer where they are large: about 4 MiB.
    pub batch_rows: usize,
    /// Whether to throw away what an unfinished migration has left in the target, and begin anew.
    pub restart: bool,
    /// A file with certificates in PEM, of which one must have signed the target's, in place of the web's roots.
    pub root_certificates: Option<PathBuf>,
}

impl Default for MigrateOptions {
    fn default() -> Self {
        Self { schema: "taskwright".to_owned(), batch_rows: 1_000, restart: false, root_certificates: None }
    }
}

/// What was just done, and is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The table that rows were copied of, or that was compared.
    pub table: &'static str,
    /// Rows that were copied so far, of all tables and in all runs.
    pub copied: u64,
    /// Whether it is being compared.
    pub comparing: bool,
}

/// What became of a migration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Migrated {
    /// Everything is there, and equal; table by table.
    Complete(Vec<Sum>),
    /// It was broken off by its caller. The next run goes on.
    BrokenOff,
}

/// Why a registry was not carried over.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// There is no file to carry over.
    #[error("there is no registry at {}", path.display())]
    NoSource {
        /// Where.
        path: PathBuf,
    },
    /// A host works off the source.
    #[error("the host {host} is alive and works off {}: stop it first, and if it was killed wait until its lease is over", path.display())]
    SourceInUse {
        /// Which file.
        path: PathBuf,
        /// Which host.
        host: String,
    },
    /// The target is in use, or was.
    #[error("the target holds sessions or hosts already: name another schema or database, or remove that one")]
    TargetNotEmpty,
    /// The target was filled by a migration that is complete.
    #[error("the target was filled from {source_file} already, and that was complete")]
    AlreadyComplete {
        /// From where.
        source_file: String,
    },
    /// The target is half full of something else.
    #[error(
        "the target has the beginning of a migration from {source_file}, which is another file or was written to since: \
         begin anew with --restart, which throws away what was copied"
    )]
    OtherSource {
        /// From where.
        source_file: String,
    },
    /// Somebody else is about it.
    #[error("another migration into this schema is running")]
    Running,
    /// What arrived is not what was there.
    #[error(
        "the table {table} has {expected_rows} rows with the checksum {expected} in the file, and {actual_rows} with {actual} in the \
         target: somebody else has written to one of them; begin anew with --restart"
    )]
    Differs {
        /// Which.
        table: &'static str,
        /// In the file.
        expected_rows: u64,
        /// In the file.
        expected: String,
        /// In the target.
        actual_rows: u64,
        /// In the target.
        actual: String,
    },
    /// One of the two ends cannot be used. What was copied stays; the next run goes on.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Carries the registry in the file `from` over into the PostgreSQL at the address `to`. The file is locked against writes meanwhile and
/// is not changed. What each step did is durable when `told` hears of it; it may break the migration off, and so may anything
/// else, and the next run goes on there. Until it is complete, nobody can open the target as a store.
///
/// Leases are over in the target: what hosts have left is taken over there as after any death of a host.
///
/// # Errors
/// See [`MigrateError`].
pub async fn migrate(
    from: &Path,
    to: &str,
    options: &MigrateOptions,
    mut told: impl FnMut(&Step) -> ControlFlow<()>,
) -> Result<Migrated, MigrateError> {
    let mut source = open_source(from).await?;
    let fingerprint = source.fingerprint()?;
    let mut target =
        Target::open(to, &options.schema, options.root_certificates.clone()).await?.ok_or(MigrateError::Running)?;
    let mut mark = target.mark().await?;
    if options.restart && mark.as_ref().is_some_and(|mark| !mark.complete) {
        target.clear().await?;
        mark = None;
    }
    let mut mark = match mark {
        None => begin(&target, from, fingerprint).await?,
        Some(mark) if mark.complete => return Err(MigrateError::AlreadyComplete { source_file: mark.source }),
        Some(mark) if mark.fingerprint != fingerprint => {
            return Err(MigrateError::OtherSource { source_file: mark.source });
        }
        Some(mark) => mark,
    };
    while let Some(table) = TABLES.get(mark.table) {
        let rows = source.after(table, mark.place.clone(), options.batch_rows.max(1)).await?;
        mark.copied += rows.len() as u64;
        match rows.last() {
            Some(last) => mark.place = Some(last[..table.key].to_vec()),
            None => (mark.table, mark.place) = (mark.table + 1, None),
        }
        target.put(table, &rows, &mark).await?;
        let step = Step { table: table.name, copied: mark.copied, comparing: false };
        if !rows.is_empty() && told(&step).is_break() {
            return Ok(Migrated::BrokenOff);
        }
    }
    let mut numbers = Vec::new();
    for table in TABLES.iter().filter(|table| table.numbers) {
        numbers.push((table, source.last_number(table)?));
    }
    target.go_on_behind(&numbers, source.forgotten()?).await?;
    let mut sums = Vec::new();
    for table in TABLES {
        let here = sum(&mut source, table, options.batch_rows.max(1)).await?;
        let there = sum(&mut target, table, options.batch_rows.max(1)).await?;
        if here != there {
            return Err(MigrateError::Differs {
                table: table.name,
                expected_rows: here.rows,
                expected: here.checksum,
                actual_rows: there.rows,
                actual: there.checksum,
            });
        }
        sums.push(here);
        if told(&Step { table: table.name, copied: mark.copied, comparing: true }).is_break() {
            return Ok(Migrated::BrokenOff);
        }
    }
    target.complete().await?;
    Ok(Migrated::Complete(sums))
}

async fn begin(target: &Target, from: &Path, fingerprint: String) -> Result<Mark, MigrateError> {
    if target.holds().await? > 0 {
        return Err(MigrateError::TargetNotEmpty);
    }
    let source = from.display().to_string();
    let mark = Mark { source, fingerprint, table: 0, place: None, copied: 0, complete: false };
    target.begin(&mark).await?;
    Ok(mark)
}

/// Locks the source, which no host may be working off.
async fn open_source(path: &Path) -> Result<Source, MigrateError> {
    if !path.is_file() {
        return Err(MigrateError::NoSource { path: path.to_owned() });
    }
    let store = SqliteStore::open(path, SqliteOptions::default())?;
    let source = Source::lock(path, &SqliteOptions::default())?;
    // Looked at under the lock, so that nobody can begin in between.
    match store.hosts().await?.into_iter().find(|host| host.alive) {
        Some(host) => Err(MigrateError::SourceInUse { path: path.to_owned(), host: host.host.id.as_str().to_owned() }),
        None => Ok(source),
    }
}
