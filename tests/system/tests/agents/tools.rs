//! The tools of an agent, as its model calls them.
//! Does not look at what kinds write into them: `tools_untrusted` does.

use std::time::Duration;

use serde_json::{Value, json};
use taskwright_runner::registry::{Lineage, NewTask, Part, Schema, State, TaskId, Visibility};
use taskwright_tools::{AgentTools, MAX_BYTES, ToolOutcome};

use crate::stage::{Stage, stranger};

impl Stage {
    async fn call(&self, tool: &str, arguments: Value) -> ToolOutcome {
        AgentTools::new().spawning(self.runner.kinds()).call(&self.session, tool, arguments).await
    }

    pub(crate) async fn told(&self, tool: &str, arguments: Value) -> Value {
        let outcome = self.call(tool, arguments).await;
        assert!(!outcome.is_error, "{tool}: {outcome}");
        assert!(outcome.to_string().len() <= MAX_BYTES, "{tool}: {}", outcome.to_string().len());
        outcome.content
    }

    async fn refused(&self, tool: &str, arguments: Value) -> (String, String) {
        let outcome = self.call(tool, arguments).await;
        assert!(outcome.is_error, "{tool}: {outcome}");
        let text = |key: &str| outcome.content[key].as_str().expect("a text").to_owned();
        (text("error"), text("message"))
    }
}

#[tokio::test]
async fn the_definitions_are_schemas_that_models_take() {
    let stage = Stage::memory().serving();
    let names = |tools: &AgentTools| tools.definitions().into_iter().map(|tool| tool.name).collect::<Vec<_>>();
    let without = ["list_tasks", "get_task", "message_task", "cancel_task", "wait_task"];
    assert_eq!(names(&AgentTools::new()), without);
    let tools = AgentTools::new().spawning(stage.runner.kinds());
    assert_eq!(names(&tools)[..5], without);
    assert_eq!(names(&tools)[5..], ["spawn_task"]);
    for tool in tools.definitions() {
        let schema = &tool.input_schema;
        Schema::new(schema.clone()).unwrap();
        assert_eq!((&schema["type"], &schema["additionalProperties"]), (&json!("object"), &json!(false)));
        for combined in ["oneOf", "anyOf", "allOf", "$ref", "not"] {
            assert!(schema.get(combined).is_none(), "{}: models know no `{combined}` at the top", tool.name);
        }
        let properties = schema["properties"].as_object().unwrap();
        assert!(properties.values().all(|property| property["description"].is_string()), "{}", tool.name);
        let required = schema["required"].as_array().unwrap();
        assert!(required.iter().all(|name| properties.contains_key(name.as_str().unwrap())), "{}", tool.name);
    }
}

async fn arguments_that_the_schema_does_not_allow_do_nothing(stage: Stage) {
    let id = stage.task().await.id;
    let before = stage.session.get(&id).await.unwrap();
    for (tool, arguments) in [
        ("list_tasks", json!({"state": "sleeping"})),
        ("list_tasks", json!({"state": ["running"]})),
        ("list_tasks", json!({"limit": 0})),
        ("list_tasks", json!({"limit": 101})),
        ("list_tasks", json!({"after": "task_1"})),
        ("list_tasks", json!({"unknown": 1})),
        ("list_tasks", json!([])),
        ("list_tasks", json!("running")),
        ("get_task", json!({})),
        ("get_task", Value::Null),
        ("get_task", json!({"task_id": 7})),
        ("get_task", json!({"task_id": ""})),
        ("get_task", json!({"task_id": id, "messages_limit": 21})),
        ("message_task", json!({"task_id": id})),
        ("message_task", json!({"task_id": id, "text": ""})),
        ("message_task", json!({"task_id": id, "text": "x".repeat(32_769)})),
        ("message_task", json!({"task_id": id, "text": "x", "to": "all"})),
        ("cancel_task", json!({"task_id": id, "reason": 1})),
        ("cancel_task", json!({"task_id": id, "force": true})),
        ("wait_task", json!({"task_id": id, "timeout_seconds": 0})),
        ("wait_task", json!({"task_id": id, "timeout_seconds": 86_401})),
        ("wait_task", json!({"task_id": id, "timeout_seconds": 1.5})),
    ] {
        let (code, message) = stage.refused(tool, arguments.clone()).await;
        assert_eq!(code, "invalid_arguments", "{tool} {arguments}");
        assert!(message.starts_with(&format!("the arguments of `{tool}`")), "{message}");
    }
    assert_eq!(stage.session.get(&id).await.unwrap(), before);
    let (code, message) = stage.refused("spawn_task", json!({"kind": "probe", "spec": {}})).await;
    assert_eq!(code, "unknown_tool", "nobody may spawn where no kind is allowed");
    assert!(message.ends_with("list_tasks, get_task, message_task, cancel_task, wait_task"), "{message}");
    assert_eq!(stage.refused("rm\u{1b}[2J", json!({})).await.0, "unknown_tool");
}

async fn a_list_shows_tasks_in_brief_and_narrows_by_state_and_kind(stage: Stage) {
    let first = stage.create(NewTask { name: Some("index".to_owned()), ..stage.new_task("probe") }).await.id;
    let second = stage.create(NewTask { display_name: "Look".to_owned(), ..stage.new_task("scout") }).await.id;
    stage.create(NewTask { visibility: Visibility::Hidden, ..stage.new_task("probe") }).await;
    stage.foreign().await;
    stage.to(&first, State::Running).await;
    stage.detail(&first, "reading").await;
    let all = stage.told("list_tasks", Value::Null).await;
    assert_eq!((&all["count"], &all["next"]), (&json!(2), &Value::Null));
    let entry = &all["tasks"][0];
    assert_eq!((&entry["id"], &entry["name"], &entry["state"]), (&json!(first), &json!("index"), &json!("running")));
    assert_eq!(entry["untrusted"], json!({"state_detail": "reading"}));
    assert_eq!(all["tasks"][1]["display_name"], "Look");
    let ids = async |arguments: Value| -> Vec<Value> {
        let told = stage.told("list_tasks", arguments).await;
        told["tasks"].as_array().unwrap().iter().map(|task| task["id"].clone()).collect()
    };
    assert_eq!(ids(json!({"state": "queued"})).await, [json!(second)]);
    assert_eq!(ids(json!({"kind": "probe"})).await, [json!(first)]);
    assert_eq!(ids(json!({"kind": "probe", "state": "failed"})).await, Vec::<Value>::new());
    assert_eq!(ids(json!({"newest_first": true})).await, [json!(second), json!(first)]);
    assert_eq!(ids(json!({"limit": 1, "after": first})).await, [json!(second)]);
    // L24
    assert_eq!(stage.refused("list_tasks", json!({"kind": "prob"})).await.0, "unknown_kind");
    let knowing = AgentTools::new().knowing(["prob".to_owned()]);
    assert_eq!(knowing.call(&stage.session, "list_tasks", json!({"kind": "prob"})).await.content["count"], 0);
}

async fn a_long_list_comes_in_pages_and_none_is_left_out(stage: Stage) {
    let mut expected = Vec::new();
    for _ in 0..70 {
        let new = NewTask { display_name: "d".repeat(250), ..stage.new_task("probe") };
        let id = stage.create(new).await.id;
        stage.detail(&id, &"\"s".repeat(120)).await;
        expected.push(id.to_string());
    }
    let (mut read, mut after, mut pages) = (Vec::new(), Value::Null, 0);
    loop {
        let arguments = if after.is_null() { json!({"limit": 100}) } else { json!({"limit": 100, "after": after}) };
        let page = stage.told("list_tasks", arguments).await;
        read.extend(page["tasks"].as_array().unwrap().iter().map(|task| task["id"].as_str().unwrap().to_owned()));
        pages += 1;
        after = page["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!(read, expected);
    assert!(pages > 1);
}

async fn a_task_is_shown_with_its_latest_messages_and_a_cursor(stage: Stage) {
    let id = stage.task().await.id;
    for number in 0..25 {
        stage.post(&id, Part::Text(format!("{number}"))).await;
    }
    let texts = |told: &Value| -> Vec<String> {
        let text = |message: &Value| message["untrusted"]["parts"][0]["text"].as_str().unwrap().to_owned();
        told["messages"].as_array().unwrap().iter().map(text).collect()
    };
    let numbers = |range: std::ops::Range<u32>| range.map(|n| n.to_string()).collect::<Vec<_>>();
    let told = stage.told("get_task", json!({"task_id": id})).await;
    assert_eq!((texts(&told), &told["earlier_messages"]), (numbers(5..25), &json!(true)));
    let cursor = told["messages_cursor"].clone();
    let nothing = stage.told("get_task", json!({"task_id": id, "messages_after": cursor})).await;
    assert_eq!((texts(&nothing).len(), &nothing["messages_cursor"]), (0, &cursor));
    stage.post(&id, Part::Text("25".to_owned())).await;
    stage.post(&id, Part::Text("26".to_owned())).await;
    let arguments = json!({"task_id": id, "messages_after": cursor, "messages_limit": 1});
    let next = stage.told("get_task", arguments).await;
    assert_eq!((texts(&next), &next["more_messages"]), (numbers(25..26), &json!(true)));
    // L33
    let unknown = json!({"task_id": id, "messages_after": format!("tmsg_{}", "0".repeat(32))});
    assert_eq!(texts(&stage.told("get_task", unknown).await).len(), 0);
}

// L23
async fn a_task_is_meant_by_its_id_or_by_the_name_of_a_live_one(stage: Stage) {
    let named = || NewTask { name: Some("index".to_owned()), ..stage.new_task("probe") };
    let over = stage.create(named()).await.id;
    stage.to(&over, State::Failed).await;
    assert_eq!(stage.refused("get_task", json!({"task_id": "index"})).await.0, "unknown_task");
    assert_eq!(stage.told("get_task", json!({"task_id": over})).await["task"]["state"], "failed");
    let live = stage.create(named()).await.id;
    assert_eq!(stage.told("get_task", json!({"task_id": "index"})).await["task"]["id"], json!(live));
    assert_eq!(stage.refused("get_task", json!({"task_id": "task_"})).await.0, "unknown_task");
    assert_eq!(stage.told("get_task", json!({"task_id": "task_0"})).await["task"]["id"], json!(live));
    stage.task().await;
    assert_eq!(stage.refused("get_task", json!({"task_id": "task_0"})).await.0, "ambiguous_task");
    let theirs = NewTask { session_id: stranger(), name: Some("theirs".to_owned()), ..stage.new_task("probe") };
    let (theirs, nobody) = (stage.create(theirs).await.id, TaskId::new(stage.store.now(), [9; 10]));
    for tool in ["get_task", "message_task", "cancel_task", "wait_task"] {
        let arguments = |id: &str| match tool {
            "message_task" => json!({"task_id": id, "text": "hello"}),
            _ => json!({"task_id": id}),
        };
        let foreign = stage.refused(tool, arguments(theirs.as_str())).await;
        let unknown = stage.refused(tool, arguments(nobody.as_str())).await;
        assert_eq!(foreign.0, "unknown_task");
        assert_eq!(foreign.1.replace(theirs.as_str(), "ID"), unknown.1.replace(nobody.as_str(), "ID"));
        assert_eq!(stage.refused(tool, arguments("theirs")).await.0, "unknown_task");
    }
}

async fn a_message_is_recorded_and_answers_where_it_replies_to_a_question(stage: Stage) {
    let id = stage.task().await.id;
    let told = stage.told("message_task", json!({"task_id": id, "text": "hello", "data": {"n": 1}})).await;
    assert_eq!((&told["recorded"], &told["answered"]), (&json!(true), &json!(false)));
    let stored = stage.session.messages(&id, &Default::default()).await.unwrap();
    assert_eq!(json!(stored[0].id), told["message_id"]);
    assert_eq!(stored[0].parts, [Part::Text("hello".to_owned()), Part::Data(json!({"n": 1}))]);
    let question = stage.ask(&id).await.input_request.unwrap().id;
    let asked = stage.told("get_task", json!({"task_id": id})).await;
    assert_eq!(asked["task"]["untrusted"]["input_request"]["id"], json!(question));
    let told = stage.told("message_task", json!({"task_id": id, "text": "this", "in_reply_to": question})).await;
    assert_eq!(told["answered"], json!(true));
    stage.to(&id, State::Succeeded).await;
    let (code, message) = stage.refused("message_task", json!({"task_id": id, "text": "still there?"})).await;
    assert_eq!(code, "task_over");
    assert!(message.contains("it is succeeded"), "{message}");
    let full = stage.task().await.id;
    for _ in 0..1_000 {
        stage.session.send(&full, vec![Part::Text("x".to_owned())], None).await.unwrap();
    }
    assert_eq!(stage.refused("message_task", json!({"task_id": full, "text": "x"})).await.0, "inbox_full");
}

// L17, L20
async fn a_cancel_says_what_it_did_and_leaves_what_is_over_alone(stage: Stage) {
    let (fresh, running, over) = (stage.task().await.id, stage.task().await.id, stage.task().await.id);
    stage.to(&running, State::Running).await;
    let done = stage.to(&over, State::Succeeded).await;
    let told = stage.told("cancel_task", json!({"task_id": fresh, "reason": "not needed"})).await;
    assert_eq!((&told["state"], &told["cancel_requested"]), (&json!("canceled"), &json!(true)));
    for says in ["asked to end", "had been asked to end before; nothing changed"] {
        let told = stage.told("cancel_task", json!({"task_id": running})).await;
        assert_eq!((&told["state"], &told["says"]), (&json!("running"), &json!(says)));
    }
    let log = stage.store.events(&crate::stage::here(), 0, 1_000).await.unwrap().last;
    let told = stage.told("cancel_task", json!({"task_id": over})).await;
    assert_eq!(told["says"], "the task was already over; nothing changed");
    assert_eq!((&told["state"], &told["cancel_requested"]), (&json!("succeeded"), &json!(false)));
    assert_eq!(stage.session.get(&over).await.unwrap(), done);
    assert_eq!(stage.store.events(&crate::stage::here(), 0, 1_000).await.unwrap().last, log);
}

// L49
async fn a_cancel_of_everything_below_says_how_many_it_has_asked(stage: Stage) {
    let root = stage.task().await.id;
    let mut ids = vec![root.clone()];
    for parent in [0, 0, 1] {
        let parent = Lineage { task_id: Some(ids[parent].to_string()), ..Lineage::default() };
        ids.push(stage.create(NewTask { parent, ..stage.new_task("probe") }).await.id);
    }
    let beside = stage.task().await.id;
    for running in &ids[1..3] {
        stage.to(running, State::Running).await;
    }
    stage.told("cancel_task", json!({"task_id": ids[2]})).await;
    let alone = stage.told("cancel_task", json!({"task_id": root, "below": false})).await;
    assert_eq!((&alone["state"], &alone["asked"]), (&json!("canceled"), &json!(null)));
    let told = stage.told("cancel_task", json!({"task_id": root, "below": true, "reason": "not needed"})).await;
    assert_eq!((&told["state"], &told["cancel_requested"]), (&json!("canceled"), &json!(true)));
    assert_eq!((&told["asked"], &told["asked_before"]), (&json!(2), &json!(1)));
    let mut states = Vec::new();
    for id in ids.iter().chain([&beside]) {
        states.push(stage.session.get(id).await.unwrap().state);
    }
    assert_eq!(states, [State::Canceled, State::Running, State::Running, State::Canceled, State::Queued]);
    let again = stage.told("cancel_task", json!({"task_id": root, "below": true})).await;
    assert_eq!((&again["asked"], &again["asked_before"]), (&json!(0), &json!(2)));
}

async fn a_wait_returns_at_once_for_what_is_over_or_asks(stage: Stage) {
    let (over, asks) = (stage.task().await.id, stage.task().await.id);
    stage.to(&over, State::Failed).await;
    stage.ask(&asks).await;
    for (id, state) in [(over, "failed"), (asks, "awaiting_input")] {
        let wait = stage.told("wait_task", json!({"task_id": id, "timeout_seconds": 86_400}));
        let told = tokio::time::timeout(Duration::from_secs(10), wait).await.expect("at once");
        assert_eq!((&told["timed_out"], &told["task"]["state"]), (&json!(false), &json!(state)));
    }
}

async fn a_wait_hears_of_the_end_and_gives_the_snapshot_when_its_time_is_over(stage: Stage) {
    let id = stage.task().await.id;
    let told = stage.told("wait_task", json!({"task_id": id, "timeout_seconds": 1})).await;
    assert_eq!((&told["timed_out"], &told["task"]["state"]), (&json!(true), &json!("queued")));
    let wait = stage.told("wait_task", json!({"task_id": id}));
    let (told, _) = tokio::join!(wait, stage.to(&id, State::Canceled));
    assert_eq!((&told["timed_out"], &told["task"]["state"]), (&json!(false), &json!("canceled")));
}

async fn a_task_is_begun_of_an_allowed_kind_alone_and_shows_its_result(stage: Stage) {
    let stage = stage.serving();
    let spec = json!({"steps": [{"post": "half"}]});
    let told = stage.told("spawn_task", json!({"kind": "walkthrough", "spec": spec, "name": "walk"})).await;
    assert_eq!((&told["began"], &told["task"]["name"]), (&json!(true), &json!("walk")));
    let id = told["task"]["id"].clone();
    let told = stage.told("wait_task", json!({"task_id": id})).await;
    assert_eq!(told["task"]["state"], "succeeded", "{told}");
    assert!(told["task"]["untrusted"]["result"].is_object(), "{told}");
    let wakes = stage.session.wakes(10).await.unwrap();
    assert_eq!(json!(wakes[0].task_id), id, "an agent hears of the end of what it began");
    let (code, message) =
        stage.refused("spawn_task", json!({"kind": "walkthrough", "spec": {"steps": [{"fly": 1}]}})).await;
    assert_eq!(code, "invalid_spec");
    assert!(message.contains("/steps/0"), "{message}");
    for kind in ["probe", "Walkthrough", ""] {
        assert_eq!(stage.refused("spawn_task", json!({"kind": kind, "spec": {}})).await.0, "invalid_arguments");
    }
    let taken = stage.create(NewTask { name: Some("taken".to_owned()), ..stage.new_task("probe") }).await.id;
    let (code, message) =
        stage.refused("spawn_task", json!({"kind": "walkthrough", "spec": {}, "name": "taken"})).await;
    assert_eq!(code, "name_taken");
    assert!(message.contains(taken.as_str()), "{message}");
    let reserved = json!({"kind": "walkthrough", "spec": {}, "name": "parent"});
    assert_eq!(stage.refused("spawn_task", reserved).await.0, "refused");
}

// L21
async fn the_same_call_of_a_run_begins_one_task_however_often_it_is_made(stage: Stage) {
    let stage = stage.serving();
    let lineage = |call: &str| Lineage {
        run_id: Some("run-1".to_owned()),
        call_id: Some(call.to_owned()),
        agent_id: Some("scout".to_owned()),
        ..Lineage::default()
    };
    let spawn = async |call: &str, steps: Value| {
        let tools = AgentTools::new().spawning(stage.runner.kinds()).within(lineage(call)).producer("planner");
        tools.call(&stage.session, "spawn_task", json!({"kind": "walkthrough", "spec": {"steps": steps}})).await
    };
    let first = spawn("call-1", json!([])).await;
    assert_eq!(first.content["task"]["parent"], json!(lineage("call-1")));
    assert_eq!(first.content["task"]["producer"], "planner");
    let again = spawn("call-1", json!([])).await;
    assert_eq!((&again.content["began"], &again.content["task"]["id"]), (&json!(false), &first.content["task"]["id"]));
    assert_ne!(spawn("call-2", json!([])).await.content["task"]["id"], first.content["task"]["id"]);
    assert_eq!(spawn("call-1", json!([{"say": "other"}])).await.content["error"], "conflict");
}

crate::in_each_store!(
    arguments_that_the_schema_does_not_allow_do_nothing,
    a_list_shows_tasks_in_brief_and_narrows_by_state_and_kind,
    a_long_list_comes_in_pages_and_none_is_left_out,
    a_task_is_shown_with_its_latest_messages_and_a_cursor,
    a_task_is_meant_by_its_id_or_by_the_name_of_a_live_one,
    a_message_is_recorded_and_answers_where_it_replies_to_a_question,
    a_cancel_says_what_it_did_and_leaves_what_is_over_alone,
    a_cancel_of_everything_below_says_how_many_it_has_asked,
    a_wait_returns_at_once_for_what_is_over_or_asks,
    a_wait_hears_of_the_end_and_gives_the_snapshot_when_its_time_is_over,
    a_task_is_begun_of_an_allowed_kind_alone_and_shows_its_result,
    the_same_call_of_a_run_begins_one_task_however_often_it_is_made,
);
