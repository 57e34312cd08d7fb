//! The turns of an exchange: each asks the rules, performs, and records, in one critical section.

use std::cell::OnceCell;
use std::sync::Arc;

use super::World;
use super::context::{About, EventContext};
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{CapturedMail, Detail, RecordKind, Trace};
use crate::mail::{Message, Origin};
use crate::protocol::{
    Decoded, Event, Framing, Input, Machine, MailTxn, Next, Outcome, Reply, Status, TxnLog, Unfinished,
};
use crate::rule::{After, Delivery, Hello, Plan, Run, Want};

/// What a turn gives the driver.
pub(crate) struct Turn<R> {
    /// The record of the exchange; what closes it names it.
    pub(crate) exchange: Seq,
    pub(crate) plan: Plan,
    pub(crate) rest: Rest<R>,
    /// What answers a ClientHello, where that is what was asked.
    pub(crate) hello: Option<Hello>,
}

/// What the next turn of the same exchange is.
pub(crate) enum Rest<R> {
    /// There is none.
    Done,
    /// The rest of a long answer.
    Part(R, Option<Box<Run>>),
    /// The client's next line is heard first; the request, if it is not yet performed.
    Line(Box<(Option<Decoded<R>>, Box<Run>)>),
}

/// How rules and machine go on.
enum Going<R> {
    Done,
    Part(R),
    Line(Option<Decoded<R>>),
}

/// Which turn of its exchange it is.
enum Which<'l> {
    First(Event, Input),
    /// A later one, of this exchange; the line that was awaited, if one was.
    Later(Seq, Option<&'l [u8]>),
}

/// What rules and machine came to in one turn, and what is to be recorded of it.
#[derive(Default)]
pub(super) struct Progress {
    /// Recorded behind the exchange.
    pub(super) notes: Vec<RecordKind>,
}

impl World {
    /// The first turn of an exchange: the rulebook is asked, the request performed, the reply recorded.
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
            let (rest, run, progress) = self.go_on(session, machine, Some(decoded), run, is_early, now);
            return self.recorded(session, Which::First(event, input), rest, run, progress, now);
        }
        let Decoded { event, input, request } = decoded;
        let mut txn = MailTxn::new(&mut self.mail, Origin::Session(session), now);
        let Outcome { reply, status, next } = machine.perform(request, &mut txn);
        let txn_log = txn.close();
        let after = After::of(&next);
        let exchange = self.record(session, event, &input, (&reply, status), txn_log, after, None, now);
        let rest = next.more().map_or(Rest::Done, |rest| Rest::Part(rest, None));
        Turn { exchange, plan: Plan::new(reply, after), rest, hello: None }
    }

    /// The next turn of an exchange that is answered in parts.
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
        if run.is_none() && item.is_none() {
            let mut txn = MailTxn::new(&mut self.mail, Origin::Session(session), now);
            let Outcome { reply, status, next } = machine.perform(rest, &mut txn);
            let txn_log = txn.close();
            let after = After::of(&next);
            self.record_part(session, exchange, None, (&reply, status), txn_log, after, None, now);
            let rest = next.more().map_or(Rest::Done, |rest| Rest::Part(rest, None));
            return Turn { exchange, plan: Plan::new(reply, after), rest, hello: None };
        }
        let mut run = run.unwrap_or_else(|| Box::new(Run::performing(machine.framing(&rest))));
        if let Some(item) = item {
            run.enter(item);
        } else {
            run.perform();
        }
        let event = item.unwrap_or(run.event());
        let decoded = Decoded { event, input: Input::Silence, request: rest };
        let (rest, run, progress) = self.go_on(session, machine, Some(decoded), run, false, now);
        self.recorded(session, Which::Later(exchange, None), rest, run, progress, now)
    }

    /// A line came that a rule awaited.
    pub(crate) fn line<M: Machine>(
        &mut self,
        session: SessionNo,
        exchange: Seq,
        machine: &mut M,
        line: &[u8],
        (decoded, mut run): (Option<Decoded<M::Request>>, Box<Run>),
        now: Timestamp,
    ) -> Turn<M::Request> {
        let text = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line)).into_owned();
        let violation = run.heard(&text);
        let (rest, run, mut progress) = self.go_on(session, machine, decoded, run, false, now);
        progress.notes.extend(violation);
        self.recorded(session, Which::Later(exchange, Some(line)), rest, run, progress, now)
    }

    /// Something happened to a connection that no machine knows of. None where no rule is asked.
    pub(crate) fn point(
        &mut self,
        session: SessionNo,
        event: Event,
        sni: Option<&str>,
        now: Timestamp,
    ) -> Option<Turn<()>> {
        if !self.rulebook.concerns(event) {
            return None;
        }
        self.journal.told_name(session, sni);
        let decoded = Decoded { event, input: Input::Silence, request: () };
        Some(self.turn(session, &mut Nobody, decoded, false, now))
    }

    /// The server says something that no request asked for.
    pub(crate) fn say(&mut self, session: SessionNo, reply: &Reply, now: Timestamp) -> Seq {
        let nothing_done = (None, CapturedMail::default());
        self.journal.exchange(now, session, Event::TcpSay, &Input::Silence, (reply, None), nothing_done)
    }

    /// Rules and machine at work until the turn is over.
    fn go_on<M: Machine>(
        &mut self,
        session: SessionNo,
        machine: &mut M,
        mut decoded: Option<Decoded<M::Request>>,
        mut run: Box<Run>,
        is_early: bool,
        now: Timestamp,
    ) -> (Going<M::Request>, Box<Run>, Progress) {
        let mut progress = Progress::default();
        let mut next = Next::Continue;
        let certificate = self.profile_of(session).certificate.name();
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
                certificate,
                answers: self.answers.as_deref(),
                messages: OnceCell::new(),
            };
            match run.step(&mut self.rulebook, &cx) {
                Want::Perform => {
                    run.remember(&cx);
                    let Some(Decoded { request, .. }) = decoded.take() else { continue };
                    let mut txn = MailTxn::new(&mut self.mail, Origin::Session(session), now);
                    let delivery = run.take_delivery();
                    txn.reroute(delivery.as_ref().map(Delivery::route));
                    if run.is_item() {
                        txn.give_single();
                    }
                    let step = machine.perform(request, &mut txn);
                    if let (Some(user), _) = self.mail.entered() {
                        run.logged_in(&user);
                    }
                    if let Some(message) = self.mail.accepted().map(Message::no) {
                        run.delivered();
                        self.file_later(message, delivery, session);
                    }
                    run.say(step.reply, step.status);
                    match step.next {
                        Next::More(rest) if !run.is_item() => break Going::Part(rest),
                        other => next = other,
                    }
                }
                Want::Effect { effect, after, by } => {
                    let (machine, run_of) = (Some(&mut *machine), Some(&mut *run));
                    let found =
                        self.apply_effect(Some(session), machine, run_of, effect, (after, by), &mut progress, now);
                    run.did(found);
                }
                Want::Await => break Going::Line(decoded.take()),
                Want::Over => {
                    if let Some(decoded) = decoded.take() {
                        next = machine.reject(decoded.request, run.status() == Some(Status::Positive));
                    }
                    let is_item = run.leave();
                    match std::mem::replace(&mut next, Next::Continue) {
                        Next::More(rest) => break Going::Part(rest),
                        other if is_item => run.then(After::of(&other)),
                        other => {
                            run.then(After::of(&other));
                            break Going::Done;
                        }
                    }
                }
            }
        };
        if run.event().is_greeting() {
            machine.greeted(&run.text());
        }
        (rest, run, progress)
    }

    /// Records a turn, and gives the driver what it plays.
    fn recorded<R>(
        &mut self,
        session: SessionNo,
        which: Which<'_>,
        rest: Going<R>,
        mut run: Box<Run>,
        Progress { notes, .. }: Progress,
        now: Timestamp,
    ) -> Turn<R> {
        let txn_log = self.mail.take_log();
        let after = if matches!(rest, Going::Done) { run.after() } else { After::Nothing };
        let (cues, reply, status, trace) = run.take();
        let fired: Vec<_> = trace.fired.iter().map(|fired| Arc::clone(&fired.rule)).collect();
        let trace = (!trace.is_empty()).then(|| Box::new(trace));
        let exchange = match which {
            Which::First(event, input) => {
                self.record(session, event, &input, (&reply, status), txn_log, after, trace, now)
            }
            Which::Later(exchange, line) => {
                self.record_part(session, exchange, line, (&reply, status), txn_log, after, trace, now);
                exchange
            }
        };
        self.rulebook.place(exchange);
        for id in &fired {
            self.rulebook.fired_in(id, exchange);
        }
        let hello = run.hello().cloned();
        for note in notes {
            self.journal.note(now, session, note);
        }
        let rest = match rest {
            Going::Done => Rest::Done,
            Going::Part(part) => Rest::Part(part, Some(run)),
            Going::Line(decoded) => Rest::Line(Box::new((decoded, run))),
        };
        Turn { exchange, plan: Plan::of(cues, after), rest, hello }
    }

    #[allow(clippy::too_many_arguments)]
    fn record(
        &mut self,
        session: SessionNo,
        event: Event,
        input: &Input,
        reply: (&Reply, Option<Status>),
        txn_log: TxnLog,
        after: After,
        trace: Option<Box<Trace>>,
        now: Timestamp,
    ) -> Seq {
        let octets = match input {
            Input::LongLine { octets, .. } | Input::Body { octets, .. } => Some(*octets),
            Input::Silence | Input::Line(_) | Input::Literals { .. } => None,
        };
        let delivered = self.delivered(&txn_log);
        let mut detail = detail(txn_log, octets, after == After::Close, trace);
        if let (Some(detail), Input::Body { odd_dots, .. }) = (&mut detail.0, input) {
            detail.odd_dots = odd_dots.clone();
        }
        let exchange = self.journal.exchange(now, session, event, input, reply, detail);
        self.keep_bounds(now);
        self.tell_delivered(Some(session), delivered, exchange, now);
        exchange
    }

    #[allow(clippy::too_many_arguments)]
    fn record_part(
        &mut self,
        session: SessionNo,
        exchange: Seq,
        line: Option<&[u8]>,
        reply: (&Reply, Option<Status>),
        txn_log: TxnLog,
        after: After,
        trace: Option<Box<Trace>>,
        now: Timestamp,
    ) {
        let delivered = self.delivered(&txn_log);
        let detail = detail(txn_log, None, after == After::Close, trace);
        if detail.0.is_some() || !reply.0.is_empty() || line.is_some() {
            self.journal.part(now, session, exchange, line, reply, detail);
            self.keep_bounds(now);
        }
        self.tell_delivered(Some(session), delivered, exchange, now);
    }
}

/// What few exchanges have, and the messages that came with it; none for the others.
fn detail(
    txn_log: TxnLog,
    octets: Option<u64>,
    last: bool,
    trace: Option<Box<Trace>>,
) -> (Option<Box<Detail>>, CapturedMail) {
    if txn_log.is_empty() && octets.is_none() && !last && trace.is_none() {
        return (None, CapturedMail::default());
    }
    let (detail, came) = Detail::of(txn_log);
    (Some(Box::new(Detail { octets, last, trace, ..detail })), came)
}

/// Where no machine is: what happens to a connection, or follows from a change.
pub(super) struct Nobody;

impl Machine for Nobody {
    type Request = ();

    fn decode(&mut self, _input: &mut bytes::BytesMut) -> Option<Decoded<()>> {
        None
    }

    fn lapse(&mut self) -> Decoded<()> {
        Decoded { event: Event::TcpClose, input: Input::Silence, request: () }
    }

    fn stop(&mut self) -> Decoded<()> {
        self.lapse()
    }

    fn patience(&self) -> std::time::Duration {
        std::time::Duration::MAX
    }

    fn perform(&mut self, _request: (), _txn: &mut MailTxn<'_>) -> Outcome<()> {
        Outcome { reply: Reply::default(), status: None, next: Next::Continue }
    }

    fn framing(&self, _request: &()) -> Framing {
        Framing::Smtp
    }

    fn reject(&mut self, _request: (), _is_positive: bool) -> Next<()> {
        Next::Continue
    }

    fn secured(&mut self) {}

    fn unfinished(&self) -> Unfinished {
        Unfinished::default()
    }

    fn unfinished_octets(&self) -> [&[u8]; 2] {
        [&[], &[]]
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::journal::Opened;
    use crate::mail::Namespace;
    use crate::rule::{On, Rule};

    #[test]
    fn the_places_of_odd_dots_are_recorded_without_a_copy() {
        for has_rule in [false, true] {
            let mut world = World::new(Vec::new(), Namespace::default(), 1, None);
            let now = Timestamp::from_micros(0);
            if has_rule {
                world.mount(Arc::new(Rule::new("rule", vec![On::from(Event::SmtpMessage)], Vec::new(), "here")), now);
            }
            let address = (Ipv4Addr::LOCALHOST, 1).into();
            let session =
                world.open(Opened { listener: crate::protocol::Listener::Smtp, peer: address, local: address }, now);
            let odd_dots: Arc<[u32]> = [0, 3].into();
            let input = Input::Body { octets: 6, odd_dots: Some(Arc::clone(&odd_dots)) };

            let turn =
                world.turn(session, &mut Nobody, Decoded { event: Event::SmtpMessage, input, request: () }, false, now);

            let Some(RecordKind::Exchange(exchange)) = world.journal.get(turn.exchange).map(|record| &record.kind)
            else {
                panic!("the exchange is recorded")
            };
            let recorded = exchange.detail.as_ref().and_then(|detail| detail.odd_dots.as_ref());
            assert!(recorded.is_some_and(|its| Arc::ptr_eq(its, &odd_dots)), "with a rule: {has_rule}");
        }
    }
}
