//! The bounds of what a server keeps. The oldest beyond a bound is evicted, and a record says so.

use std::collections::HashSet;

use super::World;
use crate::base::{Seq, Timestamp, login_key};
use crate::journal::Weight;
use crate::mail::Origin;
use crate::protocol::MailTxn;

/// How many records are kept for each kept message. Receiving a message makes about eight.
const RECORDS: u64 = 64;
/// Maximum number of records, and of octets, to remove at once.
const PORTION: u64 = 8192;
const PORTION_OCTETS: u64 = 1 << 20;

/// How much is kept. The oldest is evicted first, and a record says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Keep {
    pub(crate) messages: usize,
    pub(crate) octets: u64,
    /// Accounts that are not on a list: opened by the first login or message.
    pub(crate) accounts: usize,
}

impl Keep {
    /// Nothing is evicted.
    pub(crate) const ALL: Self = Self { messages: usize::MAX, octets: u64::MAX, accounts: usize::MAX };
}

impl World {
    /// Evicts what is beyond the bounds. Called whenever something was recorded.
    pub(super) fn keep_bounds(&mut self, now: Timestamp) {
        self.evict(now);
        self.evict_accounts(now);
        self.forget_records();
        for id in self.rulebook.take_full() {
            let text = format!("`{id}` counts too many keys; events with further keys are not counted");
            self.noted(Weight::Failure, text, now);
        }
    }

    /// Evicts messages, a sixteenth at once, so that not every new message requires a walk over all mailboxes.
    fn evict(&mut self, now: Timestamp) {
        let Some(keep) = self.keep else { return };
        let most = (keep.messages.saturating_add(keep.messages / 16), keep.octets.saturating_add(keep.octets / 16));
        if !self.journal.exceeds(most.0, most.1) {
            return;
        }
        let Some((through, count)) = self.journal.excess(keep.messages, keep.octets) else { return };
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        txn.forget(|message| message.no() <= through && !message.is_of_scenario());
        let txn_log = txn.close();
        self.record_outside(txn_log, now);
        self.evicted += count as u64;
        let (evicted, closed) = self.journal.forget(through);
        self.to_free.extend(evicted);
        self.evicted_to = self.evicted_to.max(closed);
        self.noted(Weight::Note, format!("over the limit: {count} messages, up to {through}, were discarded"), now);
    }

    /// Closes the oldest accounts that no session uses: any client can open accounts by naming addresses.
    fn evict_accounts(&mut self, now: Timestamp) {
        let Some(Keep { accounts: most, .. }) = self.keep else { return };
        if self.mail.accounts.len() <= most.saturating_add(most / 16) || !self.mail.accounts.is_open() {
            return;
        }
        let lasting = self.journal.sessions().map(|log| log.facts()).filter(|facts| facts.ended.is_none());
        let users: HashSet<_> =
            lasting.filter_map(|facts| Some(login_key(facts.user.as_deref()?).into_owned())).collect();
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, now);
        let count = txn.close_oldest(most, |login| users.contains(&*login_key(login)));
        let txn_log = txn.close();
        if count > 0 {
            self.record_outside(txn_log, now);
            self.evicted_accounts += count as u64;
            self.noted(Weight::Note, format!("over the limit: the oldest {count} accounts were closed"), now);
        }
    }

    /// Removes records, because sessions without mail fill the journal too; a sixteenth at once, but only as much as is
    /// freed quickly, because the lock is held.
    fn forget_records(&mut self) {
        let Some(keep) = self.keep else { return };
        let most = RECORDS.saturating_mul(keep.messages.max(1) as u64);
        if self.journal.len() > most.saturating_add((most / 16).min(PORTION)) {
            self.journal.raise_floor(Seq(self.journal.tip().0 - most));
        }
        if self.journal.octets() > keep.octets.saturating_add((keep.octets / 16).min(PORTION_OCTETS)) {
            self.journal.shrink(keep.octets);
        }
    }

    /// How many messages were evicted.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How many accounts were closed to keep the bound.
    pub(crate) fn evicted_accounts(&self) -> u64 {
        self.evicted_accounts
    }

    /// The first cursor after which no message is missing.
    pub(crate) fn evicted_to(&self) -> Seq {
        self.evicted_to
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::journal::{OAuthRequest, RecordKind};
    use crate::mail::{Envelope, Namespace, Parameters, Recipient, Sender, Verdict};

    #[test]
    fn evicted_mail_is_freed_after_the_lock_is_released() {
        let at = Timestamp::from_micros(0);
        let keep = Keep { messages: 32, octets: u64::MAX / 2, accounts: 10 };
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, Some(keep));

        for _ in 0..35 {
            let recipient = Recipient::new("bob", Parameters::default(), Verdict::Accepted);
            let envelope = Envelope::new(Sender::new("", Parameters::default()), vec![recipient]).unwrap();
            world.deliver(envelope, Bytes::new(), at).unwrap();
        }

        assert_eq!(world.to_free.iter().map(|message| message.no().0).collect::<Vec<_>>(), [1, 2, 3]);
        assert!(world.to_free.iter().all(|message| !message.is_shared()));
    }

    #[test]
    fn records_are_removed_in_small_portions() {
        let at = Timestamp::from_micros(0);
        let keep = Keep { messages: 4096, octets: u64::MAX / 2, accounts: 1 };
        let most = RECORDS * keep.messages as u64;
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, Some(keep));

        let mut forgotten = Vec::new();
        for octets in 0..most + 3 * PORTION {
            world.journal.note_of(at, None, RecordKind::Cleartext { octets, is_executed: false });
            let before = world.journal.len();
            world.keep_bounds(at);
            forgotten.extend(Some(before - world.journal.len()).filter(|count| *count > 0));
        }

        assert!(PORTION < most / 16);
        assert_eq!(forgotten, [PORTION + 1; 2]);
    }

    #[test]
    fn requests_to_the_oauth_provider_are_bounded_too() {
        let at = Timestamp::from_micros(0);
        let keep = Keep { messages: 32, octets: u64::MAX / 2, accounts: 1 };
        let mut world = World::new(Vec::new().into(), Namespace::default(), 1, Some(keep));
        let request = OAuthRequest {
            endpoint: "jwks".to_owned(),
            client: None,
            grant: None,
            status: 200,
            error: None,
            reason: None,
        };

        for _ in 0..3 * PORTION {
            world.oauth_requested(request.clone(), at);
        }

        assert!(world.journal.len() <= 2 * PORTION, "{}", world.journal.len());
    }
}
