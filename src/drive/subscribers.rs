//! Who waits for what: appending a record wakes only those whom it may concern.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::task::Waker;

use crate::base::{Seq, SessionNo, fold_domain};
use crate::journal::{Record, RecordKind};
use crate::mail::{Change, MailboxId};
use crate::world::World;

/// What someone waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interest {
    pub(crate) topic: Topic,
    /// Only records of this session.
    pub(crate) session: Option<SessionNo>,
}

/// What a record must be about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Topic {
    /// A message was captured and its exchange closed.
    Mail,
    /// The same, and it was accepted for this very address.
    MailTo(String),
    /// The entries of this mailbox changed, or it went.
    Mailbox(MailboxId),
    /// Something that was under way is over.
    Quiet,
    /// A rule fired.
    Rules,
    /// Any record.
    Everything,
}

#[derive(Debug, Default)]
pub(super) struct Subscribers {
    next: u64,
    waiting: BTreeMap<u64, (Interest, Waker)>,
    /// Those who wait for mail to one address, so that a thousand of them cost nothing to everybody else's mail.
    by_recipient: HashMap<String, Vec<(u64, Waker)>>,
    /// Those who wait for news from one mailbox.
    by_mailbox: HashMap<MailboxId, Vec<(u64, Waker)>>,
}

impl Subscribers {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.by_recipient.is_empty() && self.by_mailbox.is_empty()
    }

    pub(super) fn add(&mut self, interest: &Interest, waker: Waker) -> u64 {
        self.next += 1;
        match &interest.topic {
            Topic::MailTo(address) => {
                self.by_recipient.entry(fold_domain(address).into()).or_default().push((self.next, waker));
            }
            Topic::Mailbox(place) => self.by_mailbox.entry(*place).or_default().push((self.next, waker)),
            Topic::Mail | Topic::Quiet | Topic::Rules | Topic::Everything => {
                self.waiting.insert(self.next, (interest.clone(), waker));
            }
        }
        self.next
    }

    /// Gives the waker that was armed before: dropping it may run the code of an executor, so not under the lock.
    pub(super) fn rearm(&mut self, id: u64, interest: &Interest, waker: Waker) -> Option<Waker> {
        let indexed = match &interest.topic {
            Topic::MailTo(address) => self.by_recipient.get_mut(&*fold_domain(address)),
            Topic::Mailbox(place) => self.by_mailbox.get_mut(place),
            Topic::Mail | Topic::Quiet | Topic::Rules | Topic::Everything => {
                let armed = self.waiting.get_mut(&id).map(|(_, waker)| waker);
                return armed.map(|armed| std::mem::replace(armed, waker));
            }
        };
        let armed = indexed.and_then(|waiting| waiting.iter_mut().find(|(its, _)| *its == id).map(|(_, waker)| waker));
        armed.map(|armed| std::mem::replace(armed, waker))
    }

    /// Gives the waker that was armed, for the same reason.
    pub(super) fn remove(&mut self, id: u64, interest: &Interest) -> Option<Waker> {
        match &interest.topic {
            Topic::MailTo(address) => take(&mut self.by_recipient, &fold_domain(address).into_owned(), id),
            Topic::Mailbox(place) => take(&mut self.by_mailbox, place, id),
            Topic::Mail | Topic::Quiet | Topic::Rules | Topic::Everything => {
                self.waiting.remove(&id).map(|(_, waker)| waker)
            }
        }
    }

    /// Those whom this record may concern.
    pub(super) fn interested(&self, world: &World, (seq, record): (Seq, &Record), wake: &mut Vec<Waker>) {
        let message = match &record.kind {
            RecordKind::Closed { .. } | RecordKind::Outside(_) => world.journal.closed_at(seq),
            _ => None,
        };
        if let Some(message) = message.filter(|_| !self.by_recipient.is_empty()) {
            for address in message.envelope().accepted() {
                let waiting = self.by_recipient.get(&*fold_domain(address)).into_iter().flatten();
                wake.extend(waiting.map(|(_, waker)| waker.clone()));
            }
        }
        let changes = changes(record).iter().filter(|_| !self.by_mailbox.is_empty());
        for change in changes {
            if let Some(closed) = change.closed() {
                let waiting = self.by_mailbox.iter().filter(|(place, _)| place.account == closed);
                wake.extend(waiting.flat_map(|(_, waiting)| waiting).map(|(_, waker)| waker.clone()));
            }
            let waiting = change.place().and_then(|place| self.by_mailbox.get(&place));
            wake.extend(waiting.into_iter().flatten().map(|(_, waker)| waker.clone()));
        }
        for (interest, waker) in self.waiting.values() {
            let interested = match interest.topic {
                Topic::Mail => message.is_some(),
                Topic::MailTo(_) | Topic::Mailbox(_) | Topic::Rules => false,
                Topic::Quiet => matches!(record.kind, RecordKind::Closed { .. } | RecordKind::Ended(_)),
                Topic::Everything => true,
            };
            if interested && interest.session.is_none_or(|session| record.session == Some(session)) {
                wake.push(waker.clone());
            }
        }
    }

    /// Those who wait for rules to fire.
    pub(super) fn fired(&self, wake: &mut Vec<Waker>) {
        let waiting = self.waiting.values().filter(|(interest, _)| interest.topic == Topic::Rules);
        wake.extend(waiting.map(|(_, waker)| waker.clone()));
    }

    /// Everybody, when nobody can say whom a change concerns.
    pub(super) fn all(&self, wake: &mut Vec<Waker>) {
        wake.extend(self.waiting.values().map(|(_, waker)| waker.clone()));
        let indexed = self.by_recipient.values().chain(self.by_mailbox.values());
        wake.extend(indexed.flatten().map(|(_, waker)| waker.clone()));
    }
}

/// What became of the mail.
fn changes(record: &Record) -> &[Change] {
    let detail = match &record.kind {
        RecordKind::Exchange(exchange) => exchange.detail.as_deref(),
        RecordKind::Part(part) => part.detail.as_deref(),
        RecordKind::Outside(detail) => Some(&**detail),
        _ => None,
    };
    detail.map_or(&[], |detail| &detail.changes)
}

fn take<K: Hash + Eq>(index: &mut HashMap<K, Vec<(u64, Waker)>>, key: &K, id: u64) -> Option<Waker> {
    let waiting = index.get_mut(key)?;
    let at = waiting.iter().position(|(its, _)| *its == id)?;
    let (_, waker) = waiting.swap_remove(at);
    if waiting.is_empty() {
        index.remove(key);
    }
    Some(waker)
}
