//! Clients of the server that several tests use.

// Each test uses some of them.
#![allow(dead_code)]

#[cfg(feature = "api")]
pub(crate) mod api_client;
pub(crate) mod deadline;
pub(crate) mod line_client;
#[cfg(feature = "cli")]
pub(crate) mod served;
pub(crate) mod support;
#[cfg(feature = "api")]
pub(crate) mod web_socket;
