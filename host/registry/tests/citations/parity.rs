//! docs/parity.md answers every row of the systems before us, and the tests that it names are where it says.
//! Does not judge whether a test proves what its row says.

use std::collections::BTreeMap;
use std::fs;

use crate::{page, root};

/// How the ids of rows begin, and how many there are of each: everruns, its invariants, lash, its sessions, awaken.
const ROWS: [(&str, usize); 5] = [("", 44), ("I", 33), ("L", 34), ("S", 16), ("A", 20)];
const ANSWERS: [&str; 3] = ["same", "better", "different"];

/// A test that the page names.
#[derive(Debug)]
struct Named {
    name: String,
    file: String,
}

struct Row {
    id: String,
    cells: Vec<String>,
    tests: Vec<Named>,
}

/// The links to Rust files in a line, `[name](../path.rs)`.
fn named(line: &str) -> Vec<Named> {
    let links = line.split('[').skip(1).filter_map(|link| link.split_once("](../"));
    links
        .filter_map(|(name, rest)| {
            let file = rest.split(')').next().filter(|file| file.ends_with(".rs"))?;
            Some(Named { name: name.to_owned(), file: file.to_owned() })
        })
        .collect()
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// Whether a cell is the id of a row: a letter of one of the tables, or none, and a number.
fn is_id(cell: &str) -> bool {
    let digits = cell.trim_start_matches(|c: char| c.is_ascii_uppercase());
    cell.len() - digits.len() <= 1 && !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

fn rows(page: &str) -> Vec<Row> {
    let lines = page.lines().filter(|line| line.starts_with('|'));
    let rows = lines.map(|line| (cells(line), named(line))).filter(|(cells, _)| is_id(&cells[0]));
    rows.map(|(cells, tests)| Row { id: cells[0].clone(), cells, tests }).collect()
}

/// Whether a source has a function of this name that is run as a test: by its attribute, or because a macro of the file is
/// given its name.
fn is_test(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    let definition = format!("fn {name}(");
    let Some(place) = lines.iter().position(|line| line.contains(&definition) && !line.starts_with("//")) else {
        return false;
    };
    let above = lines[..place].iter().rev().take_while(|line| line.starts_with("#[") || line.starts_with("//"));
    let words = |line: &str| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name);
    above.into_iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
        || lines.iter().enumerate().any(|(at, line)| at != place && !line.starts_with("//") && words(line))
}

#[test]
fn every_row_of_the_systems_before_us_is_answered_once_and_in_order() {
    let page = page("parity.md");
    let rows = rows(&page);
    let expected: Vec<String> =
        ROWS.iter().flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}"))).collect();
    assert_eq!(rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), expected);
    for row in rows {
        let [_, what, answer, _, _, tests] = &row.cells[..] else { panic!("{}: {} cells", row.id, row.cells.len()) };
        assert!(!what.is_empty(), "{}: what is it about?", row.id);
        let word = answer.strip_prefix("**").and_then(|rest| rest.split_once("**"));
        let Some((word, why)) = word.filter(|(word, _)| ANSWERS.contains(word)) else {
            panic!("{}: expected **same**, **better** or **different**, not {answer}", row.id)
        };
        assert!(word == "same" || why.len() > 10, "{}: {word}, and in which way?", row.id);
        let proved = !row.tests.is_empty() || tests.contains("<!-- pending: ");
        assert!(word == "different" || proved, "{}: no test is named", row.id);
    }
}

#[test]
fn every_known_fault_has_a_test_that_would_catch_it() {
    let page = page("parity.md");
    let (_, faults) = page.split_once("\n## Known faults").expect("the section of the faults");
    let faults: Vec<&str> = faults.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(faults.len() > 30, "the section was read");
    for fault in faults {
        assert!(!named(fault).is_empty(), "no test is named: {fault}");
    }
}

#[test]
fn every_test_that_the_page_of_parity_names_is_in_the_file_that_it_names() {
    let page = page("parity.md");
    let named: Vec<Named> = page.lines().flat_map(named).collect();
    assert!(named.len() > 200, "the page was read: {}", named.len());
    let mut sources: BTreeMap<&str, String> = BTreeMap::new();
    let mut wrong = Vec::new();
    for Named { name, file } in &named {
        let source = sources.entry(file).or_insert_with(|| fs::read_to_string(root().join(file)).unwrap_or_default());
        if !is_test(source, name) {
            wrong.push(format!("{file} has no test {name}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_function_that_nobody_runs_is_no_test() {
    let source = "// by_comment\n#[test]\n// why\nfn by_attribute() {}\nasync fn by_macro(w: W) {}\nfn by_comment() {}\n\
                  #[tokio::test(flavor = \"multi_thread\")]\nasync fn on_a_runtime() {}\ncases!(by_macro, gone);\n";
    for (name, expected) in
        [("by_attribute", true), ("by_macro", true), ("on_a_runtime", true), ("by_comment", false), ("gone", false)]
    {
        assert_eq!(is_test(source, name), expected, "{name}");
    }
}
