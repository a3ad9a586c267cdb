//! A search over real folders, against the mock host.

use std::fs;
use std::path::Path;

use search_files::{Found, Hit, SearchFiles};
use serde_json::{Value, json};
use taskwright_guest::mock::{Call, MockHost, Run, Status, Stimulus};
use taskwright_guest::{Limit, Refusal};
use tempfile::TempDir;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text.as_bytes());
    }
    folder
}

fn write(folder: &Path, name: &str, bytes: &[u8]) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn host(folder: &TempDir) -> MockHost {
    MockHost::new().folder("files", folder.path())
}

fn search(folder: &TempDir, spec: Value) -> Run<SearchFiles> {
    host(folder).start(spec)
}

/// The files in which a search finds `x`.
fn paths(folder: &TempDir, mut spec: Value) -> Vec<String> {
    spec["pattern"] = json!("x");
    let found: Found = search(folder, spec).result();
    found.first.into_iter().map(|hit| hit.path).collect()
}

#[test]
fn matching_lines_are_found_with_their_files_and_numbers() {
    let folder = folder(&[("a.txt", "one\ntwo\n"), ("sub/b.txt", "three\ntwo and two\n"), ("c.txt", "none\n")]);
    let run = search(&folder, json!({"pattern": "t.o"}));
    let found: Found = run.result();
    let hit = |path: &str, line, text: &str| Hit { path: path.to_owned(), line, text: text.to_owned() };
    assert_eq!(found.first, [hit("a.txt", 2, "two"), hit("sub/b.txt", 2, "two and two")]);
    assert_eq!((found.files_searched, found.files_matched, found.matches), (3, 2, 2));
    assert_eq!((found.bytes_searched, found.truncated), (31, false));
    assert_eq!(run.record().output, "a.txt:2:two\nsub/b.txt:2:two and two\n");
    assert_eq!(run.record().artifact_text("matches.txt"), run.record().output);
}

#[test]
fn gitignore_is_honoured() {
    let folder = folder(&[
        (".gitignore", "*.log\n/target/\n"),
        ("a.rs", "x"),
        ("a.log", "x"),
        ("target/b.rs", "x"),
        ("sub/target/c.rs", "x"),
        ("sub/.gitignore", "!keep.log\nc.*\n"),
        ("sub/keep.log", "x"),
        ("sub/d.log", "x"),
        ("sub/deep/c.txt", "x"),
    ]);
    assert_eq!(paths(&folder, json!({})), ["a.rs", "sub/keep.log"]);
}

#[test]
fn the_gitignore_above_the_path_holds_as_well() {
    let folder = folder(&[(".gitignore", "*.log\n"), ("sub/a.log", "x"), ("sub/a.rs", "x")]);
    assert_eq!(paths(&folder, json!({"path": "./sub/"})), ["sub/a.rs"]);
}

#[test]
fn the_gitignore_above_a_repository_does_not_hold_in_it() {
    let folder = folder(&[(".gitignore", "*.rs\n"), ("repo/.git/HEAD", "x"), ("repo/a.rs", "x"), ("b.rs", "x")]);
    assert_eq!(paths(&folder, json!({})), ["repo/a.rs"]);
}

#[test]
fn an_ignore_file_comes_before_the_gitignore() {
    let folder = folder(&[(".gitignore", "*.log\n"), (".ignore", "!a.log\nb.rs\n"), ("a.log", "x"), ("b.rs", "x")]);
    assert_eq!(paths(&folder, json!({})), ["a.log"]);
}

#[test]
fn hidden_files_are_searched_on_request_only() {
    let folder = folder(&[(".env", "x"), (".config/a", "x"), ("b", "x")]);
    assert_eq!(paths(&folder, json!({})), ["b"]);
    assert_eq!(paths(&folder, json!({"hidden": true})), [".config/a", ".env", "b"]);
}

#[test]
fn globs_choose_files_and_leave_files_out() {
    let folder = folder(&[("a.rs", "x"), ("b.toml", "x"), ("sub/c.rs", "x"), ("sub/d.txt", "x")]);
    assert_eq!(paths(&folder, json!({"globs": ["*.rs"]})), ["a.rs", "sub/c.rs"]);
    assert_eq!(paths(&folder, json!({"globs": ["!sub"]})), ["a.rs", "b.toml"]);
}

#[test]
fn a_bad_glob_fails_with_the_glob_in_the_message() {
    let run = search(&folder(&[]), json!({"pattern": "x", "globs": ["a[b"]}));
    assert_eq!(run.failure().kind, "bad_glob");
    assert!(run.failure().message.contains("a[b"), "{}", run.failure());
}

#[test]
fn a_binary_is_skipped() {
    let folder = folder(&[("a.txt", "x")]);
    write(folder.path(), "b.bin", b"\x7fELF\0\0x");
    let found: Found = search(&folder, json!({"pattern": "x"})).result();
    assert_eq!((found.files_searched, found.skipped_binary, found.matches), (1, 1, 1));
}

#[test]
fn a_bad_pattern_fails_with_bad_pattern_and_what_is_wrong_with_it() {
    let run = search(&folder(&[]), json!({"pattern": "a("}));
    assert_eq!(run.failure().kind, "bad_pattern");
    assert!(run.failure().message.contains("unclosed group"), "{}", run.failure());
    assert!(run.failure().message.contains("\n    a(\n"), "{}", run.failure());
    assert_eq!(run.failure().retry, taskwright_guest::Retry::Never);
}

#[test]
fn case_matters_unless_it_is_told_not_to() {
    let folder = folder(&[("a", "Needle\nneedle\n")]);
    let count = |spec| search(&folder, spec).result::<Found>().matches;
    assert_eq!(count(json!({"pattern": "needle"})), 1);
    assert_eq!(count(json!({"pattern": "needle", "case_insensitive": true})), 2);
}

#[test]
fn a_path_out_of_the_folder_is_refused() {
    let folder = folder(&[("a", "x")]);
    for path in ["/etc", "..", "sub/../../a", "/"] {
        let run = search(&folder, json!({"pattern": "x", "path": path}));
        assert_eq!(run.failure().kind, "bad_path", "{path}");
        assert!(run.failure().message.contains(path), "{}", run.failure());
    }
}

#[test]
fn a_path_that_is_not_there_is_named_in_the_failure() {
    let run = search(&folder(&[("sub/a", "x")]), json!({"pattern": "x", "path": "sub/b/c"}));
    assert_eq!(run.failure().kind, "no_such_path");
    assert!(run.failure().message.contains("`b` in sub"), "{}", run.failure());
}

#[test]
fn a_single_file_can_be_searched_even_if_it_is_ignored() {
    let folder = folder(&[(".gitignore", "*.log"), ("sub/a.log", "x\n"), ("sub/b.log", "x\n")]);
    assert_eq!(paths(&folder, json!({"path": "sub/a.log"})), ["sub/a.log"]);
}

#[cfg(unix)]
#[test]
fn symbolic_links_are_not_followed() {
    let folder = folder(&[("a", "x")]);
    std::os::unix::fs::symlink("a", folder.path().join("b")).unwrap();
    std::os::unix::fs::symlink(".", folder.path().join("loop")).unwrap();
    assert_eq!(paths(&folder, json!({})), ["a"]);
    let run = search(&folder, json!({"pattern": "x", "path": "loop"}));
    assert_eq!(run.failure().kind, "no_such_path");
}

#[test]
fn a_file_in_many_pieces_is_searched_as_one() {
    let line = format!("{}\n", "a".repeat(99));
    let text = format!("{}needle\n{}", line.repeat(100_000), line.repeat(10));
    let folder = folder(&[("large", &text)]);
    let found: Found = search(&folder, json!({"pattern": "needle"})).result();
    assert_eq!((found.first[0].line, found.bytes_searched), (100_001, text.len() as u64));
}

#[test]
fn all_matches_are_counted_and_in_the_artifact_though_the_result_shows_the_first_only() {
    let folder = folder(&[("a", &"needle in a haystack\n".repeat(50_000))]);
    let run = search(&folder, json!({"pattern": "needle", "max_matches": 3}));
    let found: Found = run.result();
    assert_eq!((found.matches, found.first.len(), found.truncated), (50_000, 3, true));
    assert_eq!(run.record().artifact_text("matches.txt").lines().count(), 50_000);
    assert!(run.calls(Call::Draft) > 1, "the artifact is drafted in pieces");
    assert!(run.calls(Call::Output) < 500, "the output is batched");
}

#[test]
fn the_result_stays_below_what_a_result_may_have() {
    let folder = folder(&[("a", &format!("{}\n", "\u{1}".repeat(512)).repeat(1000))]);
    let run = search(&folder, json!({"pattern": "", "max_matches": 1000}));
    let found: Found = run.result();
    assert_eq!((found.matches, found.truncated), (1000, true));
    assert!(serde_json::to_string(&found).unwrap().len() < 1024 * 1024);
}

/// A thousand small files, each with a match.
fn many() -> TempDir {
    let folder = TempDir::new().unwrap();
    for nth in 0..1000 {
        write(folder.path(), &format!("{nth:04}.txt"), b"x\n");
    }
    folder
}

#[test]
fn a_cancel_is_heard_within_one_file_and_what_was_found_is_kept() {
    let folder = many();
    // The tenth look is the one before the ninth file: the first was at the folder itself.
    let host = host(&folder).at(Call::CancelRequested, 10, Stimulus::cancel("enough"));
    let run = host.start::<SearchFiles>(json!({"pattern": "x"}));
    let Status::Canceled(Some(summary)) = run.status() else { panic!("{:?}", run.status()) };
    assert!(summary.starts_with("8 matching lines in 8 of 8 files"), "{summary}");
    assert_eq!(run.record().artifact_text("matches.txt").lines().count(), 8);
}

#[test]
fn a_cancel_is_heard_in_the_middle_of_a_large_file() {
    let folder = folder(&[("large", &"needle in a haystack\n".repeat(500_000))]);
    let host = host(&folder).at(Call::Progress, 2, Stimulus::cancel("enough"));
    let run = host.start::<SearchFiles>(json!({"pattern": "needle"}));
    assert!(matches!(run.status(), Status::Canceled(Some(_))), "{:?}", run.status());
    assert_eq!(run.record().last_progress().unwrap().current, 0);
}

#[test]
fn a_message_is_answered_with_the_counts_while_the_search_goes_on() {
    let folder = many();
    let host = host(&folder).at(Call::Progress, 2, Stimulus::message("status"));
    let run = host.start::<SearchFiles>(json!({"pattern": "x"}));
    let post = &run.record().posts[0];
    assert!(post.text().starts_with("until now "), "{}", post.text());
    assert!(post.in_reply_to.is_some());
    assert_eq!(run.result::<Found>().matches, 1000);
}

#[test]
fn another_message_is_answered_with_what_would_be_understood() {
    let folder = many();
    let host = host(&folder).at(Call::Progress, 1, Stimulus::message("faster!"));
    let run = host.start::<SearchFiles>(json!({"pattern": "x"}));
    assert!(run.record().posts[0].text().contains("`status`"));
}

#[test]
fn progress_counts_files_and_names_the_bytes() {
    let run = search(&many(), json!({"pattern": "x"}));
    let progress = run.record().progress;
    assert!(progress.len() > 10, "{}", progress.len());
    assert!(progress.is_sorted_by_key(|report| report.current));
    let last = progress.last().unwrap();
    assert_eq!((last.current, last.unit.as_deref()), (1000, Some("files")));
    assert!(last.label.as_deref().unwrap().starts_with("2.0 kB in 1 folders"), "{last:?}");
}

#[test]
fn a_budget_for_output_that_is_used_up_does_not_end_the_search() {
    let limit = Limit { dimension: "output_bytes".to_owned(), allowed: 1, wanted: 2 };
    let folder = many();
    let host = host(&folder).refuse_from(Call::Output, 2, Refusal::LimitExceeded(limit));
    let run = host.start::<SearchFiles>(json!({"pattern": "x"}));
    let found: Found = run.result();
    assert_eq!((found.matches, found.notes.len()), (1000, 1));
    assert_eq!(run.calls(Call::Output), 2);
    assert_eq!(run.record().artifact_text("matches.txt").lines().count(), 1000);
}

#[test]
fn a_superseded_search_stops() {
    let folder = many();
    let run = host(&folder).refuse(Call::Progress, Refusal::Superseded).start::<SearchFiles>(json!({"pattern": "x"}));
    assert_eq!(run.failure().kind, "superseded");
    assert_eq!(run.calls(Call::Progress), 1);
}
