//! Makes text that comes from outside fit to be stored and shown.
//! Does not judge its meaning: a cleaned text is still untrusted.

use crate::invisible::{is_control, is_needed};

/// `text` without control characters other than newline and tab, cut to at most `max` bytes at a character's border.
#[must_use]
pub fn clean_text(text: &str, max: usize) -> String {
    clean(text, max, |c| c == '\n' || c == '\t')
}

/// `text` as one line: newlines and tabs become spaces, other control characters go, at most `max` bytes.
#[must_use]
pub fn clean_line(text: &str, max: usize) -> String {
    const BREAKS: [char; 6] = ['\n', '\t', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    if text.contains(BREAKS) {
        return clean(&text.replace("\r\n", " ").replace(BREAKS, " "), max, |_| false);
    }
    clean(text, max, |_| false)
}

/// `text` as `clean_line` leaves it, in quotation marks that it cannot end: its own become single ones. What stands there
/// is marked off from the words around it, and is untrusted all the same.
#[must_use]
pub fn quoted(text: &str, max: usize) -> String {
    format!("\"{}\"", clean_line(text, max).replace('"', "'"))
}

/// Serialised JSON with every character escaped that `clean_text` would remove: fit for a terminal, and the same value to
/// whoever reads it as JSON.
#[must_use]
pub fn clean_json(json: String) -> String {
    if json.bytes().all(|byte| byte == b'\n' || !byte.is_ascii_control() && byte.is_ascii()) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 64);
    let mut before = None;
    let mut chars = json.chars().peekable();
    while let Some(c) = chars.next() {
        // Outside of its strings JSON has no such character but the ends of lines.
        if c != '\n' && is_control(c) && !is_needed(before, c, chars.peek().copied()) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
            before = None;
        } else {
            out.push(c);
            before = Some(c);
        }
    }
    out
}

fn clean(text: &str, max: usize, keep: impl Fn(char) -> bool) -> String {
    const CUT: &str = "…";
    let mut out = String::with_capacity(text.len().min(max.saturating_add(CUT.len())));
    let mut before = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if keep(c) || !is_control(c) || is_needed(before, c, chars.peek().copied()) {
            out.push(c);
            before = Some(c);
        }
        if out.len() > max {
            break;
        }
    }
    if out.len() > max {
        let mut end = max.saturating_sub(CUT.len());
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
        // A joiner joins nothing at the end.
        out.truncate(out.trim_end_matches(['\u{200c}', '\u{200d}']).len());
        if max >= CUT.len() {
            out.push_str(CUT);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_escape_loses_its_teeth() {
        assert_eq!(clean_text("\u{1b}[31mred\u{7}\u{9b}2J\n\tend", 100), "[31mred2J\n\tend");
        assert_eq!(clean_line("a\r\nb\u{202e}c", 100), "a bc");
    }

    #[test]
    fn what_hides_or_turns_round_is_removed_and_what_scripts_need_stays() {
        let hidden = "a\u{61c}\u{200b}\u{2060}\u{ad}\u{180e}\u{fff9}\u{e0041}\u{e0100}\u{206a}\u{2029}b";
        assert_eq!(clean_text(hidden, 100), "ab");
        assert_eq!(clean_line("a\u{2028}b\u{85}c", 100), "a b c");
        for text in [
            "می\u{200c}خواهم",
            "👩\u{200d}💻",
            "❤\u{fe0f}",
            "❤\u{fe0f}\u{200d}🔥",
            "👩🏽\u{200d}💻",
            "क्\u{200d}ष",
            "ශ්\u{200d}රී",
            "葛\u{e0100}城",
            "naïve",
        ] {
            assert_eq!(clean_text(text, 100), text);
        }
    }

    #[test]
    fn nothing_is_hidden_between_letters_that_need_nothing() {
        let bits = |byte: u8| (0..8).map(move |bit| if byte >> bit & 1 == 0 { '\u{200c}' } else { '\u{200d}' });
        let selectors = b"do this".iter().map(|byte| char::from_u32(0xe0100 + u32::from(*byte)).unwrap());
        let low = b"do this".iter().map(|byte| char::from_u32(0xfe00 + u32::from(*byte) % 16).unwrap());
        let joiners: String = b"do this".iter().flat_map(|byte| bits(*byte)).collect();
        let hidden: String = selectors.chain(low).collect();
        assert_eq!(clean_line(&format!("ok{hidden}{joiners}."), 1_000), "ok.");
        let each: String = "plain".chars().flat_map(|c| [c, '\u{fe01}', '\u{200d}']).collect();
        assert_eq!(clean_line(&each, 1_000), "plain");
        // Behind one that has variants stays one.
        assert_eq!(clean_line(&format!("😀\u{fe0f}{hidden}"), 1_000), "😀\u{fe0f}");
        assert_eq!(clean_line(&format!("می{joiners}خواهم"), 1_000), "می\u{200c}خواهم");
    }

    #[test]
    fn a_quoted_text_cannot_end_its_quotation() {
        assert_eq!(quoted("a\" and\nb \u{202e}\"", 100), "\"a' and b '\"");
    }

    #[test]
    fn json_for_a_terminal_is_the_same_value_without_what_speaks_to_it() {
        let value = serde_json::json!({"a\u{9b}": ["\u{1b}[2J\u{202e}\u{e0041}\u{7f}", "ä"]});
        let text = clean_json(serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| c != '\n' && is_control(c)), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }

    #[test]
    fn a_cut_never_splits_a_character_and_never_exceeds_its_limit() {
        for max in 0..20 {
            let cut = clean_text("äöü€𝄞äöü€𝄞", max);
            assert!(cut.len() <= max, "{max}: {cut:?}");
        }
    }
}
