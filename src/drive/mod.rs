//! Connections: the loop that owns one, its wire, TLS, and the lock around the world. tokio and sockets are used
//! only in this floor and above.
//!
//! Does not know which protocol it drives, nor the reason for a cue.

mod clock;
mod driver;
mod engine;
#[cfg(feature = "api")]
mod http;
mod listen;
mod port;
mod proxy;
mod runtime;
mod session_handle;
mod socket;
mod subscribers;
#[cfg(test)]
mod tests;
mod timer;
mod tls;
mod wire;

pub(crate) use engine::{Engine, Subscription};
#[cfg(feature = "api")]
pub(crate) use http::agent;
pub(crate) use listen::{ListenerConfig, TlsProvider, listen};
pub(crate) use port::bind;
pub(crate) use runtime::{runtime, spawn};
pub(crate) use subscribers::{Interest, Topic};
pub(crate) use tls::old::{ACCEPTED_OLD, NO_OLD_SUITE};
pub(crate) use tls::{IN_CLEARTEXT, cipher_name, group_name};
