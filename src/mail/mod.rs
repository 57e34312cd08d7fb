//! What mail is: messages, envelopes, mailboxes, accounts and the changes to them.

pub mod mime;
