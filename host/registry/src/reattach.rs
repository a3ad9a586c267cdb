//! Whether a task can be taken up again by another host, as its kind says.
//! Does not take it up: the runner does. Does not check the pointer that a kind gives: the sandbox does.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which tasks of a kind get a further attempt after the host of an earlier one was lost.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reattach {
    /// None.
    #[default]
    Never,
    /// All.
    Always,
    /// Those with `true` in their specification where this JSON pointer (RFC 6901) leads.
    AsSpec(String),
}

impl Reattach {
    /// Whether a task with this specification can be taken up again. Where the specification decides, nothing but `true`
    /// is a yes: work that is done twice by mistake is worse than work that fails with its host.
    #[must_use]
    pub fn allows(&self, spec: &Value) -> bool {
        match self {
            Self::Never => false,
            Self::Always => true,
            Self::AsSpec(pointer) => spec.pointer(pointer) == Some(&Value::Bool(true)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_kind_decides_for_all_its_tasks_or_leaves_it_to_the_specification() {
        let spec = json!({"resume": true});
        assert!(!Reattach::Never.allows(&spec));
        assert!(Reattach::Always.allows(&json!(null)));
        assert!(Reattach::AsSpec("/resume".to_owned()).allows(&spec));
    }

    #[test]
    fn nothing_but_true_where_the_pointer_leads_is_a_yes() {
        let by = |pointer: &str, spec: Value| Reattach::AsSpec(pointer.to_owned()).allows(&spec);
        for value in [json!(false), json!("true"), json!(1), json!(null), json!([true]), json!({"resume": true})] {
            assert!(!by("/resume", json!({"resume": value})), "{value}");
        }
        assert!(!by("/resume", json!({})));
        assert!(!by("/resume", json!(true)));
        assert!(by("", json!(true)));
        assert!(by("/a~1b/1/c~0d", json!({"a/b": [0, {"c~d": true}]})));
    }

    #[test]
    fn it_is_written_in_the_words_of_the_contract() {
        for (reattach, written) in [
            (Reattach::Never, json!("never")),
            (Reattach::Always, json!("always")),
            (Reattach::AsSpec("/resume".to_owned()), json!({"as_spec": "/resume"})),
        ] {
            assert_eq!(serde_json::to_value(&reattach).unwrap(), written);
            assert_eq!(serde_json::from_value::<Reattach>(written).unwrap(), reattach);
        }
    }
}
