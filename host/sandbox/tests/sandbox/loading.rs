//! Files that are no kinds, and kinds that do not say who they are: one clear line each.
//! Stored code is in `stored_code`.

use std::time::{Duration, Instant};

use serde_json::json;
use taskwright_sandbox::{Budget, LoadError};
use taskwright_test_guests as guests;

use crate::support::*;

/// Loads what cannot be loaded and returns the line that says so.
async fn refused(wasm: &[u8]) -> (LoadError, String) {
    let error = load(wasm).await.expect_err("must not load");
    let line = error.to_string();
    assert!(!line.contains('\n') && line.len() < 700, "not one line: {line}");
    (error, line)
}

#[tokio::test]
async fn a_text_is_refused_with_its_beginning() {
    let (_, line) = refused(b"#!/bin/sh\necho hello\n").await;
    assert_eq!(line, "expected a WebAssembly component, found a text that begins with `#!/bin/sh echo hello`");
    let (_, line) = refused(b"(component)").await;
    assert!(line.ends_with("found WebAssembly in its text form"), "{line}");
    let (_, line) = refused(b"").await;
    assert!(line.ends_with("found an empty file"), "{line}");
    let (_, line) = refused(&[0xff; 20]).await;
    assert!(line.ends_with("found bytes that begin with ffffffffffffffff"), "{line}");
}

#[tokio::test]
async fn a_core_module_is_refused_with_what_to_do() {
    let (error, line) = refused(&wat::parse_str("(module)").unwrap()).await;
    assert_eq!(error, LoadError::CoreModule);
    assert!(line.contains("wasm32-wasip2"), "{line}");
}

#[tokio::test]
async fn compiled_code_is_refused_and_never_run() {
    let mut config = wasmtime::Config::new();
    config.wasm_component_model_async(true);
    let engine = wasmtime::Engine::new(&config).unwrap();
    let compiled = engine.precompile_component(guests::HONEST).unwrap();
    let (error, _) = refused(&compiled).await;
    assert!(matches!(error, LoadError::AlreadyCompiled { .. }), "{error:?}");
    let this_test = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let (error, line) = refused(&this_test[..1 << 16]).await;
    assert!(matches!(error, LoadError::AlreadyCompiled { .. }), "{error:?}");
    assert!(line.contains("ELF"), "{line}");
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_before_it_is_read() {
    let (_, line) = refused(&vec![0; (64 << 20) + 1]).await;
    assert_eq!(line, "the component is too large: 67108865 bytes, at most 67108864 are allowed");
}

#[tokio::test]
async fn a_component_of_another_world_is_refused_with_what_it_lacks_and_what_it_has() {
    let other = wat::parse_str(r#"(component (instance $i) (export "wasi:cli/run@0.2.0" (instance $i)))"#).unwrap();
    let (_, line) = refused(&other).await;
    assert!(line.contains("`taskwright:task/executor@0.1.0`") && line.contains("`wasi:cli/run@0.2.0`"), "{line}");
    let (_, line) = refused(&wat::parse_str("(component)").unwrap()).await;
    assert!(line.ends_with("it exports nothing"), "{line}");
}

#[tokio::test]
async fn a_component_of_another_version_of_the_contract_is_refused_with_both_versions() {
    let other =
        wat::parse_str(r#"(component (instance $i) (export "taskwright:task/executor@0.2.0" (instance $i)))"#).unwrap();
    let (error, line) = refused(&other).await;
    assert!(matches!(error, LoadError::UnsupportedVersion { .. }), "{error:?}");
    assert!(line.contains("executor@0.2.0") && line.contains("executor@0.1.0"), "{line}");
}

#[tokio::test]
async fn an_import_that_nobody_gets_is_refused_by_name_and_reason() {
    for (import, reason) in [
        ("wasi:sockets/tcp@0.2.0", "sockets"),
        ("wasi:http/incoming-handler@0.2.0", "serves nothing"),
        ("wasi:io/streams@0.3.0", "0.2"),
        ("taskwright:task/kettle@0.1.0", "version 0.1.0"),
        ("acme:secret/store", "neither"),
    ] {
        let wasm = wat::parse_str(format!(
            r#"(component (import "{import}" (instance)) (instance $i) (export "taskwright:task/executor@0.1.0" (instance $i)))"#
        ));
        let (error, line) = refused(&wasm.unwrap()).await;
        assert!(matches!(error, LoadError::ForbiddenImport { .. }), "{error:?}");
        assert!(line.contains(&format!("`{import}`")) && line.contains(reason), "{line}");
    }
}

#[tokio::test]
async fn a_component_whose_functions_have_other_types_is_refused() {
    let hollow =
        wat::parse_str(r#"(component (instance $i) (export "taskwright:task/executor@0.1.0" (instance $i)))"#).unwrap();
    let (error, line) = refused(&hollow).await;
    assert!(matches!(error, LoadError::WrongType { .. }), "{error:?}");
    assert!(line.contains("describe"), "{line}");
}

#[tokio::test]
async fn a_damaged_component_is_refused() {
    let half = &guests::HONEST[..guests::HONEST.len() / 2];
    let (error, _) = refused(half).await;
    assert!(matches!(error, LoadError::Invalid { .. }), "{error:?}");
}

/// A sandbox that has loaded nothing yet.
fn fresh() -> taskwright_sandbox::Sandbox {
    let config = taskwright_sandbox::SandboxConfig {
        max_instances: 4,
        allocation: taskwright_sandbox::Allocation::OnDemand,
        ..taskwright_sandbox::SandboxConfig::default()
    };
    taskwright_sandbox::Sandbox::new(config).unwrap()
}

#[tokio::test]
async fn describe_cannot_race_against_a_timer() {
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..8 {
        let kind = fresh().load(*guests::TWO_FACES).await.unwrap();
        names.insert(kind.description().kind.clone());
    }
    assert_eq!(names.len(), 1, "{names:?}");
}

#[tokio::test]
async fn a_wait_in_describe_takes_no_time_of_the_host() {
    let kind = fresh().load(*guests::WAITS_IN_DESCRIBE).await.unwrap();
    assert_eq!(kind.description().kind, "waiter");
}

#[tokio::test]
async fn what_was_said_before_counts_and_nothing_that_is_said_later() {
    let kind = load(*guests::TWO_FACES).await.unwrap();
    let json = kind.self_description().to_json().unwrap();
    let mut said = taskwright_sandbox::SelfDescription::from_json(&json).unwrap();
    assert_eq!(&said, kind.self_description());
    said.description.kind = "accepted".to_owned();
    let again = fresh().load_as(*guests::TWO_FACES, &said).await.unwrap();
    assert_eq!(again.description().kind, "accepted");
    // What is kept has to keep the rules of an answer, whoever has changed it.
    said.description.kind = "No Name".to_owned();
    let error = fresh().load_as(*guests::TWO_FACES, &said).await.unwrap_err();
    assert!(matches!(error, LoadError::BadDescription { what: "kind", .. }), "{error}");
}

pub(crate) mod endless_describe {
    use super::*;

    #[tokio::test]
    async fn a_describe_that_does_not_return_is_given_up_after_a_second() {
        let began = Instant::now();
        let (_, line) = refused(guests::ENDLESS_DESCRIBE).await;
        assert_eq!(line, "`describe` did not return within 1000 ms");
        assert!(began.elapsed() < Duration::from_secs(10));
    }
}

pub(crate) mod panicking_describe {
    use super::*;

    #[tokio::test]
    async fn a_describe_that_panics_is_told_with_its_message() {
        let (_, line) = refused(guests::PANICKING_DESCRIBE).await;
        assert!(line.starts_with("`describe` failed: I am nobody"), "{line}");
    }
}

pub(crate) mod key_in_describe {
    use super::*;

    #[tokio::test]
    async fn a_describe_that_asks_for_a_key_is_told_that_there_is_no_attempt() {
        let (_, line) = refused(guests::KEY_IN_DESCRIBE).await;
        let problem = "`control.idempotency-key` was called where there is no attempt";
        assert_eq!(line, format!("`describe` failed: {problem}"));
    }
}

pub(crate) mod bad_name {
    use super::*;

    #[tokio::test]
    async fn a_name_that_no_kind_may_have_is_refused_with_the_rule() {
        let (_, line) = refused(guests::BAD_NAME).await;
        assert!(line.contains("a kind that cannot be accepted") && line.ends_with("found `Bad Name`"), "{line}");
    }
}

pub(crate) mod bad_schema {
    use super::*;

    #[tokio::test]
    async fn a_schema_that_is_none_is_refused() {
        let (error, _) = refused(guests::BAD_SCHEMA).await;
        assert!(matches!(error, LoadError::BadSchema(_)), "{error:?}");
    }
}

pub(crate) mod wishes {
    use super::*;

    #[tokio::test]
    async fn a_kind_tells_what_it_is_and_gets_no_more_than_the_operator_allows() {
        let kind = kind(guests::WISHES).await;
        assert_eq!(kind.description().kind, "wishes");
        assert_eq!(kind.description().wants[0].capability, "files");
        assert_eq!(kind.contract_version(), "0.1.0");
        assert!(kind.digest().starts_with("sha256:") && kind.digest().len() == 71, "{}", kind.digest());
        assert!(kind.exports().contains(&"taskwright:task/executor@0.1.0".to_owned()));
        assert!(kind.imports().iter().any(|import| import.starts_with("wasi:")), "{:?}", kind.imports());
        let budget = kind.default_budget();
        assert_eq!(*budget, Budget { memory_bytes: 32 << 20, ..Budget::default() });
        kind.check_spec(&json!({"n": 1})).unwrap();
        assert_eq!(kind.check_spec(&json!({"n": "x"})).unwrap_err().pointer, "/n");
    }
}

pub(crate) mod ledger_one {
    use super::*;

    #[tokio::test]
    async fn what_a_kind_wishes_for_is_told_apart_from_what_it_gets() {
        let kind = kind(guests::LEDGER_ONE).await;
        assert_eq!(*kind.wishes(), Budget { memory_bytes: 16 << 20, ..Budget::UNLIMITED });
        assert_eq!(*kind.default_budget(), Budget { memory_bytes: 16 << 20, ..Budget::default() });
    }
}

pub(crate) mod ledger_two {
    use super::*;

    #[tokio::test]
    async fn two_versions_of_a_kind_have_one_name_and_different_digests() {
        let (one, two) = (kind(guests::LEDGER_ONE).await, kind(guests::LEDGER_TWO).await);
        assert_eq!(one.description().kind, two.description().kind);
        assert_ne!((one.digest(), &one.description().version), (two.digest(), &two.description().version));
    }
}
