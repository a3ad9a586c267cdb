//! Which characters of a text no person sees, and which of those scripts and emoji need where they stand.
//! Does not change texts: `plain_text` does.

use icu_properties::props::{
    Alphabetic, DefaultIgnorableCodePoint, Emoji, EmojiModifier, ExtendedPictographic, GeneralCategory, Script,
    UnifiedIdeograph,
};
use icu_properties::{CodePointMapData, CodePointSetData};

const ZERO_WIDTH_NON_JOINER: char = '\u{200c}';
const ZERO_WIDTH_JOINER: char = '\u{200d}';
/// Shows what it stands behind as an emoji.
const EMOJI_SELECTOR: char = '\u{fe0f}';

/// Whether a character could move a cursor, change colours, reorder what a person reads, or carry something to a machine
/// that no person sees.
pub(crate) fn is_control(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        // Among them marks, overrides and isolates of direction, joiners, selectors of variants, fillers and tags.
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        // Separators that some programs take for the end of a line, and anchors of annotations.
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// Whether a character that `is_control` stays where it stands: one selector behind a character that has variants, or a joiner
/// between two that a script or an emoji joins. So what can be hidden is less than what is seen, and nothing in a text of
/// Latin letters.
pub(crate) fn is_needed(before: Option<char>, c: char, after: Option<char>) -> bool {
    let Some(before) = before else { return false };
    match c {
        '\u{fe0e}' | EMOJI_SELECTOR => CodePointSetData::new::<Emoji>().contains(before),
        '\u{fe00}'..='\u{fe0d}' => has_variants(before),
        '\u{e0100}'..='\u{e01ef}' => CodePointSetData::new::<UnifiedIdeograph>().contains(before),
        '\u{180b}'..='\u{180d}' | '\u{180f}' => script(before) == Script::Mongolian && is_letter(before),
        ZERO_WIDTH_JOINER if after.is_some_and(is_pictograph) => {
            is_pictograph(before)
                || before == EMOJI_SELECTOR
                || CodePointSetData::new::<EmojiModifier>().contains(before)
        }
        ZERO_WIDTH_JOINER | ZERO_WIDTH_NON_JOINER => {
            after.is_some_and(|after| joins(before) && joins(after) && script(before) == script(after))
        }
        _ => false,
    }
}

fn script(c: char) -> Script {
    CodePointMapData::<Script>::new().get(c)
}

fn is_pictograph(c: char) -> bool {
    CodePointSetData::new::<ExtendedPictographic>().contains(c)
}

/// A letter, or a sign that belongs to one.
fn is_letter(c: char) -> bool {
    use GeneralCategory::{NonspacingMark, SpacingMark};
    CodePointSetData::new::<Alphabetic>().contains(c)
        || matches!(CodePointMapData::<GeneralCategory>::new().get(c), NonspacingMark | SpacingMark)
}

/// Whether Unicode has standardized variants of such a character that are no emoji.
fn has_variants(c: char) -> bool {
    CodePointSetData::new::<UnifiedIdeograph>().contains(c)
        || script(c) == Script::Myanmar && is_letter(c)
        || CodePointMapData::<GeneralCategory>::new().get(c) == GeneralCategory::MathSymbol && !c.is_ascii()
}

/// Whether it is of a script whose spelling needs joiners.
fn joins(c: char) -> bool {
    const SCRIPTS: [Script; 20] = [
        Script::Arabic,
        Script::Syriac,
        Script::Mongolian,
        Script::Nko,
        Script::Devanagari,
        Script::Bengali,
        Script::Gurmukhi,
        Script::Gujarati,
        Script::Oriya,
        Script::Tamil,
        Script::Telugu,
        Script::Kannada,
        Script::Malayalam,
        Script::Sinhala,
        Script::Khmer,
        Script::Myanmar,
        Script::Tibetan,
        Script::Javanese,
        Script::Balinese,
        Script::Newa,
    ];
    SCRIPTS.contains(&script(c)) && is_letter(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_is_ignorable_is_a_control() {
        for c in ['\u{34f}', '\u{115f}', '\u{17b4}', '\u{3164}', '\u{ffa0}', '\u{1bca0}', '\u{1d173}', '\u{e0fff}'] {
            assert!(is_control(c), "{c:?}");
        }
        for c in ['a', 'ä', 'ا', '中', '👩', '\u{a0}', '\u{301}'] {
            assert!(!is_control(c), "{c:?}");
        }
    }

    #[test]
    fn a_selector_stays_behind_what_has_variants() {
        for (before, selector) in [('❤', '\u{fe0f}'), ('中', '\u{fe00}'), ('葛', '\u{e0100}'), ('≨', '\u{fe00}')]
        {
            assert!(is_needed(Some(before), selector, None), "{before} {selector:?}");
            assert!(!is_needed(Some('x'), selector, None) && !is_needed(None, selector, None), "{selector:?}");
            assert!(!is_needed(Some(selector), selector, None), "one only: {selector:?}");
        }
    }
}
