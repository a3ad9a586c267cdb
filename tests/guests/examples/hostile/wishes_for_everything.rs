//! Wishes for all there is, and then takes it.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        let all = Some(u64::MAX);
        let budget = Budget {
            memory_bytes: all,
            table_elements: all,
            instances: all,
            handles: all,
            call_bytes: all,
            host_calls: all,
            host_calls_per_second: all,
            cpu_time: all,
            wall_time: all,
            output_bytes: all,
            artifact_bytes: all,
            messages: all,
            checkpoint_bytes: all,
            file_bytes: all,
            http_requests: all,
            http_bytes: all,
            children: all,
        };
        let want = |name: &str| Want {
            capability: name.to_owned(),
            name: name.to_owned(),
            reason: "because".to_owned(),
            required: false,
        };
        Description { budget, wants: ["files", "http", "spawner", "sudo"].map(want).to_vec(), ..plain() }
    }
    async fn start(_task: Task) -> Result<Step, Failure> {
        let mut taken: Vec<Vec<u8>> = Vec::new();
        loop {
            taken.push(vec![1; 1 << 20]);
        }
    }
}

taskwright_test_guests::guest!(Guest);
