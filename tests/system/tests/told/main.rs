//! What those around a runner are told: wakes for sessions, spans and metrics for who runs it.
//! Does not test when a session is woken: the properties and the suite of the stores do.

mod bell;
mod breaking;
mod delivery;
mod metrics;
mod pace;
mod several;
mod spans;
