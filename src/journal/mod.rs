//! What happened: the append-only list of records, in one order, and what is folded from it: sessions, transcripts,
//! captured messages. Does not know who reads it.

mod credentials;
mod ending;
mod messages;
mod open_exchange;
mod record;
mod records;
mod seq_list;
mod session;
mod session_logs;
#[cfg(test)]
mod tests;
mod text;
mod trace;
mod transcript;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

pub use ending::Ending;
pub(crate) use messages::Captured;
use messages::Messages;
use open_exchange::OpenExchange;
pub(crate) use record::{
    CapturedMail, Detail, Ended, Exchange, ExchangePart, Left, Less, Noted, Opened, Record, RecordKind,
    UNFINISHED_KEPT, Weight,
};
use record::{Label, Octets};
use records::Records;
pub(crate) use seq_list::SeqList;
pub(crate) use session::{LISTENERS, SessionLog};
pub use session::{Session, Tls};
use session_logs::SessionLogs;
pub(crate) use trace::{Fired, Stalled, Trace};
pub use transcript::Transcript;

use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::mail::Message;
use crate::protocol::{Event, Input, Labelled, Recorded, Reply, Status, TxnLog, Unfinished, Written};

/// The records of one server, and the views folded from them as they are appended.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Records,
    sessions: SessionLogs,
    messages: Messages,
    /// Exchanges whose reply has neither left nor been lost.
    open: usize,
    /// Sessions in which goodbye was said and whose end is not yet recorded.
    leaving: usize,
}

/// An exchange and what the last part of its answer says.
struct Answer<'a> {
    seq: Seq,
    exchange: &'a Exchange,
    status: Option<Status>,
    /// Where that part stands in the session's text.
    said: (u32, u32),
}

/// A line, without its password, and the reply that refused it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) line: String,
    pub(crate) reply: String,
}

/// A cursor points below the floor: what came right behind it has been evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    /// The first record that is still there.
    pub(crate) first: Seq,
}

impl Journal {
    /// The place of the record appended last.
    pub(crate) fn tip(&self) -> Seq {
        self.records.tip()
    }

    /// How many records are there.
    pub(crate) fn len(&self) -> u64 {
        self.records.len()
    }

    /// The place of the last record that is no longer there.
    pub(crate) fn floor(&self) -> Seq {
        self.records.floor()
    }

    /// The records behind a cursor, in order.
    pub(crate) fn since(&self, cursor: Seq) -> Result<impl Iterator<Item = (Seq, &Record)>, Gone> {
        self.records.since(cursor)
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<&Record> {
        self.records.get(seq)
    }

    /// Every session that is still there, in the order of acceptance.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &SessionLog> {
        self.sessions.iter()
    }

    pub(crate) fn session(&self, no: SessionNo) -> Option<&SessionLog> {
        self.sessions.get(no)
    }

    /// Every captured message that is still there, in the order of capture.
    pub(crate) fn messages(&self) -> &VecDeque<Captured> {
        &self.messages.captured
    }

    pub(crate) fn message(&self, no: MessageNo) -> Option<&Captured> {
        self.messages.get(no)
    }

    /// The messages whose exchange was closed behind a cursor, in the order of closing; only those accepted for this
    /// very address, if one is given.
    pub(crate) fn closed_since(&self, cursor: Seq, address: Option<&str>) -> impl Iterator<Item = &Captured> {
        self.messages.closed_since(cursor, address)
    }

    /// The message whose exchange this record closed.
    pub(crate) fn closed_at(&self, closed: Seq) -> Option<&Message> {
        self.messages.closed_at(closed)
    }

    /// The messages whose exchange is not closed yet, in the order of capture.
    pub(crate) fn unclosed(&self) -> impl Iterator<Item = &Captured> {
        self.messages.unclosed()
    }

    /// How many messages were captured and are no longer here.
    pub(crate) fn forgotten(&self) -> u32 {
        self.messages.forgotten
    }

    /// Up to which message the oldest must go, captured or put into mailboxes, so that no more than these are kept;
    /// and how many that is.
    pub(crate) fn excess(&self, messages: usize, octets: u64) -> Option<(MessageNo, usize)> {
        self.messages.excess(messages, octets)
    }

    /// Whether there is more than that, of messages and of their octets.
    pub(crate) fn exceeds(&self, messages: usize, octets: u64) -> bool {
        self.messages.len() > messages || self.messages.octets() > octets
    }

    /// About how many octets the records take, with what was said in them.
    pub(crate) fn octets(&self) -> u64 {
        self.records.octets()
    }

    /// Whether nothing is under way: no exchange is open, and every session that said goodbye is gone.
    pub(crate) fn is_settled(&self) -> bool {
        self.open == 0 && self.leaving == 0
    }

    /// Whether goodbye was said in a session that is not over yet.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving > 0
    }

    /// What a session's exchanges came to, in order.
    fn answers<'a>(&'a self, log: &'a SessionLog) -> Vec<Answer<'a>> {
        let mut answers: Vec<Answer<'a>> = Vec::new();
        for seq in log.records.iter() {
            match self.get(seq).map(|record| &record.kind) {
                Some(RecordKind::Exchange(exchange)) => {
                    let said = (exchange.start.wrapping_add(exchange.heard), exchange.said);
                    answers.push(Answer { seq, exchange, status: exchange.status, said });
                }
                Some(RecordKind::Part(part)) if part.status.is_some() => {
                    if let Some(answer) = answers.iter_mut().rfind(|answer| answer.seq == part.exchange) {
                        (answer.status, answer.said) = (part.status, (part.start.wrapping_add(part.heard), part.said));
                    }
                }
                _ => {}
            }
        }
        answers
    }

    /// The lines of a session that were answered with a refusal.
    pub(crate) fn refused(&self, log: &SessionLog) -> Vec<Refused> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let refused = self.answers(log).into_iter().filter(|answer| answer.status == Some(Status::Negative));
        let refused = refused.map(|Answer { seq, exchange, said: (start, octets), .. }| {
            let (heard, said) = self.readable(log, (seq, exchange), log.text(start, octets));
            let line = match &*heard {
                [] => exchange.event.name().to_owned(),
                _ => text(&heard),
            };
            Refused { line, reply: text(&said) }
        });
        refused.collect()
    }

    /// A session begins; its number is the next.
    pub(crate) fn open_session(&mut self, no: SessionNo, at: Timestamp, opened: Opened) {
        self.sessions.push(SessionLog::new(no, self.records.next(), at, &opened));
        self.append(at, Some(no), RecordKind::Opened(Box::new(opened)));
    }

    /// An exchange was performed: what was heard and what will be said.
    pub(crate) fn exchange(
        &mut self,
        at: Timestamp,
        session: SessionNo,
        event: Event,
        input: &Input,
        (reply, status): (&Reply, Option<Status>),
        (mut detail, came): (Option<Box<Detail>>, CapturedMail),
    ) -> Seq {
        let (heard, mut labelled): (Cow<'_, [u8]>, _) = match input {
            Input::Line(line) | Input::LongLine { start: line, .. } => (line[..].into(), Vec::new()),
            Input::Silence | Input::Body { .. } => (Cow::default(), Vec::new()),
            Input::Literals { text, messages } => recorded(text, messages, &came.appended),
        };
        let (said, labels) = said(reply, heard.len(), &mut detail);
        labelled.extend(labels);
        came.appended.into_iter().for_each(|message| self.messages.append(message));
        if !labelled.is_empty() {
            detail.get_or_insert_default().labelled = self.labels(labelled, &heard, &said);
        }
        let seq = self.records.next();
        let mut open = OpenExchange::new(seq, event);
        open.say(said.len(), status, detail.as_deref());
        let Some(log) = self.sessions.get_mut(session) else { unreachable!("an exchange belongs to a session") };
        let start = log.write(&heard, &said);
        log.owe(open);
        log.record(seq, at);
        let leaves = detail.as_ref().is_some_and(|detail| log.learn(detail));
        self.leaving += usize::from(leaves);
        self.open += 1;
        let (heard, said) = (heard.len() as u32, said.len() as u32);
        let kind = RecordKind::Exchange(Exchange { event, status, start, heard, said, detail });
        self.records.push(Record { at, session: Some(session), kind });
        if let Some(message) = came.accepted {
            self.messages.capture(message, seq);
        }
        seq
    }

    /// More of an answer that is given in parts, and the line that was awaited before it.
    pub(crate) fn part(
        &mut self,
        at: Timestamp,
        session: SessionNo,
        exchange: Seq,
        heard: Option<&[u8]>,
        (reply, status): (&Reply, Option<Status>),
        (mut detail, came): (Option<Box<Detail>>, CapturedMail),
    ) {
        let (awaited, heard) = (heard.is_some(), heard.unwrap_or_default());
        let (said, labelled) = said(reply, heard.len(), &mut detail);
        came.appended.into_iter().for_each(|message| self.messages.append(message));
        if !labelled.is_empty() {
            detail.get_or_insert_default().labelled = self.labels(labelled, heard, &said);
        }
        let Some(log) = self.sessions.get_mut(session) else { unreachable!("an exchange belongs to a session") };
        log.say(exchange, said.len(), status, detail.as_deref());
        let start = log.write(heard, &said);
        log.record(self.records.next(), at);
        let leaves = detail.as_ref().is_some_and(|detail| log.learn(detail));
        self.leaving += usize::from(leaves);
        let (heard, said) = (heard.len() as u32, said.len() as u32);
        let kind = RecordKind::Part(Box::new(ExchangePart { exchange, start, heard, said, awaited, status, detail }));
        self.records.push(Record { at, session: Some(session), kind });
    }

    /// The reply of an exchange has left, or as much of it as ever will. Gives what became of the answer.
    pub(crate) fn close(&mut self, at: Timestamp, session: SessionNo, exchange: Seq, left: Left) -> &'static str {
        self.open -= 1;
        let seq = self.records.next();
        let open = self.sessions.get_mut(session).and_then(|log| {
            log.record(seq, at);
            log.pay(exchange)
        });
        let outcome = open.map_or("silent", |open| open.outcome(&left));
        self.records.push(Record { at, session: Some(session), kind: RecordKind::Closed { exchange, left } });
        if let Some(no) = self.messages.unclosed_of(exchange) {
            self.messages.reveal(no, seq);
        }
        outcome
    }

    /// The server name that a client asked for, before TLS is there.
    pub(crate) fn told_name(&mut self, session: SessionNo, sni: Option<&str>) {
        if let Some((log, sni)) = self.sessions.get_mut(session).zip(sni) {
            log.sni = Some(sni.into());
        }
    }

    /// Something happened in a session that is no exchange.
    pub(crate) fn note(&mut self, at: Timestamp, session: SessionNo, kind: RecordKind) -> Seq {
        if let Some(log) = self.sessions.get_mut(session) {
            log.fold(at, &kind);
            let left = log.is_leaving() && matches!(kind, RecordKind::Ended(_));
            self.leaving -= usize::from(left);
        }
        self.append(at, Some(session), kind)
    }

    /// Server time was set back by so much: sessions that last began and rested as long ago as they did.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.sessions.iter_mut().filter(|log| log.facts().ended.is_none()).for_each(|log| log.set_back(by));
    }

    /// A request was begun and is not complete. No record: it is of use only until more comes.
    pub(crate) fn came(&mut self, session: SessionNo, unfinished: Unfinished) {
        if let Some(log) = self.sessions.get_mut(session) {
            log.came(unfinished);
        }
    }

    /// A session is over; these are the first of the octets that were lost with it.
    pub(crate) fn end(&mut self, at: Timestamp, session: SessionNo, ending: Ending, unfinished: u64, first: &[u8]) {
        let log = self.sessions.get_mut(session).filter(|_| !first.is_empty());
        let start = log.map_or(0, |log| log.write(first, &[]));
        let kept = first.len() as u32;
        self.note(at, session, RecordKind::Ended(Box::new(Ended { ending, unfinished, start, kept })));
    }

    /// The same, where there may be no session.
    pub(crate) fn note_of(&mut self, at: Timestamp, session: Option<SessionNo>, kind: RecordKind) -> Seq {
        match session {
            Some(session) => self.note(at, session, kind),
            None => self.append(at, None, kind),
        }
    }

    /// A test changed mail from outside of every session.
    pub(crate) fn outside(&mut self, at: Timestamp, txn_log: TxnLog) -> Seq {
        let (detail, came) = Detail::of(txn_log);
        came.appended.into_iter().for_each(|message| self.messages.append(message));
        let seq = self.append(at, None, RecordKind::Outside(Box::new(detail)));
        if let Some(message) = came.accepted {
            let no = message.no();
            self.messages.capture(message, seq);
            self.messages.reveal(no, seq);
        }
        seq
    }

    /// Forgets all messages up to this one, the records up to theirs, and the sessions that ended before. Gives these
    /// messages, and the last place at which one of them was closed.
    pub(crate) fn forget(&mut self, through: MessageNo) -> (Vec<Message>, Seq) {
        let (forgotten, floor, closed) = self.messages.forget(through);
        self.raise_floor(floor);
        (forgotten, closed)
    }

    /// Forgets every record, every message that is in no mailbox, and the sessions that ended. Gives what was captured.
    pub(crate) fn clear(&mut self) -> VecDeque<Captured> {
        let captured = self.messages.clear();
        self.raise_floor(self.tip());
        self.sessions.shrink_to_fit();
        captured
    }

    /// Forgets the records up to this one, and the sessions that ended before.
    pub(crate) fn raise_floor(&mut self, floor: Seq) {
        let floor = self.records.raise_floor(floor);
        let records = &self.records;
        self.sessions.retain_begun(floor, |log| {
            let kept = log.raise_floor(floor);
            let first = log.records.iter().find_map(|seq| match records.get(seq)?.kind {
                RecordKind::Exchange(Exchange { start, .. }) => Some(start),
                RecordKind::Part(ref part) => Some(part.start),
                RecordKind::Ended(ref ended) if ended.kept > 0 => Some(ended.start),
                _ => None,
            });
            log.drop_text(first);
            kept
        });
    }

    /// Forgets the oldest records until they take no more than this.
    pub(crate) fn shrink(&mut self, octets: u64) {
        self.raise_floor(self.records.floor_for(octets));
    }

    /// Message numbers begin anew.
    pub(crate) fn renumber(&mut self) {
        debug_assert!(self.messages.captured.is_empty(), "numbers begin anew where no message is left");
        self.messages = Messages::default();
    }

    /// Labels for a record, which holds no message: what is a part of one is found in it for as long as it is there.
    fn labels(&self, labelled: Vec<Labelled>, heard: &[u8], said: &[u8]) -> Box<[Label]> {
        let text = |range: &Range<u32>| {
            let (start, end) = (range.start as usize, range.end as usize);
            heard.get(start..end).or_else(|| said.get(start.checked_sub(heard.len())?..end - heard.len()))
        };
        let label = |Labelled { label, octets }| {
            let message = text(&label).and_then(named).and_then(|no| self.messages.any(no));
            Label { label, octets: message.map_or(Octets::Own(octets.clone()), |message| Octets::of(message, octets)) }
        };
        labelled.into_iter().map(label).collect()
    }

    fn append(&mut self, at: Timestamp, session: Option<SessionNo>, kind: RecordKind) -> Seq {
        let seq = self.records.push(Record { at, session, kind });
        if let Some(log) = session.and_then(|no| self.sessions.get_mut(no)) {
            log.record(seq, at);
        }
        seq
    }
}

/// The message that a label names: `<m1>`, or `<m1[HEADER]>`.
fn named(label: &[u8]) -> Option<MessageNo> {
    let digits = label.strip_prefix(b"<m")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    Some(MessageNo(std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?))
}

/// The text of a reply behind what was heard, and the labels in it; who wrote what is kept.
fn said<'r>(reply: &'r Reply, heard: usize, detail: &mut Option<Box<Detail>>) -> (Cow<'r, [u8]>, Vec<Labelled>) {
    let Recorded { text, mut labelled, written } = reply.recorded();
    let heard = heard as u32;
    let behind = |range: &Range<u32>| range.start + heard..range.end + heard;
    labelled.iter_mut().for_each(|its| its.label = behind(&its.label));
    if !written.is_empty() {
        let written = written.into_iter().map(|its| Written { range: behind(&its.range), ..its });
        detail.get_or_insert_default().trace.get_or_insert_default().written = written.collect();
    }
    (text, labelled)
}

/// A client's lines with a label in the place of each message: its number where it was kept, else its octets.
fn recorded<'t>(text: &'t [u8], messages: &[(usize, u64)], kept: &[Message]) -> (Cow<'t, [u8]>, Vec<Labelled>) {
    let (mut out, mut labelled, mut from) = (Vec::new(), Vec::new(), 0);
    for (i, (at, octets)) in messages.iter().enumerate() {
        out.extend_from_slice(&text[from..*at]);
        from = *at;
        let start = out.len() as u32;
        match kept.get(i) {
            Some(message) => {
                out.extend_from_slice(format!("<{}>", message.no()).as_bytes());
                labelled.push(Labelled { label: start..out.len() as u32, octets: message.raw().clone() });
            }
            None => out.extend_from_slice(format!("<{octets} octets, not kept>").as_bytes()),
        }
    }
    out.extend_from_slice(&text[from..]);
    (out.into(), labelled)
}
