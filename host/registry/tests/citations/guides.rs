//! The Rust code that a guide shows stands in the example that it names, which is compiled.
//! Does not run the example.

use std::fs;

use crate::{page, root};

/// Guides, and the examples whose code they show.
const SHOWN: [(&str, &str); 1] = [("guides/external-work.md", "host/runner/examples/external.rs")];

/// The blocks of Rust on a page.
fn blocks(page: &str) -> Vec<&str> {
    page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_code_of_a_guide_is_that_of_its_example() {
    for (guide, example) in SHOWN {
        let (text, source) = (page(guide), fs::read_to_string(root().join(example)).expect("the example"));
        let blocks = blocks(&text);
        assert!(!blocks.is_empty(), "docs/{guide} shows no code");
        for block in blocks {
            assert!(source.contains(block), "{example} does not have what docs/{guide} shows:\n{block}");
        }
    }
}
