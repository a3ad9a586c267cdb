//! What all instances of a host share, one session that takes all it can get of it, and another that goes on.
//! What one instance may have is in `limits`.

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::join_all;
use taskwright_registry::Usage;
use taskwright_sandbox::{
    Allowance, AttemptError, Budget, HttpConfig, Kind, LiveGrants, Resolve, Sandbox, SandboxConfig, Step, StopReason,
};
use taskwright_test_guests as guests;
use tokio::sync::{Semaphore, mpsc};
use wasm_encoder::Encode;
use wasmparser::{Parser, Payload};

use crate::http_server::*;
use crate::support::*;

/// An instance of one session.
fn of_session(kind: &Arc<Kind>, session: &str, grants: LiveGrants) -> Running {
    let (sender, reports) = mpsc::unbounded_channel();
    let host = Arc::new(Recorder::new(sender));
    let owner = Some(session.to_owned());
    let allowance = Allowance { budget: Budget::default(), used: Usage::default(), owner };
    Running { instance: kind.instantiate(host.clone(), allowance, grants), host, reports }
}

/// How many core modules and components a component has of its own.
fn counts(wasm: &[u8]) -> (u32, u32) {
    let (mut depth, mut modules, mut components) = (0, 0, 0);
    for payload in Parser::new(0).parse_all(wasm) {
        match payload.unwrap() {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ModuleSection { .. } if depth == 1 => modules += 1,
            Payload::ComponentSection { .. } if depth == 1 => components += 1,
            _ => {}
        }
    }
    (modules, components)
}

fn section(wasm: &mut Vec<u8>, id: u8, bytes: &[u8]) {
    wasm.push(id);
    bytes.encode(wasm);
}

/// Instances of the same without arguments.
fn instances(of: u32, count: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    count.encode(&mut bytes);
    for _ in 0..count {
        bytes.push(0);
        of.encode(&mut bytes);
        bytes.push(0);
    }
    bytes
}

/// A guest with many further core instances, each with a table.
fn with_core_instances(guest: &[u8], count: u32) -> Vec<u8> {
    let mut wasm = guest.to_vec();
    let (modules, _) = counts(guest);
    section(&mut wasm, 1, &wat::parse_str("(module (table 1 funcref))").unwrap());
    section(&mut wasm, 2, &instances(modules, count));
    wasm
}

/// A guest with many further components in it that can be called.
fn with_components(guest: &[u8], count: u32) -> Vec<u8> {
    let mut wasm = guest.to_vec();
    let (_, components) = counts(guest);
    let inner = r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func (export "f") (canon lift (core func $i "f"))))"#;
    section(&mut wasm, 4, &wat::parse_str(inner).unwrap());
    section(&mut wasm, 5, &instances(components, count));
    wasm
}

/// Lets one session begin this many instances of a guest that waits, and another session's guest run beside them; then each of the
/// first has its turn, and none fails. Calls back when one of them and the other's are there.
async fn begin_beside_another(wasm: &[u8], count: usize, then: impl Fn(&Sandbox)) {
    let sandbox = Sandbox::new(SandboxConfig { max_instances: 60, ..SandboxConfig::default() }).unwrap();
    let (large, honest) = (sandbox.load(wasm).await.unwrap(), sandbox.load(guests::HONEST).await.unwrap());
    let mut greedy: Vec<Running> = (0..count).map(|_| of_session(&large, "greedy", LiveGrants::default())).collect();
    let starts: Vec<_> = greedy.iter().map(Running::start).collect();
    greedy[0].next().await;
    let other = of_session(&honest, "other", LiveGrants::default());
    let ended = other.instance.start(context()).await;
    assert!(matches!(ended, Ok(Step::Succeeded { .. })), "{ended:?}");
    then(&sandbox);
    other.instance.stop(StopReason::Done);
    other.instance.stopped().await;
    let turns = greedy.into_iter().zip(starts).enumerate().map(async |(nth, (mut running, start))| {
        if nth > 0 {
            running.next().await;
        }
        running.instance.stop(StopReason::Done);
        running.instance.stopped().await;
        assert_eq!(start.await.unwrap(), Err(AttemptError::Stopped(StopReason::Done)));
    });
    join_all(turns).await;
    assert_eq!(sandbox.memory_in_use(), 0);
}

#[tokio::test]
async fn who_finds_no_tables_waits_and_another_session_goes_on() {
    begin_beside_another(&with_core_instances(guests::RESIDENT, 50), 30, |_| {}).await;
}

#[tokio::test]
async fn stacks_are_counted_and_another_session_goes_on() {
    let stacks = 30 * 512 * 1024;
    let counted = |sandbox: &Sandbox| assert!(sandbox.memory_in_use() >= stacks, "{}", sandbox.memory_in_use());
    begin_beside_another(&with_components(guests::RESIDENT, 29), 12, counted).await;
}

#[tokio::test]
async fn the_smallest_sandbox_has_room_for_a_large_kind() {
    let sandbox = Sandbox::new(SandboxConfig { max_instances: 1, ..SandboxConfig::default() }).unwrap();
    let kind = sandbox.load(&with_core_instances(guests::RESIDENT, 50)).await.unwrap();
    let mut running = of_session(&kind, "one", LiveGrants::default());
    let start = running.start();
    running.next().await;
    running.instance.stop(StopReason::Done);
    start.await.unwrap().unwrap_err();
}

/// Knows one name; what is asked of another never ends.
#[derive(Debug)]
struct Stuck {
    asked: Semaphore,
}

#[async_trait]
impl Resolve for Stuck {
    async fn resolve(&self, host: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        if host != "known.test" {
            self.asked.add_permits(1);
            std::future::pending::<()>().await;
        }
        Ok(vec![([127, 0, 0, 1], port).into()])
    }
}

async fn client(http: HttpConfig) -> (Sandbox, Arc<Kind>) {
    let sandbox = Sandbox::new(SandboxConfig { max_instances: 100, http, ..SandboxConfig::default() }).unwrap();
    let kind = sandbox.load(guests::HTTP_CLIENT).await.unwrap();
    (sandbox, kind)
}

#[tokio::test]
async fn a_session_with_all_its_connections_leaves_some() {
    let open = Arc::new(Semaphore::new(0));
    let server = serve_with(&open, async |mut exchange: Exchange, open: Arc<Semaphore>| {
        if exchange.request.starts_with("GET /short") {
            return exchange.respond("200 OK", "", "well").await;
        }
        exchange.write("HTTP/1.1 200 OK\r\n\r\nhalf").await;
        open.add_permits(1);
        exchange.closed().await;
    })
    .await;
    let (_sandbox, kind) = client(HttpConfig { max_connections: 4, ..HttpConfig::default() }).await;
    let grants = granted(vec![to(&server.origin(), &[])]);
    let spec = |rest: &str| format!("GET {}{rest}", server.origin());
    let mut greedy: Vec<Running> = (0..3).map(|_| of_session(&kind, "greedy", grants.clone())).collect();
    let long = spec("/long");
    let held = join_all(greedy.iter_mut().map(|running| outcome(running, &long)));
    let others = async {
        let _all = open.acquire_many(3).await.unwrap();
        let (said, _) = outcome(&mut of_session(&kind, "greedy", grants.clone()), &spec("/short timeout=200")).await;
        assert_eq!(said, "limit-exceeded session_http_connections 3");
        let (said, _) = outcome(&mut of_session(&kind, "other", grants.clone()), &spec("/short")).await;
        assert_eq!(said, "read 4");
    };
    tokio::select! {
        _ = held => panic!("their responses have no end"),
        () = others => {}
    }
}

#[tokio::test]
async fn a_session_with_all_its_lookups_leaves_some() {
    let server = serve(async |exchange| exchange.respond("200 OK", "", "well").await).await;
    let names = Arc::new(Stuck { asked: Semaphore::new(0) });
    let (resolver, max_lookups) = (names.clone(), 4);
    let (_sandbox, kind) = client(HttpConfig { resolver, max_lookups, ..HttpConfig::default() }).await;
    let known = format!("http://known.test:{}", server.address.port());
    let grants = granted(vec![to(&known, &[]), to("http://stuck.test", &[])]);
    let mut greedy: Vec<Running> = (0..3).map(|_| of_session(&kind, "greedy", grants.clone())).collect();
    // They are given up soon, and what they have asked for goes on.
    let given_up = greedy.iter_mut().map(|running| outcome(running, "GET http://stuck.test timeout=100"));
    for (said, _) in join_all(given_up).await {
        assert!(said.starts_with("timeout: "), "{said}");
    }
    let _all = names.asked.acquire_many(3).await.unwrap();
    let short = format!("GET {known} timeout=200");
    let (said, _) = outcome(&mut of_session(&kind, "greedy", grants.clone()), &short).await;
    assert_eq!(said, "limit-exceeded session_http_lookups 3");
    let (said, _) = outcome(&mut of_session(&kind, "other", grants), &format!("GET {known}")).await;
    assert_eq!(said, "read 4");
}
