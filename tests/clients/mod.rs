//! Clients of the server, and what else several tests use.

// Each test uses some of them.
#![allow(dead_code)]

#[cfg(feature = "api")]
pub(crate) mod api_client;
pub(crate) mod capabilities;
pub(crate) mod credentials;
pub(crate) mod deadline;
#[cfg(feature = "api")]
pub(crate) mod event_stream;
pub(crate) mod line_client;
pub(crate) mod posted;
pub(crate) mod running;
#[cfg(feature = "cli")]
pub(crate) mod served;
pub(crate) mod support;
pub(crate) mod tls_client;
pub(crate) mod unused_port;
#[cfg(feature = "api")]
pub(crate) mod web_socket;
pub(crate) mod wire;
