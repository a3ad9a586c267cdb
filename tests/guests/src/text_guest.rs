//! Makes a component of a guest in WebAssembly's text form: for what no compiler would write.
//! Does not look at what the guest does. A file holds the fields of one core module; `plain.wat` has the rest.

use std::sync::LazyLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// What a guest may import and has to export. Of WASI it is given the little that the guests here use.
const WORLD: &str = "
package test:guests;
world text-guest {
    import taskwright:task/sink@0.1.0;
    import taskwright:task/control@0.1.0;
    import taskwright:task/clock@0.1.0;
    import wasi:random/random@0.2.0;
    import wasi:clocks/monotonic-clock@0.2.0;
    export taskwright:task/executor@0.1.0;
}";

const WASI: [&str; 3] = [
    "package wasi:io@0.2.0; interface poll { resource pollable { ready: func() -> bool; block: func(); } }",
    "package wasi:clocks@0.2.0; interface monotonic-clock {
        use wasi:io/poll@0.2.0.{pollable};
        now: func() -> u64;
        subscribe-duration: func(when: u64) -> pollable;
    }",
    "package wasi:random@0.2.0; interface random {
        get-random-bytes: func(len: u64) -> list<u8>;
        get-random-u64: func() -> u64;
    }",
];

/// A line of a guest that asks for core instances beside its own, with a memory of so many pages or none, which is nothing
/// that a core module could say.
const CORE_INSTANCES: &str = ";; core instances: ";

/// Everything that guests are made with.
struct Workshop {
    resolve: Resolve,
    world: WorldId,
}

/// Open once for all guests.
static WORKSHOP: LazyLock<Workshop> = LazyLock::new(Workshop::open);

/// The component of a guest, for as long as the process lasts.
pub(crate) fn make(name: &str, text: &str) -> &'static [u8] {
    WORKSHOP.make(name, text).leak()
}

impl Workshop {
    /// Reads the contract.
    fn open() -> Self {
        let mut resolve = Resolve::default();
        resolve.push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/since_v0.1.0")).expect("the contract");
        for (number, package) in WASI.iter().enumerate() {
            resolve.push_str(format!("wasi-{number}.wit"), package).expect("a part of WASI");
        }
        let own = resolve.push_str("guests.wit", WORLD).expect("the world of the guests");
        let world = resolve.select_world(&[own], Some("text-guest")).expect("the world");
        Self { resolve, world }
    }

    fn make(&self, name: &str, text: &str) -> Vec<u8> {
        let failed =
            |what: &str, error: &dyn std::fmt::Display| -> ! { panic!("the guest `{name}`: {what}: {error:#}") };
        let mut module = wat::parse_str(whole(text)).unwrap_or_else(|error| failed("not WebAssembly", &error));
        embed_component_metadata(&mut module, &self.resolve, self.world, StringEncoding::UTF8)
            .unwrap_or_else(|error| failed("no metadata", &error));
        let encoder = ComponentEncoder::default().validate(true).module(&module);
        let encoded = encoder.and_then(|mut encoder| encoder.encode());
        let mut component = encoded.unwrap_or_else(|error| failed("no component", &error));
        if let Some(asked) = text.lines().find_map(|line| line.strip_prefix(CORE_INSTANCES)) {
            let (count, pages) = asked.split_once(" with pages: ").unwrap_or((asked, "0"));
            let number = |text: &str| text.trim().parse().unwrap_or_else(|error| failed("no number", &error));
            add_core_instances(&mut component, number(count), number(pages));
        }
        component
    }
}

/// The guest's own fields and those parts of the plain guest that it lacks.
fn whole(text: &str) -> String {
    let mut module = format!("(module\n{text}\n");
    let plain = include_str!("plain.wat");
    for part in plain.split(";; part: ").skip(1) {
        let (mark, fields) = part.split_once('\n').expect("a part has a first line");
        if !text.contains(mark) {
            module.push_str(fields);
        }
    }
    module.push(')');
    module
}

/// Appends a core module with nothing but a memory, and instances of it, to a component's sections.
fn add_core_instances(component: &mut Vec<u8>, count: u32, pages: u32) {
    let text = if pages == 0 { "(module)".to_owned() } else { format!("(module (memory {pages}))") };
    let hollow = wat::parse_str(text).expect("a module");
    let modules = wasmparser::Parser::new(0)
        .parse_all(component)
        .filter(|payload| matches!(payload, Ok(wasmparser::Payload::ModuleSection { .. })));
    let module = u32::try_from(modules.count()).expect("few modules");
    let mut section = |id: u8, body: &[u8]| {
        component.push(id);
        leb128(component, u32::try_from(body.len()).expect("a small section"));
        component.extend_from_slice(body);
    };
    section(1, &hollow);
    let mut instances = Vec::new();
    leb128(&mut instances, count);
    for _ in 0..count {
        // Instantiate; the module; no arguments.
        instances.push(0);
        leb128(&mut instances, module);
        instances.push(0);
    }
    section(2, &instances);
}

fn leb128(bytes: &mut Vec<u8>, mut value: u32) {
    loop {
        let low = u8::try_from(value & 0x7f).expect("seven bits");
        value >>= 7;
        bytes.push(if value == 0 { low } else { low | 0x80 });
        if value == 0 {
            return;
        }
    }
}
