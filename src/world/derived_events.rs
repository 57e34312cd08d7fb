//! Events caused by changes and times: a message is delivered, a variable is set, a time has come.

use std::cell::OnceCell;

use super::World;
use super::context::{About, Delivered, EventContext};
use super::nobody::Nobody;
use super::turn::Progress;
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{Noted, RecordKind, Weight};
use crate::mail::Change;
use crate::protocol::{Decoded, Event, Framing, TxnLog};
use crate::rule::{Run, Want};

/// Maximum nesting of events that cause events.
const DEEPEST: u8 = 8;

impl World {
    /// The messages that were delivered, if a rule is interested.
    pub(super) fn delivered(&self, txn_log: &TxnLog) -> Vec<Delivered> {
        if !self.rulebook.concerns(Event::MailDelivered) {
            return Vec::new();
        }
        let filed = txn_log.changes.iter().filter_map(|change| {
            let Change::File { place, uid, message, is_delivery: true, .. } = change else { return None };
            let account = self.mail.accounts.account(place.account)?;
            let mailbox = account.mailbox(place.mailbox)?.name.clone();
            // A message that is filed later was captured earlier.
            let message = txn_log.message(*message).or_else(|| self.journal.kept(*message))?.clone();
            Some(Delivered { message, login: account.login.clone(), mailbox, uid: *uid })
        });
        filed.collect()
    }

    /// Evaluates the rules for each delivered message. `cause` is the record of what delivered it.
    pub(super) fn tell_delivered(
        &mut self,
        session: Option<SessionNo>,
        delivered: Vec<Delivered>,
        cause: Seq,
        now: Timestamp,
    ) {
        for delivered in delivered {
            self.follow(Event::MailDelivered, session, About::Delivery(&delivered), cause, now);
        }
    }

    /// Evaluates the rules for an event caused by a change. `cause` is the record of the change, or the record before
    /// it if the change belongs to an exchange that is not recorded yet. Such an event has no client, so there is
    /// nothing to perform or to send.
    pub(super) fn follow(
        &mut self,
        event: Event,
        session: Option<SessionNo>,
        about: About<'_>,
        cause: Seq,
        now: Timestamp,
    ) {
        if !self.rulebook.concerns(event) {
            return;
        }
        self.mail.suspend();
        let mut progress = Progress::default();
        if self.depth == DEEPEST {
            let text = format!("events caused each other more than {DEEPEST} levels deep");
            progress.notes.push(RecordKind::Noted(Box::new(Noted { by: None, weight: Weight::Failure, text })));
        } else {
            self.depth += 1;
            self.ask_rules_about(event, session, about, cause, &mut progress, now);
            self.depth -= 1;
        }
        self.settle(session, progress, now);
        self.mail.resume();
    }

    /// Evaluates the rules, and executes their steps.
    fn ask_rules_about(
        &mut self,
        event: Event,
        session: Option<SessionNo>,
        about: About<'_>,
        cause: Seq,
        progress: &mut Progress,
        now: Timestamp,
    ) {
        let is_read = match about {
            About::Delivery(delivered) => {
                self.answers.as_ref().is_some_and(|answers| answers.are_about(&delivered.message))
            }
            About::Request | About::Change | About::Moment(_) => false,
        };
        let decoded = Decoded::silent(event, ());
        let mut run = Run::new(event, Framing::Smtp);
        loop {
            let cx = EventContext::<Nobody> {
                machine: None,
                decoded: Some(&decoded),
                journal: &self.journal,
                accounts: &self.mail.accounts,
                about,
                session,
                record: Some(cause),
                sessions: self.sessions,
                start: self.start,
                now,
                is_early: false,
                answers: self.answers.as_deref().filter(|_| is_read),
                given: &self.messages,
                messages: OnceCell::new(),
            };
            match run.step(&mut self.rulebook, &cx) {
                Want::Perform => {}
                Want::Effect { mut effect, after, by } => {
                    if let About::Delivery(delivered) = about {
                        effect.about(&delivered.login, &delivered.mailbox);
                    }
                    let machine = Some(&mut Nobody);
                    let found = self.apply_effect(session, machine, None, effect, (after, by), progress, now);
                    run.did(found);
                }
                Want::Outside(_) | Want::Over => break,
            }
        }
        self.rulebook.fired_in(run.take().3.fired.iter().map(|fired| &fired.rule), cause);
    }
}
