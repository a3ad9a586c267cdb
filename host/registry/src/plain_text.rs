//! Makes text that comes from outside fit to be stored and shown.
//! Does not judge its meaning: a cleaned text is still untrusted.

/// Whether a character could move a cursor, change colours, reorder what a person reads, or carry something to a machine
/// that no person sees. The joiners (U+200C, U+200D) and the variation selectors of emoji stay: scripts need them.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c,
            // Marks, overrides and isolates of direction.
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            // Separators that some programs take for the end of a line.
            | '\u{2028}' | '\u{2029}'
            // What is there and takes no place.
            | '\u{ad}' | '\u{180e}' | '\u{200b}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            // Tags and the selectors that a whole text can be hidden in.
            | '\u{e0000}'..='\u{e0fff}')
}

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

/// Serialised JSON with every character escaped that `clean_text` would remove: fit for a terminal, and the same value to
/// whoever reads it as JSON.
#[must_use]
pub fn clean_json(json: String) -> String {
    let speaks = |c: char| c != '\n' && is_control(c);
    if !json.contains(speaks) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        // Outside of its strings JSON has no such character but the ends of lines.
        if speaks(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

fn clean(text: &str, max: usize, keep: impl Fn(char) -> bool) -> String {
    const CUT: &str = "…";
    let mut out: String = text.chars().filter(|&c| keep(c) || !is_control(c)).collect();
    if out.len() > max {
        let mut end = max.saturating_sub(CUT.len());
        while !out.is_char_boundary(end) {
            end -= 1;
        }
        out.truncate(end);
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
        for text in ["می\u{200c}خواهم", "👩\u{200d}💻", "❤\u{fe0f}", "naïve"] {
            assert_eq!(clean_text(text, 100), text);
        }
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
