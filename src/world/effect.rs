//! What rules do to the world, now or later.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::World;
use super::command::{EndCommand, SessionCommand};
use super::context::About;
use super::timers::TimerJob;
use super::turn::Progress;
use crate::base::{MessageNo, Pattern, SessionNo, Timestamp};
use crate::journal::{Noted, RecordKind, SessionLog, Weight};
use crate::mail::{Bounce, INBOX, MailboxId, Message, Origin};
use crate::protocol::{CapabilityOverride, Event, Listener, Machine, MailTxn, Protocol, Reply, TxnLog};
use crate::rule::step::close::CloseMode;
use crate::rule::step::set::{Assign, Variable};
use crate::rule::{ApplyContext, By, Delivery, Effect, LateBounce, Rulebook, Run, Target, VariableValue};

/// Where a step is applied: in a session, by a rule, at a time.
pub(super) struct Applying<'a, M> {
    world: &'a mut World,
    session: Option<SessionNo>,
    /// `None` if a deferred step is due: the session's machine is with its driver.
    machine: Option<&'a mut M>,
    /// The current exchange, if there is one.
    run: Option<&'a mut Run>,
    by: &'a By,
    /// When the step is due, if it is deferred.
    due: Option<Timestamp>,
    progress: &'a mut Progress,
    now: Timestamp,
}

impl World {
    /// Applies a step of a rule, or defers it. Returns whether that was possible and its target exists.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn apply_effect<M: Machine>(
        &mut self,
        session: Option<SessionNo>,
        machine: Option<&mut M>,
        run: Option<&mut Run>,
        effect: Effect,
        (after, by): (Option<Duration>, By),
        progress: &mut Progress,
        now: Timestamp,
    ) -> bool {
        let due = after.map(|after| now.plus(after));
        if let Some(due) = due.filter(|_| !effect.is_about_accepted()) {
            self.timers.put(due, TimerJob::Effect { effect, session, by });
            return true;
        }
        let mut cx = Applying { world: self, session, machine, run, by: &by, due, progress, now };
        effect.apply(&mut cx).unwrap_or_else(|why| {
            progress.notes.push(impossible(&by, &why));
            false
        })
    }
}

impl<M: Machine> Applying<'_, M> {
    /// Queues a command for the session's driver.
    fn command(&mut self, command: SessionCommand) {
        self.world.tell(self.session, command, self.by);
    }

    /// Sets the delivery of the message being accepted in this exchange.
    fn route(&mut self, delivery: Delivery) {
        if let Some(run) = &mut self.run {
            run.deliver(delivery);
        }
    }
}

impl<M: Machine> ApplyContext for Applying<'_, M> {
    fn say(&mut self, reply: Reply) {
        self.command(SessionCommand::Say(reply.by(&self.by.rule)));
    }

    fn log_in(&mut self, login: &str) -> Result<(), String> {
        let origin = self.session.map_or(Origin::Delivered, Origin::Session);
        let mut txn = MailTxn::new(&mut self.world.mail, origin, self.now);
        let machine = self.machine.as_mut().ok_or("the session is at another request")?;
        let user = machine.log_in(login, &mut txn)?;
        if let Some(run) = &mut self.run {
            run.logged_in(&user);
        }
        // What a script accepted before was about this login.
        self.session.map(|session| self.world.refused.remove(&session));
        Ok(())
    }

    fn refuse_login(&mut self) {
        if let Some(run) = &mut self.run {
            run.refuse_login();
        }
    }

    fn end(&mut self, mode: CloseMode) {
        self.command(SessionCommand::End(EndCommand::Close(mode)));
    }

    fn end_sessions(&mut self, user: Option<&Pattern>, protocol: Option<Protocol>, goodbye: Vec<u8>) -> bool {
        let [new_user, _] = self.world.mail.entered();
        let is_meant = |log: &&SessionLog| {
            let facts = log.facts();
            let fits = protocol.is_none_or(|its| facts.listener.protocol() == its);
            // The current exchange is not recorded yet.
            let new_user = new_user.as_ref().filter(|_| self.session == Some(log.no));
            let its_user = new_user.unwrap_or(&facts.user).as_deref();
            let user_fits = user.is_none_or(|user| its_user.is_some_and(|its| user.matches_address(its)));
            facts.ended.is_none() && fits && user_fits
        };
        let meant: Vec<_> = self.world.journal.sessions().filter(is_meant).map(|log| log.no).collect();
        let goodbye = Reply::from(goodbye).by(&self.by.rule);
        let kick = || SessionCommand::End(EndCommand::Kick(goodbye.clone()));
        self.world.commands.extend(meant.iter().map(|session| (*session, kick(), None)));
        !meant.is_empty()
    }

    fn close_listeners(&mut self, span: Duration) {
        self.world.down_until = Some(self.now.plus(span));
    }

    fn assigned(&self, variable: &Variable, assign: &Assign, effect: &Effect) -> VariableValue {
        self.world.rulebook.variables.assigned(variable, assign, self.session, &|name| effect.named(name))
    }

    fn set(&mut self, mut set: Vec<(Variable, VariableValue)>) -> bool {
        // A session that has ended has no variables.
        let log = self.session.and_then(|session| self.world.journal.session(session));
        if log.is_none_or(|log| log.facts().ended.is_some()) {
            set.retain(|(variable, _)| !variable.is_session);
        }
        let is_any = !set.is_empty();
        let is_shared = set.iter().any(|(variable, _)| !variable.is_session);
        let notes = assign(&mut self.world.rulebook, set, Some(&self.by.rule), self.session);
        self.progress.notes.extend(notes);
        if is_shared {
            let cause = self.world.journal.tip();
            self.world.follow(Event::StateChanged, self.session, About::Change, cause, self.now);
        }
        is_any
    }

    fn bounce(&mut self, bounce: Bounce) {
        if let Some(run) = &mut self.run {
            run.bounce(LateBounce { due: self.due, bounce, by: self.by.clone() });
        }
    }

    fn lose(&mut self) {
        self.route(Delivery::Lost);
    }

    fn redirect(&mut self, user: Option<&str>, mailbox: &str) -> Result<(), String> {
        let destination = self.txn().destination(user, mailbox).map_err(|invalid| invalid.to_string())?;
        self.route(match self.due {
            Some(due) => Delivery::Later(due, destination, self.by.clone()),
            None => Delivery::Into(destination),
        });
        Ok(())
    }

    fn message(&self, name: &str) -> Option<Bytes> {
        self.world.messages.get(name).cloned()
    }

    fn mailbox(&mut self, target: &Target) -> Result<MailboxId, String> {
        let [new_user, new_mailbox] = self.world.mail.entered();
        let log = self.session.and_then(|session| self.world.journal.session(session));
        let facts = log.map(SessionLog::facts);
        // The current exchange is not recorded yet.
        let user = || new_user.clone().unwrap_or_else(|| facts?.user.clone()).map(String::from);
        let selected = || new_mailbox.clone().unwrap_or_else(|| facts?.mailbox.clone());
        let login = target.user.clone().or_else(user);
        let mailbox = target.mailbox.clone().or_else(selected).unwrap_or_else(|| INBOX.into());
        let login = login.ok_or("no user is logged in, and the step names none")?;
        self.txn().mailbox_of(&login, &mailbox).map_err(|invalid| invalid.to_string())
    }

    fn txn(&mut self) -> MailTxn<'_> {
        let origin = self.session.map_or(Origin::Delivered, Origin::Session);
        MailTxn::new(&mut self.world.mail, origin, self.now)
    }

    fn tell_changes(&mut self) {
        let origin = self.session.map_or(Origin::Delivered, Origin::Session);
        let mut txn = MailTxn::new(&mut self.world.mail, origin, self.now);
        if let Some((run, machine)) = self.run.as_mut().zip(self.machine.as_mut()) {
            run.add(machine.tell(&mut txn));
        }
    }

    fn conceal(&mut self, mailbox: MailboxId, uid: u32) {
        if let Some(machine) = &mut self.machine {
            machine.conceal(mailbox, uid);
        }
    }

    fn announce(&mut self, capabilities: &CapabilityOverride) {
        match &mut self.machine {
            Some(machine) => {
                if let Some(overrides) = machine.capability_overrides() {
                    overrides.change(capabilities);
                }
            }
            None => self.command(SessionCommand::CapabilityOverride(capabilities.clone())),
        }
    }

    fn note(&mut self, weight: Weight, text: String) {
        self.progress.notes.push(noted(Some(self.by), weight, text));
    }
}

impl World {
    /// Sets variables for a test.
    pub(crate) fn set_state(&mut self, set: Vec<(Variable, VariableValue)>, now: Timestamp) {
        for note in assign(&mut self.rulebook, set, None, None) {
            self.journal.note_of(now, None, note);
        }
        self.follow(Event::StateChanged, None, About::Change, self.journal.tip(), now);
    }

    /// A message was accepted; schedules its filing if a rule deferred it.
    pub(super) fn file_later(&mut self, message: MessageNo, delivery: Option<Delivery>, session: SessionNo) {
        if let Some(Delivery::Later(due, destination, by)) = delivery {
            self.timers.put(due, TimerJob::File { message, destination, session, by: Some(by) });
        }
    }

    /// Schedules the filing of a message that is held.
    pub(super) fn release_later(&mut self, txn_log: &mut TxnLog, session: SessionNo) {
        let Some((due, destination)) = txn_log.held.take() else { return };
        if let Some(message) = txn_log.accepted.as_ref().map(Message::no) {
            self.timers.put(due, TimerJob::File { message, destination, session, by: None });
        }
    }

    /// After a panic: records what was done before it. The world remains usable.
    pub(crate) fn recover(&mut self, now: Timestamp) {
        self.depth = 0;
        self.answers = None;
        for txn_log in self.mail.take_unrecorded() {
            self.record_outside(txn_log, now);
        }
    }

    /// Records that a panic ended a timer job, which is not repeated.
    pub(crate) fn note_bug(&mut self, now: Timestamp) {
        let text = "a bug in mailjig ended a step that was due; please report it";
        self.noted(Weight::Failure, text.to_owned(), now);
    }

    /// Records how the deliveries of a webhook fare.
    #[cfg(feature = "api")]
    pub(crate) fn note_webhook(&mut self, text: String, now: Timestamp) {
        self.noted(Weight::Webhook, text, now);
    }

    /// Records that a listener that was temporarily closed cannot be opened again.
    pub(crate) fn note_closed(&mut self, listener: Listener, address: SocketAddr, why: &io::Error, now: Timestamp) {
        let text = format!("{listener} stays closed for now: it cannot listen on {address} again: {why}");
        self.noted(Weight::Failure, text, now);
    }

    /// Records what was done outside of any exchange.
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

/// Sets variables. Returns what to record.
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

pub(super) fn noted(by: Option<&By>, weight: Weight, text: String) -> RecordKind {
    RecordKind::Noted(Box::new(Noted { by: by.map(|by| Arc::clone(&by.rule)), weight, text }))
}

fn impossible(by: &By, why: &str) -> RecordKind {
    noted(Some(by), Weight::Failure, format!("a step could not be executed: {why}"))
}
