//! Changes of mailboxes outside of any session: by a test or a scenario.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;

use super::World;
#[cfg(feature = "api")]
use crate::base::MessageNo;
use crate::base::Timestamp;
use crate::journal::Captured;
use crate::mail::{Envelope, Flags, InternalDate, MailboxId, Message, Origin};
use crate::protocol::{InvalidMailbox, MailTxn, TxnLog};

/// A message that a test puts into a mailbox.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft<'a> {
    pub(crate) raw: Bytes,
    pub(crate) flags: Cow<'a, [Box<str>]>,
    /// `None` means the server's time.
    pub(crate) date: Option<Timestamp>,
}

impl World {
    /// Delivers a message as an SMTP client would. Fails with the first address that belongs to no account.
    pub(crate) fn deliver(&mut self, envelope: Envelope, raw: Bytes, now: Timestamp) -> Result<Message, Box<str>> {
        if let Some(stranger) = envelope.accepted().find(|address| !self.mail.accounts.delivers_to(address)) {
            return Err(stranger.into());
        }
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        let message = txn.deliver(envelope, raw);
        let txn_log = txn.close();
        let delivered = self.delivered(&txn_log);
        self.record_outside(txn_log, now);
        let cause = self.journal.tip();
        self.keep_bounds(now);
        self.tell_delivered(None, delivered, cause, now);
        Ok(message)
    }

    /// Puts a message into a mailbox, which is created if it does not exist. The message has no envelope. Returns its
    /// UID.
    pub(crate) fn put(
        &mut self,
        login: &str,
        mailbox: &str,
        draft: Draft<'_>,
        now: Timestamp,
    ) -> Result<(MailboxId, u32), InvalidMailbox> {
        self.outside(now, |txn| {
            if let Some(wrong) = draft.flags.iter().find(|flag| !Flags::is_name(flag)) {
                return Err(InvalidMailbox::Flag(wrong.clone()));
            }
            let place = txn.mailbox_of(login, mailbox)?;
            let flags = txn.flags(place, draft.flags.iter().map(|flag| &**flag)).ok_or(InvalidMailbox::Keywords)?;
            let date = draft.date.map(|at| InternalDate { at, zone: 0 });
            Ok((place, txn.append(place, flags, date, draft.raw)))
        })
    }

    /// Like `put`, for many messages at once, without flags.
    pub(crate) fn put_all(
        &mut self,
        login: &str,
        mailbox: &str,
        messages: Vec<Bytes>,
        now: Timestamp,
    ) -> Result<(), InvalidMailbox> {
        self.outside(now, |txn| {
            let place = txn.mailbox_of(login, mailbox)?;
            for raw in messages {
                txn.append(place, Flags::NONE, None, raw);
            }
            Ok(())
        })
    }

    /// Creates the account and the mailbox if they do not exist.
    pub(crate) fn make(&mut self, login: &str, mailbox: &str, now: Timestamp) -> Result<MailboxId, InvalidMailbox> {
        self.outside(now, |txn| txn.mailbox_of(login, mailbox))
    }

    pub(super) fn outside<T>(&mut self, now: Timestamp, change: impl FnOnce(&mut MailTxn<'_>) -> T) -> T {
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        let result = change(&mut txn);
        let txn_log = txn.close();
        self.record_outside(txn_log, now);
        self.keep_bounds(now);
        result
    }

    /// Records changes outside of any session, if there are any.
    pub(super) fn record_outside(&mut self, txn_log: TxnLog, now: Timestamp) {
        if !txn_log.is_empty() {
            self.journal.outside(now, txn_log);
        }
    }

    /// Removes every captured message from all mailboxes, and forgets all records. Returns the captured messages.
    pub(crate) fn clear(&mut self, now: Timestamp) -> VecDeque<Captured> {
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        txn.forget(Message::is_sent);
        let txn_log = txn.close();
        self.record_outside(txn_log, now);
        self.journal.clear()
    }

    /// Removes these captured messages, also from all mailboxes, and returns them. Their records stay.
    #[cfg(feature = "api")]
    pub(crate) fn delete(&mut self, is_chosen: impl Fn(MessageNo) -> bool, now: Timestamp) -> VecDeque<Captured> {
        self.outside(now, |txn| txn.forget(|message| message.is_sent() && is_chosen(message.no())));
        self.journal.remove(is_chosen)
    }

    /// Expunges everything from all mailboxes, and forgets all messages and records. Returns the captured messages.
    #[cfg(feature = "api")]
    pub(crate) fn purge(&mut self, now: Timestamp) -> VecDeque<Captured> {
        self.outside(now, |txn| txn.forget(|_| true));
        self.journal.clear()
    }
}
