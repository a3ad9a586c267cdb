//! Runs one task of a component that may send requests to one origin: `http COMPONENT ORIGIN SPEC [SECRET=VALUE]`.
//! Does not show how an operator configures it: `taskwright.toml` is the command line's.
#![expect(clippy::print_stdout, reason = "an example shows what happens")]

use taskwright_runner::sandbox::{HttpGrant, SecretGrant, SecretText};
use taskwright_runner::store::MemoryStore;
use taskwright_runner::{KindSettings, Runner, RunnerConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [component, origin, spec, secrets @ ..] = arguments.as_slice() else {
        return Err("usage: http COMPONENT ORIGIN SPEC [SECRET=VALUE]".into());
    };
    let secrets = secrets.iter().filter_map(|text| text.split_once('='));
    let grant = HttpGrant {
        name: "page".to_owned(),
        targets: vec![origin.parse()?],
        methods: vec!["GET".to_owned()],
        // The server of an example is on this machine.
        private: true,
        secrets: secrets
            .map(|(name, value)| SecretGrant { name: name.to_owned(), value: SecretText::new(value.to_owned()) })
            .collect(),
    };
    let folder = tempfile::tempdir()?;
    let runner = Runner::open(MemoryStore::new(), folder.path(), RunnerConfig::default())?;
    let kind = runner.add_kind(&std::fs::read(component)?, KindSettings::default().http(grant)).await?;
    runner.serve();

    let session = runner.session("demo".parse()?);
    let task = session.task(kind.kind, serde_json::from_str(spec)?).create().await?;
    let mut events = session.task_events(&task.id, 0);
    let ended = loop {
        let event = events.next().await?;
        let Some(task) = event.body.task() else { continue };
        println!(
            "{:>3} {} {} {}",
            event.seq,
            event.body.type_name(),
            task.state,
            task.state_detail.as_deref().unwrap_or("")
        );
        if task.state.is_terminal() {
            break task.clone();
        }
    };
    match (session.result(&task.id).await?, ended.error) {
        (Some(result), _) => println!("{result}"),
        (None, error) => println!("{error:?}"),
    }
    let usage = session.get(&task.id).await?.usage;
    println!("requests {}, bytes {}", usage.http_requests, usage.http_bytes);
    runner.drain().await;
    Ok(())
}
