//! Child tasks as far as the sandbox has a say: the grant, and what is counted.
//! Nothing here begins a task: that is tested through the whole system.

use taskwright_sandbox::{Budget, Grants, LiveGrants, SpawnGrant};
use taskwright_test_guests as guests;

use crate::support::*;

fn granted(kinds: &[&str]) -> Grants {
    let grant = SpawnGrant::new(kinds.iter().map(|&kind| kind.to_owned()).collect());
    Grants { spawner: Some(grant), ..Grants::default() }
}

pub(crate) mod parent_script {
    use super::*;

    async fn script(text: &str, grants: impl Into<LiveGrants>, budget: Budget) -> Vec<String> {
        let running = instantiate_in(guests::PARENT_SCRIPT, budget, grants, None).await;
        let task = context_with(serde_json::json!(text));
        match running.instance.start(task).await.unwrap() {
            taskwright_sandbox::Step::Succeeded { result: Some(result), .. } => serde_json::from_value(result).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn without_the_grant_every_call_is_denied_with_what_would_allow_it() {
        let text = "spawn a parent stay; children; child x; result x; wait x -; cancel x; message x";
        let came = script(text, Grants::default(), Budget::default()).await;
        assert_eq!(came.len(), 7);
        for answer in came {
            assert!(answer.starts_with("denied: ") && answer.contains("taskwright.toml"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_kind_that_is_not_on_the_list_is_denied_before_anybody_is_asked() {
        let came = script("spawn a other stay; spawn b parent stay", granted(&["parent"]), Budget::default()).await;
        assert!(came[0].starts_with("denied: this kind may not begin children of the kind `other`"), "{came:?}");
        // The tests' host has no children, and says so: this one got there.
        assert!(came[1].contains("this host has no child tasks"), "{came:?}");
    }

    #[tokio::test]
    async fn children_are_counted_and_those_that_were_not_begun_are_not() {
        let budget = Budget { children: 0, ..Budget::default() };
        assert_eq!(script("spawn a parent stay", granted(&["parent"]), budget).await, ["limit children 0"]);
        let budget = Budget { children: 1, ..Budget::default() };
        let came = script("spawn a parent stay; spawn b parent stay", granted(&["parent"]), budget).await;
        assert!(came.iter().all(|came| came.contains("no child tasks")), "{came:?}");
    }

    #[tokio::test]
    async fn a_grant_that_is_revoked_is_gone_at_the_next_call() {
        let live = LiveGrants::from(granted(&["parent"]));
        let running = instantiate_in(guests::PARENT_SCRIPT, Budget::default(), live.clone(), None).await;
        let (instance, task) = (running.instance.clone(), context_with(serde_json::json!("stay; children")));
        let start = tokio::spawn(async move { instance.start(task).await });
        let mut running = running;
        assert_eq!(running.next().await, Report::State(Some("staying".to_owned())));
        live.replace(Grants::default());
        running.instance.deliver(context(), message("go on")).await.unwrap();
        let taskwright_sandbox::Step::Succeeded { result: Some(result), .. } = start.await.unwrap().unwrap() else {
            panic!("it succeeds")
        };
        assert!(result[1].as_str().unwrap().starts_with("denied: "), "{result}");
    }
}

pub(crate) mod helper_script {
    use super::*;

    #[tokio::test]
    async fn it_is_a_kind_of_its_own_name() {
        let (parent, helper) = (kind(guests::PARENT_SCRIPT).await, kind(guests::HELPER_SCRIPT).await);
        assert_eq!((&*parent.description().kind, &*helper.description().kind), ("parent", "helper"));
    }
}
