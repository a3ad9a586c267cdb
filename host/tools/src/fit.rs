//! Makes JSON fit into so many bytes: cleans its texts, and cuts what is long where it is long.
//! Does not know what is important: what is short stays whole, because what is long gives way to it.

use std::io::{self, Write};

use serde_json::{Map, Value};
use taskwright_registry::{clean_line, clean_text};

/// What stands where nothing else has room: three bytes, and its quotes.
const GONE: &str = "…";
const GONE_BYTES: usize = 5;
/// How much each part of a list or an object gets before the first of them get more, in bytes.
const LEAST: usize = 24;
/// How much of a key is kept, in bytes.
const KEY: usize = 96;
/// What is nested deeper than this is cut.
const DEPTH: usize = 32;
/// The room for the note about parts that were left out.
const NOTE: usize = 48;

/// A value that was made to fit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fitted {
    pub(crate) value: Value,
    /// Whether anything of it is missing.
    pub(crate) cut: bool,
}

/// The value in at most `room` bytes of compact JSON (at least five are taken), its texts and keys without characters that
/// control a terminal or hide from a reader. What is cut says how much there was.
pub(crate) fn fit(value: &Value, room: usize) -> Fitted {
    fit_nested(value, room, DEPTH)
}

/// How many bytes a value takes as compact JSON.
pub(crate) fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting does not fail, and a `Value` has no keys that are not texts.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}

fn gone() -> Fitted {
    Fitted { value: GONE.into(), cut: true }
}

fn fit_nested(value: &Value, room: usize, depth: usize) -> Fitted {
    match value {
        Value::String(text) => fit_text(text, room),
        Value::Array(_) | Value::Object(_) if depth == 0 => gone(),
        Value::Array(items) => fit_list(items, room, depth),
        Value::Object(entries) => fit_object(entries, room, depth),
        scalar if json_bytes(scalar) <= room => Fitted { value: scalar.clone(), cut: false },
        _ => gone(),
    }
}

fn fit_text(text: &str, room: usize) -> Fitted {
    let clean = clean_text(text, usize::MAX);
    let bytes = json_bytes(&Value::String(clean.clone()));
    if bytes <= room {
        return Fitted { value: clean.into(), cut: false };
    }
    let note = format!("{GONE}[cut: {} bytes in all]", clean.len());
    let note = if room >= 2 * note.len() { note } else { GONE.to_owned() };
    let mut left = room.saturating_sub(note.len() + 2);
    let fits = |c: &char| {
        // A quote, a backslash, a newline and a tab take two; nothing else is escaped that is left by now.
        let bytes = if matches!(c, '"' | '\\' | '\n' | '\t') { 2 } else { c.len_utf8() };
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    };
    let kept: String = clean.chars().take_while(fits).collect();
    Fitted { value: (kept + &note).into(), cut: true }
}

fn fit_list(items: &[Value], room: usize, depth: usize) -> Fitted {
    let parts: Vec<Part<'_>> = items.iter().map(|value| Part::new(value, 1)).collect();
    let Some(rooms) = share(&parts, room) else { return gone() };
    let mut cut = rooms.len() < items.len();
    let mut fitted = Vec::with_capacity(rooms.len());
    for (part, room) in parts.iter().zip(&rooms) {
        let one = fit_nested(part.value, *room, depth - 1);
        cut |= one.cut;
        fitted.push(one.value);
    }
    if rooms.len() < items.len() {
        fitted.push(left_out(items.len() - rooms.len()).into());
    }
    Fitted { value: fitted.into(), cut }
}

fn fit_object(entries: &Map<String, Value>, room: usize, depth: usize) -> Fitted {
    let keys: Vec<String> = entries.keys().map(|key| clean_line(key, KEY)).collect();
    // Around the value stand its key, a colon and a comma.
    let part = |(key, value): (&String, _)| Part::new(value, json_bytes(&Value::String(key.clone())) + 2);
    let parts: Vec<Part<'_>> = keys.iter().zip(entries.values()).map(part).collect();
    let Some(rooms) = share(&parts, room) else { return gone() };
    let (kept, all) = (rooms.len(), entries.len());
    let mut cut = kept < all || entries.keys().any(|key| key.len() > KEY);
    let mut fitted = Map::new();
    for ((part, room), key) in parts.iter().zip(rooms).zip(keys) {
        let one = fit_nested(part.value, room, depth - 1);
        // Two keys may be the same without what hides in them.
        cut |= one.cut | fitted.insert(key, one.value).is_some();
    }
    if kept < all {
        fitted.insert(GONE.to_owned(), left_out(all - kept).into());
    }
    Fitted { value: fitted.into(), cut }
}

fn left_out(count: usize) -> String {
    format!("[cut: {count} more]")
}

/// A part of a list or of an object.
struct Part<'v> {
    value: &'v Value,
    /// What it takes itself.
    bytes: usize,
    /// What has to stand around it.
    around: usize,
}

impl<'v> Part<'v> {
    fn new(value: &'v Value, around: usize) -> Self {
        Self { value, bytes: json_bytes(value), around }
    }

    fn least(&self) -> usize {
        self.around + self.bytes.clamp(GONE_BYTES, LEAST)
    }
}

/// How much room each part of a list or an object gets, or the first of them where there are too many for all. What needs
/// less than its share leaves the rest to the others. `None` where there is room for none.
fn share(parts: &[Part<'_>], room: usize) -> Option<Vec<usize>> {
    // Two brackets; behind the last part there is no comma.
    let whole: usize = parts.iter().map(|part| part.around + part.bytes).sum();
    if whole + 2 <= room + usize::from(!parts.is_empty()) {
        return Some(parts.iter().map(|part| part.bytes).collect());
    }
    let room = room.saturating_sub(2);
    let (kept, room) = if parts.iter().map(Part::least).sum::<usize>() <= room {
        (parts, room)
    } else {
        let room = room.saturating_sub(NOTE);
        let mut used = 0;
        let kept = parts.iter().take_while(|part| {
            used += part.least();
            used <= room
        });
        (&parts[..kept.count()], room)
    };
    if kept.is_empty() {
        return None;
    }
    let mut room = room - kept.iter().map(|part| part.around).sum::<usize>();
    let mut needs: Vec<usize> = kept.iter().map(|part| part.bytes.max(GONE_BYTES)).collect();
    needs.sort_unstable();
    let mut level = usize::MAX;
    for (at, need) in needs.iter().enumerate() {
        let share = room / (needs.len() - at);
        if *need > share {
            level = share;
            break;
        }
        room -= need;
    }
    Some(kept.iter().map(|part| part.bytes.min(level)).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_stays_as_it_is() {
        let value = json!({"a": [1, null, true, "text\n"], "b": {"c": -1.5}});
        assert_eq!(fit(&value, json_bytes(&value)), Fitted { value, cut: false });
    }

    #[test]
    fn what_is_long_gives_way_to_what_is_short() {
        let value = json!({"id": "task_00000000000000000000000000000000", "says": "x".repeat(10_000), "n": 7});
        let Fitted { value, cut } = fit(&value, 200);
        assert!(cut && json_bytes(&value) <= 200, "{value}");
        assert_eq!((&value["id"], &value["n"]), (&json!("task_00000000000000000000000000000000"), &json!(7)));
        assert!(value["says"].as_str().unwrap().ends_with("x…[cut: 10000 bytes in all]"), "{value}");
    }

    #[test]
    fn what_is_left_out_is_counted() {
        let list = fit(&json!(vec!["some text that is not short"; 1_000]), 400).value;
        let items = list.as_array().unwrap();
        assert_eq!(items.last(), Some(&json!(format!("[cut: {} more]", 1_000 - (items.len() - 1)))));
        let object: Map<_, _> = (0..1_000).map(|n| (format!("key-{n:04}"), json!("some text"))).collect();
        let object = fit(&object.into(), 400).value;
        assert!(object["…"].as_str().unwrap().ends_with(" more]"), "{object}");
    }

    #[test]
    fn texts_and_keys_lose_what_controls_a_terminal_or_hides_from_a_reader() {
        let value = json!({"a\u{1b}\u{200b}": ["\u{1b}[31mred\u{e0041}\u{202e}"]});
        assert_eq!(fit(&value, 100), Fitted { value: json!({"a": ["[31mred"]}), cut: false });
    }

    #[test]
    fn what_is_nested_too_deep_is_cut_and_not_followed() {
        let deep = (0..100).fold(json!(1), |value, _| json!([value]));
        let Fitted { value, cut } = fit(&deep, 10_000);
        assert!(cut && value.to_string().contains('…'), "{value}");
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,80}".prop_map(Value::from),
            "[a\"\\\\\n\t\u{1}\u{200b}\u{7f}é€𝄞]{0,200}".prop_map(Value::from),
        ];
        leaf.prop_recursive(5, 120, 12, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
                prop::collection::hash_map(".{0,150}", inner, 0..12)
                    .prop_map(|entries| entries.into_iter().collect::<Map<_, _>>().into()),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_ever_takes_more_room_than_there_is(value in any_json(), room in 0_usize..2_000) {
            let fitted = fit(&value, room);
            prop_assert!(json_bytes(&fitted.value) <= room.max(GONE_BYTES), "{room}: {}", fitted.value);
            if !fitted.cut {
                prop_assert_eq!(fit(&fitted.value, room), fitted);
            }
        }
    }
}
