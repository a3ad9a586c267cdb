//! Finding a live task by its name, its id or the beginning of its id.
//! Does not test what a person is told who names a task on the command line.

use taskwright_runner::registry::{NewTask, State, TaskId, Visibility};
use taskwright_runner::{Among, FindError};

use crate::stage::{Stage, child_of, in_run, stranger};

fn is_unknown<T: std::fmt::Debug>(found: &Result<T, FindError>) -> bool {
    matches!(found, Err(FindError::Unknown { .. }))
}

async fn a_task_is_found_by_name_by_id_and_by_the_beginning_of_its_id(stage: Stage) {
    let named = stage.create(NewTask { name: Some("index".to_owned()), ..stage.new_task("probe") }).await;
    let found = async |text: &str| stage.session.find(text, &Among::Session).await;
    let hex = named.id.as_str().strip_prefix("task_").unwrap();
    for text in ["index", named.id.as_str(), &named.id.as_str()[..20], &hex[..8], &hex[..8].to_uppercase()] {
        assert_eq!(found(text).await.unwrap(), named, "{text}");
    }
    for text in ["Index", "inde", "", "task_", "xyz", "%", "task_g", &format!("{hex}0"), "\u{1b}[2J"] {
        let missed = found(text).await;
        assert!(is_unknown(&missed), "{text}: {missed:?}");
        assert!(!missed.unwrap_err().to_string().contains('\u{1b}'));
    }
}

async fn the_beginning_of_several_ids_is_ambiguous_and_names_them(stage: Stage) {
    let ids = stage.tasks(7).await;
    let beginning = "task_0";
    let error = stage.session.find(beginning, &Among::Session).await.unwrap_err();
    let FindError::Ambiguous { candidates, more, .. } = &error else { panic!("{error}") };
    assert_eq!((&candidates[..], *more), (&ids[..5], true));
    for id in &ids[2..] {
        stage.to(id, State::Succeeded).await;
    }
    let error = stage.session.find(beginning, &Among::Session).await.unwrap_err();
    assert_eq!(error.to_string(), format!("`task_0` may be any of {}, {}; give more of the id", ids[0], ids[1]));
    stage.to(&ids[1], State::Failed).await;
    assert_eq!(stage.session.find(beginning, &Among::Session).await.unwrap().id, ids[0], "the living alone count");
}

async fn a_name_does_not_hide_an_id_that_begins_so(stage: Stage) {
    let other = stage.task().await;
    let beginning = other.id.as_str()[5..11].to_owned();
    let named = stage.create(NewTask { name: Some(beginning.clone()), ..stage.new_task("probe") }).await;
    let error = stage.session.find(&beginning, &Among::Session).await.unwrap_err();
    let FindError::Ambiguous { candidates, .. } = &error else { panic!("{error}") };
    assert_eq!(*candidates, [named.id.clone(), other.id.clone()]);
    stage.to(&other.id, State::Failed).await;
    assert_eq!(stage.session.find(&beginning, &Among::Session).await.unwrap().id, named.id);
}

async fn a_task_is_looked_for_below_a_task_or_in_a_run(stage: Stage) {
    let parent = stage.task().await.id;
    let new = |name: &str, lineage| NewTask { name: Some(name.to_owned()), parent: lineage, ..stage.new_task("probe") };
    let child = stage.create(new("kid", child_of(&parent))).await.id;
    let runs = stage.create(new("runs", in_run("run-1"))).await.id;
    let (children, run) = (Among::Children(parent.clone()), Among::Run("run-1".to_owned()));
    for (text, among, expected) in [
        ("kid", &children, Some(&child)),
        ("kid", &run, None),
        ("kid", &Among::Session, Some(&child)),
        (child.as_str(), &children, Some(&child)),
        (child.as_str(), &run, None),
        (&child.as_str()[..35], &children, Some(&child)),
        ("runs", &run, Some(&runs)),
        ("runs", &children, None),
        (runs.as_str(), &run, Some(&runs)),
        (runs.as_str(), &Among::Run("run".to_owned()), None),
        (parent.as_str(), &children, None),
    ] {
        let found = stage.session.find(text, among).await;
        match expected {
            Some(id) => assert_eq!(found.unwrap().id, *id, "{text} {among}"),
            None => assert!(is_unknown(&found), "{text} {among}: {found:?}"),
        }
    }
}

async fn what_is_over_is_not_found_and_its_name_finds_who_has_it_now(stage: Stage) {
    let named = || NewTask { name: Some("build".to_owned()), ..stage.new_task("probe") };
    let first = stage.create(named()).await.id;
    stage.to(&first, State::Succeeded).await;
    for text in ["build", first.as_str(), &first.as_str()[..36]] {
        assert!(is_unknown(&stage.session.find(text, &Among::Session).await), "{text}");
    }
    let second = stage.create(named()).await.id;
    assert_eq!(stage.session.find("build", &Among::Session).await.unwrap().id, second);
    let hidden = NewTask { visibility: Visibility::Hidden, name: Some("quiet".to_owned()), ..stage.new_task("probe") };
    let hidden = stage.create(hidden).await.id;
    assert_eq!(stage.session.find("quiet", &Among::Session).await.unwrap().id, hidden);
}

// L23
async fn a_stranger_is_not_found_by_anything(stage: Stage) {
    let foreign = NewTask { session_id: stranger(), name: Some("theirs".to_owned()), ..stage.new_task("probe") };
    let foreign = stage.create(foreign).await.id;
    let nobody = TaskId::new(stage.store.now(), [9; 10]);
    for text in ["theirs", foreign.as_str(), &foreign.as_str()[..30], nobody.as_str()] {
        assert!(is_unknown(&stage.session.find(text, &Among::Session).await), "{text}");
    }
}

crate::in_each_store!(
    a_task_is_found_by_name_by_id_and_by_the_beginning_of_its_id,
    the_beginning_of_several_ids_is_ambiguous_and_names_them,
    a_name_does_not_hide_an_id_that_begins_so,
    a_task_is_looked_for_below_a_task_or_in_a_run,
    what_is_over_is_not_found_and_its_name_finds_who_has_it_now,
    a_stranger_is_not_found_by_anything,
);
