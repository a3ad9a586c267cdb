//! Files that are small or large and would become expensive: each is refused before anything is compiled.
//! What gets past this and is expensive all the same is in `compiling`.

use taskwright_sandbox::{Allocation, CompileLimits, ComponentLimits, LoadError, Sandbox, SandboxConfig, verify};
use taskwright_test_guests as guests;

/// The export by which a component passes for a kind, from outside.
const EXECUTOR: &str = r#"(instance $kind) (export "taskwright:task/executor@0.1.0" (instance $kind))"#;

fn component(inside: &str) -> Vec<u8> {
    wat::parse_str(format!("(component {inside} {EXECUTOR})")).unwrap()
}

fn sandbox(component_limits: ComponentLimits) -> Sandbox {
    Sandbox::new(SandboxConfig { component_limits, max_instances: 4, ..SandboxConfig::default() }).unwrap()
}

async fn refused(limits: ComponentLimits, wasm: &[u8]) -> LoadError {
    sandbox(limits).load(wasm).await.expect_err("must not load")
}

/// It is too large for this limit, and not for one more.
async fn at_most(what: &'static str, inside: &str, actual: u64, narrow: impl Fn(&mut ComponentLimits, u64)) {
    let wasm = component(inside);
    let mut limits = ComponentLimits::default();
    narrow(&mut limits, actual - 1);
    let error = refused(limits, &wasm).await;
    assert_eq!(error, LoadError::TooMany { what, allowed: actual - 1, actual });
    let line = format!("the component is too large: it has {actual} {what}, at most {} are allowed", actual - 1);
    assert_eq!(error.to_string(), line);
    narrow(&mut limits, actual);
    let error = refused(limits, &wasm).await;
    assert!(matches!(error, LoadError::WrongType { .. }), "{what}: {error:?}");
}

#[tokio::test]
async fn each_limit_refuses_one_too_many_with_both_numbers() {
    let two = "(core module (func) (func)) (core module (func (local i32 i64)))";
    at_most("core modules", two, 2, |limits, n| limits.modules = n).await;
    at_most("core functions", two, 3, |limits, n| limits.functions = n).await;
    at_most("local variables", two, 2, |limits, n| limits.locals = n).await;
    at_most("bytes in one function", two, 6, |limits, n| limits.function_bytes = n).await;
    let nested = "(component (component) (core module))";
    at_most("components", nested, 2, |limits, n| limits.components = n).await;
    at_most("levels of nesting", nested, 3, |limits, n| limits.depth = n).await;
    let types = "(type (func)) (core type (func)) (core module (type (func (param i32))))";
    at_most("types", types, 3, |limits, n| limits.types = n).await;
    let names = r#"(core module (import "a" "b" (func)) (export "c" (func 0)))"#;
    at_most("imports and exports", names, 3, |limits, n| limits.names = n).await;
    let items = "(core module (memory 1) (table 1 funcref) (global i32 (i32.const 1)))";
    at_most("globals, tables, memories and tags", items, 3, |limits, n| limits.items = n).await;
    let segments =
        r#"(core module (memory 1) (table 1 funcref) (func $f) (data (i32.const 0) "x") (data "y") (elem func $f))"#;
    at_most("segments", segments, 3, |limits, n| limits.segments = n).await;
    let crossings = r#"(core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (alias core export $i "f" (core func $f)) (func (canon lift (core func $f)))"#;
    at_most("aliases and canonical functions", crossings, 2, |limits, n| limits.crossings = n).await;
    at_most("instances", crossings, 2, |limits, n| limits.instances = n).await;
}

#[test]
fn every_guest_fits_into_a_tenth_of_each_limit() {
    let most = ComponentLimits::default();
    let tenth = ComponentLimits {
        bytes: most.bytes / 10,
        modules: most.modules / 10,
        components: most.components / 10,
        depth: most.depth,
        instances: most.instances / 10,
        functions: most.functions / 10,
        function_bytes: most.function_bytes / 10,
        locals: most.locals / 10,
        types: most.types / 10,
        names: most.names / 10,
        items: most.items / 10,
        segments: most.segments / 10,
        crossings: most.crossings / 10,
    };
    for (name, wasm) in guests::ALL {
        match verify(wasm, &tenth).err() {
            // The guest that is to be refused so, by what the engine has places for.
            Some(LoadError::TooMany { what: "memories", .. }) if *wasm == *guests::TOO_MANY_MEMORIES => {}
            Some(refused @ (LoadError::TooLarge { .. } | LoadError::TooMany { .. })) => panic!("{name}: {refused}"),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_file_of_more_bytes_than_are_allowed_is_refused() {
    let narrow = ComponentLimits { bytes: 1_000, ..ComponentLimits::default() };
    let actual = guests::HONEST.len() as u64;
    assert_eq!(refused(narrow, guests::HONEST).await, LoadError::TooLarge { allowed: 1_000, actual });
}

#[tokio::test]
async fn components_that_double_at_each_level_are_counted_and_not_unfolded() {
    // Thirty lines that would become a thousand million instances.
    let levels: String = (1..=30)
        .map(|n| format!("(component $c{n} (instance (instantiate $c{0})) (instance (instantiate $c{0})))", n - 1))
        .fold("(component $c0 (core module $m) (core instance (instantiate $m)))".to_owned(), |all, next| all + &next);
    let wasm = component(&format!("{levels} (instance (instantiate $c30))"));
    assert!(wasm.len() < 3_000, "{}", wasm.len());
    let error = refused(ComponentLimits::default(), &wasm).await;
    let LoadError::TooMany { what: "instances", allowed: 2_000, actual } = error else { panic!("{error:?}") };
    assert!(actual > 2_000);
}

#[tokio::test]
async fn one_module_instantiated_thousands_of_times_is_refused() {
    let many = "(core instance (instantiate $m))".repeat(2_001);
    let error = refused(ComponentLimits::default(), &component(&format!("(core module $m) {many}"))).await;
    assert_eq!(error, LoadError::TooMany { what: "instances", allowed: 2_000, actual: 2_001 });
}

#[test]
fn more_than_the_engine_has_places_for_is_refused_by_the_file() {
    let instances = |times: usize| "(core instance (instantiate $m))".repeat(times);
    let lifted = r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (alias core export $i "f" (core func $f)) (func (canon lift (core func $f))))"#;
    for (what, most, one, more) in [
        ("memories", 8, "(core module $m (memory 1))".to_owned() + &instances(8), instances(1)),
        (
            "tables",
            200,
            "(core module $m (table 1 funcref) (table 1 funcref))".to_owned() + &instances(100),
            instances(1),
        ),
        ("components with functions in it", 64, (0..64).map(|_| lifted).collect(), lifted.to_owned()),
    ] {
        let instantiated = |text: &str| {
            let components = text.matches("(component").count();
            text.to_owned() + &(0..components).map(|n| format!("(instance (instantiate {n}))")).collect::<String>()
        };
        let refused = |inside: &str| verify(&component(&instantiated(inside)), &ComponentLimits::default()).err();
        assert_eq!(refused(&one), None, "{what}");
        match refused(&(one + &more)) {
            Some(LoadError::TooMany { what: named, allowed, actual }) => {
                assert_eq!((named, allowed, actual > most), (what, most, true));
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn components_handed_around_as_values_are_refused_because_nobody_can_count_them() {
    for inside in [
        r#"(component (import "c" (component)))"#,
        r#"(component $a (component $b) (export "b" (component $b))) (instance $i (instantiate $a)) (alias export $i "b" (component))"#,
    ] {
        let error = refused(ComponentLimits::default(), &component(inside)).await;
        assert!(error.to_string().contains("so that its size cannot be told"), "{error}");
    }
}

#[tokio::test]
async fn thousands_of_locals_in_each_of_many_small_functions_are_refused() {
    let functions = "(func (local $a i64) (local $b i64))".repeat(10);
    let wasm = component(&format!("(core module {functions})"));
    // The text form writes each out; in the file, `02 7e` becomes fifty thousand by three bytes.
    let run = [0x04, 0x01, 0x02, 0x7e, 0x0b];
    let places: Vec<usize> = wasm.windows(5).enumerate().filter(|(_, at)| *at == run).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 10);
    let limits = ComponentLimits { locals: 19, ..ComponentLimits::default() };
    let error = refused(limits, &wasm).await;
    assert_eq!(error, LoadError::TooMany { what: "local variables", allowed: 19, actual: 20 });
}

#[tokio::test]
async fn a_section_that_announces_more_than_it_holds_is_refused_by_what_it_announces() {
    let mut wasm = component("(core module (type (func)) (func (type 0)) (func (type 0)))");
    // A function section: its number, its bytes, how many functions, their types.
    let at = wasm.windows(5).position(|bytes| bytes == [3, 3, 2, 0, 0]).unwrap();
    wasm.splice(at..at + 5, [3, 3, 0xff, 0xff, 0x7f]);
    let error = refused(ComponentLimits::default(), &wasm).await;
    let allowed = ComponentLimits::default().functions;
    assert_eq!(error, LoadError::TooMany { what: "core functions", allowed, actual: 0x1f_ffff });
}

#[tokio::test]
async fn a_type_that_doubles_at_each_level_is_refused_and_not_unfolded() {
    let levels: String = (1..=60).map(|n| format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1)).collect();
    let error = refused(ComponentLimits::default(), &component(&format!("(type $t0 (tuple u8 u8)) {levels}"))).await;
    let LoadError::Invalid { problem } = &error else { panic!("{error:?}") };
    assert!(problem.contains("type size"), "{problem}");
}

#[tokio::test]
async fn a_small_file_that_declares_huge_memories_tables_and_data_makes_neither_code_nor_memory_of_that_size() {
    let data = r#"(data (i32.const 0) "x") (data (i32.const 4294967295) "y")"#;
    let module = format!(
        "(core module (memory 65536) (table 4294967295 funcref) (func $f) {data} (elem (i32.const 9999999) func $f))"
    );
    let wasm = component(&module);
    assert!(wasm.len() < 400);
    let LoadError::DoesNotFit { problem } = refused(ComponentLimits::default(), &wasm).await else { panic!("it fits") };
    assert!(problem.contains("4294967295"), "{problem}");
    // Without a pool it is for the instance's budget to say no; the code is no larger than the file makes it.
    let config = |code_bytes| {
        let compile_limits = CompileLimits { code_bytes, ..CompileLimits::default() };
        let allocation = Allocation::OnDemand;
        SandboxConfig { allocation, compile_limits, max_instances: 4, ..SandboxConfig::default() }
    };
    let error = Sandbox::new(config(200_000)).unwrap().load(&wasm).await.expect_err("it is no kind");
    assert!(matches!(error, LoadError::WrongType { .. }), "{error:?}");
}
