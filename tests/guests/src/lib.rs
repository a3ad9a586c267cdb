//! Honest and hostile guests for the tests: natively the compiled components, for WebAssembly what the guests share.
//! Does not say what is to be expected of a guest: the tests do.
//!
//! `foreach_guest!(callback)` calls a macro with the identifier of every guest in `examples`, and `foreach_hostile_guest!`
//! with those in `examples/hostile`, so that tests that define something for each do not compile when one is missing. The
//! first are tested in the sandbox, the others through the whole system.

#[cfg(not(target_arch = "wasm32"))]
mod built {
    include!(concat!(env!("OUT_DIR"), "/guests.rs"));
    include!(concat!(env!("OUT_DIR"), "/text_guests.rs"));
    include!(concat!(env!("OUT_DIR"), "/foreach_guest.rs"));
    include!(concat!(env!("OUT_DIR"), "/foreach_hostile_guest.rs"));
}
/// The kinds that the guides teach, as they stand there.
#[cfg(not(target_arch = "wasm32"))]
pub mod guides {
    include!(concat!(env!("OUT_DIR"), "/guides.rs"));
}
#[cfg(not(target_arch = "wasm32"))]
mod text_guest;
#[cfg(not(target_arch = "wasm32"))]
pub use built::*;

#[cfg(target_arch = "wasm32")]
pub mod attempts;
#[cfg(target_arch = "wasm32")]
pub mod behaviour;
#[cfg(target_arch = "wasm32")]
pub mod child_script;
#[cfg(target_arch = "wasm32")]
#[expect(missing_docs, clippy::pedantic, reason = "generated; the contract documents itself")]
pub mod contract {
    wit_bindgen::generate!({
        path: "../../wit/since_v0.1.0",
        world: "kind",
        pub_export_macro: true,
        default_bindings_module: "taskwright_test_guests::contract",
    });
}
#[cfg(target_arch = "wasm32")]
pub mod ledger;
#[cfg(target_arch = "wasm32")]
pub mod request;
#[cfg(target_arch = "wasm32")]
pub mod signal;

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    #[test]
    fn every_file_of_the_examples_is_a_guest() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let files = [folder.clone(), folder.join("hostile")].map(|folder| std::fs::read_dir(folder).unwrap());
        let files = files.into_iter().flatten().map(|entry| entry.unwrap().path());
        let files = files.filter(|file| file.extension().is_some_and(|kind| kind == "rs"));
        let mut names: Vec<String> =
            files.map(|file| file.file_stem().unwrap().to_string_lossy().replace('_', "-")).collect();
        names.sort();
        let guests: Vec<&str> = super::ALL.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, guests);
    }
}
