//! Mailboxes by name: looking them up, and whether a name can be given.
//!
//! # Rationale
//! A name that has others below it and is no mailbox itself is not kept anywhere: it is there while those below it
//! are. So DELETE of a parent leaves such a name, and it goes with the last child.

use std::sync::Arc;

use super::Refusal;
use crate::mail::{AccountNo, MailboxId};
use crate::protocol::MailTxn;

/// How many mailboxes, and how many subscriptions, an account can have.
pub(super) const MOST_MAILBOXES: usize = 10_000;

/// The mailbox of this canonical name.
pub(super) fn place(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Option<MailboxId> {
    let mailbox = txn.account(account)?.named(name)?.no;
    Some(MailboxId { account, mailbox })
}

/// The names of mailboxes that begin with this.
pub(super) fn below<'d>(
    account: AccountNo,
    start: &'d str,
    txn: &'d MailTxn<'_>,
) -> impl Iterator<Item = &'d Arc<str>> {
    txn.account(account).into_iter().flat_map(move |its| its.starting_with(start))
}

/// Whether an account can have another mailbox, and of this name.
pub(super) fn may_be_made(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Result<(), Refusal> {
    if txn.account(account).is_some_and(|account| account.mailboxes().len() >= MOST_MAILBOXES) {
        return Err(Refusal::no(format!("[LIMIT] an account may have at most {MOST_MAILBOXES} mailboxes")));
    }
    may_be_named(account, name, txn)
}

/// Whether a mailbox that is there already can get this name.
pub(super) fn may_be_named(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Result<(), Refusal> {
    if let Some(objection) = txn.accounts().namespace().objection(name) {
        return Err(Refusal::no(format!("[CANNOT] {objection}")));
    }
    match place(account, name, txn) {
        Some(_) => Err(Refusal::taken(name)),
        None => Ok(()),
    }
}
