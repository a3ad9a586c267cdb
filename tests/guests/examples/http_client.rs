//! Sends the request that its specification describes and writes down what comes back, piece by piece.
#![cfg(target_arch = "wasm32")]

use taskwright_test_guests::behaviour::*;
use taskwright_test_guests::request::*;

struct Guest;

impl Behaviour for Guest {
    fn describe() -> Description {
        wants_http(false)
    }
    async fn start(task: Task) -> Result<Step, Failure> {
        let response = match http::send(described(&text(&task.spec))).await {
            Ok(response) => response,
            Err(error) => return succeeded(&told(&error)),
        };
        sink::output(format!("{} {}\n", response.status, response.url)).await.map_err(refused)?;
        for http::Header { name, value } in &response.headers {
            sink::output(format!("{name}: {}\n", String::from_utf8_lossy(value))).await.map_err(refused)?;
        }
        let mut bytes = 0;
        loop {
            match response.body.read(u32::MAX).await {
                Ok(Some(piece)) => {
                    bytes += piece.len();
                    let shown = String::from_utf8_lossy(&piece[..piece.len().min(200)]).into_owned();
                    sink::output(shown).await.map_err(refused)?;
                }
                Ok(None) => return succeeded(&format!("read {bytes}")),
                Err(error) => {
                    let again = response.body.read(1).await.unwrap_err();
                    assert_eq!(told(&again), told(&error));
                    return succeeded(&told(&error));
                }
            }
        }
    }
}

taskwright_test_guests::guest!(Guest);
