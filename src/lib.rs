//! A programmable mail server for tests.

mod base;
mod drive;
mod journal;
mod mail;
mod protocol;
mod rule;
mod server;
mod world;

pub use base::{MessageNo, Pattern, PatternError, Seq, SessionNo, Times, TimesError, Timestamp};
pub use journal::{Ending, Session, Tls, Transcript};
pub use mail::{Envelope, Message, Parameters, Recipient, Sender, Verdict};
pub use protocol::Event;
pub use server::{Endpoint, Listener, StartError};
