//! Mailbox names: looking them up, and whether a new name is possible.
//!
//! # Rationale
//! A name that only has children, and is not a mailbox itself, is not stored. It exists as long as its children do. DELETE of
//! a parent leaves such a name, which disappears with the last child.

use std::sync::Arc;

use super::Refusal;
use crate::mail::{AccountNo, MailboxId};
use crate::protocol::MailTxn;

/// The maximum number of mailboxes of an account, and of its subscriptions.
pub(super) const MOST_MAILBOXES: usize = 10_000;

/// The mailbox with this canonical name.
pub(super) fn place(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Option<MailboxId> {
    let mailbox = txn.account(account)?.named(name)?.no;
    Some(MailboxId { account, mailbox })
}

/// The mailbox names that begin with this text.
pub(super) fn below<'d>(
    account: AccountNo,
    start: &'d str,
    txn: &'d MailTxn<'_>,
) -> impl Iterator<Item = &'d Arc<str>> {
    txn.account(account).into_iter().flat_map(move |its| its.starting_with(start))
}

/// Whether an account can have another mailbox with this name.
pub(super) fn may_be_made(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Result<(), Refusal> {
    if txn.account(account).is_some_and(|account| account.mailboxes().len() >= MOST_MAILBOXES) {
        return Err(Refusal::no(format!("[LIMIT] an account may have at most {MOST_MAILBOXES} mailboxes")));
    }
    may_be_named(account, name, txn)
}

/// Whether an existing mailbox can be renamed to this name.
pub(super) fn may_be_named(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Result<(), Refusal> {
    if let Some(objection) = txn.accounts().namespace().objection(name) {
        return Err(Refusal::no(format!("[CANNOT] {objection}")));
    }
    match place(account, name, txn) {
        Some(_) => Err(Refusal::taken(name)),
        None => Ok(()),
    }
}
