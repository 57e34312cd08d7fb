//! Recording the result of a turn.

use std::sync::Arc;

use super::World;
use super::turn::{Continuation, Progress, Rest, Suspended, Turn};
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{CapturedMail, Detail, Noted, RecordKind, Trace, Weight};
use crate::protocol::{Event, Input, Reply, Status, TxnLog};
use crate::rule::{After, Plan, Run};

/// Which turn of its exchange this is.
pub(super) enum Which<'l> {
    /// The event, whether a part of the request arrived before the last reply was sent, and the input.
    First((Event, bool), Input),
    /// A later turn of this exchange, and the line that a rule awaited, if one did.
    Later(Seq, Option<&'l [u8]>),
}

impl World {
    /// Records a turn, and returns what the driver plays.
    pub(super) fn recorded<R>(
        &mut self,
        session: SessionNo,
        which: Which<'_>,
        rest: Continuation<R>,
        mut run: Box<Run>,
        Progress { notes, .. }: Progress,
        now: Timestamp,
    ) -> Turn<R> {
        let txn_log = self.mail.take_log();
        let after = if matches!(rest, Continuation::Done) { run.after() } else { After::Nothing };
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
        self.rulebook.fired_in(fired.iter(), exchange);
        let hello = run.hello().cloned();
        let script = if matches!(rest, Continuation::Done) { run.take_script() } else { None };
        for note in notes {
            self.journal.note(now, session, note);
        }
        let rest = match rest {
            Continuation::Done => Rest::Done,
            Continuation::Part(part) => Rest::Part(part, Some(run)),
            Continuation::Outside(need, decoded, next) => {
                Rest::Outside(need, Box::new(Suspended { decoded, next, run }))
            }
        };
        Turn { exchange, plan: Plan::of(cues, after), rest, hello, script }
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn record(
        &mut self,
        session: SessionNo,
        event: (Event, bool),
        input: &Input,
        reply: (&Reply, Option<Status>),
        mut txn_log: TxnLog,
        after: After,
        trace: Option<Box<Trace>>,
        now: Timestamp,
    ) -> Seq {
        let octets = match input {
            Input::LongLine { octets, .. } | Input::Body { octets, .. } | Input::Chunk { octets, .. } => Some(*octets),
            Input::Silence | Input::Line(_) | Input::Literals { .. } => None,
        };
        self.release_later(&mut txn_log, session);
        let (notes, delivered) = (std::mem::take(&mut txn_log.notes), self.delivered(&txn_log));
        let mut detail = detail(txn_log, octets, after == After::Close, trace);
        match (&mut detail.0, input) {
            (Some(detail), Input::Body { odd_dots, ends_bare, .. }) => {
                detail.odd_dots.clone_from(odd_dots);
                detail.ends_bare = *ends_bare;
            }
            (Some(detail), Input::Chunk { before, .. }) => detail.before = Some(*before),
            _ => {}
        }
        let exchange = self.journal.exchange(now, session, event, input, reply, detail);
        self.keep_bounds(now);
        self.tell_delivered(Some(session), delivered, exchange, now);
        self.note_all(session, notes, now);
        exchange
    }

    #[allow(clippy::too_many_arguments)]
    pub(super) fn record_part(
        &mut self,
        session: SessionNo,
        exchange: Seq,
        line: Option<&[u8]>,
        reply: (&Reply, Option<Status>),
        mut txn_log: TxnLog,
        after: After,
        trace: Option<Box<Trace>>,
        now: Timestamp,
    ) {
        self.release_later(&mut txn_log, session);
        let (notes, delivered) = (std::mem::take(&mut txn_log.notes), self.delivered(&txn_log));
        let detail = detail(txn_log, None, after == After::Close, trace);
        if detail.0.is_some() || !reply.0.is_empty() || line.is_some() {
            self.journal.part(now, session, exchange, line, reply, detail);
            self.keep_bounds(now);
        }
        self.tell_delivered(Some(session), delivered, exchange, now);
        self.note_all(session, notes, now);
    }

    /// Records what the server did by itself.
    fn note_all(&mut self, session: SessionNo, notes: Vec<String>, now: Timestamp) {
        for text in notes {
            let note = Noted { by: None, weight: Weight::Note, text };
            self.journal.note(now, session, RecordKind::Noted(Box::new(note)));
        }
    }
}

/// The details of an exchange and its captured messages; `None` for most exchanges.
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
