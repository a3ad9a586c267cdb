//! The functions that a kind imports, under one roof: the component's imports, or natively the mock host's.
//! It does not say what they mean: the contract in `wit/` does.

#[cfg(target_arch = "wasm32")]
mod children;
#[cfg(target_arch = "wasm32")]
mod component;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::mock::children::{
    cancel_child, child, child_result, children, message_child, spawn, wait_children,
};
#[cfg(target_arch = "wasm32")]
pub(crate) use children::{cancel_child, child, child_result, children, message_child, spawn, wait_children};

#[cfg(target_arch = "wasm32")]
pub(crate) use component::{
    Body, artifact, cancel_requested, checkpoint, draft, folder, idempotency_key, link, now, output, post, progress,
    request_input, send, sleep, state,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::mock::http::Body;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::mock::imports::{
    artifact, cancel_requested, checkpoint, draft, folder, idempotency_key, link, now, output, post, progress,
    request_input, send, sleep, state,
};
