//! The kinds that Taskwright ships, compiled to components and embedded.
//! It does not run them, and it does not hold compiled machine code: that is the sandbox's cache.

include!(concat!(env!("OUT_DIR"), "/kinds.rs"));

/// A kind that ships with Taskwright.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShippedKind {
    /// The kind's name, as its `describe` gives it.
    pub name: &'static str,
    /// The component.
    pub wasm: &'static [u8],
}

/// Every shipped kind, ordered by name.
pub fn all() -> &'static [ShippedKind] {
    const KINDS: [ShippedKind; ALL.len()] = {
        let mut kinds = [ShippedKind { name: "", wasm: &[] }; ALL.len()];
        let mut at = 0;
        while at < ALL.len() {
            kinds[at] = ShippedKind { name: ALL[at].0, wasm: ALL[at].1 };
            at += 1;
        }
        kinds
    };
    &KINDS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_kind_is_embedded_as_a_component() {
        let names: Vec<&str> = all().iter().map(|kind| kind.name).collect();
        assert_eq!(names, ["search-files", "walkthrough"]);
        for kind in all() {
            // The preamble of a component, as against that of a core module.
            assert!(kind.wasm.starts_with(b"\0asm\x0d\0\x01\0"), "{} is no component", kind.name);
        }
        assert_eq!(all()[0].wasm, SEARCH_FILES);
        assert_eq!(all()[1].wasm, WALKTHROUGH);
    }
}
