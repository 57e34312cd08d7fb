//! The turns of an exchange. Each evaluates the rules, performs and records in one critical section.

use std::cell::OnceCell;

use super::World;
use super::context::{About, EventContext};
use super::nobody::Nobody;
use super::record::Which;
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{CapturedMail, Noted, RecordKind, Weight};
use crate::mail::{Message, Origin};
use crate::protocol::{Decoded, Event, Input, Machine, MailTxn, Next, Outcome, Reply, Status, is_verb_of, masked};
use crate::rule::{After, Delivery, Given, Hello, Need, Plan, Playing, Run, Want};

/// The result of a turn, for the driver.
pub(crate) struct Turn<R> {
    /// The record of the exchange. The record that closes the exchange names it.
    pub(crate) exchange: Seq,
    pub(crate) plan: Plan,
    pub(crate) rest: Rest<R>,
    /// The answer to a ClientHello, if a rule chose one.
    pub(crate) hello: Option<Hello>,
    /// The script to which a rule hands the connection over after this turn.
    pub(crate) script: Option<Box<Playing>>,
}

/// The next turn of the same exchange.
pub(crate) enum Rest<R> {
    /// None: the exchange is finished.
    Done,
    /// Performs the rest of a long reply.
    Part(R, Option<Box<Run>>),
    /// Needs something from outside first.
    Outside(Need, Box<Suspended<R>>),
}

/// An exchange whose rule needs something from outside.
pub(crate) struct Suspended<R> {
    /// The request, if it is not performed yet.
    pub(crate) decoded: Option<Decoded<R>>,
    /// What follows the reply, if the request is performed.
    pub(super) next: Next<R>,
    pub(super) run: Box<Run>,
}

/// The result of a turn so far.
#[derive(Default)]
pub(super) struct Progress {
    /// To record after the exchange.
    pub(super) notes: Vec<RecordKind>,
}

/// How an exchange continues after a turn.
pub(super) enum Continuation<R> {
    Done,
    Part(R),
    Outside(Need, Option<Decoded<R>>, Next<R>),
}

impl World {
    /// The first turn of an exchange: evaluates the rules, performs the request and records the reply.
    pub(crate) fn turn<M: Machine>(
        &mut self,
        session: SessionNo,
        machine: &mut M,
        decoded: Decoded<M::Request>,
        is_early: bool,
        now: Timestamp,
    ) -> Turn<M::Request> {
        if decoded.event.is_greeting() {
            self.override_capabilities(session, machine);
        }
        if self.rulebook.concerns(decoded.event) {
            let (event, input) = (decoded.event, decoded.input.clone());
            let run = Box::new(Run::new(event, machine.framing(&decoded.request)));
            let (rest, run, progress) =
                self.go_on(session, machine, (Some(decoded), Next::Continue), run, is_early, now);
            return self.recorded(session, Which::First((event, is_early), input), rest, run, progress, now);
        }
        let Decoded { event, input, request } = decoded;
        let mut txn = MailTxn::new(&mut self.mail, Origin::Session(session), now);
        let Outcome { reply, status, next } = machine.perform(request, &mut txn);
        let txn_log = txn.close();
        let after = After::of(&next);
        let exchange = self.record(session, (event, is_early), &input, (&reply, status), txn_log, after, None, now);
        let rest = next.more().map_or(Rest::Done, |rest| Rest::Part(rest, None));
        Turn { exchange, plan: Plan::new(reply, after), rest, hello: None, script: None }
    }

    /// The next turn of an exchange whose reply has several parts.
    pub(crate) fn part<M: Machine>(
        &mut self,
        session: SessionNo,
        exchange: Seq,
        machine: &mut M,
        rest: M::Request,
        run: Option<Box<Run>>,
        now: Timestamp,
    ) -> Turn<M::Request> {
        let item = machine.item(&rest).filter(|item| self.rulebook.concerns(*item));
        let item = item.map(|item| (item, machine.framing(&rest)));
        let mut run = match (run, &item) {
            (Some(run), _) => run,
            (None, Some((item, framing))) => Box::new(Run::performing(*item, framing.clone())),
            (None, None) => {
                let mut txn = MailTxn::new(&mut self.mail, Origin::Session(session), now);
                let Outcome { reply, status, next } = machine.perform(rest, &mut txn);
                let txn_log = txn.close();
                let after = After::of(&next);
                self.record_part(session, exchange, None, (&reply, status), txn_log, after, None, now);
                let rest = next.more().map_or(Rest::Done, |rest| Rest::Part(rest, None));
                return Turn { exchange, plan: Plan::new(reply, after), rest, hello: None, script: None };
            }
        };
        match item {
            Some((item, framing)) => run.enter(item, framing),
            None => run.perform(),
        }
        let event = run.event();
        let decoded = Decoded::silent(event, rest);
        let (rest, run, progress) = self.go_on(session, machine, (Some(decoded), Next::Continue), run, false, now);
        self.recorded(session, Which::Later(exchange, None), rest, run, progress, now)
    }

    /// The next turn of an exchange, with what its rule needed from outside.
    pub(crate) fn resume<M: Machine>(
        &mut self,
        session: SessionNo,
        exchange: Seq,
        machine: &mut M,
        given: &Given,
        Suspended { decoded, next, mut run }: Suspended<M::Request>,
        now: Timestamp,
    ) -> Turn<M::Request> {
        let noted = run.give(given, &self.rulebook);
        let (rest, run, mut progress) = self.go_on(session, machine, (decoded, next), run, false, now);
        progress.notes.extend(noted);
        let line = match given {
            Given::Line(line) => Some(&line[..]),
            Given::Answer(_) | Given::Flight(..) => None,
        };
        self.recorded(session, Which::Later(exchange, line), rest, run, progress, now)
    }

    /// An event of a connection, which machines do not know. `None` if no rule is interested.
    pub(crate) fn point(&mut self, session: SessionNo, event: Event, now: Timestamp) -> Option<Turn<()>> {
        if !self.rulebook.concerns(event) {
            return None;
        }
        let decoded = Decoded::silent(event, ());
        Some(self.turn(session, &mut Nobody, decoded, false, now))
    }

    /// The next turn at such an event.
    pub(crate) fn resume_point(
        &mut self,
        session: SessionNo,
        exchange: Seq,
        given: &Given,
        suspended: Suspended<()>,
        now: Timestamp,
    ) -> Turn<()> {
        self.resume(session, exchange, &mut Nobody, given, suspended, now)
    }

    /// Records output without a request.
    pub(crate) fn say(&mut self, session: SessionNo, reply: &Reply, now: Timestamp) -> Seq {
        let nothing_done = (None, CapturedMail::default());
        self.journal.exchange(now, session, (Event::TcpSay, false), &Input::Silence, (reply, None), nothing_done)
    }

    /// Runs rules and machine until the turn is over.
    pub(super) fn go_on<M: Machine>(
        &mut self,
        session: SessionNo,
        machine: &mut M,
        (mut decoded, mut next): (Option<Decoded<M::Request>>, Next<M::Request>),
        mut run: Box<Run>,
        is_early: bool,
        now: Timestamp,
    ) -> (Continuation<M::Request>, Box<Run>, Progress) {
        let mut progress = Progress::default();
        let rest = loop {
            let cx = EventContext {
                machine: Some(&*machine),
                decoded: decoded.as_ref(),
                journal: &self.journal,
                accounts: &self.mail.accounts,
                about: About::Request,
                session: Some(session),
                record: None,
                sessions: self.sessions,
                start: self.start,
                now,
                is_early,
                answers: self.answers.as_deref(),
                given: &self.messages,
                messages: OnceCell::new(),
            };
            match run.step(&mut self.rulebook, &cx) {
                Want::Perform => {
                    run.remember(&cx);
                    if run.event() == Event::TlsHello {
                        // The server answers it without the lock.
                        break Continuation::Outside(Need::Flight, None, next);
                    }
                    let Some(Decoded { event, input, request }) = decoded.take() else { continue };
                    let request = chosen(machine, request, &mut run, &mut progress);
                    match self.perform(session, machine, (event, &input), request, &mut run, now) {
                        Next::More(rest) if !run.is_item() => break Continuation::Part(rest),
                        answered @ (Next::Continue | Next::More(_) | Next::Layer(_) | Next::End) => next = answered,
                    }
                }
                Want::Effect { effect, after, by } => {
                    let (machine, run_of) = (Some(&mut *machine), Some(&mut *run));
                    let found =
                        self.apply_effect(Some(session), machine, run_of, effect, (after, by), &mut progress, now);
                    run.did(found);
                }
                Want::Outside(need) => break Continuation::Outside(need, decoded.take(), next),
                Want::Over => {
                    if let Some(decoded) = decoded.take() {
                        next = machine.reject(decoded.request, run.status() == Some(Status::Positive));
                    }
                    if let Some(rest) = leave(&mut run, std::mem::replace(&mut next, Next::Continue)) {
                        break rest;
                    }
                }
            }
        };
        progress.notes.extend(run.take_failures());
        if run.event().is_greeting() {
            machine.greeted(&run.text());
        }
        (rest, run, progress)
    }

    /// Performs a request as rules chose. Returns what happens after the reply.
    fn perform<M: Machine>(
        &mut self,
        session: SessionNo,
        machine: &mut M,
        asked: (Event, &Input),
        request: M::Request,
        run: &mut Run,
        now: Timestamp,
    ) -> Next<M::Request> {
        let mut txn = MailTxn::new(&mut self.mail, Origin::Session(session), now);
        let delivery = run.take_delivery();
        txn.reroute(delivery.as_ref().map(Delivery::route));
        if run.is_item() {
            txn.give_single();
        }
        if run.refuses_login() {
            txn.refuse_logins();
        }
        let is_scripted = run.is_inside_of_script();
        machine.hold_updates(is_scripted);
        let Outcome { reply, status, next } = machine.perform(request, &mut txn);
        machine.hold_updates(false);
        if is_scripted && status == Some(Status::Negative) {
            self.refused(session, asked, &reply);
        }
        if let [Some(Some(user)), _] = self.mail.entered() {
            run.logged_in(&user);
        }
        if let Some(message) = self.mail.accepted().map(Message::no) {
            run.delivered();
            self.file_later(message, delivery, session);
            self.bounce_later(message, run.take_bounces(), session, now);
        }
        run.say(reply, status);
        next
    }
}

/// The request that is performed: the client's, or the one that a rule chose instead.
fn chosen<M: Machine>(machine: &mut M, own: M::Request, run: &mut Run, progress: &mut Progress) -> M::Request {
    let Some((line, rule)) = run.take_command() else { return own };
    let shown = shown(run.event(), &line);
    let (request, weight, text) = match machine.command(&own, &line) {
        Some(request) => {
            run.performed(&shown, &rule);
            (request, Weight::Note, format!("{shown:?} is performed instead of the client's request"))
        }
        None => {
            let why = "cannot be performed instead of the client's request: it is not complete in one line";
            (own, Weight::Failure, format!("{shown:?} {why}"))
        }
    };
    progress.notes.push(RecordKind::Noted(Box::new(Noted { by: Some(rule), weight, text })));
    request
}

/// A command that is performed instead of the request of this event, without passwords.
fn shown(event: Event, line: &[u8]) -> String {
    // It has no tag, and may be any command.
    let unknown = Event::SmtpUnknown;
    // A rule may have put a response of the login into it.
    let is_hidden = (event.is_login() || event.may_be_any()) && !is_verb_of(unknown, line);
    let shown = if is_hidden { b"***"[..].into() } else { masked(unknown, line) };
    String::from_utf8_lossy(&shown).into_owned()
}

/// Ends an item, or the whole exchange, after its rules. `None` if the exchange continues in the same turn.
fn leave<R>(run: &mut Run, next: Next<R>) -> Option<Continuation<R>> {
    let is_item = run.leave();
    if let Next::More(rest) = next {
        return Some(Continuation::Part(rest));
    }
    run.then(After::of(&next));
    (!is_item).then_some(Continuation::Done)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;

    use super::*;
    use crate::journal::Opened;
    use crate::mail::Namespace;
    use crate::rule::{On, Rule};

    #[test]
    fn positions_of_odd_dots_are_recorded_without_a_copy() {
        for has_rule in [false, true] {
            let mut world = World::new(Vec::new().into(), Namespace::default(), 1, None);
            let now = Timestamp::from_micros(0);
            if has_rule {
                world.mount(Arc::new(Rule::new("rule", vec![On::from(Event::SmtpMessage)], Vec::new(), "here")), now);
            }
            let address = (Ipv4Addr::LOCALHOST, 1).into();
            let session = world.open(
                Opened {
                    listener: crate::protocol::Listener::Smtp,
                    peer: address,
                    local: address,
                    offers_starttls: false,
                },
                now,
            );
            let odd_dots: Arc<[u32]> = [0, 3].into();
            let input = Input::Body { octets: 6, odd_dots: Some(Arc::clone(&odd_dots)), ends_bare: false };

            let turn =
                world.turn(session, &mut Nobody, Decoded { event: Event::SmtpMessage, input, request: () }, false, now);

            let Some(RecordKind::Exchange(exchange)) = world.journal.get(turn.exchange).map(|record| &record.kind)
            else {
                panic!("the exchange must be recorded")
            };
            let recorded = exchange.detail.as_ref().and_then(|detail| detail.odd_dots.as_ref());
            assert!(recorded.is_some_and(|its| Arc::ptr_eq(its, &odd_dots)), "with a rule: {has_rule}");
        }
    }
}
