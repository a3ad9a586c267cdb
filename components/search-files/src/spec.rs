//! What to search for, and where.
//! It does not check the pattern: the regular expression's compiler does.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to search for, and where.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A regular expression, as ripgrep understands it. It matches within a line, as that is shown: without its end and without a byte
    /// order mark. Files in UTF-16 are left out as binary.
    pub pattern: String,
    /// Where to search: a folder or file under the granted folder.
    #[serde(default = "everything")]
    pub path: String,
    /// Which files to search, as in `rg --glob`: `*.rs` to search these only, `!*.lock` to leave these out.
    #[serde(default)]
    pub globs: Vec<String>,
    /// Whether upper and lower case are the same.
    #[serde(default)]
    pub case_insensitive: bool,
    /// Whether files and folders whose names begin with a dot are searched.
    #[serde(default)]
    pub hidden: bool,
    /// How many matching lines the result shows. All are counted, and all are in the artifact.
    #[serde(default = "hundred")]
    #[schemars(range(max = 1000))]
    pub max_matches: usize,
}

fn everything() -> String {
    ".".to_owned()
}

fn hundred() -> usize {
    100
}
