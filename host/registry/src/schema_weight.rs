//! How much work a schema can make, as a whole and with one value, counted before the work is done.
//! Does not check values, and counts too much rather than too little: it does not know what a pattern matches.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use crate::clean_line;

/// Distinct patterns in one schema. One can take a megabyte and five milliseconds before it has matched anything.
pub(crate) const PATTERNS: usize = 32;
/// Steps that checking one value may take: about a tenth of a second. The largest specification, with a thing or two to
/// check about each of its values, has room.
pub(crate) const CHECK_STEPS: u64 = 1_000_000;
/// Steps whose findings are kept to say what is wrong with a value, at some kilobytes each.
pub(crate) const EXPLAIN_STEPS: u64 = 20_000;
/// How many schemas may lie within one another while one value is checked: each takes a part of the stack. A value is
/// nested 128 times at most (`DEEPEST` in `schema`).
pub(crate) const DEPTH: u32 = 400;

/// Keywords with one schema that applies to the same value.
const HERE: [&str; 4] = ["not", "if", "then", "else"];
/// Keywords with a list of schemas that apply to the same value.
const HERE_EACH: [&str; 3] = ["allOf", "anyOf", "oneOf"];
/// Keywords with schemas by name that may apply to the same value.
const HERE_NAMED: [&str; 2] = ["dependentSchemas", "dependencies"];
/// Keywords with one schema that applies to each element.
const ITEMS: [&str; 4] = ["items", "additionalItems", "contains", "unevaluatedItems"];
/// Keywords with schemas by name that apply to nothing by themselves.
const DEFINITIONS: [&str; 2] = ["$defs", "definitions"];

/// What is there to know about a schema before values come: where its anchors are.
#[derive(Debug, Clone, Default)]
pub(crate) struct Anchors(HashMap<String, String>);

/// Looks at every schema within a schema, and refuses what makes its work unknowable or large from the start.
pub(crate) fn admit(root: &Value) -> Result<Anchors, String> {
    let (mut anchors, mut patterns, mut seen) = (Anchors::default(), HashSet::new(), HashSet::new());
    let (mut open, mut references) = (vec![(root, String::new())], Vec::new());
    loop {
        while let Some((schema, pointer)) = open.pop() {
            let Value::Object(keywords) = schema else { continue };
            if !seen.insert(std::ptr::from_ref(schema)) {
                continue;
            }
            for (keyword, value) in keywords {
                match (keyword.as_str(), value) {
                    ("$dynamicRef" | "$recursiveRef", _) => {
                        return Err(format!("it has a `{keyword}`, whose cost cannot be told; use `$ref`"));
                    }
                    ("$id" | "id", Value::String(_)) if !pointer.is_empty() => {
                        return Err(format!(
                            "it has a schema with a name of its own at `{}`",
                            clean_line(&pointer, 120)
                        ));
                    }
                    ("$anchor" | "$dynamicAnchor", Value::String(name)) => {
                        anchors.0.insert(name.clone(), pointer.clone());
                    }
                    ("$ref", Value::String(to)) => references.push(to.as_str()),
                    ("pattern", Value::String(pattern)) => drop(patterns.insert(pattern.as_str())),
                    ("patternProperties", Value::Object(named)) => patterns.extend(named.keys().map(String::as_str)),
                    _ => {}
                }
            }
            each_inner(keywords, |inner, at| open.push((inner, format!("{pointer}{at}"))));
        }
        // What is referred to is a schema too, wherever it lies.
        while let Some(to) = references.pop() {
            let Some((target, pointer)) = anchors.find(root, to) else {
                return Err(format!("it refers to `{}`, which is not in it", clean_line(to, 120)));
            };
            open.push((target, pointer));
        }
        if open.is_empty() {
            break;
        }
    }
    if patterns.len() > PATTERNS {
        return Err(format!("it has {} patterns, at most {PATTERNS} are allowed", patterns.len()));
    }
    Ok(anchors)
}

/// Each schema within a schema, with the pointer that leads there.
fn each_inner<'a>(keywords: &'a Map<String, Value>, mut found: impl FnMut(&'a Value, String)) {
    let key = |key: &str| key.replace('~', "~0").replace('/', "~1");
    for (keyword, value) in keywords {
        let name = keyword.as_str();
        match value {
            Value::Object(named)
                if HERE_NAMED.contains(&name)
                    || DEFINITIONS.contains(&name)
                    || ["properties", "patternProperties"].contains(&name) =>
            {
                named.iter().for_each(|(each, schema)| found(schema, format!("/{}/{}", key(keyword), key(each))));
            }
            Value::Array(list) if HERE_EACH.contains(&name) || ["items", "prefixItems"].contains(&name) => {
                list.iter().enumerate().for_each(|(at, schema)| found(schema, format!("/{}/{at}", key(keyword))));
            }
            Value::Object(_)
                if HERE.contains(&name)
                    || ITEMS.contains(&name)
                    || ["additionalProperties", "unevaluatedProperties", "propertyNames"].contains(&name) =>
            {
                found(value, format!("/{}", key(keyword)));
            }
            _ => {}
        }
    }
}

impl Anchors {
    /// What a reference within the schema leads to.
    fn find<'a>(&self, root: &'a Value, to: &str) -> Option<(&'a Value, String)> {
        let fragment = percent_decoded(to.strip_prefix('#')?)?;
        let pointer =
            if fragment.is_empty() || fragment.starts_with('/') { fragment } else { self.0.get(&fragment)?.clone() };
        Some((root.pointer(&pointer)?, pointer))
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

/// What checking a value takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Weight {
    /// Steps to say yes or no.
    pub(crate) check: u64,
    /// Steps whose findings have to be kept to say what is wrong.
    pub(crate) explain: u64,
}

impl Weight {
    fn and(&mut self, other: Weight) {
        self.check = self.check.saturating_add(other.check);
        // The first place that is wrong is told, and only it.
        self.explain = self.explain.max(other.explain);
    }
}

/// What checking this value takes; `None` if counting alone takes too long, or it needs too much stack.
pub(crate) fn weigh(root: &Value, anchors: &Anchors, value: &Value) -> Option<Weight> {
    Scale { root, anchors, known: HashMap::new(), under_way: HashSet::new(), steps: 0 }.of(root, value, 0)
}

/// One schema with one value.
type Pair = (*const Value, *const Value);

struct Scale<'a> {
    root: &'a Value,
    anchors: &'a Anchors,
    known: HashMap<Pair, Weight>,
    under_way: HashSet<Pair>,
    steps: u64,
}

impl Scale<'_> {
    fn of(&mut self, schema: &Value, value: &Value, depth: u32) -> Option<Weight> {
        self.steps += 1;
        if depth > DEPTH || self.steps > CHECK_STEPS {
            return None;
        }
        let Value::Object(keywords) = schema else { return Some(Weight { check: 1, explain: 0 }) };
        let pair = (std::ptr::from_ref(schema), std::ptr::from_ref(value));
        if let Some(known) = self.known.get(&pair) {
            return Some(*known);
        }
        // A schema that leads back to itself at the same value says nothing more there.
        if !self.under_way.insert(pair) {
            return Some(Weight { check: 1, explain: 0 });
        }
        let mut weight = self.here(keywords, value, depth + 1)?;
        match value {
            Value::Array(elements) => weight.and(self.elements(keywords, elements, depth + 1)?),
            Value::Object(members) => weight.and(self.members(keywords, members, depth + 1)?),
            _ => {}
        }
        self.under_way.remove(&pair);
        self.known.insert(pair, weight);
        Some(weight)
    }

    /// What applies to the value itself.
    fn here(&mut self, keywords: &Map<String, Value>, value: &Value, depth: u32) -> Option<Weight> {
        let mut weight = Weight { check: 1 + keywords.len() as u64, explain: 0 };
        if let Value::String(text) = value
            && keywords.contains_key("pattern")
        {
            weight.check += text.len() as u64;
        }
        if let Some(Value::Array(choices)) = keywords.get("enum") {
            weight.check += choices.len() as u64;
        }
        let mut inner = Weight::default();
        if let Some(Value::String(to)) = keywords.get("$ref") {
            // A long way is work too.
            self.steps += to.len() as u64 / 64;
            let (target, _) = self.anchors.find(self.root, to)?;
            inner.and(self.of(target, value, depth)?);
        }
        for keyword in HERE {
            if let Some(schema) = keywords.get(keyword) {
                inner.and(self.of(schema, value, depth)?);
            }
        }
        for keyword in HERE_NAMED {
            if let (Some(Value::Object(named)), Value::Object(_)) = (keywords.get(keyword), value) {
                for schema in named.values() {
                    inner.and(self.of(schema, value, depth)?);
                }
            }
        }
        for keyword in HERE_EACH {
            let Some(Value::Array(choices)) = keywords.get(keyword) else { continue };
            let mut all = Weight::default();
            for schema in choices {
                all.and(self.of(schema, value, depth)?);
            }
            if keyword != "allOf" {
                // Why none of them fits is kept for each of them.
                all.explain = all.check;
            }
            inner.and(all);
        }
        // What is left over is found by going through all of it once more.
        if keywords.contains_key("unevaluatedProperties") || keywords.contains_key("unevaluatedItems") {
            inner.check = inner.check.saturating_mul(2);
        }
        weight.and(inner);
        Some(weight)
    }

    fn elements(&mut self, keywords: &Map<String, Value>, elements: &[Value], depth: u32) -> Option<Weight> {
        let mut weight = Weight { check: elements.len() as u64, explain: 0 };
        for keyword in ITEMS {
            if let Some(schema @ Value::Object(_)) = keywords.get(keyword) {
                for element in elements {
                    weight.and(self.of(schema, element, depth)?);
                }
            }
        }
        for keyword in ["items", "prefixItems"] {
            if let Some(Value::Array(schemas)) = keywords.get(keyword) {
                for (schema, element) in schemas.iter().zip(elements) {
                    weight.and(self.of(schema, element, depth)?);
                }
            }
        }
        Some(weight)
    }

    fn members(&mut self, keywords: &Map<String, Value>, members: &Map<String, Value>, depth: u32) -> Option<Weight> {
        let mut weight = Weight { check: members.len() as u64, explain: 0 };
        let named = keywords.get("properties").and_then(Value::as_object);
        if let Some(named) = named {
            weight.check += named.len() as u64;
            for (name, schema) in named {
                if let Some(member) = members.get(name) {
                    weight.and(self.of(schema, member, depth)?);
                }
            }
        }
        if let Some(Value::Object(patterns)) = keywords.get("patternProperties") {
            for schema in patterns.values() {
                for (name, member) in members {
                    weight.check = weight.check.saturating_add(name.len() as u64);
                    weight.and(self.of(schema, member, depth)?);
                }
            }
        }
        for keyword in ["additionalProperties", "unevaluatedProperties"] {
            if let Some(schema @ Value::Object(_)) = keywords.get(keyword) {
                for (name, member) in members {
                    if named.is_none_or(|named| !named.contains_key(name)) || keyword == "unevaluatedProperties" {
                        weight.and(self.of(schema, member, depth)?);
                    }
                }
            }
        }
        if let Some(schema @ Value::Object(_)) = keywords.get("propertyNames") {
            // A name is a text and no part of the value; none takes more than the longest.
            if let Some(longest) = members.keys().max_by_key(|name| name.len()) {
                let name = Value::String(longest.clone());
                let mut scale = Scale {
                    root: self.root,
                    anchors: self.anchors,
                    known: HashMap::new(),
                    under_way: HashSet::new(),
                    steps: self.steps,
                };
                let mut each = scale.of(schema, &name, depth)?;
                self.steps = scale.steps;
                each.check = each.check.saturating_mul(members.len() as u64);
                weight.and(each);
            }
        }
        Some(weight)
    }
}
