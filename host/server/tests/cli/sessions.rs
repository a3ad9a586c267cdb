//! Sessions as a whole: what their tasks were created with.
//! Does not test what a close or a cancel decides: the conformance suite of the stores does.

use crate::place::{Place, id_in};

/// Creates a task of a session that nobody runs, with these terms.
fn created(place: &Place, session: &str, terms: &[&str]) -> String {
    let ended = place.run(&[&["create", "walkthrough", "--session", session], terms].concat());
    assert_eq!(ended.status, 0, "{ended:?}");
    id_in(&ended.out)
}

#[test]
fn what_a_task_was_created_with_is_shown() {
    let place = Place::new();
    let terms = ["--hidden", "--close-policy", "cancel", "--grace", "3s", "--run-id", "run-7"];
    let id = created(&place, "default", &terms);
    let shown = place.run(&["show", &id]);
    for words in ["it is asked, and stopped 3.0 s later", "it is canceled", "hidden", "run-7"] {
        assert!(shown.out.contains(words), "no {words:?} in {shown:?}");
    }
    let abort = place.run(&["create", "walkthrough", "--cancel-policy", "abort", "--grace", "3s"]);
    assert_eq!((abort.status, abort.err.contains("cooperative")), (2, true), "{abort:?}");
}
