//! The operator's configuration, `taskwright.toml`: read as a whole or refused with the place of what is wrong.
//! Does not apply itself: the commands put it where it holds.

pub(crate) mod budget;
pub(crate) mod figure;
pub(crate) mod host;
pub(crate) mod kind;
pub(crate) mod secret;
pub(crate) mod show;

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use taskwright_registry::{Budget, clean_line};
use taskwright_runner::{KindSettings, RunnerConfig};

use self::budget::Limits;
use self::host::HostConfig;
use self::kind::KindConfig;
use crate::exit_code::refused;
use crate::plain_file;
use crate::trust::{Trust, TrustedKey};

/// The file's name in the home.
pub(crate) const FILE: &str = "taskwright.toml";
/// More than anybody writes by hand.
const MAX_BYTES: u64 = 1 << 20;

/// A kind's name as the key of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KindName(pub(crate) String);

impl std::borrow::Borrow<str> for KindName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for KindName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b)) {
            return Ok(Self(name));
        }
        let name = clean_line(&name, 80);
        Err(D::Error::custom(format!("`{name}` is no kind's name: expected letters, digits and `_-.`")))
    }
}

/// What stands in the file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ConfigFile {
    /// Whether only signed components are loaded.
    pub(crate) require_signature: bool,
    /// Whose signatures count.
    pub(crate) trusted_keys: Vec<TrustedKey>,
    /// The process as a whole.
    pub(crate) host: HostConfig,
    /// The most for any attempt, in place of the default.
    pub(crate) budget: Limits,
    /// Kind by kind.
    pub(crate) kinds: BTreeMap<KindName, KindConfig>,
}

/// The configuration that holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Config {
    /// Where it was read; `None` if there is no file.
    pub(crate) path: Option<PathBuf>,
    /// Where relative paths in it begin.
    pub(crate) base: PathBuf,
    /// What it says.
    pub(crate) file: ConfigFile,
}

impl Config {
    /// Reads a file. One that nobody has named may be absent: then the defaults hold.
    pub(crate) fn read(path: &Path, named: bool) -> Result<Self> {
        let shown = clean_line(&path.display().to_string(), 400);
        let wrong = |problem: String| refused(format!("{shown}: {problem}"));
        let text = match plain_file::read_text(path, MAX_BYTES) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound && !named => return Ok(Self::default()),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let file: ConfigFile = toml::from_str(&text).map_err(|error| located(&shown, &text, &error))?;
        if file.require_signature && file.trusted_keys.is_empty() {
            return Err(wrong("require_signature needs trusted_keys: nobody's signature would count".to_owned()));
        }
        let absolute = std::path::absolute(path).map_err(|error| wrong(error.to_string()))?;
        let base = absolute.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { path: Some(absolute), base, file })
    }

    /// The runner's settings, before the command line's.
    pub(crate) fn runner(&self) -> RunnerConfig {
        let mut config = RunnerConfig::default();
        self.file.host.apply(&mut config);
        config.sandbox.budget = self.most();
        let limit = |(name, kind): (&KindName, &KindConfig)| Some((name.0.clone(), kind.limit?.get()));
        config.shared_limits.kinds = self.file.kinds.iter().filter_map(limit).collect();
        config
    }

    /// The most for any attempt whose kind has no limits of its own.
    pub(crate) fn most(&self) -> Budget {
        Budget::default().replaced_by(&self.file.budget.0)
    }

    /// What a kind is allowed, with whole paths and with secrets.
    pub(crate) fn kind(&self, name: &str) -> Result<KindSettings> {
        match self.file.kinds.get(name) {
            Some(kind) => kind.settings(name, &self.base),
            None => Ok(KindSettings::default()),
        }
    }

    /// What is left of what a kind was allowed before, where [`Config::kind`] is an error.
    pub(crate) fn left_of(&self, name: &str, before: &KindSettings) -> KindSettings {
        self.file.kinds.get(name).map_or_else(KindSettings::default, |kind| kind.left_of(before))
    }

    /// Whose components are loaded.
    pub(crate) fn trust(&self) -> Trust {
        Trust { required: self.file.require_signature, keys: self.file.trusted_keys.clone() }
    }
}

/// A message of the parser's without the value that it is about: that may be a secret, written where it does not belong.
fn without_value(message: &str) -> String {
    for (about, instead) in [("invalid type: string ", "a text"), ("unknown variant ", "a word")] {
        if let Some(rest) = message.strip_prefix(about) {
            let expected = rest.rfind(", expected ").map_or("", |at| &rest[at..]);
            return format!("found {instead}{expected}");
        }
    }
    message.to_owned()
}

/// The error with its line and column. The line itself is not shown: it may hold what should not have been written there.
fn located(path: &str, text: &str, error: &toml::de::Error) -> anyhow::Error {
    let message = clean_line(&without_value(error.message()), 1_000);
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return refused(format!("{path}: {message}"));
    };
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    refused(format!("{path}:{line}:{column}: {message}"))
}

#[cfg(test)]
mod tests {
    use taskwright_registry::Dimension;

    use super::*;

    fn read(text: &str) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        Config::read(&path, true)
    }

    #[test]
    fn any_file_is_read_or_refused_in_one_line_that_repeats_no_secret() {
        let whole = r#"
require_signature = false
[host]
slots = 3
lease = "5 s"
max_guest_memory = "1 GiB"
[budget]
cpu_ms = "10 s"
[kinds.asks]
task_folder = true
[kinds.asks.budget]
http_requests = 5
[kinds.asks.folders]
files = { path = "src", access = "write" }
[[kinds.asks.http]]
name = "api"
allow = ["https://*.example.com:8443"]
methods = ["GET"]
secrets = { token = { env = "A_TOKEN" } }
[kinds.asks.spawner]
kinds = ["walkthrough"]
delegates = []
"#;
        let words: [&[u8]; 8] =
            [b"[kinds.", b"\"\"\"", b"= {", b"]]", b"-1", b"9223372036854775808", b"token = \"hunter2\"\n", b"\xff"];
        taskwright_fuzz::mutation::run(&[whole.as_bytes().to_vec()], &words, |bytes| {
            let Ok(text) = std::str::from_utf8(bytes) else { return };
            let Err(error) = toml::from_str::<ConfigFile>(text) else { return };
            let told = located("taskwright.toml", text, &error).to_string();
            assert!(!told.chars().any(char::is_control) && told.len() < 1_200, "{told:?}");
            assert!(!told.contains("hunter2"), "{told}");
        });
    }

    fn refused_with(text: &str) -> String {
        format!("{:#}", read(text).unwrap_err())
    }

    #[test]
    fn what_is_said_holds_and_what_is_not_said_has_its_default() {
        let config = read(
            r#"
            [host]
            slots = 3
            lease = "5 s"
            keep = "forever"
            output_log = "1 MiB"
            max_instances = 7
            [budget]
            memory_bytes = "1 GiB"
            cpu_ms = "2 m"
            [kinds.one.budget]
            messages = 5
            "#,
        )
        .unwrap();
        let runner = config.runner();
        assert_eq!((runner.slots, runner.lease.millis(), runner.retention), (3, 5_000, None));
        assert_eq!((runner.output_log_bytes, runner.sandbox.max_instances), (1 << 20, 7));
        assert_eq!(runner.drain_grace, RunnerConfig::default().drain_grace);
        assert_eq!((config.most().memory_bytes, config.most().cpu_ms), (1 << 30, 120_000));
        assert_eq!(config.most().get(Dimension::Messages), Budget::default().messages);
        assert_eq!(config.kind("one").unwrap().budget, Budget { messages: 5, ..Budget::UNLIMITED });
        assert_eq!(config.kind("two").unwrap().budget, Budget::UNLIMITED);
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place_and_what_is_expected() {
        for (text, place, expected) in [
            ("[host]\nslot = 3", ":2:1:", "`slots`"),
            ("[host]\nslots = 0", ":2:9:", "nonzero"),
            ("[host]\nlease = \"1 ms\"", ":2:9:", "1s"),
            ("[budget]\nmemory = 5", ":2:1:", "memory_bytes"),
            ("[budget]\n\nmessages = \"5 s\"", ":3:12:", "`messages` counts things"),
            ("[kinds.x]\nfolders = { a = {} }", ":2:", "path"),
            ("[kinds.x]\nfolders = { a = { path = \".\", access = \"all\" } }", ":2:", "`read`"),
            ("[kinds.\"../x\"]", ":1:8:", "letters, digits"),
            ("[[kinds.x.http]]\nname = \"a\"\nallow = [\"example.com\"]", ":3:", "SCHEME://HOST"),
            ("[[kinds.x.http]]\nname = \"a\"\nallow = []", ":1:", "at least one target"),
            ("[[kinds.x.http]]\nname = \"a\"\nallow = [\"http://a\"]\nmethods = [\"get\"]", ":4:", "GET"),
            ("trusted_keys = [\"RWQ\"]", ":1:", "minisign"),
            ("kinds = 5\n[host", ":2:", ""),
        ] {
            let line = refused_with(text);
            assert!(line.contains(place) && line.contains(expected), "{text:?}: {line}");
        }
        assert!(refused_with("require_signature = true").contains("trusted_keys"));
    }

    #[test]
    fn a_secret_in_the_file_itself_is_refused_and_not_repeated() {
        for secret in ["\"hunter2\"", "{ value = \"hunter2\" }", "{}", "{ env = \"A\", file = \"hunter2\" }"] {
            let text = format!("[[kinds.x.http]]\nname = \"a\"\nallow = [\"https://a\"]\nsecrets = {{ t = {secret} }}");
            let line = refused_with(&text);
            assert!(line.contains(":4:") && !line.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn a_secret_that_is_missing_is_told_by_its_variable_or_file() {
        let text = "[[kinds.x.http]]\nname = \"a\"\nallow = [\"https://a\"]\nsecrets = { t = ";
        let config = read(&format!("{text}{{ env = \"TASKWRIGHT_TEST_NO_SUCH_VARIABLE\" }} }}")).unwrap();
        let line = config.kind("x").unwrap_err().to_string();
        assert!(line.contains("TASKWRIGHT_TEST_NO_SUCH_VARIABLE") && line.contains("not set"), "{line}");
        let config = read(&format!("{text}{{ file = \"no-such-file\" }} }}")).unwrap();
        assert!(config.kind("x").unwrap_err().to_string().contains("no-such-file"));
        assert!(config.kind("y").is_ok(), "what is wrong with one kind is nothing to another");
    }
}
