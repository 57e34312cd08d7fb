//! What mail is: messages and their envelopes, mailboxes, accounts, and the changes to them.
//!
//! Knows no session, no protocol and no time of day: it is told.

mod account;
mod change;
mod envelope;
mod mailbox;
mod message;
mod mime;

pub(crate) use account::{Account, AccountNo, Accounts, Member};
pub(crate) use change::Change;
pub use envelope::{Envelope, Parameters, Recipient, Sender, Verdict};
pub(crate) use mailbox::{Entry, Mailbox, MailboxNo};
pub use message::Message;
pub(crate) use message::Origin;
pub use mime::{Address, Part};
