//! What a kind imports, what it wants and what it is granted, held against each other. This is the one place that does.
//! Does not decide about single calls: each capability does, with the grants of that moment.

use std::fmt;

use taskwright_registry::{Want, clean_line};

use crate::toml_name::{toml_key, toml_text};
use crate::{Grants, Kind, LoadError};

/// One thing that a kind can be granted.
struct Capability {
    /// As `want.capability` has it.
    name: &'static str,
    /// What the imports that are of use for nothing else begin with. A runtime's own imports, files say, are none.
    imports: &'static [&'static str],
    /// Whether it is granted under a want's name.
    granted: fn(&Grants, &str) -> bool,
    /// The line of `taskwright.toml` that would grant it, by the name of the kind's table and the want's.
    line: fn(&str, &str) -> String,
}

const CAPABILITIES: [Capability; 3] = [
    Capability {
        name: "files",
        imports: &[],
        granted: |grants, name| {
            grants.folders.iter().any(|folder| folder.name == name) || (name == "task" && grants.task_folder)
        },
        line: |kind, name| match name {
            "task" => format!("[{kind}] task_folder = true"),
            _ => format!(
                "[{kind}.folders] {} = {{ path = \"DIR\" }}, or on the command line --grant {name}=DIR",
                toml_key(name)
            ),
        },
    },
    Capability {
        name: "http",
        imports: &["taskwright:task/http@", "wasi:http/"],
        granted: |grants, name| grants.http.iter().any(|grant| grant.name == name),
        line: |kind, name| {
            format!("[[{kind}.http]] name = {} allow = [\"https://HOST\"] methods = [\"GET\"]", toml_text(name))
        },
    },
    Capability {
        name: "spawner",
        imports: &["taskwright:task/spawner@"],
        granted: |grants, _| grants.spawner.is_some(),
        line: |kind, _| format!("[{kind}.spawner] kinds = [\"KIND\"]"),
    },
];

/// Something that a kind cannot work without and was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingGrant {
    /// `files`, `http` or `spawner`; or a word that nobody knows.
    pub capability: String,
    /// The name that the grant goes by.
    pub name: String,
    /// Why the kind wants it, in its words.
    pub reason: String,
    /// The line of `taskwright.toml` that would grant it; none for a capability that nobody knows.
    pub line: Option<String>,
}

impl fmt::Display for MissingGrant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capability, name, reason, line } = self;
        write!(f, "it needs `{capability}` `{name}` ({reason})")?;
        match line {
            Some(line) => write!(f, "; in taskwright.toml this would grant it: {line}"),
            None => f.write_str(", which this version cannot grant"),
        }
    }
}

/// Refuses a component that imports a capability and does not say that it wants it: an operator could not know.
pub(crate) fn check_imports(imports: &[String], wants: &[Want]) -> Result<(), LoadError> {
    for capability in &CAPABILITIES {
        if wants.iter().any(|want| want.capability == capability.name) {
            continue;
        }
        let of_it = |import: &&String| capability.imports.iter().any(|begin| import.starts_with(begin));
        if let Some(import) = imports.iter().find(of_it) {
            return Err(LoadError::UnwantedImport { import: clean_line(import, 200), capability: capability.name });
        }
    }
    Ok(())
}

fn known(want: &Want) -> Option<&'static Capability> {
    CAPABILITIES.iter().find(|capability| capability.name == want.capability)
}

impl Grants {
    /// Whether they hold what a kind wants. What nobody knows is granted to nobody.
    #[must_use]
    pub fn hold(&self, want: &Want) -> bool {
        known(want).is_some_and(|capability| (capability.granted)(self, &want.name))
    }
}

/// The table of `taskwright.toml` that is about a kind.
pub(crate) fn table(kind: &str) -> String {
    format!("kinds.{}", toml_key(&clean_line(kind, 80)))
}

/// What of the wants is required and not granted.
fn missing(kind: &str, wants: &[Want], grants: &Grants) -> Vec<MissingGrant> {
    let lacks = |want: &&Want| want.required && !grants.hold(want);
    let told = |want: &Want| {
        let (table, name) = (table(kind), clean_line(&want.name, 80));
        let known = known(want);
        MissingGrant {
            capability: clean_line(&want.capability, 40),
            reason: clean_line(&want.reason, 200),
            line: known.map(|capability| (capability.line)(&table, &name)),
            name,
        }
    };
    wants.iter().filter(lacks).map(told).collect()
}

impl Kind {
    /// What the kind cannot work without and these grants do not hold. A kind for which this is not empty is not to be
    /// run; what it wants and can do without is refused to it call by call.
    #[must_use]
    pub fn missing_grants(&self, grants: &Grants) -> Vec<MissingGrant> {
        let description = self.description();
        missing(&description.kind, &description.wants, grants)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HttpGrant;

    fn want(capability: &str, required: bool) -> Want {
        Want { capability: capability.to_owned(), name: "api".to_owned(), reason: "to look".to_owned(), required }
    }

    fn http() -> Grants {
        let grant = HttpGrant {
            name: "api".to_owned(),
            targets: Vec::new(),
            methods: Vec::new(),
            private: false,
            secrets: Vec::new(),
        };
        Grants { http: vec![grant], ..Grants::default() }
    }

    #[test]
    fn an_import_that_is_not_wanted_is_refused_by_name() {
        for import in ["taskwright:task/http@0.1.0", "wasi:http/types@0.2.4", "wasi:http/outgoing-handler@0.2.0"] {
            let imports = ["taskwright:task/sink@0.1.0".to_owned(), import.to_owned()];
            let error = check_imports(&imports, &[want("files", true)]).unwrap_err();
            assert!(error.to_string().contains(import) && error.to_string().contains("want `http`"), "{error}");
            check_imports(&imports, &[want("http", false)]).unwrap();
        }
    }

    #[test]
    fn what_is_required_and_not_granted_is_told_with_the_line_that_would_grant_it() {
        let wants = [want("http", true)];
        let told = missing("poll", &wants, &Grants::default());
        let line = r#"[[kinds.poll.http]] name = "api" allow = ["https://HOST"] methods = ["GET"]"#;
        assert!(told[0].to_string().ends_with(line), "{}", told[0]);
        let told = missing("my.poll", &wants, &Grants::default());
        assert!(told[0].to_string().contains(r#"[[kinds."my.poll".http]] name"#), "{}", told[0]);
        let folder = [Want { name: "a.b".to_owned(), ..want("files", true) }];
        let told = missing("poll", &folder, &Grants::default());
        assert!(told[0].to_string().contains(r#"[kinds.poll.folders] "a.b" = {"#), "{}", told[0]);
        assert_eq!(missing("poll", &wants, &http()), []);
        assert_eq!(missing("poll", &[want("http", false)], &Grants::default()), []);
        let told = missing("poll", &[want("moon", true)], &http());
        assert!(told[0].to_string().contains("cannot grant"), "{}", told[0]);
    }
}
