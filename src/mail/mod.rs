//! What mail is: messages and their envelopes, mailboxes, accounts, and the changes to them.
//!
//! Knows no session, no protocol and no time of day: it is told.

mod account;
mod change;
mod envelope;
mod mailbox;
mod message;
mod mime;

pub(crate) use account::{AccountNo, Accounts, Member};
pub(crate) use change::Change;
pub(crate) use envelope::Parameter;
pub use envelope::{Envelope, Parameters, Recipient, Sender, Verdict};
pub(crate) use mailbox::MailboxNo;
pub use message::Message;
pub(crate) use message::Origin;
pub use mime::{Address, Part};
