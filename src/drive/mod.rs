//! Where tokio and sockets begin: the one loop that owns a connection, and the lock around the world.
//!
//! Does not know which protocol it drives, nor why a cue was given.

mod bell;
mod clock;
mod door;
mod driver;
mod engine;
mod listen;
mod runtime;
mod socket;
#[cfg(test)]
mod tests;
mod timer;
mod tls;
mod tls_error;
mod wire;

pub(crate) use bell::{Interest, Matter};
pub(crate) use engine::{Engine, Watch};
pub(crate) use listen::{Doorway, Tickets, listen};
pub(crate) use runtime::{runtime, spawn};
