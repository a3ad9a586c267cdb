//! Each target with damaged forms of good inputs, for some seconds.
//! The same functions run for longer under cargo-fuzz; see `fuzz/README.md`.

use std::path::Path;

use taskwright_fuzz::{answer, component, http, mutation};
use taskwright_test_guests as guests;

/// The inputs that cargo-fuzz begins with too.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_none_or(|extension| extension != "wat"));
    paths.sort();
    assert!(!paths.is_empty(), "{}", dir.display());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn each_component_among_the_seeds_is_what_its_text_makes() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds/component");
    for entry in std::fs::read_dir(dir).unwrap() {
        let text = entry.unwrap().path();
        if text.extension().is_some_and(|extension| extension == "wat") {
            let (made, wasm) = (wat::parse_file(&text).unwrap(), text.with_extension("wasm"));
            assert!(std::fs::read(&wasm).is_ok_and(|found| found == made), "`wasm-tools parse` makes it: {wasm:?}");
        }
    }
}

#[test]
fn any_file_gets_a_verdict() {
    let inputs = seeds("component");
    let words: [&[u8]; 5] =
        [b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0", b"\xff\xff\xff\xff\x0f", b"\x04\x08", b"executor@9"];
    mutation::run(&inputs, &words, component);
    // A whole guest is large, and so is each try.
    let beginning = [guests::HONEST[..64 * 1024].to_vec()];
    mutation::run(&beginning, &words, |bytes| {
        if bytes.len() % 16 == 0 {
            component(bytes)
        }
    });
    component(guests::HONEST);
}

#[test]
fn any_answer_to_any_schema_gets_a_verdict() {
    let words: [&[u8]; 12] = [
        b"{\"$ref\":\"#\"}",
        b"\"$ref\":\"#/$defs/a\",",
        b"\"anyOf\":[",
        b"\"oneOf\":[{},",
        b"\"not\":{},",
        b"\"pattern\":\"(a*)*\",",
        b"\"items\":{\"type\":\"string\"},",
        b"\"unevaluatedProperties\":false,",
        b"\"$schema\":\"http://json-schema.org/draft-07/schema#\",",
        b"\0",
        b"[[[[",
        b"1e999",
    ];
    mutation::run(&seeds("answer"), &words, answer);
}

#[test]
fn any_url_is_judged_by_the_allowlist_and_in_one_way() {
    let words: [&[u8]; 14] = [
        b"https://",
        b"http://",
        b"@",
        b"%2e",
        b"[::ffff:7f00:1]",
        b"0177.0.0.1",
        b"2130706433",
        b"\\",
        b"..",
        b"*.",
        b":0",
        b"\r\n",
        b"\xe3\x80\x82",
        b"private",
    ];
    mutation::run(&seeds("http"), &words, http);
}
