//! The contract as Rust types, generated from `wit/`.
//! Does not convert them: that is `convert`.

wasmtime::component::bindgen!({
    path: "../../wit/since_v0.1.0",
    world: "kind",
    imports: { default: trappable },
    exports: { default: async },
    with: {
        "taskwright:task/http.body": crate::http::OpenBody,
    },
});
