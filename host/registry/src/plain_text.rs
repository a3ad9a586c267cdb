//! Makes text that comes from outside fit to be stored and shown.
//! Does not judge its meaning: a cleaned text is still untrusted.

/// Whether a character could move a cursor, change colours or reorder what a person reads.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `text` without control characters other than newline and tab, cut to at most `max` bytes at a character's border.
#[must_use]
pub fn clean_text(text: &str, max: usize) -> String {
    clean(text, max, |c| c == '\n' || c == '\t')
}

/// `text` as one line: newlines and tabs become spaces, other control characters go, at most `max` bytes.
#[must_use]
pub fn clean_line(text: &str, max: usize) -> String {
    if text.contains(['\n', '\t', '\r']) {
        return clean(&text.replace("\r\n", " ").replace(['\n', '\t', '\r'], " "), max, |_| false);
    }
    clean(text, max, |_| false)
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
    fn a_cut_never_splits_a_character_and_never_exceeds_its_limit() {
        for max in 0..20 {
            let cut = clean_text("äöü€𝄞äöü€𝄞", max);
            assert!(cut.len() <= max, "{max}: {cut:?}");
        }
    }
}
