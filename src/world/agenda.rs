//! What is to be done later, by server time.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::deed::noted;
use super::scene::About;
use super::turn::{Nobody, Progress};
use super::{SessionCommand, World};
use crate::base::{MessageNo, SessionNo, Timestamp};
use crate::journal::Weight;
use crate::mail::{Message, Origin};
use crate::protocol::{Desk, Destination, Event};
use crate::rule::{By, Deed, Rule, RuleNo};

/// What is due, in order.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    due: BTreeMap<(Timestamp, u64), Later>,
    next: u64,
    /// Something was put in, and whoever has the clock was not told yet.
    is_news: bool,
}

#[derive(Debug)]
pub(super) enum Later {
    Deed {
        deed: Deed,
        session: Option<SessionNo>,
        by: By,
    },
    /// A message that was accepted before is filed now.
    File {
        message: MessageNo,
        destination: Destination,
        session: SessionNo,
        by: By,
    },
    /// Rules wait for this moment.
    Ring,
}

impl Agenda {
    pub(super) fn put(&mut self, due: Timestamp, later: Later) {
        self.next += 1;
        self.due.insert((due, self.next), later);
        self.is_news = true;
    }

    /// When something is due next.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.due.keys().next().map(|(due, _)| *due)
    }

    /// Whether something was put in since this was asked before.
    pub(crate) fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
    }

    pub(crate) fn clear(&mut self) {
        self.due.clear();
    }

    /// What rules meant to do is not done any more; what was accepted is filed nevertheless.
    pub(super) fn forget_rules(&mut self) {
        self.due.retain(|_, later| matches!(later, Later::File { .. }));
    }

    fn ring(&mut self, at: Timestamp) {
        if !self.due.range((at, 0)..=(at, u64::MAX)).any(|(_, later)| matches!(later, Later::Ring)) {
            self.put(at, Later::Ring);
        }
    }
}

impl World {
    /// Puts a rule in force, outside of all others.
    pub(crate) fn mount(&mut self, rule: Arc<Rule>, now: Timestamp) -> RuleNo {
        self.ring_for(&rule, now);
        self.rulebook.mount(rule, now)
    }

    /// Puts a rule in the place of another, which keeps its number and loses its counts.
    pub(crate) fn replace(&mut self, no: RuleNo, rule: Arc<Rule>, now: Timestamp) -> bool {
        let replaced = self.rulebook.replace(no, Arc::clone(&rule), now);
        if replaced {
            self.ring_for(&rule, now);
        }
        replaced
    }

    /// The moments that the rules wait for, all of which came into force now.
    pub(super) fn ring_for_all(&mut self, now: Timestamp) {
        let rules: Vec<Arc<Rule>> = self.rulebook.rules().iter().map(|mounted| Arc::clone(&mounted.rule)).collect();
        rules.iter().for_each(|rule| self.ring_for(rule, now));
    }

    fn ring_for(&mut self, rule: &Rule, now: Timestamp) {
        for moment in rule.moments() {
            self.agenda.ring(now.plus(moment));
        }
    }

    /// The message that is filed first of what is due, if that is what is due first.
    pub(super) fn due_message(&self) -> Option<Message> {
        match self.agenda.due.first_key_value()? {
            (_, Later::File { message, .. }) => Some(self.journal.message(*message)?.message.clone()),
            (_, Later::Deed { .. } | Later::Ring) => None,
        }
    }

    /// Does the first of what is due, if something is.
    pub(crate) fn fall_due(&mut self, now: Timestamp) {
        let Some(first) = self.agenda.due.first_entry().filter(|first| first.key().0 <= now) else { return };
        let ((due, _), later) = first.remove_entry();
        let mut progress = Progress::default();
        let session = match later {
            Later::Deed { deed: Deed::Caps(offer), session, by } => {
                self.tell(session, SessionCommand::Offer(offer), &by);
                session
            }
            Later::Deed { deed, session, by } => {
                if !self.act(session, &mut Nobody, None, deed, &by, &mut progress, now) {
                    self.rulebook.missed_later(&by);
                }
                session
            }
            Later::File { message, destination, session, by } => {
                self.file(message, &destination, &by, &mut progress, now);
                Some(session)
            }
            Later::Ring => return self.follow(Event::Timer, None, About::Moment(due), self.journal.tip(), now),
        };
        self.settle(session, progress, now);
    }

    /// Files a message that was accepted before. Accounts that went with a scenario meanwhile do not come back for it.
    fn file(&mut self, no: MessageNo, destination: &Destination, by: &By, progress: &mut Progress, now: Timestamp) {
        let Some(message) = self.journal.message(no).map(|captured| captured.message.clone()) else {
            self.rulebook.missed_later(by);
            return progress.notes.push(noted(by, Weight::Note, format!("{no} is not filed: it is forgotten")));
        };
        let mut desk = Desk::new(&mut self.mail, Origin::Delivered, now);
        let logins = desk.addressees(destination, &message).into_iter();
        let (there, gone): (Vec<_>, Vec<_>) = logins.partition(|login| desk.accounts().known(login).is_some());
        desk.file_for(&there, destination, &message);
        if there.is_empty() {
            self.rulebook.missed_later(by);
        }
        if !gone.is_empty() {
            let text = format!("{no} is not filed for {}: there is no such account any longer", gone.join(", "));
            progress.notes.push(noted(by, Weight::Note, text));
        }
    }
}
