//! Begins children, and sends them messages, with JSON that is deeper than any that may come in.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

fn deep(levels: usize) -> String {
    format!("{}1{}", "[".repeat(levels), "]".repeat(levels))
}

fn child(levels: usize) -> spawner::NewChild {
    spawner::NewChild {
        call: format!("deep-{levels}"),
        kind: "test-guest".to_owned(),
        spec: deep(levels),
        display_name: None,
        name: None,
        max_attempts: 1,
        budget: no_wishes(),
        deadline: None,
        attempt_timeout: None,
    }
}

impl Behaviour for Guest {
    fn describe() -> Description {
        wanting("spawner", "children")
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        if task.spec != "{}" {
            // It is one of the children.
            return Ok(Step::Wait);
        }
        let (mut begun, mut sent, mut first) = (0, 0, None);
        for levels in [1, 64, 65, 127, 128, 1_000] {
            if let Ok(id) = spawner::spawn(child(levels)).await {
                begun = levels;
                first.get_or_insert(id);
            }
        }
        let first = first.ok_or_else(|| failure("none", "no child has begun"))?;
        for levels in [1, 64, 65, 127, 128, 1_000] {
            if spawner::message_child(first.clone(), vec![Part::Data(deep(levels))], None).await.is_ok() {
                sent = levels;
            }
        }
        for child in spawner::children(None).await.map_err(refused)? {
            spawner::cancel_child(child.id, None).await.map_err(refused)?;
        }
        succeeded(&format!("begun {begun}, sent {sent}"))
    }
}

taskwright_test_guests::guest!(Guest);
