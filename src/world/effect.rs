//! What rules do to the world: at once, or when it is due.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::World;
use super::command::{EndCommand, SessionCommand};
use super::context::About;
use super::timers::TimerJob;
use super::turn::Progress;
use crate::base::{MessageNo, SessionNo, Timestamp};
use crate::journal::{Noted, RecordKind, Weight};
use crate::mail::{INBOX, MailboxId, Origin};
use crate::protocol::{Destination, Event, Listener, Machine, MailTxn, Reply};
use crate::rule::{By, Delivery, Effect, One, Rulebook, Run, Target, Tell, Variable, VariableValue};

impl World {
    /// A rule wants something done so much later. Gives whether that is possible.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn put_off(
        &mut self,
        session: Option<SessionNo>,
        run: Option<&mut Run>,
        effect: Effect,
        after: Duration,
        by: By,
        progress: &mut Progress,
        now: Timestamp,
    ) -> bool {
        let due = now.plus(after);
        let Effect::Redirect(target) = effect else {
            self.timers.put(due, TimerJob::Effect { effect, session, by });
            return true;
        };
        match destination(&MailTxn::new(&mut self.mail, Origin::Delivered, now), &target) {
            Ok(destination) => {
                route(run, Delivery::Later(due, destination, by));
                true
            }
            Err(why) => {
                progress.notes.push(impossible(&by, &why));
                false
            }
        }
    }

    /// A rule does something. Gives whether that was possible, and what it is about was there.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn apply_effect<M: Machine>(
        &mut self,
        session: Option<SessionNo>,
        machine: &mut M,
        mut run: Option<&mut Run>,
        effect: Effect,
        by: &By,
        progress: &mut Progress,
        now: Timestamp,
    ) -> bool {
        let rule = &by.rule;
        let (new_user, new_mailbox) = self.mail.entered();
        let mut txn = MailTxn::new(&mut self.mail, session.map_or(Origin::Delivered, Origin::Session), now);
        let place_of = |txn: &mut MailTxn<'_>, target: &Target| {
            let facts = session.and_then(|session| self.journal.session(session)).map(|log| log.facts());
            // What the client has just done is not recorded yet.
            let user = || new_user.as_deref().or(facts?.user.as_deref()).map(str::to_owned);
            let selected = || new_mailbox.clone().unwrap_or_else(|| facts?.mailbox.clone());
            let login = target.user.clone().or_else(user);
            let mailbox = target.mailbox.clone().or_else(selected).unwrap_or_else(|| "INBOX".into());
            let login = login.ok_or("nobody is logged in, and the step names no user")?;
            txn.mailbox_of(&login, &mailbox).map_err(|unfit| unfit.to_string())
        };
        let (mut told, mut command, mut found) = (None, None, true);
        let failed: Result<(), String> = match effect {
            Effect::Say(octets) => {
                command = Some(SessionCommand::Say(Reply::from(octets).by(rule)));
                Ok(())
            }
            Effect::End(end) => {
                command = Some(SessionCommand::End(EndCommand::Close(end)));
                Ok(())
            }
            Effect::Listen(down) => {
                self.down_until = Some(now.plus(down));
                Ok(())
            }
            // A session that is over has no variables any more.
            Effect::Set(mut set) => {
                let log = session.and_then(|session| self.journal.session(session));
                if log.is_none_or(|log| log.facts().ended.is_some()) {
                    set.retain(|(variable, _)| !variable.is_session);
                }
                if set.is_empty() {
                    return false;
                }
                let is_shared = set.iter().any(|(variable, _)| !variable.is_session);
                progress.notes.extend(assign(&mut self.rulebook, set, Some(rule), session));
                if is_shared {
                    self.follow(Event::StateChanged, session, About::Change, self.journal.tip(), now);
                    return true;
                }
                Ok(())
            }
            Effect::Lose => {
                route(run.as_deref_mut(), Delivery::Lost);
                Ok(())
            }
            Effect::Redirect(target) => destination(&txn, &target).map(|destination| {
                route(run.as_deref_mut(), Delivery::Into(destination));
            }),
            Effect::Deliver { target, message } => place_of(&mut txn, &target).and_then(|place| {
                let raw = self.messages.get(&message).ok_or(format!("there is no message `{message}`"))?;
                txn.deliver_into(place, raw.clone());
                Ok(())
            }),
            Effect::Expunge { target, one, tell } => place_of(&mut txn, &target).map(|place| {
                let uids = uids(&txn, place, one);
                found = !uids.is_empty();
                for uid in uids {
                    if tell == Tell::Never {
                        machine.conceal(place, uid);
                    }
                    txn.expunge(place, uid);
                }
                told = (tell == Tell::Now).then(|| machine.tell(&mut txn));
            }),
            Effect::Flag { target, one, add, remove, tell } => place_of(&mut txn, &target).and_then(|place| {
                let add = txn.flags(place, add.iter().map(|flag| &**flag)).ok_or("too many keywords")?;
                let remove = txn.flags(place, remove.iter().map(|flag| &**flag)).ok_or("too many keywords")?;
                let uids = uids(&txn, place, one);
                found = !uids.is_empty();
                for uid in uids {
                    if let Some(flags) = txn.mailbox(place).and_then(|its| its.entry(uid)).map(|entry| entry.flags) {
                        txn.flag(place, uid, flags.with(add).without(remove));
                    }
                }
                told = (tell == Tell::Now).then(|| machine.tell(&mut txn));
                Ok(())
            }),
            Effect::Mailbox { target, uid_validity, renumber } => place_of(&mut txn, &target).map(|place| {
                let now_is = txn.mailbox(place).map_or(0, |mailbox| mailbox.uid_validity);
                let validity = uid_validity.map_or(now_is, |change| change.of(now_is.into()) as u32);
                txn.renumber(place, validity, renumber.map(|how| how == crate::rule::Renumber::Reverse));
            }),
            Effect::Caps(offer) => {
                if let Some(mask) = machine.mask() {
                    mask.change(&offer);
                }
                Ok(())
            }
            Effect::Kick { user, protocol, reply } => {
                let is_meant = |log: &&crate::journal::SessionLog| {
                    let facts = log.facts();
                    let fits = protocol.is_none_or(|its| facts.listener.protocol() == its);
                    let its_user = new_user.as_deref().filter(|_| session == Some(log.no)).or(facts.user.as_deref());
                    let user_fits =
                        user.as_ref().is_none_or(|user| its_user.is_some_and(|its| user.matches_address(its)));
                    facts.ended.is_none() && fits && user_fits
                };
                let meant: Vec<_> = self.journal.sessions().filter(is_meant).map(|log| log.no).collect();
                found = !meant.is_empty();
                let goodbye = Reply::from(reply.unwrap_or_default()).by(rule);
                let kick = || SessionCommand::End(EndCommand::Kick(goodbye.clone()));
                self.commands.extend(meant.into_iter().map(|session| (session, kick(), None)));
                Ok(())
            }
            Effect::Note(text) => {
                progress.notes.push(noted(by, Weight::Note, text));
                Ok(())
            }
            Effect::Fail(text) => {
                progress.notes.push(noted(by, Weight::Failure, text));
                Ok(())
            }
        };
        if let Some(command) = command {
            self.tell(session, command, by);
        }
        if let Err(why) = failed {
            progress.notes.push(impossible(by, &why));
            found = false;
        }
        if let Some((run, told)) = run.zip(told) {
            run.add(told);
        }
        found
    }

    /// A test gives variables other values.
    pub(crate) fn set_state(&mut self, set: Vec<(Variable, VariableValue)>, now: Timestamp) {
        for note in assign(&mut self.rulebook, set, None, None) {
            self.journal.note_of(now, None, note);
        }
        self.follow(Event::StateChanged, None, About::Change, self.journal.tip(), now);
    }

    /// A message was accepted, and may be one that is filed later.
    pub(super) fn file_later(&mut self, message: MessageNo, delivery: Option<Delivery>, session: SessionNo) {
        if let Some(Delivery::Later(due, destination, by)) = delivery {
            self.timers.put(due, TimerJob::File { message, destination, session, by });
        }
    }

    /// A bug ended what was under way. What was done until then is recorded, and the world is used on.
    pub(crate) fn recover(&mut self, now: Timestamp) {
        self.depth = 0;
        self.answers = None;
        for txn_log in self.mail.take_unrecorded() {
            self.record_outside(txn_log, now);
        }
    }

    /// Something that was due ended in a bug, and is not done again.
    pub(crate) fn note_bug(&mut self, now: Timestamp) {
        let text = "a bug of mailjig ended something that was due; please report it";
        self.noted(Weight::Failure, text.to_owned(), now);
    }

    /// A listener that was closed for a time cannot be opened again.
    pub(crate) fn note_closed(&mut self, listener: Listener, address: SocketAddr, why: &io::Error, now: Timestamp) {
        let text = format!("{listener} stays closed for now: it cannot listen on {address} again: {why}");
        self.noted(Weight::Failure, text, now);
    }

    /// Records what was done outside of every exchange.
    pub(super) fn settle(&mut self, session: Option<SessionNo>, Progress { notes, .. }: Progress, now: Timestamp) {
        let txn_log = self.mail.take_log();
        let delivered = self.delivered(&txn_log);
        self.record_outside(txn_log, now);
        let cause = self.journal.tip();
        self.keep_bounds(now);
        for note in notes {
            self.journal.note_of(now, session, note);
        }
        self.tell_delivered(session, delivered, cause, now);
    }

    pub(super) fn tell(&mut self, session: Option<SessionNo>, command: SessionCommand, by: &By) {
        self.commands.extend(session.map(|session| (session, command, Some(by.clone()))));
    }
}

/// Gives variables other values. Gives what is to be recorded of that.
fn assign(
    book: &mut Rulebook,
    set: Vec<(Variable, VariableValue)>,
    by: Option<&Arc<str>>,
    session: Option<SessionNo>,
) -> Vec<RecordKind> {
    let notes = set.into_iter().map(|(variable, value)| {
        let scope = if variable.is_session { "session" } else { "state" };
        let text = format!("{scope}.{} = {}", variable.name, crate::rule::shown(&value.as_value()));
        book.variables.set(&variable, value, by.cloned(), session);
        RecordKind::Noted(Box::new(Noted { by: by.cloned(), weight: Weight::State, text }))
    });
    notes.collect()
}

/// Where a rule sends the message that is being accepted; fails with why that cannot be.
fn destination(txn: &MailTxn<'_>, Target { user, mailbox }: &Target) -> Result<Destination, String> {
    txn.destination(user.as_deref(), mailbox.as_deref().unwrap_or(INBOX)).map_err(|unfit| unfit.to_string())
}

/// The message that is accepted in this exchange goes that way.
fn route(run: Option<&mut Run>, delivery: Delivery) {
    if let Some(run) = run {
        run.deliver(delivery);
    }
}

pub(super) fn noted(by: &By, weight: Weight, text: String) -> RecordKind {
    RecordKind::Noted(Box::new(Noted { by: Some(Arc::clone(&by.rule)), weight, text }))
}

fn impossible(by: &By, why: &str) -> RecordKind {
    noted(by, Weight::Failure, format!("a step could not be done: {why}"))
}

fn uids(txn: &MailTxn<'_>, place: MailboxId, one: One) -> Vec<u32> {
    let Some(mailbox) = txn.mailbox(place) else { return Vec::new() };
    let entries = mailbox.entries();
    match one {
        One::All => entries.iter().map(|entry| entry.uid).collect(),
        One::Uid(uid) => entries.iter().filter(|entry| entry.uid == uid).map(|entry| entry.uid).collect(),
        One::Msn(msn) => entries.get((msn as usize).wrapping_sub(1)).map(|entry| entry.uid).into_iter().collect(),
    }
}
