//! Requests over HTTP.
//! Does not open any other sort of connection.

mod address;
mod body;
mod client;
mod config;
mod destination;
mod error;
mod gateway;
mod grant;
mod guest;
mod own_addresses;
mod policy;
mod redirect;
mod request;
mod resolver;
mod secret;
mod standing;
mod target;
mod unread;
mod wasi;
mod wire;

#[expect(unreachable_pub, reason = "see there")]
pub use body::OpenBody;
pub(crate) use client::Client;
pub use config::{HttpConfig, InvalidCertificate, RootCertificate};
pub(crate) use gateway::Gateway;
pub use grant::{HttpGrant, SecretGrant, SecretText};
pub(crate) use policy::{Asker, fuzz};
pub use resolver::{Resolve, SystemResolver};
pub use target::{HttpTarget, InvalidTarget, Scheme};
pub(crate) use wasi::{Hooks, add_to_linker as add_wasi_to_linker, context as wasi_context};
