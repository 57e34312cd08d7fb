//! A programmable mail server for tests.

mod base;
mod drive;
mod expect;
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
