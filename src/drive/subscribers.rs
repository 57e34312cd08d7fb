//! Subscribers: a new record wakes only those whom it may interest.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::task::Waker;

use crate::base::{Seq, SessionNo, fold_domain};
use crate::journal::{Record, RecordKind};
use crate::mail::MailboxId;
use crate::world::World;

/// What a subscriber waits for: a record about one of these topics.
#[derive(Debug, Clone)]
pub(crate) struct Interest {
    topics: Vec<Topic>,
    /// Only records of this session.
    session: Option<SessionNo>,
}

/// What a record must be about.
#[derive(Debug, Clone)]
pub(crate) enum Topic {
    /// A message was captured and its exchange closed.
    Mail,
    /// Like `Mail`, with this address among the accepted recipients.
    MailTo(String),
    /// The entries of this mailbox changed, or the mailbox was deleted.
    Mailbox(MailboxId),
    /// An exchange was closed, or a session has ended.
    Quiet,
    /// A rule fired, was enabled or disabled, the list of rules changed, or the clock was set. This is not a record, so
    /// it does not depend on the session.
    Rules,
    /// Any record, or the removal of records, messages or sessions.
    Everything,
}

impl Interest {
    pub(crate) fn of(topics: impl Into<Vec<Topic>>) -> Self {
        Self { topics: topics.into(), session: None }
    }

    /// Restricts the interest to records of this session, if one is given.
    pub(crate) fn in_session(self, session: Option<SessionNo>) -> Self {
        Self { session, ..self }
    }
}

/// Subscribers by their numbers.
pub(super) type Ids = BTreeSet<u64>;

/// All subscribers, and an index by topic: a thousand subscribers for mail to one address, or for one mailbox, cost
/// nothing when other mail arrives.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    last: u64,
    waiting: HashMap<u64, Subscriber>,
    by_recipient: HashMap<Box<str>, Ids>,
    by_mailbox: HashMap<MailboxId, Ids>,
    mail: Ids,
    quiet: Ids,
    rules: Ids,
    everything: Ids,
}

#[derive(Debug)]
struct Subscriber {
    interest: Interest,
    waker: Waker,
}

impl Subscribers {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    #[cfg(feature = "api")]
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn add(&mut self, interest: Interest, waker: Waker) -> u64 {
        self.last += 1;
        for topic in &interest.topics {
            let ids = match topic {
                Topic::MailTo(address) => self.by_recipient.entry(fold_domain(address).into()).or_default(),
                Topic::Mailbox(place) => self.by_mailbox.entry(*place).or_default(),
                Topic::Mail => &mut self.mail,
                Topic::Quiet => &mut self.quiet,
                Topic::Rules => &mut self.rules,
                Topic::Everything => &mut self.everything,
            };
            ids.insert(self.last);
        }
        self.waiting.insert(self.last, Subscriber { interest, waker });
        self.last
    }

    /// Returns the previous waker: dropping it may run an executor's code, so it must not be dropped under the lock.
    pub(super) fn rearm(&mut self, id: u64, waker: Waker) -> Option<Waker> {
        let armed = &mut self.waiting.get_mut(&id)?.waker;
        Some(std::mem::replace(armed, waker))
    }

    /// Returns the waker, for the same reason.
    pub(super) fn remove(&mut self, id: u64) -> Option<Waker> {
        let Subscriber { interest, waker } = self.waiting.remove(&id)?;
        for topic in &interest.topics {
            match topic {
                Topic::MailTo(address) => take(&mut self.by_recipient, &*fold_domain(address), id),
                Topic::Mailbox(place) => take(&mut self.by_mailbox, place, id),
                Topic::Mail => drop(self.mail.remove(&id)),
                Topic::Quiet => drop(self.quiet.remove(&id)),
                Topic::Rules => drop(self.rules.remove(&id)),
                Topic::Everything => drop(self.everything.remove(&id)),
            }
        }
        Some(waker)
    }

    /// Adds the subscribers whom this record may interest.
    pub(super) fn interested(&self, world: &World, (seq, record): (Seq, &Record), found: &mut Ids) {
        let mut add = |ids: &Ids| {
            let is_of = |session: &SessionNo| record.session == Some(*session);
            let fits = |id: &&u64| self.waiting[id].interest.session.as_ref().is_none_or(is_of);
            found.extend(ids.iter().filter(fits));
        };
        add(&self.everything);
        if matches!(record.kind, RecordKind::Closed { .. } | RecordKind::Ended(_)) {
            add(&self.quiet);
        }
        let may_capture = matches!(record.kind, RecordKind::Closed { .. } | RecordKind::Outside(_));
        if let Some(message) = may_capture.then(|| world.journal.closed_at(seq)).flatten() {
            add(&self.mail);
            let accepted = message.envelope().accepted().filter(|_| !self.by_recipient.is_empty());
            accepted.filter_map(|address| self.by_recipient.get(&*fold_domain(address))).for_each(&mut add);
        }
        for change in record.kind.changes().iter().filter(|_| !self.by_mailbox.is_empty()) {
            if let Some(closed) = change.closed() {
                let of_account = self.by_mailbox.iter().filter(|(place, _)| place.account == closed);
                of_account.for_each(|(_, ids)| add(ids));
            }
            change.place().and_then(|place| self.by_mailbox.get(&place)).into_iter().for_each(&mut add);
        }
    }

    /// Adds the subscribers that wait for everything: something was removed.
    pub(super) fn removed(&self, found: &mut Ids) {
        found.extend(&self.everything);
    }

    /// Adds the subscribers that wait for rules.
    pub(super) fn rules_changed(&self, found: &mut Ids) {
        found.extend(&self.rules);
    }

    /// The wakers of these subscribers, each once.
    pub(super) fn wakers(&self, ids: &Ids) -> Vec<Waker> {
        ids.iter().filter_map(|id| self.waiting.get(id)).map(|its| its.waker.clone()).collect()
    }

    /// All wakers, for a change that may interest anybody.
    pub(super) fn all(&self) -> Vec<Waker> {
        self.waiting.values().map(|its| its.waker.clone()).collect()
    }
}

fn take<K: Hash + Eq + Borrow<Q>, Q: Hash + Eq + ?Sized>(index: &mut HashMap<K, Ids>, key: &Q, id: u64) {
    let Some(ids) = index.get_mut(key) else { return };
    ids.remove(&id);
    if ids.is_empty() {
        index.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{AccountNo, MailboxNo};

    #[test]
    fn removed_subscribers_leave_no_index_entries() {
        let mut subscribers = Subscribers::default();
        let place = MailboxId { account: AccountNo(1), mailbox: MailboxNo(1) };
        let address = || Topic::MailTo("bob@EXAMPLE.org".to_owned());
        let topics = [Topic::Mail, address(), address(), Topic::Mailbox(place), Topic::Quiet, Topic::Rules];
        let ids = [0, 1].map(|_| subscribers.add(Interest::of(topics.clone()), Waker::noop().clone()));
        assert_eq!(subscribers.wakers(&ids.into()).len(), 2);

        for id in ids {
            assert!(subscribers.remove(id).is_some());
            assert!(subscribers.remove(id).is_none());
        }

        assert!(subscribers.is_empty());
        assert!(subscribers.by_recipient.is_empty() && subscribers.by_mailbox.is_empty());
        assert!([&subscribers.mail, &subscribers.quiet, &subscribers.rules].iter().all(|ids| ids.is_empty()));
    }
}
