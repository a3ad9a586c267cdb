//! Requests over HTTP, to where the operator allows the kind to send them.
//! It does not open connections: the host does, and checks every name, address and redirect.
//!
//! A kind that sends requests says so, or the host refuses its component: `Description::new(..).wants(Want::http("api",
//! "to ask for the weather"))`. Natively the [mock host](crate::mock) answers as a test says.
//!
//! ```
//! # use taskwright_guest::{Failure, http::Request};
//! # async fn ask() -> Result<u64, Failure> {
//! #[derive(serde::Deserialize)]
//! struct Weather {
//!     temperature: u64,
//! }
//! let request = Request::get("https://api.example.com/weather?of=Graz").bearer("weather");
//! let weather: Weather = request.send().await?.ok()?.json().await?;
//! # Ok(weather.temperature)
//! # }
//! ```
//!
//! What is granted is looked up at each call: a request that was allowed once may be [denied](Error::Denied) the next time,
//! in the middle of a body even.

mod error;
mod request;
mod response;

pub use error::Error;
pub use request::{Request, secret};
pub use response::Response;

pub(crate) use response::Head;
