//! Findings about the content of a message.

use memchr::memchr2_iter;

use super::{Finding, FindingKind, FindingPlace, mime};
use crate::mail::{BodyType, LONGEST_LINE, Message, SINGLE};

/// The findings about a message that a client sent, in the order of the kinds. Reads the whole message.
pub(super) fn findings(place: FindingPlace, message: &Message) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut find = |kind, text: String| {
        found.push(Finding { message: Some(message.no()), ..Finding::new(kind, place, text) });
    };
    // A binary message has no lines (RFC 3030 §3).
    let is_binary = body_type(message) == Some(BodyType::Binary);
    let Lines { bare, long } = if is_binary { Lines::default() } else { Lines::of(message.raw()) };
    if bare > 0 {
        let ends = counted(bare, "CR or LF that is", "CRs or LFs that are");
        find(FindingKind::BareLineEnd, format!("the message has {ends} not part of a CRLF"));
    }
    if long > 0 {
        let lines = counted(long, "line", "lines");
        find(FindingKind::MessageLineTooLong, format!("the message has {lines} of more than {LONGEST_LINE} octets"));
    }
    if !message.raw().is_ascii() && !declares_8bit(message) {
        let text = "the message has octets above 127, but MAIL has neither BODY=8BITMIME nor SMTPUTF8";
        find(FindingKind::Undeclared8Bit, text.to_owned());
    }
    for (kind, name) in [
        (FindingKind::MissingDate, "Date"),
        (FindingKind::MissingFrom, "From"),
        (FindingKind::MissingMessageId, "Message-ID"),
    ] {
        if occurrences(message, name) == 0 {
            find(kind, format!("the message has no header field {name}"));
        }
    }
    for name in SINGLE {
        let times = occurrences(message, name);
        if times > 1 {
            find(FindingKind::RepeatedField, format!("the message has the header field {name} {times} times"));
        }
    }
    if message.header("Bcc").is_some_and(|addresses| !addresses.is_empty()) {
        find(FindingKind::BccDisclosed, "the header of the message names the Bcc recipients".to_owned());
    }
    mime::findings(message).into_iter().for_each(|(kind, text)| find(kind, text));
    found
}

fn declares_8bit(message: &Message) -> bool {
    message.envelope().sender().parameters().smtputf8()
        || matches!(body_type(message), Some(BodyType::EightBit | BodyType::Binary))
}

fn body_type(message: &Message) -> Option<BodyType> {
    message.envelope().sender().parameters().body()
}

fn occurrences(message: &Message, name: &str) -> usize {
    message.root().raw_headers().filter(|(its, _)| its.eq_ignore_ascii_case(name.as_bytes())).count()
}

/// A number with its noun.
pub(super) fn counted(count: usize, one: &str, several: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { several })
}

/// What is wrong with the lines of a message.
#[derive(Debug, Default, PartialEq)]
struct Lines {
    /// CRs without LF, and LFs without CR.
    bare: usize,
    /// Lines over the maximum length.
    long: usize,
}

impl Lines {
    /// An LF ends a line, also a bare one.
    fn of(raw: &[u8]) -> Self {
        let (mut lines, mut start) = (Self::default(), 0);
        let measured = |start: usize, end: usize| usize::from(end - start > LONGEST_LINE);
        for at in memchr2_iter(b'\r', b'\n', raw) {
            match raw[at] {
                b'\r' => lines.bare += usize::from(raw.get(at + 1) != Some(&b'\n')),
                _ => {
                    let has_cr = at > start && raw[at - 1] == b'\r';
                    lines.bare += usize::from(!has_cr);
                    lines.long += measured(start, at - usize::from(has_cr));
                    start = at + 1;
                }
            }
        }
        lines.long += measured(start, raw.len());
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_measured_without_their_ends() {
        let line = |octets: usize, end: &str| "x".repeat(octets) + end;
        for (raw, bare, long) in [
            (String::new(), 0, 0),
            (line(998, "\r\n"), 0, 0),
            (line(999, "\r\n"), 0, 1),
            (line(998, "\n"), 1, 0),
            (line(999, ""), 0, 1),
            (line(998, "\r\n") + &line(1000, "\r\n"), 0, 1),
            ("\n\r\r\n\r".to_owned(), 3, 0),
            ("\r\n\n".to_owned(), 1, 0),
        ] {
            assert_eq!(Lines::of(raw.as_bytes()), Lines { bare, long }, "{:?}", raw.trim_matches('x'));
        }
    }
}
