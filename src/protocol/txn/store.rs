//! The mail of one server, with the changes that are not yet recorded.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::log::TxnLog;
use super::maildrop_lock::MaildropLocks;
use crate::mail::{AccountNo, Accounts, MailboxNo, Message};

/// The mail of one server: accounts with their mailboxes, and the changes that are not yet recorded.
#[derive(Debug)]
pub(crate) struct MailStore {
    pub(crate) accounts: Accounts,
    pub(crate) maildrop_locks: MaildropLocks,
    /// The URL of the metadata of the OAuth 2.0 provider, while there is one.
    pub(crate) discovery: Option<Box<str>>,
    pub(crate) next_message: u32,
    pub(super) resets: u64,
    /// The mailboxes and messages of every new account.
    pub(crate) seeds: Vec<SeedMailbox>,
    /// The accounts that were opened for the scenario.
    pub(super) opened: Vec<AccountNo>,
    /// The mailboxes that were created for the scenario in other accounts.
    pub(super) made: BTreeMap<AccountNo, Vec<MailboxNo>>,
    /// The log of the current transaction, not yet recorded.
    pub(super) log: TxnLog,
    /// The logs of suspended transactions.
    outer: Vec<TxnLog>,
}

/// A mailbox with its initial messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeedMailbox {
    pub(crate) mailbox: Box<str>,
    pub(crate) uid_validity: Option<u32>,
    pub(crate) generate: u32,
    pub(crate) messages: Vec<SeedMessage>,
}

/// An initial message of a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SeedMessage {
    pub(crate) raw: Bytes,
    pub(crate) flags: Vec<Box<str>>,
    pub(crate) uidl: Option<Box<str>>,
}

impl MailStore {
    pub(crate) fn new(accounts: Accounts) -> Self {
        Self {
            accounts,
            maildrop_locks: MaildropLocks::default(),
            discovery: None,
            next_message: 1,
            resets: 0,
            seeds: Vec::new(),
            opened: Vec::new(),
            made: BTreeMap::new(),
            log: TxnLog::default(),
            outer: Vec::new(),
        }
    }

    /// Resets to no locked maildrops and no seeds. Message numbers begin with 1.
    pub(super) fn reset(&mut self) {
        self.maildrop_locks = MaildropLocks::default();
        self.next_message = 1;
        self.resets += 1;
        self.seeds.clear();
        self.opened.clear();
        self.made.clear();
    }

    /// Takes the log of the current transaction, for the record.
    pub(crate) fn take_log(&mut self) -> TxnLog {
        let mut log = std::mem::take(&mut self.log);
        log.changes.shrink_to_fit();
        log
    }

    /// The message that was accepted and is not yet recorded.
    pub(crate) fn accepted(&self) -> Option<&Message> {
        self.log.accepted.as_ref()
    }

    /// The user who logged in and the selected mailbox, if not yet recorded. The inner `None` means that there is none
    /// any more.
    pub(crate) fn entered(&self) -> [Option<Option<Box<str>>>; 2] {
        let facts = self.log.facts.as_deref();
        [facts.and_then(|its| its.user.clone()), facts.and_then(|its| its.selected.clone())]
    }

    /// Begins a separate log.
    pub(crate) fn suspend(&mut self) {
        self.outer.push(std::mem::take(&mut self.log));
    }

    /// Continues the log from before [`suspend`](Self::suspend).
    pub(crate) fn resume(&mut self) {
        debug_assert!(self.log.is_empty(), "the log must be recorded before it is exchanged");
        self.log = self.outer.pop().unwrap_or_default();
    }

    /// Everything that is not yet recorded, in order.
    pub(crate) fn take_unrecorded(&mut self) -> Vec<TxnLog> {
        let mut all = std::mem::take(&mut self.outer);
        all.push(self.take_log());
        all
    }
}
