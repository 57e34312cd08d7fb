//! Messages and their envelopes, mailboxes, accounts, and changes to them.
//!
//! Does not know sessions or protocols, and gets the time as an argument.

mod account;
mod bounce;
mod change;
mod dkim;
mod envelope;
mod flags;
mod forwarded;
mod lint;
mod mailbox;
mod message;
mod mime;
mod name;
mod parameters;
mod unsubscribe;

#[cfg(all(test, feature = "serde"))]
pub(crate) use account::InvalidChange;
pub(crate) use account::{
    Account, AccountNo, Accounts, MailboxId, Member, Token, TokenChange, TokenKind, TokenState, is_subaddress_separator,
};
pub use bounce::Bounce;
pub(crate) use bounce::{BounceKind, Bounced, NoBounce, Reporter};
pub(crate) use change::Change;
pub use dkim::{DkimFailure, DkimFailureKind, DkimKeys, DkimSignature};
pub use envelope::{Envelope, Recipient, Sender, Verdict};
pub(crate) use flags::Flags;
pub use forwarded::Forwarded;
pub(crate) use lint::{LONGEST_LINE, SINGLE};
pub use lint::{LintCode, LintSeverity, Violation};
pub(crate) use mailbox::{Entry, InternalDate, Mailbox, MailboxNo, SpecialUse};
pub use message::Message;
pub(crate) use message::{Origin, generated};
#[cfg(feature = "cli")]
pub(crate) use mime::addresses;
#[cfg(feature = "api")]
pub(crate) use mime::visible;
pub use mime::{Address, Part};
pub(crate) use mime::{MimeError, unknown_charset};
pub(crate) use mime::{RawAddress, address_text, decode_words, raw_addresses};
pub(crate) use name::{INBOX, Namespace};
pub use parameters::{BodyType, DeliverBy, Notify, OriginalRecipient, Parameters, Ret};
pub(crate) use parameters::{Parameter, envelope_id, hold_for, hold_until, priority, xtext};
pub use unsubscribe::Unsubscribe;
