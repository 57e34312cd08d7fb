//! Violations of the standards for messages: RFC 5322, RFC 2045 to 2047, RFC 2231, RFC 6532.
//!
//! The parsers of mail tolerate all of them. Attached messages are not looked into: somebody else may have written them.

mod address;
mod code;
mod date;
mod encoded_word;
mod header;
mod lines;
mod message_id;
mod mime;
mod parameter;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

pub use self::code::{LintCode, LintSeverity};
pub(crate) use self::header::SINGLE;
pub(crate) use self::lines::LONGEST_LINE;
use super::Message;
use crate::base::shown;

/// At most this many places of a code are reported. The last of them says how many others there are.
const MOST_PLACES: usize = 10;
/// Further octets of a field with addresses or encoded words are not checked.
const MOST_OCTETS: usize = 256 << 10;

/// Something in a message that the standards forbid or advise against. Returned by [`Message::lint`].
///
/// It prints as `2:1: error: missing-date: the message has no header field Date (RFC 5322 §3.6)`.
///
/// ```
/// use mailjig::LintCode;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver("bob@example.org", "Subject: hi\r\nDate: Fri, 1 Jan 2026 12:00:00 +0000\r\n\r\n");
///
/// let violation = mail.lint().into_iter().find(|its| its.code == LintCode::WrongWeekday).unwrap();
/// assert_eq!(violation.field.as_deref(), Some("Date"));
/// assert_eq!(
///     violation.to_string(),
///     "2:7: error: wrong-weekday: 1 Jan 2026 is a Thursday: write `Thu` (RFC 5322 §3.3)"
/// );
/// ```
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// What is wrong.
    pub code: LintCode,
    /// The line, from 1. If a field is missing, the line after the header.
    pub line: usize,
    /// The octet of the line, from 1.
    pub column: usize,
    /// The name of the header field.
    pub field: Option<String>,
    /// The number of the part, such as `1.2`; `None` if it is about the message as a whole.
    pub part: Option<String>,
    /// What is wrong and what would be right, as a sentence without its point.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, line, column, text, .. } = self;
        write!(f, "{line}:{column}: {}: {code}: {text} ({})", code.severity(), code.reference())
    }
}

/// The same text as `Display`, so that a failed assertion can be read.
impl fmt::Debug for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// All violations in the order of their places. Reads the whole message.
pub(super) fn lint(message: &Message) -> Vec<Violation> {
    let mut linter = Linter::new(message);
    linter.lines();
    linter.header(message.root());
    linter.message_fields();
    linter.parts();
    linter.finish()
}

/// Collects violations.
struct Linter<'m> {
    message: &'m Message,
    raw: &'m [u8],
    found: Vec<Found>,
    /// The places of each code.
    counts: HashMap<LintCode, usize>,
    /// What is being looked at.
    field: Option<String>,
    part: Option<String>,
}

struct Found {
    code: LintCode,
    /// Position in the message.
    at: usize,
    field: Option<String>,
    part: Option<String>,
    text: String,
}

impl<'m> Linter<'m> {
    fn new(message: &'m Message) -> Self {
        let raw = message.raw();
        Self { message, raw, found: Vec::new(), counts: HashMap::new(), field: None, part: None }
    }

    fn add(&mut self, code: LintCode, at: usize, text: impl Into<String>) {
        let count = self.counts.entry(code).or_default();
        *count += 1;
        if *count <= MOST_PLACES {
            let (field, part) = (self.field.clone(), self.part.clone());
            self.found.push(Found { code, at, field, part, text: text.into() });
        }
    }

    /// Whether the message was sent without SMTPUTF8, so that its header must be ASCII (RFC 6532 §3.5).
    fn is_ascii_only(&self) -> bool {
        self.message.is_sent() && !self.message.envelope().sender().parameters().smtputf8()
    }

    fn finish(mut self) -> Vec<Violation> {
        self.found.sort_by_key(|found| found.at);
        let mut places = HashMap::new();
        let mut lines = LineCounter { raw: self.raw, at: 0, line: 1, start: 0 };
        let told = self.found.into_iter().map(|Found { code, at, field, part, mut text }| {
            let place: &mut usize = places.entry(code).or_default();
            *place += 1;
            let others = self.counts.get(&code).copied().unwrap_or(0).saturating_sub(MOST_PLACES);
            if *place == MOST_PLACES && others > 0 {
                text += &format!("; likewise {others} other place{}", if others == 1 { "" } else { "s" });
            }
            let (line, column) = lines.place(at);
            Violation { code, line, column, field, part, text }
        });
        told.collect()
    }
}

/// Lines of ascending positions; an LF ends a line.
struct LineCounter<'m> {
    raw: &'m [u8],
    at: usize,
    line: usize,
    /// Where the line begins.
    start: usize,
}

impl LineCounter<'_> {
    fn place(&mut self, at: usize) -> (usize, usize) {
        let at = at.min(self.raw.len());
        for end in memchr::memchr_iter(b'\n', &self.raw[self.at..at]) {
            self.line += 1;
            self.start = self.at + end + 1;
        }
        self.at = at;
        (self.line, at - self.start + 1)
    }
}
