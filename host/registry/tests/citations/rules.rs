//! Every rule of docs/lifecycle.md is cited by a test, and no comment cites a rule that does not exist.
//! Does not judge whether the test is a good one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::{page, root};

/// The numbers of the rules: each begins a line as `- **L7** `.
fn rules() -> BTreeSet<u32> {
    let page = page("lifecycle.md");
    let number = |line: &str| line.strip_prefix("- **L")?.split_once("** ")?.0.parse().ok();
    let all: Vec<u32> = page.lines().filter_map(number).collect();
    let set: BTreeSet<u32> = all.iter().copied().collect();
    assert_eq!(all.len(), set.len(), "a number stands for one rule");
    set
}

/// All Rust sources of the workspace, without what is built or hidden.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !path.is_symlink() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// The numbers that a comment cites, `L8 to L10` with what lies between.
fn cited(comment: &str) -> Vec<u32> {
    let words: Vec<&str> =
        comment.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let number = |word: &&str| word.strip_prefix('L').and_then(|digits| digits.parse::<u32>().ok());
    let mut numbers = Vec::new();
    for (place, word) in words.iter().enumerate() {
        if let Some(last) = number(word) {
            let first = match place.checked_sub(2) {
                Some(before) if words[place - 1] == "to" => number(&words[before]).unwrap_or(last),
                _ => last,
            };
            numbers.extend(first..=last);
        }
    }
    numbers
}

struct Citation {
    place: String,
    number: u32,
    /// It stands in a line of its own in a test: `// L7` or `// L7, L9: why`.
    by_test: bool,
}

fn citations() -> Vec<Citation> {
    let mut files = Vec::new();
    sources(&root(), &mut files);
    let mut all = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).expect("a readable source");
        let relative = file.strip_prefix(root()).expect("below the root").display().to_string();
        let mut tests = relative.split('/').any(|part| part == "tests");
        for (line, text) in text.lines().enumerate() {
            tests |= text.trim() == "#[cfg(test)]";
            let Some((before, comment)) = text.split_once("//") else { continue };
            if before.contains('"') {
                continue;
            }
            let by_test = tests && before.trim().is_empty() && comment.starts_with(" L");
            let place = format!("{relative}:{}", line + 1);
            all.extend(cited(comment).into_iter().map(|number| Citation { place: place.clone(), number, by_test }));
        }
    }
    all
}

#[test]
fn every_rule_is_cited_by_a_test() {
    let mut by_rule: BTreeMap<u32, usize> = rules().into_iter().map(|number| (number, 0)).collect();
    assert!(by_rule.len() > 20, "the page was read");
    for citation in citations().iter().filter(|citation| citation.by_test) {
        by_rule.entry(citation.number).and_modify(|count| *count += 1);
    }
    let missing: Vec<String> =
        by_rule.iter().filter(|(_, count)| **count == 0).map(|(number, _)| format!("L{number}")).collect();
    assert!(missing.is_empty(), "no test cites {missing:?} as `// {}`", missing.join(", "));
}

#[test]
fn no_comment_cites_a_rule_that_does_not_exist() {
    let rules = rules();
    let wrong: Vec<String> = citations()
        .into_iter()
        .filter(|citation| !rules.contains(&citation.number))
        .map(|citation| format!("{} cites L{}", citation.place, citation.number))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_range_cites_what_lies_between() {
    assert_eq!(cited(" what L8 to L10 and L2, L3 demand, not HTML5 or XL1"), [8, 8, 9, 10, 2, 3]);
}
