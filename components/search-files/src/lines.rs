//! The matching lines of a file.
//! It does not read: it is given the file piece by piece, and keeps what is not a whole line yet.

use grep_matcher::{LineMatchKind, Matcher};
use grep_regex::{RegexMatcher, RegexMatcherBuilder};
use memchr::{memchr, memchr_iter, memrchr};
use taskwright_guest::Failure;

use crate::spec::Spec;

/// How far into a file a NUL byte makes it a binary one.
const BINARY: usize = 8 * 1024;

/// From this size on, what has been read of a file is searched before more is read.
const WINDOW: usize = 4 * 1024 * 1024;

/// The regular expression of a specification.
pub(crate) fn compile(spec: &Spec) -> Result<RegexMatcher, Failure> {
    let mut builder = RegexMatcherBuilder::new();
    // It matches within lines, so a whole buffer can be searched at once.
    builder.line_terminator(Some(b'\n')).multi_line(true).case_insensitive(spec.case_insensitive);
    builder.build(&spec.pattern).map_err(|error| {
        // The builder's own message shows the pattern in a group that nobody wrote.
        let said =
            regex_syntax::parse(&spec.pattern).err().map_or_else(|| error.to_string(), |plain| plain.to_string());
        Failure::new("bad_pattern", said)
    })
}

/// Whether the beginning of a file is that of a binary one.
pub(crate) fn is_binary(beginning: &[u8]) -> bool {
    memchr(0, &beginning[..beginning.len().min(BINARY)]).is_some()
}

/// What has been read of a file and not been searched yet.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    /// Where the next line to look at begins.
    at: usize,
    /// Up to where lines have been counted, and how many there are before.
    counted: usize,
    lines: u64,
}

impl Window {
    /// Adds what comes next in the file.
    pub(crate) fn add(&mut self, bytes: Vec<u8>) {
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
    pub(crate) fn next_line(&mut self, matcher: &RegexMatcher, at_end: bool) -> Option<(u64, &[u8])> {
        let whole = self.whole(at_end);
        let text = &self.bytes[..whole];
        while self.at < text.len() {
            let Ok(Some(found)) = matcher.find_candidate_line(&text[self.at..]) else { break };
            let (position, sure) = match found {
                LineMatchKind::Confirmed(position) => (self.at + position, true),
                LineMatchKind::Candidate(position) => (self.at + position, false),
            };
            let begin = memrchr(b'\n', &text[self.at..position]).map_or(self.at, |line_end| self.at + line_end + 1);
            // An empty match behind the last line is in no line.
            if begin == text.len() {
                break;
            }
            let end = memchr(b'\n', &text[begin..]).map_or(text.len(), |length| begin + length);
            self.at = end + 1;
            let line = &text[begin..end];
            if sure || matcher.is_match(line).unwrap_or(false) {
                self.lines += count_lines(&text[self.counted..begin]);
                self.counted = begin;
                return Some((self.lines + 1, line.strip_suffix(b"\r").unwrap_or(line)));
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

fn count_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(pattern: &str) -> RegexMatcher {
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
