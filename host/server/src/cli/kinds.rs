//! The arguments of `kinds`.
//! Does not act on them.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `kinds`.
#[derive(Debug, Subcommand)]
pub(crate) enum KindsCommand {
    /// List the known kinds.
    List,
    /// Show what a kind takes, wants and may use.
    Inspect {
        /// The kind's name, or a file.
        kind: String,
    },
    /// Check files or known kinds without installing or running anything: one line each.
    Verify {
        /// Files, or names of known kinds.
        #[arg(required = true, value_name = "FILE|NAME")]
        files: Vec<PathBuf>,
    },
    /// Check components and install them, all or none.
    Install(InstallArgs),
    /// Replace an installed kind by another version; tasks that have begun go on with theirs.
    Upgrade(UpgradeArgs),
    /// Remove an installed kind.
    Remove {
        /// The kind's name.
        kind: String,
        /// Also if live tasks need it; they wait until it is installed again.
        #[arg(long)]
        force: bool,
    },
}

/// `kinds install`.
#[derive(Debug, Args)]
pub(crate) struct InstallArgs {
    /// A component, or a folder: then all of its *.wasm.
    #[arg(value_name = "FILE|DIR")]
    pub(crate) path: PathBuf,
    /// The name that the kind must have.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The digest that the file must have: sha256: and 64 hexadecimal digits.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) digest: Option<String>,
    /// The file's signature by minisign; FILE.minisig unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
}

/// `kinds upgrade`.
#[derive(Debug, Args)]
pub(crate) struct UpgradeArgs {
    /// The component.
    pub(crate) file: PathBuf,
    /// The digest that the file must have: sha256: and 64 hexadecimal digits.
    #[arg(long, value_name = "DIGEST", value_parser = digest)]
    pub(crate) digest: Option<String>,
    /// The file's signature by minisign; FILE.minisig unless given.
    #[arg(long, value_name = "FILE")]
    pub(crate) signature: Option<PathBuf>,
    /// Accept that it wants more than the installed one, or is older.
    #[arg(long)]
    pub(crate) accept: bool,
    /// Show what would change, and change nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Reads a digest.
fn digest(text: &str) -> Result<String, String> {
    let text = text.to_ascii_lowercase();
    let digits = text.strip_prefix("sha256:").unwrap_or(&text);
    if digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(format!("sha256:{digits}"));
    }
    Err("expected sha256: and 64 hexadecimal digits, as `kinds verify FILE` shows them".to_owned())
}
