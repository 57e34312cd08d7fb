//! The server's side of a TLS handshake, without a socket except for reading the ClientHello.

mod handshake;
mod hello;
mod names;
pub(crate) mod old;
mod versions;
mod words;

pub(super) use handshake::{Failed, Handshake, Secured};
pub(super) use hello::{Hello, Offer, hello, read};
pub(crate) use names::{cipher_name, group_name};
pub(crate) use words::IN_CLEARTEXT;
pub(super) use words::{Reason, reaction, reason};
