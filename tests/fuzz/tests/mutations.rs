//! Each target with damaged forms of good inputs, for some seconds.
//! The same functions run for longer under cargo-fuzz; see `fuzz/README.md`.

use std::path::Path;

use taskwright_fuzz::{answer, component, mutation};
use taskwright_test_guests as guests;

/// The inputs that cargo-fuzz begins with too.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    let mut paths: Vec<_> = std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}", dir.display());
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}

#[test]
fn any_file_gets_a_verdict() {
    let mut inputs: Vec<Vec<u8>> =
        seeds("component").iter().map(|text| wat::parse_bytes(text).unwrap().into()).collect();
    let words: [&[u8]; 5] =
        [b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0", b"\xff\xff\xff\xff\x0f", b"\x04\x08", b"executor@9"];
    mutation::run(&inputs, &words, component);
    // A whole guest is large, and so is each try.
    inputs = vec![guests::HONEST[..64 * 1024].to_vec()];
    mutation::run(&inputs, &words, |bytes| {
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
