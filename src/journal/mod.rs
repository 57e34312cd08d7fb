//! What happened: the append-only list of records, in one order, and what is folded from it: sessions, transcripts,
//! captured messages. Does not know who reads it.

mod ending;
mod record;
mod records;
mod session;
mod trace;
mod transcript;

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};

pub use ending::Ending;
pub(crate) use record::{Detail, Exchange, Kind, Left, Noted, Opened, Record, Weight};
use records::Records;
pub(crate) use session::Log;
pub use session::{Session, Tls};
pub(crate) use trace::{Fired, Trace};
pub use transcript::Transcript;

use crate::base::{MessageNo, Seq, SessionNo, Timestamp, fold_domain};
use crate::mail::Message;
use crate::protocol::{Event, Labelled, Reply, Status, Words};

/// A captured message and its place in the journal.
#[derive(Debug, Clone)]
pub(crate) struct Captured {
    pub(crate) message: Message,
    /// The record of the exchange that captured it.
    pub(crate) seq: Seq,
    /// The record that closed that exchange: its reply has left, or never will. What waits and cursors go by.
    pub(crate) closed: Option<Seq>,
}

/// The records of one server, and the views folded from them as they are appended.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Records,
    sessions: VecDeque<Log>,
    messages: VecDeque<Captured>,
    /// The messages whose exchange is closed, in the order of closing; and those accepted for each address.
    closed: VecDeque<MessageNo>,
    by_recipient: HashMap<Box<str>, VecDeque<MessageNo>>,
    /// The messages whose exchange is not closed yet.
    unclosed: Vec<MessageNo>,
    /// How many messages are no longer there.
    forgotten: u32,
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

/// A line and the reply that refused it.
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
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &Log> {
        self.sessions.iter()
    }

    pub(crate) fn session(&self, no: SessionNo) -> Option<&Log> {
        let at = self.sessions.binary_search_by_key(&no, |log| log.no).ok()?;
        self.sessions.get(at)
    }

    /// Every captured message that is still there, in the order of capture.
    pub(crate) fn messages(&self) -> &VecDeque<Captured> {
        &self.messages
    }

    pub(crate) fn message(&self, no: MessageNo) -> Option<&Captured> {
        self.place(no).map(|at| &self.messages[at])
    }

    /// The messages whose exchange was closed behind a cursor, in the order of closing; only those accepted for this
    /// very address, if one is given.
    pub(crate) fn closed_since(&self, cursor: Seq, address: Option<&str>) -> impl Iterator<Item = &Captured> {
        let numbers = match address {
            Some(address) => self.by_recipient.get(&*fold_domain(address)),
            None => Some(&self.closed),
        };
        let is_before = |no: &MessageNo| self.message(*no).is_some_and(|its| its.closed <= Some(cursor));
        let behind = numbers.map(|numbers| numbers.range(numbers.partition_point(is_before)..));
        behind.into_iter().flatten().filter_map(|no| self.message(*no))
    }

    /// The messages whose exchange is not closed yet, in the order of capture.
    pub(crate) fn unclosed(&self) -> impl Iterator<Item = &Captured> {
        self.unclosed.iter().filter_map(|no| self.message(*no))
    }

    /// How many messages were captured and are no longer here.
    pub(crate) fn forgotten(&self) -> u32 {
        self.forgotten
    }

    /// Whether nothing is under way: no exchange is open, and every session that said goodbye is gone.
    pub(crate) fn is_settled(&self) -> bool {
        self.open == 0 && self.leaving == 0
    }

    /// What a session's exchanges came to, in order.
    fn answers<'a>(&'a self, log: &'a Log) -> Vec<Answer<'a>> {
        let mut answers: Vec<Answer<'a>> = Vec::new();
        for seq in &log.records {
            match self.get(*seq).map(|record| &record.kind) {
                Some(Kind::Exchange(exchange)) => {
                    let said = (exchange.start.wrapping_add(exchange.heard), exchange.said);
                    answers.push(Answer { seq: *seq, exchange, status: exchange.status, said });
                }
                Some(Kind::Part { exchange, status: Some(status), start, heard, said, .. }) => {
                    if let Some(answer) = answers.iter_mut().rfind(|answer| answer.seq == *exchange) {
                        (answer.status, answer.said) = (Some(*status), (start.wrapping_add(*heard), *said));
                    }
                }
                _ => {}
            }
        }
        answers
    }

    /// How many requests of a session were refused.
    pub(crate) fn refusals(&self, log: &Log) -> usize {
        self.answers(log).iter().filter(|answer| answer.status == Some(Status::Negative)).count()
    }

    /// The lines of a session that were answered with a refusal.
    pub(crate) fn refused(&self, log: &Log) -> Vec<Refused> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().to_owned();
        let refused = self.answers(log).into_iter().filter(|answer| answer.status == Some(Status::Negative));
        let refused = refused.map(|Answer { exchange, said: (start, octets), .. }| {
            let heard = log.text(exchange.start, exchange.heard);
            let line = if heard.is_empty() { exchange.event.name().as_bytes() } else { heard };
            Refused { line: text(line), reply: text(log.text(start, octets)) }
        });
        refused.collect()
    }

    /// What became of the answer to a request, when so much of it left.
    pub(crate) fn outcome(&self, session: SessionNo, exchange: Seq, left: Left) -> &'static str {
        let Some(log) = self.session(session) else { return "silent" };
        let (mut octets, mut last, mut is_cut) = (0, None, matches!(left, Left::Part { .. }));
        for seq in log.records.iter().skip_while(|seq| **seq < exchange) {
            let (said, status, detail) = match self.get(*seq).map(|record| &record.kind) {
                Some(Kind::Exchange(its)) if *seq == exchange => (its.said, its.status, &its.detail),
                Some(Kind::Part { exchange: of, said, status, detail, .. }) if *of == exchange => {
                    (*said, *status, detail)
                }
                _ => continue,
            };
            octets += u64::from(said);
            last = status.or(last);
            is_cut |= detail.as_ref().and_then(|detail| detail.trace.as_ref()).is_some_and(|trace| trace.is_cut);
        }
        match left {
            Left::Stalled | Left::Part { octets: 0, .. } => "silent",
            _ if octets == 0 => "silent",
            _ if is_cut => "cut",
            _ if last == Some(Status::Negative) => "refused",
            _ => "ok",
        }
    }

    /// A session begins; its number is the next.
    pub(crate) fn open_session(&mut self, no: SessionNo, at: Timestamp, opened: Opened) {
        self.sessions.push_back(Log::new(no, at, &opened));
        self.append(at, Some(no), Kind::Opened(Box::new(opened)));
    }

    /// An exchange was performed: what was heard and what will be said.
    pub(crate) fn exchange(
        &mut self,
        at: Timestamp,
        session: SessionNo,
        event: Event,
        words: &Words,
        (reply, status): (&Reply, Option<Status>),
        mut detail: Option<Box<Detail>>,
    ) -> Seq {
        let (said, mut labels) = reply.recorded();
        let appended = detail.as_ref().map_or(&[][..], |detail| &detail.done.appended);
        let (heard, mut labelled): (Cow<'_, [u8]>, _) = match words {
            Words::Line(line) | Words::LongLine { start: line, .. } => (line[..].into(), Vec::new()),
            Words::Silence | Words::Body { .. } => (Cow::default(), Vec::new()),
            Words::Literals { text, messages } => recorded(text, messages, appended),
        };
        for label in &mut labels {
            label.label = label.label.start + heard.len() as u32..label.label.end + heard.len() as u32;
        }
        labelled.append(&mut labels);
        if !labelled.is_empty() {
            detail.get_or_insert_default().labelled = labelled;
        }
        let captured = detail.as_ref().and_then(|detail| detail.done.captured.clone());
        let Some(log) = self.log_mut(session) else { unreachable!("an exchange belongs to a session that is there") };
        let start = log.write(&heard, &said);
        log.owe();
        let leaves = detail.as_ref().is_some_and(|detail| log.learn(detail));
        self.leaving += usize::from(leaves);
        let exchange = Exchange { event, status, start, heard: heard.len() as u32, said: said.len() as u32, detail };
        self.open += 1;
        let seq = self.append(at, Some(session), Kind::Exchange(exchange));
        if let Some(message) = captured {
            self.capture(message, seq);
        }
        seq
    }

    /// More of an answer that is given in parts, and the line that was awaited before it.
    pub(crate) fn part(
        &mut self,
        at: Timestamp,
        session: SessionNo,
        exchange: Seq,
        heard: &[u8],
        (reply, status): (&Reply, Option<Status>),
        mut detail: Option<Box<Detail>>,
    ) {
        let (said, mut labelled) = reply.recorded();
        for label in &mut labelled {
            label.label = label.label.start + heard.len() as u32..label.label.end + heard.len() as u32;
        }
        if !labelled.is_empty() {
            detail.get_or_insert_default().labelled = labelled;
        }
        let Some(log) = self.log_mut(session) else { unreachable!("an exchange belongs to a session that is there") };
        let start = log.write(heard, &said);
        let leaves = detail.as_ref().is_some_and(|detail| log.learn(detail));
        self.leaving += usize::from(leaves);
        let (heard, said) = (heard.len() as u32, said.len() as u32);
        self.append(at, Some(session), Kind::Part { exchange, start, heard, said, status, detail });
    }

    /// The reply of an exchange has left, or as much of it as ever will.
    pub(crate) fn close(&mut self, at: Timestamp, session: SessionNo, exchange: Seq, left: Left) {
        self.open -= 1;
        if let Some(log) = self.log_mut(session) {
            log.pay();
        }
        let captured = match self.records.get(exchange) {
            Some(Record { kind: Kind::Exchange(Exchange { detail: Some(detail), .. }), .. }) => {
                detail.done.captured.as_ref().map(Message::no)
            }
            _ => None,
        };
        let closed = self.append(at, Some(session), Kind::Closed { exchange, left });
        if let Some(no) = captured {
            self.reveal(no, closed);
        }
    }

    /// The server name that a client asked for, before TLS is there.
    pub(crate) fn told_name(&mut self, session: SessionNo, sni: Option<&str>) {
        if let Some((log, sni)) = self.log_mut(session).zip(sni) {
            log.sni = Some(sni.into());
        }
    }

    /// Something happened in a session that is no exchange.
    pub(crate) fn note(&mut self, at: Timestamp, session: SessionNo, kind: Kind) -> Seq {
        if let Some(log) = self.log_mut(session) {
            log.fold(at, &kind);
            let left = log.is_leaving() && matches!(kind, Kind::Ended { .. });
            self.leaving -= usize::from(left);
        }
        self.append(at, Some(session), kind)
    }

    /// The same, where there may be no session.
    pub(crate) fn note_of(&mut self, at: Timestamp, session: Option<SessionNo>, kind: Kind) -> Seq {
        match session {
            Some(session) => self.note(at, session, kind),
            None => self.append(at, None, kind),
        }
    }

    /// A test changed mail from outside of every session.
    pub(crate) fn outside(&mut self, at: Timestamp, detail: Detail) -> Seq {
        let captured = detail.done.captured.clone();
        let seq = self.append(at, None, Kind::Outside(Box::new(detail)));
        if let Some(message) = captured {
            let no = message.no();
            self.capture(message, seq);
            self.reveal(no, seq);
        }
        seq
    }

    /// Forgets all messages up to this one, the records up to theirs, and the sessions that ended before.
    pub(crate) fn forget(&mut self, through: MessageNo) {
        let mut floor = Seq(0);
        while let Some(captured) = self.messages.front()
            && captured.message.no() <= through
        {
            floor = captured.seq;
            for address in captured.message.envelope().accepted() {
                let key = fold_domain(address);
                if let Some(numbers) = self.by_recipient.get_mut(&*key) {
                    numbers.retain(|no| *no > through);
                    if numbers.is_empty() {
                        self.by_recipient.remove(&*key);
                    }
                }
            }
            self.forgotten += 1;
            self.messages.pop_front();
        }
        self.closed.retain(|no| *no > through);
        self.unclosed.retain(|no| *no > through);
        self.raise_floor(floor);
    }

    /// Forgets the records up to this one, and the sessions that ended before.
    pub(crate) fn raise_floor(&mut self, floor: Seq) {
        let floor = self.records.raise_floor(floor);
        let records = &self.records;
        self.sessions.retain_mut(|log| {
            let kept = log.raise_floor(floor);
            let first = log.records.iter().find_map(|seq| match records.get(*seq)?.kind {
                Kind::Exchange(Exchange { start, .. }) => Some(start),
                _ => None,
            });
            if let Some(start) = first {
                log.drop_text(start);
            }
            kept
        });
    }

    /// Message numbers begin anew.
    pub(crate) fn renumber(&mut self) {
        debug_assert!(self.messages.is_empty(), "numbers begin anew where no message is left");
        self.forgotten = 0;
    }

    fn log_mut(&mut self, no: SessionNo) -> Option<&mut Log> {
        let at = self.sessions.binary_search_by_key(&no, |log| log.no).ok()?;
        self.sessions.get_mut(at)
    }

    fn capture(&mut self, message: Message, seq: Seq) {
        self.unclosed.push(message.no());
        self.messages.push_back(Captured { message, seq, closed: None });
    }

    /// From now on waits see this message, if it is still there.
    fn reveal(&mut self, no: MessageNo, closed: Seq) {
        let Some(captured) = self.place(no).map(|at| &mut self.messages[at]) else { return };
        captured.closed = Some(closed);
        self.closed.push_back(no);
        self.unclosed.retain(|its| *its != no);
        for address in captured.message.envelope().accepted() {
            let numbers = self.by_recipient.entry(fold_domain(address).into()).or_default();
            if numbers.back() != Some(&no) {
                numbers.push_back(no);
            }
        }
    }

    /// Numbers are in order, and not without gaps: what was never sent has numbers too.
    fn place(&self, no: MessageNo) -> Option<usize> {
        self.messages.binary_search_by_key(&no, |captured| captured.message.no()).ok()
    }

    fn append(&mut self, at: Timestamp, session: Option<SessionNo>, kind: Kind) -> Seq {
        let seq = self.records.push(Record { at, session, kind });
        if let Some(log) = session.and_then(|no| self.log_mut(no)) {
            log.records.push(seq);
        }
        seq
    }
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
