//! What is generated from the contract in `wit/`.
//! It does not hold anything written by hand, and nobody but the SDK and its `export!` macro has a use for it.

wit_bindgen::generate!({
    path: "wit/since_v0.1.0",
    world: "kind",
    pub_export_macro: true,
    default_bindings_module: "taskwright_guest::bindings",
});
