//! JSON Schemas from outside: of specifications, and of answers to questions.
//! Does not follow references to anywhere, and does no work without knowing how much: both sides of a check may be hostile.

use std::fmt;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::json::{check_json, json_depth, parse_json};
use crate::limit;
use crate::schema_weight::{Anchors, CHECK_STEPS, EXPLAIN_STEPS, admit, weigh};

/// How deep a value may nest that is checked, so that checking it does not use up the stack. Twice what may come in: it may stand in
/// something else, and may have been stored when more was allowed.
const DEEPEST: usize = 2 * limit::JSON_DEPTH;

/// A JSON Schema (draft 2020-12 unless it names another) that was found to be one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(from = "Value", into = "Value")]
pub struct Schema {
    source: Value,
    /// Compiled when it is first needed; clones share it.
    compiled: Arc<OnceLock<Result<Compiled, SchemaError>>>,
}

#[derive(Debug)]
struct Compiled {
    validator: jsonschema::Validator,
    anchors: Anchors,
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl From<Value> for Schema {
    /// Takes a stored schema, which was found to be one when it was stored.
    fn from(source: Value) -> Self {
        Self { source, compiled: Arc::default() }
    }
}

impl From<Schema> for Value {
    fn from(schema: Schema) -> Self {
        schema.source
    }
}

/// A text or value that is no schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a usable JSON Schema: {0}")]
pub struct SchemaError(pub String);

/// A value that does not satisfy a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SchemaViolation {
    /// JSON pointer into the value; empty for the value itself.
    pub pointer: String,
    /// What is wrong there.
    pub problem: String,
}

impl fmt::Display for SchemaViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the whole value" } else { &self.pointer };
        write!(f, "at {place}: {}", self.problem)
    }
}

fn compile(schema: &Value) -> Result<Compiled, SchemaError> {
    let anchors = admit(schema).map_err(SchemaError)?;
    // The linear-time engine: a pattern in a schema is a guest's, and must not be able to take for ever.
    let validator = jsonschema::options()
        .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(1 << 20).dfa_size_limit(1 << 20))
        .build(schema)
        .map_err(|error| SchemaError(crate::clean_line(&error.to_string(), 512)))?;
    Ok(Compiled { validator, anchors })
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// `SchemaError` if it is none, nests deeper than `limit::JSON_DEPTH`, refers to elsewhere, has a pattern that is too large or more than 32 of them, or a
    /// `$dynamicRef`, a `$recursiveRef` or an inner `$id`.
    pub fn new(schema: Value) -> Result<Self, SchemaError> {
        check_json("the schema", &schema).map_err(|error| SchemaError(error.to_string()))?;
        let schema = Self::from(schema);
        match schema.compiled() {
            Ok(_) => Ok(schema),
            Err(error) => Err(error.clone()),
        }
    }

    /// Reads a schema from JSON text.
    ///
    /// # Errors
    /// As `new`, and if the text is not JSON.
    pub fn from_json(text: &str) -> Result<Self, SchemaError> {
        let value = parse_json(text).map_err(|error| SchemaError(error.to_string()))?;
        Self::new(value)
    }

    /// The schema as JSON.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.source
    }

    fn compiled(&self) -> Result<&Compiled, &SchemaError> {
        self.compiled.get_or_init(|| compile(&self.source)).as_ref()
    }

    /// Checks a value. How long that may take is bounded: a check that would take longer is not begun.
    ///
    /// # Errors
    /// The first violation, with its place. If finding the place would take too long, without it; if the check would, the
    /// violation says that.
    pub fn check(&self, value: &Value) -> Result<(), SchemaViolation> {
        let as_a_whole = |problem: String| SchemaViolation { pointer: String::new(), problem };
        let depth = json_depth(value);
        if depth > DEEPEST {
            return Err(as_a_whole(format!("it nests {depth} deep, and nothing deeper than {DEEPEST} is checked")));
        }
        let Compiled { validator, anchors } = self.compiled().map_err(|error| as_a_whole(error.to_string()))?;
        let weight = weigh(&self.source, anchors, value).filter(|weight| weight.check <= CHECK_STEPS);
        let Some(weight) = weight else {
            return Err(as_a_whole(format!(
                "checking it against the schema takes more than {CHECK_STEPS} steps, or too much nesting; \
                 a smaller value may do, or a schema with fewer choices within choices"
            )));
        };
        if weight.explain > EXPLAIN_STEPS {
            let fits = validator.is_valid(value);
            let problem = "it does not fit the schema, which has too many choices to say where";
            return if fits { Ok(()) } else { Err(as_a_whole(problem.to_owned())) };
        }
        validator.validate(value).map_err(|error| SchemaViolation {
            pointer: error.instance_path().to_string(),
            problem: crate::clean_line(&error.to_string(), 512),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_violation_says_where_by_json_pointer() {
        let schema =
            Schema::new(json!({"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}}}}));
        let violation = schema.unwrap().check(&json!({"a":[1,"x"]})).unwrap_err();
        assert_eq!(violation.pointer, "/a/1");
    }

    /// A schema with these definitions that begins at the first of them.
    fn with_definitions(definitions: impl IntoIterator<Item = (String, Value)>) -> Result<Schema, SchemaError> {
        let definitions: serde_json::Map<String, Value> = definitions.into_iter().collect();
        Schema::new(json!({"$ref": "#/$defs/0", "$defs": definitions}))
    }

    fn to(name: usize) -> Value {
        json!({"$ref": format!("#/$defs/{name}")})
    }

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!(1), |value, _| json!({ "x": value }))
    }

    fn too_much(result: Result<(), SchemaViolation>) -> bool {
        result.is_err_and(|violation| violation.problem.contains("1000000 steps, or too much nesting"))
    }

    #[test]
    fn a_remote_reference_is_refused_and_not_followed() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let here = format!("http://{}/schema.json", listener.local_addr().unwrap());
        let file = tempfile();
        for to in [here.as_str(), &file, "other.json", "//x/y", "https://json-schema.org/draft/2020-12/schema"] {
            for schema in [
                json!({"$ref": to}),
                json!({"$schema": to, "type": "string"}),
                json!({"properties": {"x": {"allOf": [{"$ref": to}]}}}),
                json!({"$ref": "#/x", "x": {"$ref": to}}),
                json!({"$dynamicRef": to}),
            ] {
                // The one metaschema that is built in may be named as such.
                if schema["$schema"] == "https://json-schema.org/draft/2020-12/schema" {
                    continue;
                }
                assert!(Schema::new(schema.clone()).is_err(), "{schema}");
            }
        }
        // Nor is a base of its own followed, which would make a local reference a remote one.
        assert!(Schema::new(json!({"$id": here, "$ref": "other.json"})).is_err());
        assert!(Schema::new(json!({"properties": {"x": {"$id": here, "$ref": "#/y"}}})).is_err());
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock, "nobody came");
    }

    fn tempfile() -> String {
        format!("file://{}", std::env::current_exe().unwrap().display())
    }

    #[test]
    fn references_within_a_schema_work_in_all_their_forms() {
        for (to, what) in [
            ("#/$defs/a%20b", json!({"$defs": {"a b": {"type": "integer"}}})),
            ("#/$defs/a~1b", json!({"$defs": {"a/b": {"type": "integer"}}})),
            ("#whole", json!({"$defs": {"n": {"$anchor": "whole", "type": "integer"}}})),
            ("#/definitions/n", json!({"definitions": {"n": {"type": "integer"}}})),
            ("#/properties/other", json!({"properties": {"other": {"type": "integer"}}})),
            ("#/elsewhere", json!({"elsewhere": {"type": "integer"}})),
        ] {
            let mut source = json!({"$id": "https://example.com/s", "additionalProperties": {"$ref": to}});
            source.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
            let schema = Schema::new(source).unwrap_or_else(|error| panic!("{to}: {error}"));
            assert_eq!(schema.check(&json!({"n": 1})), Ok(()), "{to}");
            assert_eq!(schema.check(&json!({"n": "x"})).unwrap_err().pointer, "/n", "{to}");
        }
        assert!(Schema::new(json!({"$ref": "#/$defs/nobody"})).unwrap_err().to_string().contains("which is not in it"));
    }

    #[test]
    fn a_schema_that_leads_back_to_itself_ends() {
        for source in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
        ] {
            // Whatever it says, it says it.
            let _ = Schema::new(source).map(|schema| schema.check(&json!({"x": [1]})));
        }
        let list = json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
        let list = Schema::new(list).unwrap();
        assert_eq!(list.check(&json!({"next": {"next": {}}})), Ok(()));
        assert_eq!(list.check(&json!({"next": {"next": 7}})).unwrap_err().pointer, "/next/next");
    }

    #[test]
    fn choices_within_choices_are_not_begun_when_they_are_too_many() {
        for choice in ["anyOf", "oneOf", "allOf"] {
            let doubling = |depth: usize| {
                let definition = |n: usize| (n.to_string(), json!({choice: [to(n + 1), to(n + 1)]}));
                with_definitions((0..depth).map(definition).chain([(depth.to_string(), json!({"type": "string"}))]))
            };
            assert!(too_much(doubling(60).unwrap().check(&json!(1))), "{choice}");
            assert_eq!(doubling(3).unwrap().check(&json!(1)).unwrap_err().pointer, "");
            // The schema is small, and the value makes it large.
            let tree = json!({"type": "object", choice: [
                {"properties": {"x": {"$ref": "#"}}}, {"properties": {"x": {"$ref": "#"}}}
            ]});
            let tree = Schema::new(tree).unwrap();
            assert!(too_much(tree.check(&nested(100))), "{choice}");
            assert!(tree.check(&nested(3)).is_err() && !too_much(tree.check(&nested(3))), "{choice}");
        }
    }

    #[test]
    fn where_saying_why_would_take_too_much_memory_a_check_says_yes_or_no() {
        let definition = |n: usize| (n.to_string(), json!({"anyOf": [to(n + 1), to(n + 1)]}));
        let last = ("14".to_owned(), json!({"type": "string"}));
        let schema = with_definitions((0..14).map(definition).chain([last])).unwrap();
        assert_eq!(schema.check(&json!("x")), Ok(()));
        let violation = schema.check(&json!(1)).unwrap_err();
        assert_eq!(violation.problem, "it does not fit the schema, which has too many choices to say where");
    }

    #[test]
    fn references_that_would_use_up_the_stack_are_not_followed() {
        let links = (0..2_000).map(|n| (n.to_string(), json!({"allOf": [to(n + 1)]})));
        let last = ("2000".to_owned(), json!({"properties": {"x": to(0)}}));
        let schema = with_definitions(links.chain([last])).unwrap();
        let check = move || assert!(too_much(schema.check(&nested(100))));
        // As small as the stack of a thread that serves.
        std::thread::Builder::new().stack_size(2 << 20).spawn(check).unwrap().join().unwrap();
        let links = (0..3).map(|n| (n.to_string(), json!({"allOf": [to(n + 1)]})));
        let last = ("3".to_owned(), json!({"properties": {"x": to(0)}}));
        assert_eq!(with_definitions(links.chain([last])).unwrap().check(&nested(40)), Ok(()));
    }

    #[test]
    fn a_schema_and_a_value_as_deep_as_json_may_be_do_no_harm() {
        let deep = format!("{}{{\"type\":\"integer\"}}{}", "{\"not\":".repeat(62), "}".repeat(62));
        assert_eq!(Schema::from_json(&deep).unwrap().check(&json!(1)), Ok(()));
        let deeper = format!("{}{{}}{}", "{\"not\":".repeat(100_000), "}".repeat(100_000));
        assert!(Schema::from_json(&deeper).unwrap_err().to_string().contains("nests 100001 deep; at most 64"));
        let recursive = Schema::new(json!({"properties": {"x": {"$ref": "#"}}})).unwrap();
        assert_eq!(recursive.check(&nested(127)), Ok(()));
        let refused = recursive.check(&nested(200)).unwrap_err();
        assert!(refused.problem.contains("nests 200 deep"), "{refused}");
    }

    #[test]
    fn a_pattern_that_is_exponential_elsewhere_is_linear_here() {
        let text = format!("{}!", "a".repeat(100_000));
        for pattern in ["^(a+)+$", "^(a|a)*$", "^(a*)*b$", "^([a-z]+)*[A-Z]$", "(x+x+)+y"] {
            let schema = Schema::new(json!({"pattern": pattern})).unwrap();
            assert!(schema.check(&json!(text)).is_err(), "{pattern}");
        }
        for pattern in ["(a)\\1", "^(?=a)b", "(?<!a)b"] {
            let error = Schema::new(json!({"pattern": pattern})).expect_err(pattern);
            assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn patterns_are_bounded_in_size_number_and_work() {
        for pattern in ["(?:a{1000}){1000}", "\\p{L}{1,500}", "((a{100}){100}){100}"] {
            assert!(Schema::new(json!({"pattern": pattern})).is_err(), "{pattern}");
            assert!(Schema::new(json!({"patternProperties": {pattern: true}})).is_err(), "{pattern}");
        }
        let patterns = |count: usize| -> Value {
            (0..count).map(|n| (format!("^p{n}"), json!({"pattern": "^p0"}))).collect::<serde_json::Map<_, _>>().into()
        };
        Schema::new(json!({"patternProperties": patterns(32)})).unwrap();
        let error = Schema::new(json!({"patternProperties": patterns(33)})).unwrap_err().to_string();
        assert!(error.contains("it has 33 patterns, at most 32 are allowed"), "{error}");
        // One text that is gone through again and again.
        let again = Schema::new(json!({"allOf": vec![json!({"pattern": "[^x]{1,200}$"}); 1_000]})).unwrap();
        assert!(too_much(again.check(&json!("a".repeat(100_000)))));
        assert_eq!(again.check(&json!("a")), Ok(()));
        let names = Schema::new(json!({"propertyNames": {"allOf": vec![json!({"pattern": "^a"}); 1_000]}})).unwrap();
        let many: serde_json::Map<_, _> = (0..2_000).map(|n| (format!("a{n}"), json!(0))).collect();
        assert!(too_much(names.check(&many.into())));
    }

    #[test]
    fn large_schemas_and_values_are_checked_as_long_as_they_are_plain() {
        let properties: serde_json::Map<_, _> =
            (0..2_000).map(|n| (format!("p{n}"), json!({"type": "integer"}))).collect();
        let wide = Schema::new(json!({"type": "object", "properties": properties})).unwrap();
        let mut value: serde_json::Map<_, _> = (0..2_000).map(|n| (format!("p{n}"), json!(n))).collect();
        assert_eq!(wide.check(&value.clone().into()), Ok(()));
        value.insert("p1999".to_owned(), json!("x"));
        assert_eq!(wide.check(&value.into()).unwrap_err().pointer, "/p1999");
        let item = json!({"oneOf": [{"type": "integer", "minimum": 0}, {"type": "string", "enum": ["a", "b"]}]});
        let list = Schema::new(json!({"items": item, "uniqueItems": true})).unwrap();
        let mut values: Vec<Value> = (0..40_000).map(|n| json!(n)).collect();
        assert_eq!(list.check(&values.clone().into()), Ok(()));
        values[39_999] = json!("c");
        assert_eq!(list.check(&values.into()).unwrap_err().pointer, "/39999");
    }

    #[test]
    fn a_schema_that_is_none_is_refused() {
        assert!(Schema::new(json!({"type":"no-such-type"})).is_err());
        assert!(Schema::from_json("{").is_err());
    }
}
