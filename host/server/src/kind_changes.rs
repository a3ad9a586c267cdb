//! What differs between two versions of a kind, and which of it an operator has to accept.
//! Does not decide: whoever upgrades does.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use semver::Version;
use serde::Serialize;
use serde_json::Value;
use taskwright_registry::{Budget, Description, Dimension, Reattach, clean_line};
use taskwright_sandbox::{Kind, SelfDescription};

use crate::render;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// What of the kind.
    pub(crate) what: &'static str,
    /// How it differs, for a person.
    pub(crate) text: String,
    /// Whether the newer one may do more than was accepted, or is the older one in truth.
    pub(crate) needs_accept: bool,
}

impl Change {
    fn note(what: &'static str, text: impl Into<String>) -> Self {
        Self { what, text: clean_line(&text.into(), 400), needs_accept: false }
    }

    fn wider(what: &'static str, text: impl Into<String>) -> Self {
        Self { needs_accept: true, ..Self::note(what, text) }
    }
}

/// What of a version an operator accepts, or has accepted.
pub(crate) struct Accepted<'a> {
    /// What it said of itself.
    pub(crate) said: &'a SelfDescription,
    /// What it imports.
    pub(crate) imports: &'a [String],
}

impl<'a> Accepted<'a> {
    /// What is asked of an operator who installs a kind.
    pub(crate) fn of(kind: &'a Kind) -> Self {
        Self { said: kind.self_description(), imports: kind.imports() }
    }
}

/// Everything that differs, from `old` to `new`. `most` is the operator's limit for any attempt.
pub(crate) fn changes(old: &Accepted<'_>, new: &Accepted<'_>, most: &Budget) -> Vec<Change> {
    let (before, after) = (&old.said.description, &new.said.description);
    let mut all = vec![version(&before.version, &after.version)];
    all.extend(wants(before, after));
    all.extend(imports(old.imports, new.imports));
    all.extend(budget(&old.said.wishes, &new.said.wishes, most));
    all.extend(reattach(&before.reattach, &after.reattach));
    all.extend(schema(&before.spec_schema, &after.spec_schema));
    all
}

fn version(before: &str, after: &str) -> Change {
    let text = format!("{before} -> {after}");
    // Both are semantic: a kind with another version is not loaded.
    match (Version::parse(before), Version::parse(after)) {
        (Ok(before), Ok(after)) => match after.cmp_precedence(&before) {
            Ordering::Less => Change::wider("version", format!("{text}: that is older")),
            Ordering::Equal => Change::note("version", format!("{text}: the same version with other code")),
            Ordering::Greater => Change::note("version", text),
        },
        _ => Change::wider("version", text),
    }
}

fn wants(before: &Description, after: &Description) -> Vec<Change> {
    let mut all = Vec::new();
    let same = |one: &taskwright_registry::Want, two: &taskwright_registry::Want| {
        one.capability == two.capability && one.name == two.name
    };
    for want in &after.wants {
        let what = format!("{} `{}`", want.capability, want.name);
        let need = if want.required { "required" } else { "optional" };
        match before.wants.iter().find(|old| same(old, want)) {
            None => all.push(Change::wider("wants", format!("+ {what} ({need}): {}", want.reason))),
            Some(old) if old.required != want.required => {
                all.push(Change::note("wants", format!("~ {what} is {need} now")));
            }
            Some(_) => {}
        }
    }
    for want in before.wants.iter().filter(|old| !after.wants.iter().any(|want| same(old, want))) {
        all.push(Change::note("wants", format!("- {} `{}`", want.capability, want.name)));
    }
    all
}

fn imports(before: &[String], after: &[String]) -> Vec<Change> {
    let names = |imports: &[String]| -> BTreeSet<String> {
        imports.iter().map(|import| import.split('@').next().unwrap_or_default().to_owned()).collect()
    };
    let (before, after) = (names(before), names(after));
    let more = after.difference(&before).map(|import| Change::wider("imports", format!("+ {import}")));
    more.chain(before.difference(&after).map(|import| Change::note("imports", format!("- {import}")))).collect()
}

fn budget(before: &Budget, after: &Budget, most: &Budget) -> Vec<Change> {
    let (old, new) = (before.narrowed_by(most), after.narrowed_by(most));
    let one = |&dimension: &Dimension| {
        let (wished, wishes) = (before.get(dimension), after.get(dimension));
        let (had, gets) = (old.get(dimension), new.get(dimension));
        if wished == wishes {
            return None;
        }
        let said = |wish: u64| match wish {
            u64::MAX => "no wish".to_owned(),
            wish => render::amount(dimension, wish),
        };
        let amount =
            |limit: u64| if limit == u64::MAX { "no limit".to_owned() } else { render::amount(dimension, limit) };
        let text = format!("{dimension} {} -> {}", said(wished), said(wishes));
        Some(match gets.cmp(&had) {
            Ordering::Greater => {
                Change::wider("budget", format!("{text}: an attempt gets {} instead of {}", amount(gets), amount(had)))
            }
            Ordering::Equal => Change::note("budget", format!("{text}: an attempt gets {} as before", amount(gets))),
            Ordering::Less => {
                Change::note("budget", format!("{text}: an attempt gets {} instead of {}", amount(gets), amount(had)))
            }
        })
    };
    Dimension::ALL.iter().filter_map(one).collect()
}

fn reattach(before: &Reattach, after: &Reattach) -> Option<Change> {
    let said = |says: &Reattach| match says {
        Reattach::Never => "never".to_owned(),
        Reattach::Always => "always".to_owned(),
        Reattach::AsSpec(pointer) => format!("if the specification has true at `{pointer}`"),
    };
    if before == after {
        return None;
    }
    let text = format!("{} -> {}", said(before), said(after));
    // Work that is run again may be done twice.
    let narrower = *after == Reattach::Never || *before == Reattach::Always;
    Some(if narrower { Change::note("re-attaches", text) } else { Change::wider("re-attaches", text) })
}

/// Whether specifications that were accepted still are, as far as can be told from the outermost object.
fn schema(before: &Value, after: &Value) -> Option<Change> {
    if before == after {
        return None;
    }
    let list = |schema: &Value, key: &str| -> BTreeSet<String> {
        let names = schema.get(key).and_then(Value::as_array).into_iter().flatten();
        names.filter_map(|name| Some(name.as_str()?.to_owned())).collect()
    };
    let properties = |schema: &Value| schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let (had, has) = (properties(before), properties(after));
    let closed = after.get("additionalProperties") == Some(&Value::Bool(false));
    let mut breaks: Vec<String> = list(after, "required")
        .difference(&list(before, "required"))
        .map(|name| format!("`{name}` is required now"))
        .collect();
    for (name, old) in &had {
        match has.get(name) {
            None if closed => breaks.push(format!("`{name}` is no longer taken")),
            Some(new) if new != old => breaks.push(format!("`{name}` is described otherwise")),
            _ => {}
        }
    }
    if breaks.is_empty() && closed && before.get("additionalProperties") != Some(&Value::Bool(false)) {
        breaks.push("properties that it does not name are no longer taken".to_owned());
    }
    let new: Vec<String> = has.keys().filter(|name| !had.contains_key(*name)).map(|name| format!("`{name}`")).collect();
    Some(Change::note(
        "spec",
        match (breaks.is_empty(), new.is_empty()) {
            (false, _) => format!("some specifications may be refused that were accepted: {}", breaks.join(", ")),
            (true, false) => format!("compatible as far as can be told; new are {}", new.join(", ")),
            (true, true) => "it has changed, in nothing that can be told to refuse what was accepted".to_owned(),
        },
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_older_version_and_only_that_has_to_be_accepted() {
        assert!(!version("1.2.0", "1.10.0").needs_accept);
        assert!(version("1.10.0", "1.2.0").needs_accept && version("1.0.0", "1.0.0-rc.1").needs_accept);
        assert!(!version("1.0.0", "1.0.0+build.2").needs_accept);
    }

    #[test]
    fn what_widens_has_to_be_accepted_and_what_narrows_does_not() {
        let never_to_always = reattach(&Reattach::Never, &Reattach::Always).unwrap();
        assert!(never_to_always.needs_accept);
        assert!(!reattach(&Reattach::Always, &Reattach::AsSpec("/x".to_owned())).unwrap().needs_accept);
        let (less, more) = (["a@0.1.0".to_owned()], ["a@0.1.1".to_owned(), "b@1.0.0".to_owned()]);
        assert_eq!(imports(&less, &more), [Change::wider("imports", "+ b")]);
        assert_eq!(imports(&more, &less), [Change::note("imports", "- b")]);
        let most = Budget::default();
        let wish = |memory_bytes| Budget { memory_bytes, ..Budget::UNLIMITED };
        assert!(budget(&wish(1 << 20), &wish(2 << 20), &most)[0].needs_accept);
        assert!(budget(&wish(1 << 20), &Budget::UNLIMITED, &most)[0].needs_accept, "no wish is the operator's most");
        assert!(!budget(&wish(2 << 20), &wish(1 << 20), &most)[0].needs_accept);
        assert!(!budget(&wish(most.memory_bytes), &wish(u64::MAX - 1), &most)[0].needs_accept, "it gets no more");
    }

    #[test]
    fn a_schema_that_refuses_more_is_told() {
        let old = json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]});
        let told = |new: Value| schema(&old, &new).map(|change| change.text);
        assert_eq!(told(old.clone()), None);
        let more =
            json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {}, "c": {}}, "required": ["a"]});
        assert_eq!(told(more).unwrap(), "compatible as far as can be told; new are `c`");
        let required = json!({"properties": {"a": {"type": "string"}, "b": {}}, "required": ["a", "b"]});
        assert!(told(required).unwrap().contains("`b` is required now"));
        let gone = json!({"properties": {"a": {"type": "string"}}, "additionalProperties": false, "required": ["a"]});
        assert!(told(gone).unwrap().contains("`b` is no longer taken"));
        let other = json!({"properties": {"a": {"type": "number"}, "b": {}}, "required": ["a"]});
        assert!(told(other).unwrap().contains("`a` is described otherwise"));
    }
}
