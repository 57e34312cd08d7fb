//! Appends records to a journal, each with its text and its messages, and updates the views of them.

use std::borrow::Cow;
use std::ops::Range;
use std::time::Duration;

use super::record::{Label, Octets};
use super::{CapturedMail, Detail, Ended, Ending, Exchange, ExchangePart, Journal, Left, Opened, Record, RecordKind};
use super::{SessionLog, TextPlace, TlsOffer};
use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::mail::Message;
use crate::protocol::{Event, Input, Labelled, Recorded, Reply, Status, TxnLog, Unfinished, Written};

/// A record with its text and the messages that came with it.
pub(super) struct NewRecord<'a> {
    pub(super) record: Record,
    pub(super) heard: &'a [u8],
    pub(super) said: &'a [u8],
    pub(super) mail: CapturedMail,
}

impl Journal {
    /// Appends a record and updates every view: the only way into the journal, also when a log is read.
    pub(super) fn append(&mut self, new: NewRecord<'_>) -> Seq {
        let seq = self.records.next();
        #[cfg(all(test, feature = "serde"))]
        if let Some(log) = &mut self.log {
            log.write(seq, &new);
        }
        let NewRecord { record: Record { at, session, mut kind }, heard, said, mail } = new;
        mail.appended.into_iter().for_each(|message| self.messages.append(message));
        if let (RecordKind::Opened(opened), Some(no)) = (&kind, session) {
            self.sessions.push(SessionLog::new(no, seq, at, opened));
        }
        if let Some(log) = session.and_then(|no| self.sessions.get_mut(no)) {
            let was_leaving = log.is_leaving();
            log.record(seq, at, &mut kind, (heard, said));
            self.leaving = self.leaving + usize::from(log.is_leaving()) - usize::from(was_leaving);
        }
        let capturing = match &kind {
            RecordKind::Exchange(_) => {
                self.open += 1;
                Some(seq)
            }
            RecordKind::Part(part) => Some(part.exchange),
            RecordKind::Closed { exchange, .. } => {
                self.open -= 1;
                self.messages.reveal_of(*exchange, seq);
                None
            }
            RecordKind::Opened(_)
            | RecordKind::Cleartext { .. }
            | RecordKind::Secured(_)
            | RecordKind::Proxied(_)
            | RecordKind::Unsecured(_)
            | RecordKind::Ended(_)
            | RecordKind::Outside(_)
            | RecordKind::OAuth(_)
            | RecordKind::Noted(_) => None,
        };
        let record = Record { at, session, kind };
        #[cfg(feature = "api")]
        self.totals.record(&record, said, mail.accepted.as_ref());
        self.records.push(record);
        if let Some(message) = mail.accepted {
            self.messages.capture(message, capturing.unwrap_or(seq));
            if capturing.is_none() {
                // No client waits for a reply, so waits may see it at once.
                self.messages.reveal_of(seq, seq);
            }
        }
        seq
    }

    /// A session begins; its number is the next.
    pub(crate) fn open_session(&mut self, no: SessionNo, at: Timestamp, opened: Opened) {
        self.note(at, no, RecordKind::Opened(Box::new(opened)));
    }

    /// An exchange was performed: its request and its reply.
    pub(crate) fn exchange(
        &mut self,
        at: Timestamp,
        session: SessionNo,
        (event, is_early): (Event, bool),
        input: &Input,
        (reply, status): (&Reply, Option<Status>),
        (mut detail, mail): (Option<Box<Detail>>, CapturedMail),
    ) -> Seq {
        let (heard, mut labelled): (Cow<'_, [u8]>, _) = match input {
            Input::Line(line) | Input::LongLine { start: line, .. } | Input::Chunk { line, .. } => {
                (line[..].into(), Vec::new())
            }
            Input::Silence | Input::Body { .. } => (Cow::default(), Vec::new()),
            Input::Literals { text, messages } => recorded(text, messages, &mail.appended),
        };
        let (said, labels) = said(reply, heard.len(), &mut detail);
        labelled.extend(labels);
        self.label(&mut detail, labelled, (&heard, &said), &mail);
        let kind = RecordKind::Exchange(Exchange { event, is_early, status, text: TextPlace::default(), detail });
        let record = Record { at, session: Some(session), kind };
        self.append(NewRecord { record, heard: &heard, said: &said, mail })
    }

    /// More of the reply of an exchange, and the line that a rule awaited before it, if one did.
    pub(crate) fn part(
        &mut self,
        at: Timestamp,
        session: SessionNo,
        exchange: Seq,
        heard: Option<&[u8]>,
        (reply, status): (&Reply, Option<Status>),
        (mut detail, mail): (Option<Box<Detail>>, CapturedMail),
    ) {
        let (awaited, heard) = (heard.is_some(), heard.unwrap_or_default());
        let (said, labelled) = said(reply, heard.len(), &mut detail);
        self.label(&mut detail, labelled, (heard, &said), &mail);
        let part = ExchangePart { exchange, text: TextPlace::default(), awaited, status, detail };
        let kind = RecordKind::Part(Box::new(part));
        let record = Record { at, session: Some(session), kind };
        self.append(NewRecord { record, heard, said: &said, mail });
    }

    /// The reply of an exchange was sent, or as far as it ever will be. Returns the outcome of the exchange.
    pub(crate) fn close(&mut self, at: Timestamp, session: SessionNo, exchange: Seq, left: Left) -> &'static str {
        let outcome = self.sessions.get(session).and_then(|log| log.outcome(exchange, &left));
        self.note(at, session, RecordKind::Closed { exchange, left });
        outcome.unwrap_or("silent")
    }

    /// A session ended; `first` are the first octets of an incomplete request.
    pub(crate) fn end(
        &mut self,
        at: Timestamp,
        session: SessionNo,
        (ending, close): (Ending, Option<&str>),
        unfinished: u64,
        first: &[u8],
    ) {
        let close = close.map(Into::into);
        let kind = RecordKind::Ended(Box::new(Ended { ending, unfinished, close, text: TextPlace::default() }));
        let mail = CapturedMail::default();
        let record = Record { at, session: Some(session), kind };
        self.append(NewRecord { record, heard: first, said: &[], mail });
    }

    /// Something happened in a session that is not an exchange.
    pub(crate) fn note(&mut self, at: Timestamp, session: SessionNo, kind: RecordKind) -> Seq {
        self.note_of(at, Some(session), kind)
    }

    /// Like `note`, with or without a session.
    pub(crate) fn note_of(&mut self, at: Timestamp, session: Option<SessionNo>, kind: RecordKind) -> Seq {
        let mail = CapturedMail::default();
        let record = Record { at, session, kind };
        self.append(NewRecord { record, heard: &[], said: &[], mail })
    }

    /// A test changed mail from outside of every session.
    pub(crate) fn outside(&mut self, at: Timestamp, txn_log: TxnLog) -> Seq {
        let (detail, mail) = Detail::of(txn_log);
        let kind = RecordKind::Outside(Box::new(detail));
        let record = Record { at, session: None, kind };
        self.append(NewRecord { record, heard: &[], said: &[], mail })
    }

    /// What a client offers in its ClientHello. Not recorded.
    pub(crate) fn set_offered(&mut self, session: SessionNo, offered: TlsOffer) {
        if let Some(log) = self.sessions.get_mut(session) {
            log.offered = Some(Box::new(offered));
        }
    }

    /// Server time was set back by this much: open sessions keep their age and idle time. Not recorded.
    pub(crate) fn set_back(&mut self, by: Duration) {
        self.sessions.iter_mut().filter(|log| log.facts().ended.is_none()).for_each(|log| log.set_back(by));
    }

    /// A request was received in part. Not recorded.
    pub(crate) fn set_unfinished(&mut self, session: SessionNo, unfinished: Unfinished) {
        if let Some(log) = self.sessions.get_mut(session) {
            log.set_unfinished(unfinished);
        }
    }

    /// Puts labels into a record. A part of a message that the journal keeps is stored as its position in the message.
    fn label(
        &self,
        detail: &mut Option<Box<Detail>>,
        labelled: Vec<Labelled>,
        (heard, said): (&[u8], &[u8]),
        mail: &CapturedMail,
    ) {
        if labelled.is_empty() {
            return;
        }
        let text = |range: &Range<u32>| {
            let (start, end) = (range.start as usize, range.end as usize);
            heard.get(start..end).or_else(|| said.get(start.checked_sub(heard.len())?..end - heard.len()))
        };
        let message = |no| self.kept(no).or_else(|| mail.kept(no));
        let labels = labelled.into_iter().map(|Labelled { label, octets }| {
            let octets = match text(&label).and_then(named).and_then(message) {
                Some(message) => Octets::of(message, octets),
                None => Octets::Own(octets),
            };
            Label { label, octets }
        });
        detail.get_or_insert_default().labelled = labels.collect();
    }
}

/// Whether a label names a message.
pub(super) fn names_message(label: &[u8]) -> bool {
    named(label).is_some()
}

/// The message that a label names: `<m1>`, or `<m1[HEADER]>`.
fn named(label: &[u8]) -> Option<MessageNo> {
    let digits = label.strip_prefix(b"<m")?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    Some(MessageNo(std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?))
}

/// The text of a reply, and its labels by their positions after the client's text. Stores what rules wrote in `detail`.
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

/// A client's lines with a label instead of each message: its number, or its octets if it was not kept.
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
            None => out.extend_from_slice(format!("<{octets} octets, not recorded>").as_bytes()),
        }
    }
    out.extend_from_slice(&text[from..]);
    (out.into(), labelled)
}
