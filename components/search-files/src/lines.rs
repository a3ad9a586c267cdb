//! The matching lines of a file, as they are shown: without a byte order mark, and without the end of a line, also that of Windows.
//! It does not read: it is given the file piece by piece, and keeps what is not a whole line yet.

use grep_matcher::{LineMatchKind, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use taskwright_guest::Failure;

use crate::spec::Spec;

/// How far into a file a NUL byte makes it a binary one.
const BINARY: usize = 8 * 1024;

/// From this size on, what has been read of a file is searched before more is read.
const WINDOW: usize = 4 * 1024 * 1024;

/// The byte order mark of UTF-8, which is no part of a text.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// The byte order marks of UTF-16, whose texts are not searched.
const WIDE_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A regular expression, and how it is held against lines.
#[derive(Debug)]
pub(crate) struct Pattern {
    matcher: RegexMatcher,
    /// It speaks of the beginning or the end of the whole text, which is one line: lines are looked at one by one.
    one_by_one: bool,
}

/// The regular expression of a specification.
pub(crate) fn compile(spec: &Spec) -> Result<Pattern, Failure> {
    let mut builder = RegexMatcherBuilder::new();
    // It matches within lines, so a whole buffer can be searched at once.
    builder.line_terminator(Some(b'\n')).multi_line(true).case_insensitive(spec.case_insensitive);
    let matcher = builder.build(&spec.pattern).map_err(|error| {
        // The builder's own message shows the pattern in a group that nobody wrote.
        let said =
            regex_syntax::parse(&spec.pattern).err().map_or_else(|| error.to_string(), |plain| plain.to_string());
        Failure::new("bad_pattern", said)
    })?;
    // As the matcher's builder reads it: `^` and `$` are those of a line.
    let parsed = regex_syntax::ParserBuilder::new().multi_line(true).utf8(false).build().parse(&spec.pattern);
    let one_by_one = parsed.is_ok_and(|pattern| pattern.properties().look_set().contains_anchor_haystack());
    Ok(Pattern { matcher, one_by_one })
}

/// Whether the beginning of a file is that of a binary one, or of a text in UTF-16.
pub(crate) fn is_binary(beginning: &[u8]) -> bool {
    WIDE_MARKS.iter().any(|mark| beginning.starts_with(mark))
        || memchr(0, &beginning[..beginning.len().min(BINARY)]).is_some()
}

/// What has been read of a file and not been searched yet.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    /// Whether the beginning of the file has come.
    begun: bool,
    /// Where the next line to look at begins.
    at: usize,
    /// Up to where lines have been counted, and how many there are before.
    counted: usize,
    lines: u64,
}

impl Window {
    /// Adds what comes next in the file.
    pub(crate) fn add(&mut self, mut bytes: Vec<u8>) {
        if !std::mem::replace(&mut self.begun, true) && bytes.starts_with(MARK) {
            bytes.drain(..MARK.len());
        }
        // A line end of Windows may come in two pieces.
        if bytes.first() == Some(&b'\n') && self.bytes.last() == Some(&b'\r') {
            self.bytes.pop();
        }
        let bytes = with_plain_line_ends(bytes);
        if self.bytes.is_empty() {
            self.bytes = bytes;
        } else {
            self.bytes.extend_from_slice(&bytes);
        }
    }

    /// Whether it should be searched before more is read.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= WINDOW
    }

    /// The next matching line and its number, among the whole lines; at the end of the file among all.
    pub(crate) fn next_line(&mut self, pattern: &Pattern, at_end: bool) -> Option<(u64, &[u8])> {
        let whole = self.whole(at_end);
        let text = &self.bytes[..whole];
        while self.at < text.len() {
            let (position, sure) = if pattern.one_by_one {
                (self.at, false)
            } else {
                let Ok(Some(found)) = pattern.matcher.find_candidate_line(&text[self.at..]) else { break };
                match found {
                    LineMatchKind::Confirmed(position) => (self.at + position, true),
                    LineMatchKind::Candidate(position) => (self.at + position, false),
                }
            };
            let begin = memrchr(b'\n', &text[self.at..position]).map_or(self.at, |line_end| self.at + line_end + 1);
            // An empty match behind the last line is in no line.
            if begin == text.len() {
                break;
            }
            let end = memchr(b'\n', &text[begin..]).map_or(text.len(), |length| begin + length);
            self.at = end + 1;
            let line = &text[begin..end];
            if sure || pattern.matcher.is_match(line).unwrap_or(false) {
                self.lines += count_lines(&text[self.counted..begin]);
                self.counted = begin;
                return Some((self.lines + 1, line));
            }
        }
        self.at = whole;
        None
    }

    /// Lets go of the whole lines, so that more can be added. There must be no matching line left in them.
    pub(crate) fn go_on(&mut self) {
        let whole = self.whole(false);
        self.lines += count_lines(&self.bytes[self.counted..whole]);
        self.bytes.drain(..whole);
        (self.at, self.counted) = (0, 0);
    }

    /// Up to where the lines are whole.
    fn whole(&self, at_end: bool) -> usize {
        match memrchr(b'\n', &self.bytes) {
            Some(last) if !at_end => last + 1,
            // A line that is longer than the window is taken for several.
            _ => self.bytes.len(),
        }
    }
}

/// Takes away what a line end of Windows has more than others. Most files have none, and are left as they are.
fn with_plain_line_ends(bytes: Vec<u8>) -> Vec<u8> {
    let finder = memmem::Finder::new(b"\r\n");
    let mut ends = finder.find_iter(&bytes).peekable();
    if ends.peek().is_none() {
        return bytes;
    }
    let (mut plain, mut from) = (Vec::with_capacity(bytes.len()), 0);
    for end in ends {
        plain.extend_from_slice(&bytes[from..end]);
        from = end + 1;
    }
    plain.extend_from_slice(&bytes[from..]);
    plain
}

fn count_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(pattern: &str) -> Pattern {
        let spec = serde_json::json!({ "pattern": pattern });
        compile(&serde_json::from_value(spec).unwrap()).unwrap()
    }

    fn search(pattern: &str, pieces: &[&str]) -> Vec<(u64, String)> {
        let (matcher, mut window, mut found) = (matcher(pattern), Window::default(), Vec::new());
        for (nth, piece) in pieces.iter().enumerate() {
            window.add(piece.as_bytes().to_vec());
            let at_end = nth + 1 == pieces.len();
            while let Some((number, line)) = window.next_line(&matcher, at_end) {
                found.push((number, String::from_utf8_lossy(line).into_owned()));
            }
            if !at_end {
                window.go_on();
            }
        }
        found
    }

    fn lines(found: &[(u64, &str)]) -> Vec<(u64, String)> {
        found.iter().map(|(number, line)| (*number, (*line).to_owned())).collect()
    }

    #[test]
    fn a_line_that_matches_twice_is_found_once_under_its_number() {
        assert_eq!(search("o", &["one\ntwo two\nthree\n"]), lines(&[(1, "one"), (2, "two two")]));
    }

    #[test]
    fn the_last_line_needs_no_line_end() {
        assert_eq!(search("c", &["a\nb\nc"]), lines(&[(3, "c")]));
    }

    #[test]
    fn a_pattern_never_matches_across_lines() {
        assert_eq!(search(r"a\s+b", &["a\nb\na b\n"]), lines(&[(3, "a b")]));
        assert_eq!(search("[^x]+y", &["a\ny\n"]), lines(&[]));
    }

    #[test]
    fn anchors_hold_for_lines() {
        assert_eq!(search("^b$", &["ab\nb\nba\n"]), lines(&[(2, "b")]));
        assert_eq!(search("^$", &["a\n\nb\n"]), lines(&[(2, "")]));
        assert_eq!(search("^$", &["a\nb\n"]), lines(&[]));
    }

    #[test]
    fn a_line_end_of_windows_is_no_part_of_the_line() {
        assert_eq!(search("a", &["a\r\nb\r\n"]), lines(&[(1, "a")]));
        assert_eq!(search("apple$", &["an apple\r\nno\r\n"]), lines(&[(1, "an apple")]));
        assert_eq!(search(r"\s$", &["apple\r\n"]), lines(&[]), "what is not shown is not matched");
        assert_eq!(search("^$", &["a\r\n\r\n"]), lines(&[(2, "")]));
        assert_eq!(search("apple$", &["no\nan apple\r", "\nno"]), lines(&[(2, "an apple")]), "it comes in two pieces");
        assert_eq!(search("a.b", &["a\rb\r\n"]), lines(&[(1, "a\rb")]), "one alone is shown and matched");
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        assert_eq!(search("^apple", &["\u{feff}apple\napple\n"]), lines(&[(1, "apple"), (2, "apple")]));
        assert_eq!(search("^apple", &["one\n\u{feff}apple\n"]), lines(&[]), "in the middle it is a character");
        assert_eq!(search("^b", &["\u{feff}a\n", "\u{feff}b\n"]), lines(&[]));
    }

    #[test]
    fn the_whole_text_is_one_line() {
        let text = ["apple\nan apple\napple pie\n"];
        assert_eq!(search(r"\Aapple", &text), lines(&[(1, "apple"), (3, "apple pie")]));
        assert_eq!(search(r"apple\z", &text), lines(&[(1, "apple"), (2, "an apple")]));
    }

    #[test]
    fn a_text_in_utf_16_is_left_out_as_binary() {
        assert!(is_binary(b"\xff\xfe\x42\x30") && is_binary(b"\xfe\xff\x30\x42"));
        assert!(!is_binary("\u{feff}apple".as_bytes()));
    }

    #[test]
    fn lines_are_whole_and_numbered_on_when_a_file_comes_in_pieces() {
        let found = search("needle", &["one\ntwo\nnee", "dle\nfour\n", "five needle"]);
        assert_eq!(found, lines(&[(3, "needle"), (5, "five needle")]));
    }

    #[test]
    fn a_nul_byte_near_the_beginning_makes_a_file_binary() {
        assert!(is_binary(b"ELF\0"));
        let mut late = vec![b'a'; BINARY];
        late.push(0);
        assert!(!is_binary(&late));
    }
}
