//! What mail is: messages and their envelopes, mailboxes, accounts, and the changes to them.
//!
//! Knows no session, no protocol and no time of day: it is told.

mod account;
mod change;
mod envelope;
mod flags;
mod mailbox;
mod message;
mod mime;
mod name;

#[cfg(all(test, feature = "serde"))]
pub(crate) use account::InvalidChange;
pub(crate) use account::{Account, AccountNo, Accounts, MailboxId, Member, is_subaddress_separator};
pub(crate) use change::Change;
pub(crate) use envelope::Parameter;
pub use envelope::{Envelope, Parameters, Recipient, Sender, Verdict};
pub(crate) use flags::Flags;
pub(crate) use mailbox::{Entry, InternalDate, Mailbox, MailboxNo, SpecialUse};
pub use message::Message;
pub(crate) use message::{Origin, generated};
pub use mime::{Address, Part};
pub(crate) use mime::{RawAddress, address_text, decode_words, raw_addresses};
pub(crate) use name::{INBOX, Namespace};
