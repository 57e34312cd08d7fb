//! A programmable mail server for tests.

mod base;
mod mail;
mod protocol;

pub use base::{MessageNo, Pattern, PatternError, Seq, SessionNo, Times, TimesError, Timestamp};
pub use mail::{Envelope, Message, Parameters, Recipient, Sender, Verdict};
