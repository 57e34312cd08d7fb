//! Numbers of everything that was recorded, including what was discarded since. A reset does not change them.

use std::collections::BTreeMap;

use super::open_exchange::is_challenge;
use super::{Record, RecordKind};
use crate::mail::Message;
use crate::protocol::{Listener, Status};

#[derive(Debug, Clone, Default)]
pub(crate) struct Totals {
    pub(crate) sessions: BTreeMap<Listener, u64>,
    /// Captured messages.
    pub(crate) messages: u64,
    /// Octets of captured messages.
    pub(crate) octets: u64,
    /// Negative replies, by class.
    pub(crate) refusals: BTreeMap<&'static str, u64>,
}

impl Totals {
    /// Counts a record; `said` is the server's text, and `captured` the message that came with it.
    pub(super) fn record(&mut self, record: &Record, said: &[u8], captured: Option<&Message>) {
        if let Some(message) = captured {
            self.messages += 1;
            self.octets += message.raw().len() as u64;
        }
        let status = match &record.kind {
            RecordKind::Opened(opened) => {
                *self.sessions.entry(opened.listener).or_default() += 1;
                None
            }
            RecordKind::Exchange(exchange) => exchange.status,
            RecordKind::Part(part) => part.status,
            RecordKind::Closed { .. }
            | RecordKind::Cleartext { .. }
            | RecordKind::Secured(_)
            | RecordKind::Proxied(_)
            | RecordKind::Unsecured(_)
            | RecordKind::Ended(_)
            | RecordKind::Outside(_)
            | RecordKind::OAuth(_)
            | RecordKind::Noted(_) => None,
        };
        // The login is refused after the client's answer.
        if status == Some(Status::Negative) && !is_challenge(said) {
            *self.refusals.entry(class(said)).or_default() += 1;
        }
    }
}

/// The class of a negative reply: its status is in its last line (RFC 5321 §4.2.1, RFC 3501 §7.1, RFC 1939 §3). A rule
/// may have changed it to something else.
fn class(reply: &[u8]) -> &'static str {
    let last = reply.trim_ascii_end().rsplit(|octet| *octet == b'\n').next().unwrap_or_default();
    let mut words = last.split(|octet| octet.is_ascii_whitespace());
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match (first.first(), second) {
        (Some(b'4'), _) if is_code(first) => "4xx",
        (Some(b'5'), _) if is_code(first) => "5xx",
        (Some(b'-'), _) if first == b"-ERR" => "-ERR",
        (_, b"NO") => "NO",
        (_, b"BAD") => "BAD",
        (_, b"BYE") => "BYE",
        _ => "other",
    }
}

/// Whether this word begins with the three digits of an SMTP reply.
fn is_code(word: &[u8]) -> bool {
    word.len() >= 3 && word[..3].iter().all(u8::is_ascii_digit) && word.get(3).is_none_or(|next| *next == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_class_of_its_last_line() {
        for (reply, expected) in [
            ("452 4.2.2 Mailbox full\r\n", "4xx"),
            ("550-no\r\n550 5.1.1 no\r\n", "5xx"),
            ("250 2.0.0 Ok\r\n550 5.1.1 no\r\n", "5xx"),
            ("451", "4xx"),
            ("-ERR no such message\r\n", "-ERR"),
            ("* 1 EXISTS\r\n4501 NO gone\r\n", "NO"),
            ("a BAD what?\r\n", "BAD"),
            ("* BYE bye\r\n", "BYE"),
            ("5oo no\r\n", "other"),
            ("", "other"),
        ] {
            assert_eq!(class(reply.as_bytes()), expected, "{reply:?}");
        }
    }
}
