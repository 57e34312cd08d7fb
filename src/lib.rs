//! A programmable mail server for tests.

// The binary asks for everything there is; with less, some of it has nobody to ask for it.
#![cfg_attr(not(feature = "cli"), allow(dead_code))]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

#[cfg(feature = "api")]
mod api;
mod base;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
mod drive;
mod expect;
#[cfg(feature = "api")]
mod face;
mod harness;
mod journal;
mod mail;
mod protocol;
mod rule;
mod server;
mod world;

pub use base::{MessageNo, Pattern, PatternError, Seq, SessionNo, Times, TimesError, Timestamp};
pub use expect::{Matcher, Report, any, attachment, body, from, header, matching, session, subject, to};
pub use harness::{MailServer, MailServerBuilder, NoneWithin, Settled, Verify, Wait};
pub use journal::{Ending, Session, Tls, Transcript};
pub use mail::{Address, Envelope, Message, Parameters, Part, Recipient, Sender, Verdict};
pub use protocol::Event;
pub use server::{Endpoint, Listener, StartError};
