//! The journal as lines of text that can be stored: a line for each record, with its text and the messages that came
//! with it.
//!
//! A line is a checksum and JSON. The first line is that of the first record, or of a reset. Any prefix of the lines is
//! a complete log of an earlier time.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use bytes::Bytes;
use md5::{Digest, Md5};
use serde::{Deserialize, Serialize};

use super::append::NewRecord;
use super::{CapturedMail, Detail, Journal, Record, RecordKind};
use crate::base::{MessageNo, Seq, SessionNo, Timestamp, base64};
use crate::mail::{
    Accounts, Change, Envelope, Forwarded, InvalidChange, Message, Origin, Parameter, Parameters, Recipient, Sender,
    Verdict,
};

/// The content of a line. `R` is a record, or a reference to one.
#[derive(Serialize, Deserialize)]
struct Line<'t, R> {
    seq: Seq,
    record: R,
    #[serde(with = "base64")]
    heard: Cow<'t, [u8]>,
    #[serde(with = "base64")]
    said: Cow<'t, [u8]>,
    messages: Vec<StoredMessage>,
}

/// A message; its octets are shared, not copied, until they are written.
#[derive(Serialize, Deserialize)]
struct StoredMessage {
    no: MessageNo,
    origin: Origin,
    received: Timestamp,
    /// `None` for a message that was not sent.
    envelope: Option<StoredEnvelope>,
    #[serde(with = "base64")]
    raw: Bytes,
}

#[derive(Serialize, Deserialize)]
struct StoredEnvelope {
    from: StoredPath,
    /// Each with the reply that refused it, if there was one.
    recipients: Vec<(StoredPath, Option<Box<str>>)>,
    forwarded: Option<Box<Forwarded>>,
}

/// An address and its parameters.
type StoredPath = (Box<str>, Vec<Parameter>);

/// Makes a line of each record as it is appended.
#[derive(Debug, Default)]
pub(crate) struct LogWriter {
    pub(crate) lines: Vec<String>,
}

impl LogWriter {
    pub(super) fn write(&mut self, seq: Seq, new: &NewRecord<'_>) {
        let NewRecord { record, heard, said, mail } = new;
        let messages = mail.accepted.iter().chain(&mail.appended).map(StoredMessage::from).collect();
        let line = Line { seq, record, heard: (*heard).into(), said: (*said).into(), messages };
        let json = serde_json::to_string(&line).expect("every record can be serialized as JSON");
        self.lines.push(format!("{} {json}", checksum(&json)));
    }
}

fn checksum(json: &str) -> String {
    data_encoding::HEXLOWER.encode(&Md5::digest(json))
}

/// Why a log cannot be read further, and at which record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LogError {
    /// The expected record.
    pub(crate) record: Seq,
    pub(crate) problem: LogProblem,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum LogProblem {
    /// The line does not have a checksum and a record.
    Unreadable(String),
    /// The line was altered, or its end is missing.
    Checksum { written: String, computed: String },
    /// The line has another record.
    Seq(Seq),
    /// The record belongs to a session that was not opened, or has ended.
    Session(SessionNo),
    /// The record opens a session whose number is not higher than the earlier ones.
    SessionNo(SessionNo),
    /// The record must belong to a session, and names none.
    NoSession,
    /// The record belongs to an exchange that is not open in its session.
    Exchange(Seq),
    /// The record has a message that an earlier record had.
    MessageNo(MessageNo),
    /// The record has a message whose envelope has no accepted recipient.
    Envelope(MessageNo),
    /// The record names a captured message that did not come with it.
    Captured(MessageNo),
    /// A label or the range of a rule's text is outside of the text.
    Range(Range<u32>),
    /// A change does not fit the state so far.
    Change(InvalidChange),
}

impl std::error::Error for LogError {}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.record, self.problem)
    }
}

impl fmt::Display for LogProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => write!(f, "the line cannot be read: {why}"),
            Self::Checksum { written, computed } => {
                write!(f, "the line is damaged or incomplete: its checksum is {computed}, not {written}")
            }
            Self::Seq(found) => write!(f, "found record {found} instead"),
            Self::Session(no) => write!(f, "it belongs to session {no}, which is not open"),
            Self::SessionNo(no) => {
                write!(f, "it opens session {no}, but a session with this number or a higher one exists")
            }
            Self::NoSession => f.write_str("it must belong to a session, but names none"),
            Self::Exchange(exchange) => {
                write!(f, "it belongs to exchange {exchange}, which is not open in its session")
            }
            Self::MessageNo(no) => write!(f, "message {no} came before"),
            Self::Envelope(no) => write!(f, "the envelope of message {no} has no accepted recipient"),
            Self::Captured(no) => write!(f, "it captured message {no}, which is not in the line"),
            Self::Range(Range { start, end }) => write!(f, "its text has no octets {start} to {end}"),
            Self::Change(invalid) => write!(f, "a change in it is not possible: {invalid}"),
        }
    }
}

/// Folds a log: the journal and the accounts as they were when its last line was written.
#[derive(Debug)]
pub(crate) struct LogReader {
    pub(crate) journal: Journal,
    pub(crate) accounts: Accounts,
    /// Later changes may file any of them again.
    messages: HashMap<MessageNo, Message>,
}

impl LogReader {
    /// Begins with the accounts with which the server started.
    pub(crate) fn new(accounts: Accounts) -> Self {
        Self { journal: Journal::default(), accounts, messages: HashMap::new() }
    }

    /// Reads the next line.
    pub(crate) fn read(&mut self, line: &str) -> Result<Seq, LogError> {
        let next = Seq(self.journal.tip().0 + 1);
        let failed = |problem| LogError { record: next, problem };
        let Line { seq, record, heard, said, messages } = parse(line).map_err(failed)?;
        if seq != next {
            return Err(failed(LogProblem::Seq(seq)));
        }
        self.check(&record).map_err(failed)?;
        check_ranges(&record, heard.len() + said.len()).map_err(failed)?;
        let mail = self.receive(messages, &record).map_err(failed)?;
        let is_reset = self.apply(&record).map_err(|invalid| failed(LogProblem::Change(invalid)))?;
        self.journal.append(NewRecord { record, heard: &heard, said: &said, mail });
        if is_reset {
            self.messages.clear();
            self.journal.clear();
            self.journal.renumber();
        }
        Ok(seq)
    }

    /// Whether the record may be the next one.
    fn check(&self, record: &Record) -> Result<(), LogProblem> {
        let session = || {
            let no = record.session.ok_or(LogProblem::NoSession)?;
            let log = self.journal.session(no).filter(|log| log.facts().ended.is_none());
            log.ok_or(LogProblem::Session(no))
        };
        let exchange = |seq| match session()?.is_open(seq) {
            true => Ok(()),
            false => Err(LogProblem::Exchange(seq)),
        };
        match &record.kind {
            RecordKind::Opened(_) => {
                let no = record.session.ok_or(LogProblem::NoSession)?;
                match self.journal.sessions().last() {
                    Some(last) if last.no >= no => Err(LogProblem::SessionNo(no)),
                    _ => Ok(()),
                }
            }
            RecordKind::Part(part) => exchange(part.exchange),
            RecordKind::Closed { exchange: seq, .. } => exchange(*seq),
            RecordKind::Exchange(_)
            | RecordKind::Cleartext { .. }
            | RecordKind::Secured(_)
            | RecordKind::Proxied(_)
            | RecordKind::Unsecured(_)
            | RecordKind::Ended(_) => session().map(|_| ()),
            // A rule may write a note about a session that has ended.
            RecordKind::Outside(_) | RecordKind::OAuth(_) | RecordKind::Noted(_) => Ok(()),
        }
    }

    /// The messages that came with a record.
    fn receive(&mut self, stored: Vec<StoredMessage>, record: &Record) -> Result<CapturedMail, LogProblem> {
        let captured = record.kind.detail().and_then(|detail| detail.captured);
        let mut mail = CapturedMail::default();
        for stored in stored {
            let no = stored.no;
            let message = stored.message()?;
            if self.messages.insert(no, message.clone()).is_some() {
                return Err(LogProblem::MessageNo(no));
            }
            if captured == Some(no) {
                mail.accepted = Some(message);
            } else {
                mail.appended.push(message);
            }
        }
        match captured {
            Some(no) if mail.accepted.is_none() => Err(LogProblem::Captured(no)),
            _ => Ok(mail),
        }
    }

    /// Applies the changes of a record. Returns whether one of them is a reset.
    fn apply(&mut self, record: &Record) -> Result<bool, InvalidChange> {
        let mut is_reset = false;
        for change in record.kind.changes() {
            self.accounts.apply(change, |no| self.messages.get(&no).cloned())?;
            is_reset |= matches!(change, Change::Reset { .. });
        }
        Ok(is_reset)
    }
}

/// Whether labels and rules' texts are within a text of this many octets.
fn check_ranges(record: &Record, octets: usize) -> Result<(), LogProblem> {
    let Some(detail) = record.kind.detail() else { return Ok(()) };
    let labels = detail.labelled.iter().map(|label| &label.label);
    let written = detail.trace.iter().flat_map(|trace| &trace.written).map(|written| &written.range);
    let is_outside = |range: &&Range<u32>| range.start > range.end || range.end as usize > octets;
    match labels.chain(written).find(is_outside) {
        Some(range) => Err(LogProblem::Range(range.clone())),
        None => Ok(()),
    }
}

fn parse(line: &str) -> Result<Line<'static, Record>, LogProblem> {
    let unreadable = |why: &dyn fmt::Display| LogProblem::Unreadable(why.to_string());
    let (written, json) = line.split_once(' ').ok_or_else(|| unreadable(&"nothing follows the checksum"))?;
    let computed = checksum(json);
    if written != computed {
        return Err(LogProblem::Checksum { written: written.to_owned(), computed });
    }
    serde_json::from_str(json).map_err(|error| unreadable(&error))
}

impl From<&Message> for StoredMessage {
    fn from(message: &Message) -> Self {
        let parameters = |its: &Parameters| -> Vec<Parameter> {
            its.iter().map(|(keyword, value)| (keyword.into(), value.map(Box::from))).collect()
        };
        let envelope = message.is_sent().then(|| {
            let envelope = message.envelope();
            let recipients = envelope.recipients().iter().map(|recipient| {
                let refused = match recipient.verdict() {
                    Verdict::Accepted => None,
                    Verdict::Refused(reply) => Some(reply.clone()),
                };
                ((recipient.address().into(), parameters(recipient.parameters())), refused)
            });
            let from = (envelope.sender().address().into(), parameters(envelope.sender().parameters()));
            let forwarded = envelope.forwarded().cloned().map(Box::new);
            StoredEnvelope { from, recipients: recipients.collect(), forwarded }
        });
        let (no, received, raw) = (message.no(), message.received(), message.raw().clone());
        Self { no, origin: message.origin(), received, envelope, raw }
    }
}

impl StoredMessage {
    fn message(self) -> Result<Message, LogProblem> {
        let Self { no, origin, received, envelope, raw } = self;
        let envelope = envelope.map(|StoredEnvelope { from: (address, parameters), recipients, forwarded }| {
            let recipients = recipients.into_iter().map(|((address, parameters), refused)| {
                let verdict = refused.map_or(Verdict::Accepted, Verdict::Refused);
                Recipient::new(&address, Parameters::new(parameters), verdict)
            });
            let sender = Sender::new(&address, Parameters::new(parameters));
            let envelope = Envelope::new(sender, recipients.collect()).ok_or(LogProblem::Envelope(no))?;
            Ok(envelope.with_forwarded(forwarded))
        });
        Ok(Message::new(no, origin, received, envelope.transpose()?, raw))
    }
}
