//! Kinds that are installed, upgraded, signed, tampered with and removed.
//! Does not test what the sandbox refuses in a component: its own tests do.

use std::io::Cursor;

use minisign::KeyPair;
use serde_json::{Value, json};
use taskwright_test_guests as guests;

use crate::place::Place;

fn digest_of(place: &Place, file: &str) -> String {
    place.json(&["kinds", "verify", file, "--json"])["digest"].as_str().unwrap().to_owned()
}

fn stored(place: &Place, digest: &str) -> std::path::PathBuf {
    place.path().join(".taskwright/kinds").join(format!("{}.wasm", digest.replace(':', "-")))
}

fn listed(place: &Place, kind: &str) -> Option<Value> {
    let kinds = place.json(&["kinds", "list", "--json"])["kinds"].as_array().unwrap().clone();
    kinds.into_iter().find(|known| known["description"]["kind"] == kind)
}

fn ledgers() -> Place {
    let place = Place::new();
    place.write("one.wasm", guests::LEDGER_ONE);
    place.write("two.wasm", guests::LEDGER_TWO);
    place
}

const SPEC: &str = r#"{"owner":"me"}"#;

#[test]
fn whoever_creates_a_task_is_told_what_runs_it() {
    let place = ledgers();
    let told = |command: &[&str]| place.run(&[&["create"][..], command].concat()).err;
    assert_eq!(told(&["walkthrough"]), "it is queued; `taskwright serve` runs it\n");
    let by_file = told(&["--kind", "one.wasm", "--spec", SPEC]);
    assert!(
        by_file.contains("`taskwright serve --kind one.wasm` runs it") && by_file.contains("kinds install one.wasm"),
        "{by_file}"
    );
    let granted = told(&["search-files", "--spec", r#"{"pattern":"x"}"#]);
    assert!(
        granted.contains("`taskwright serve` runs it, if it may: ") && granted.contains("--grant files=DIR"),
        "{granted}"
    );
    let wrong = told(&["--kind", "one.wasm", "--spec", r#"{"owne":"me"}"#]);
    assert!(wrong.contains("`taskwright kinds inspect one.wasm` shows"), "{wrong}");
    assert_eq!(place.run(&["kinds", "inspect", "one.wasm"]).status, 0);
    let inspected = place.run(&["kinds", "inspect", "ledger"]);
    assert!(inspected.status == 2 && inspected.err.contains("`taskwright kinds inspect FILE`"), "{inspected:?}");
    assert_eq!(place.run(&["kinds", "install", "one.wasm"]).status, 0);
    assert_eq!(told(&["--kind", "one.wasm", "--spec", SPEC]), "it is queued; `taskwright serve` runs it\n");
}

#[test]
fn an_installed_kind_is_found_by_its_name_and_pinned() {
    let place = ledgers();
    let digest = digest_of(&place, "one.wasm");
    let other = digest_of(&place, "two.wasm");
    let wrong = place.run(&["kinds", "install", "one.wasm", "--digest", &other]);
    assert!(wrong.status == 2 && wrong.err.contains(&digest) && wrong.err.contains(&other), "{wrong:?}");
    let wrong = place.run(&["kinds", "install", "one.wasm", "--name", "journal"]);
    assert!(wrong.status == 2 && wrong.err.contains("`ledger`, not `journal`"), "{wrong:?}");
    assert_eq!(listed(&place, "ledger"), None);
    let done = place.run(&["kinds", "install", "one.wasm", "--digest", &digest]);
    assert_eq!(done.status, 0, "{done:?}");
    assert!(
        done.out.contains("installed ledger 1.0.0 sha256:") && done.out.contains("[kinds.ledger.folders] books"),
        "{done:?}"
    );
    let again = place.run(&["kinds", "install", "one.wasm"]);
    assert!(again.status == 0 && again.out.contains("already installed"), "{again:?}");
    std::fs::remove_file(place.path().join("one.wasm")).unwrap();
    let known = listed(&place, "ledger").unwrap();
    assert_eq!((&known["digest"], &known["pinned"], &known["signed_by"]), (&json!(digest), &json!(true), &json!(null)));
    assert_eq!(place.run(&["kinds", "verify", "ledger"]).status, 0);
    assert_eq!(place.run(&["create", "ledger", "--spec", SPEC]).status, 0);
    let none = place.run(&["list", "--kind", "ledger", "--session", "other"]);
    assert_eq!(none.status, 0, "a kind without tasks is a kind: {none:?}");
    let about = place.json(&["kinds", "inspect", "ledger", "--json"]);
    assert_eq!(about["given"][0]["given"], false);
    assert_eq!(
        about["budget_sides"]["memory_bytes"],
        json!({"wish": 16 << 20, "operator": 256 << 20, "effective": 16 << 20})
    );
    let second = place.run(&["kinds", "install", "two.wasm"]);
    assert!(second.status == 2 && second.err.contains("kinds upgrade"), "{second:?}");
}

#[test]
fn a_folder_is_installed_as_a_whole_or_not_at_all() {
    let place = Place::new();
    place.write("all/one.wasm", guests::LEDGER_ONE);
    place.write("all/wishes.wasm", guests::WISHES);
    place.write("all/broken.wasm", "hello\n");
    let refused = place.run(&["kinds", "install", "all"]);
    assert!(refused.status == 2 && refused.err.contains("broken.wasm"), "{refused:?}");
    place.write("all/broken.wasm", guests::LEDGER_TWO);
    let twice = place.run(&["kinds", "install", "all"]);
    assert!(twice.status == 2 && twice.err.contains("both the kind `ledger`"), "{twice:?}");
    place.write("all/broken.wasm", taskwright_components::WALKTHROUGH);
    let ships = place.run(&["kinds", "install", "all"]);
    assert!(ships.status == 2 && ships.err.contains("part of this program"), "{ships:?}");
    assert!(!place.path().join(".taskwright/kinds/index.toml").exists());
    std::fs::remove_file(place.path().join("all/broken.wasm")).unwrap();
    assert_eq!(place.run(&["kinds", "install", "all"]).status, 0);
    assert!(listed(&place, "ledger").is_some() && listed(&place, "wishes").is_some());
}

#[test]
fn a_file_that_was_changed_after_its_installation_is_not_loaded() {
    let place = ledgers();
    place.run(&["kinds", "install", "one.wasm"]);
    let (digest, other) = (digest_of(&place, "one.wasm"), digest_of(&place, "two.wasm"));
    std::fs::write(stored(&place, &digest), guests::LEDGER_TWO).unwrap();
    let ended = place.run(&["run", "ledger", "--spec", SPEC]);
    assert_eq!(ended.status, 2, "{ended:?}");
    assert!(ended.err.contains("changed since it was installed") && ended.err.contains(&other), "{ended:?}");
    let list = place.run(&["kinds", "list"]);
    assert!(list.status == 0 && list.err.contains("changed since") && !list.out.contains("ledger"), "{list:?}");
    let mut serve = place.start(&["serve"]);
    assert!(serve.until("changed since it was installed").contains("not served"));
    #[cfg(unix)]
    serve.terminate();
    // Installing it again mends it.
    place.run(&["kinds", "install", "one.wasm"]);
    assert!(listed(&place, "ledger").is_some());
}

#[test]
fn an_upgrade_shows_what_it_widens_and_waits_to_be_accepted() {
    let place = ledgers();
    let missing = place.run(&["kinds", "upgrade", "two.wasm"]);
    assert!(missing.status == 2 && missing.err.contains("kinds install two.wasm"), "{missing:?}");
    place.run(&["kinds", "install", "one.wasm"]);
    let refused = place.run(&["kinds", "upgrade", "two.wasm"]);
    assert!(refused.status == 2 && refused.err.contains("--accept"), "{refused:?}");
    for expected in [
        "  version      1.0.0 -> 1.1.0",
        "! wants        + http `bank` (optional): to ask the bank",
        "! budget       memory_bytes 16.0 MiB -> 32.0 MiB",
        "! re-attaches  never -> always",
        "  spec         some specifications may be refused that were accepted: `year` is required now",
    ] {
        assert!(refused.out.lines().any(|line| line.starts_with(expected)), "{expected}: {}", refused.out);
    }
    assert_eq!(listed(&place, "ledger").unwrap()["description"]["version"], "1.0.0");
    assert_eq!(place.run(&["kinds", "upgrade", "two.wasm", "--dry-run"]).status, 0);
    assert_eq!(listed(&place, "ledger").unwrap()["description"]["version"], "1.0.0");
    assert_eq!(place.run(&["kinds", "upgrade", "two.wasm", "--accept"]).status, 0);
    assert_eq!(listed(&place, "ledger").unwrap()["description"]["version"], "1.1.0");
    let back = place.run(&["kinds", "upgrade", "one.wasm"]);
    assert!(back.status == 2 && back.out.contains("! version      1.1.0 -> 1.0.0: that is older"), "{back:?}");
    assert_eq!(place.run(&["kinds", "upgrade", "one.wasm", "--accept"]).status, 0);
}

// L43
#[cfg(unix)]
#[test]
fn tasks_end_with_the_version_that_they_began_with_across_upgrade_and_restart() {
    let place = ledgers();
    place.run(&["kinds", "install", "one.wasm"]);
    let (one, two) = (digest_of(&place, "one.wasm"), digest_of(&place, "two.wasm"));
    let mut serve = place.start(&["serve"]);
    serve.until_out("serving ledger");
    let create =
        |spec: &str, name: &str| assert_eq!(place.run(&["create", "ledger", "--spec", spec, "--name", name]).status, 0);
    let asleep = |name: &str| {
        // It has begun and lies down: only then does it have code of its own.
        let mut watch = place.start(&["watch", name]);
        watch.until_out("running");
        watch.child.kill().unwrap();
        watch.child.wait().unwrap();
    };
    create(SPEC, "old");
    asleep("old");
    assert_eq!(place.run(&["kinds", "upgrade", "two.wasm", "--accept"]).status, 0);
    serve.until("new tasks of `ledger` run");
    create(r#"{"owner":"me","year":2026}"#, "new");
    asleep("new");
    let code = |name: &str| place.json(&["show", name, "--json"])["dispatch"]["code"].clone();
    assert_eq!((code("old"), code("new")), (json!(one), json!(two)));
    assert_eq!(serve.terminate().status, 0);

    // Both versions stay for as long as a task needs them.
    place.run(&["prune"]);
    assert!(stored(&place, &one).is_file());
    let in_use = place.run(&["kinds", "remove", "ledger"]);
    assert!(in_use.status == 2 && in_use.err.contains("2 live tasks"), "{in_use:?}");
    let mut serve = place.start(&["serve"]);
    serve.until_out("serving ledger");
    let id = place.json(&["show", "old", "--json"])["id"].as_str().unwrap().to_owned();
    place.run(&["send", "old", "go on"]);
    assert_eq!(place.run(&["wait", &id, "--timeout", "60s"]).status, 0);
    assert_eq!(place.json(&["show", &id, "--json"])["summary"], "kept by 1.0.0");
    place.run(&["prune"]);
    assert!(!stored(&place, &one).exists() && stored(&place, &two).is_file());

    // One whose version is taken away by force waits, and says for what.
    let forced = place.run(&["kinds", "remove", "ledger", "--force"]);
    assert!(forced.status == 0 && forced.err.contains("1 live tasks wait"), "{forced:?}");
    serve.until("`ledger` is no longer served");
    assert_eq!(serve.terminate().status, 0);
    let mut serve = place.start(&["serve"]);
    serve.until("which is not here");
    let shown = place.run(&["show", "new"]);
    assert!(shown.out.contains("not here: it waits"), "{shown:?}");
    let id = place.json(&["show", "new", "--json"])["id"].as_str().unwrap().to_owned();
    place.run(&["send", "new", "go on"]);
    assert_eq!(place.run(&["kinds", "install", "two.wasm"]).status, 0);
    assert_eq!(place.run(&["wait", &id, "--timeout", "60s"]).status, 0);
    assert_eq!(place.json(&["show", &id, "--json"])["summary"], "kept by 1.1.0");
    assert_eq!(serve.terminate().status, 0);
    assert_eq!(place.run(&["kinds", "remove", "ledger"]).status, 0);
    assert_eq!(place.run(&["kinds", "remove", "ledger"]).status, 7);
}

#[test]
fn a_file_put_there_by_hand_works_and_is_shown_as_not_pinned() {
    let place = ledgers();
    place.write(".taskwright/kinds/mine.wasm", guests::LEDGER_ONE);
    assert_eq!(listed(&place, "ledger").unwrap()["pinned"], false);
    assert!(place.run(&["kinds", "list"]).out.contains("not pinned"));
    assert!(place.run(&["kinds", "inspect", "ledger"]).out.contains("(not pinned)"));
}

#[test]
fn signatures_are_checked_at_installation_and_whenever_a_kind_is_loaded() {
    let place = ledgers();
    let (mine, other) =
        (KeyPair::generate_unencrypted_keypair().unwrap(), KeyPair::generate_unencrypted_keypair().unwrap());
    let sign = |pair: &KeyPair, wasm: &[u8]| {
        minisign::sign(Some(&pair.pk), &pair.sk, Cursor::new(wasm), None, None).unwrap().into_string()
    };
    let config = |required: bool, pair: &KeyPair| {
        let key = pair.pk.to_base64();
        place.write(
            ".taskwright/taskwright.toml",
            format!("require_signature = {required}\ntrusted_keys = [\"{key}\"]\n"),
        );
    };
    config(true, &mine);
    let unsigned = place.run(&["kinds", "install", "one.wasm"]);
    assert!(unsigned.status == 2 && unsigned.err.contains("not signed"), "{unsigned:?}");
    let unsigned = place.run(&["run", "--kind", "one.wasm", "--spec", SPEC]);
    assert!(unsigned.status == 2 && unsigned.err.contains("require_signature"), "{unsigned:?}");
    place.write("one.wasm.minisig", sign(&other, guests::LEDGER_ONE));
    let foreign = place.run(&["kinds", "install", "one.wasm"]);
    assert!(foreign.status == 2 && foreign.err.contains("not in `trusted_keys`"), "{foreign:?}");
    place.write("one.wasm.minisig", sign(&mine, guests::LEDGER_TWO));
    let of_another = place.run(&["kinds", "install", "one.wasm"]);
    assert!(of_another.status == 2 && of_another.err.contains("claims to be of"), "{of_another:?}");
    place.write("elsewhere.sig", sign(&mine, guests::LEDGER_ONE));
    let installed = place.run(&["kinds", "install", "one.wasm", "--signature", "elsewhere.sig"]);
    assert!(installed.status == 0 && installed.out.contains("signed by RW"), "{installed:?}");
    assert_eq!(listed(&place, "ledger").unwrap()["signed_by"], json!(mine.pk.to_base64()));
    // What ships is part of the program.
    assert_eq!(place.run(&["run", "walkthrough", "--spec", r#"{"steps":[]}"#]).status, 0);
    // A key that is trusted no more.
    config(true, &other);
    let refused = place.run(&["create", "ledger", "--spec", SPEC]);
    assert!(refused.status == 2 && refused.err.contains("not in `trusted_keys`"), "{refused:?}");
    assert_eq!(listed(&place, "ledger"), None);
    config(false, &other);
    assert_eq!(listed(&place, "ledger").unwrap()["signed_by"], json!(null));
}

#[cfg(unix)]
#[test]
fn a_namesake_is_left_out_and_stops_nothing() {
    let place = ledgers();
    let granted = "[kinds.ledger.folders]\nbooks = { path = \"../books\" }\n";
    place.write("books/one.txt", "1\n");
    place.write(".taskwright/taskwright.toml", granted);
    assert_eq!(place.run(&["kinds", "install", "one.wasm"]).status, 0);
    // Nothing grants `search-files` its folder: the name is its own all the same.
    place.write(".taskwright/kinds/aa.wasm", *guests::NAMESAKE);
    place.write(".taskwright/kinds/bb.wasm", guests::LEDGER_TWO);
    let mut serve = place.start(&["serve"]);
    for kind in ["`search-files`", "`ledger`"] {
        let said = serve.until(&format!("the kind {kind} is there twice"));
        assert!(said.contains("not served:"), "{said}");
    }
    serve.until_out("serving ledger, walkthrough");
    // A change of the configuration holds, in spite of them.
    place.write(".taskwright/taskwright.toml", "# nothing is granted\n");
    serve.until("has changed and holds now");
    assert_eq!(serve.terminate().status, 0);

    // A file that is named is meant.
    let meant = place.run(&["serve", "--kind", ".taskwright/kinds/aa.wasm"]);
    assert!(meant.status == 2 && meant.err.contains("is there twice"), "{meant:?}");
    let meant = place.run(&["run", "--kind", ".taskwright/kinds/aa.wasm"]);
    assert!(meant.status == 2 && meant.err.contains("part of this program"), "{meant:?}");
}

#[test]
fn what_a_kind_said_when_it_was_installed_is_what_it_is() {
    let place = ledgers();
    assert_eq!(place.run(&["kinds", "install", "one.wasm"]).status, 0);
    let index = place.path().join(".taskwright/kinds/index.toml");
    let written = std::fs::read_to_string(&index).unwrap();
    assert!(written.contains("Keeps books."), "{written}");
    std::fs::write(&index, written.replace("Keeps books.", "Was accepted.")).unwrap();
    assert_eq!(listed(&place, "ledger").unwrap()["description"]["summary"], "Was accepted.");
    assert_eq!(place.json(&["kinds", "inspect", "ledger", "--json"])["description"]["summary"], "Was accepted.");
    // An upgrade is held against that, even if the older component is gone.
    std::fs::remove_file(stored(&place, &digest_of(&place, "one.wasm"))).unwrap();
    let refused = place.run(&["kinds", "upgrade", "two.wasm"]);
    assert!(refused.status == 2 && refused.out.contains("! wants        + http `bank`"), "{refused:?}");
}

#[test]
fn an_index_of_the_first_form_is_read_and_completed() {
    let place = ledgers();
    assert_eq!(place.run(&["kinds", "install", "one.wasm"]).status, 0);
    let index = place.path().join(".taskwright/kinds/index.toml");
    let written = std::fs::read_to_string(&index).unwrap();
    let older: Vec<&str> = written.lines().filter(|line| !line.starts_with("said = ")).collect();
    let older = older.join("\n").replace("format = 2", "format = 1");
    assert!(older.len() < written.len() - 100 && older.contains("format = 1"), "{older}");
    std::fs::write(&index, older).unwrap();
    assert!(listed(&place, "ledger").is_some());
    assert_eq!(std::fs::read_to_string(&index).unwrap(), written);
}

#[cfg(unix)]
#[test]
fn code_that_tasks_of_another_store_need_is_kept() {
    let address = match taskwright_test_postgres::database("prunes") {
        Ok(address) => address,
        Err(why) => return taskwright_test_postgres::skipped(&why),
    };
    let place = ledgers();
    place.run(&["kinds", "install", "one.wasm"]);
    let one = digest_of(&place, "one.wasm");
    let there = |command: &[&str]| place.run(&[&["--store", address.as_str()][..], command].concat());
    assert_eq!(there(&["create", "ledger", "--spec", SPEC, "--name", "old"]).status, 0);
    let mut serve = place.start(&["--store", &address, "serve"]);
    serve.until_out("serving ledger");
    let mut watch = place.start(&["--store", &address, "watch", "old"]);
    watch.until_out("running");
    watch.child.kill().unwrap();
    watch.child.wait().unwrap();
    assert_eq!(serve.terminate().status, 0);
    assert_eq!(place.run(&["kinds", "upgrade", "two.wasm", "--accept"]).status, 0);
    // A store of the home's own, whose tasks need nothing of it.
    assert_eq!(place.run(&["run", "walkthrough", "--spec", r#"{"steps":[{"say":"x"}]}"#]).status, 0);
    let pruned = place.run(&["prune"]);
    assert!(pruned.status == 0 && !pruned.out.contains("removed"), "{pruned:?}");
    let named = address.rsplit_once('@').map_or(address.as_str(), |(_, place)| place);
    let named = named.split_once('?').map_or(named, |(place, _)| place);
    assert!(
        pruned.err.contains(named.trim_start_matches("postgres://")) && stored(&place, &one).is_file(),
        "{pruned:?}"
    );
    // What is left of the one that needs it does not depend on the other, once that is gone.
    std::fs::remove_file(place.path().join(".taskwright/registry.db")).unwrap();
    assert_eq!(there(&["prune", "--session", "default"]).out.matches("removed").count(), 0);
    let pruned = there(&["prune"]);
    assert!(pruned.out.contains("removed sha256:") && stored(&place, &one).is_file(), "{pruned:?}");
    assert_eq!(there(&["cancel", "old"]).status, 0);
    let mut serve = place.start(&["--store", &address, "serve"]);
    serve.until_out("serving ledger");
    assert_eq!(there(&["wait", "old", "--timeout", "60s"]).status, 0, "it ends when it is asked to");
    assert_eq!(serve.terminate().status, 0);
    assert_eq!(there(&["prune", "--session", "default"]).status, 0);
    assert!(stored(&place, &one).is_file(), "it was about one session");
    assert_eq!(there(&["prune", "--all-sessions"]).status, 0);
    assert!(!stored(&place, &one).exists());
}
