//! The literals in what an IMAP client sends: how it announces them, and whether their sizes are right.

use std::ops::Range;

use crate::journal::RecordedTurn;
use crate::protocol::Event;
use crate::protocol::imap::announcement;

/// What a client announced about a literal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Literal {
    pub(super) octets: u64,
    /// Whether it waits for the server's permission before it sends the literal.
    pub(super) is_synchronizing: bool,
    /// Whether it may contain NUL: `~{n}` (RFC 3516 §4.4).
    pub(super) is_binary: bool,
}

/// The literals of a request, or of the part of it that ends with a literal's announcement.
#[derive(Debug, Default)]
pub(super) struct Literals {
    pub(super) announced: Vec<Literal>,
    /// The octets of the first literal that is followed by something that cannot follow a literal.
    pub(super) wrong_size: Option<u64>,
}

impl Literals {
    /// Reads the lines of a turn. `permitted` is the literal that it begins with.
    pub(super) fn of(turn: &RecordedTurn<'_>, event: Event, permitted: Option<Literal>) -> Self {
        let is_other = matches!(event, Event::ImapAuthStep | Event::ImapIdleDone);
        // Of a line that is too long, only the start is kept.
        if is_other || turn.detail.is_some_and(|detail| detail.octets.is_some()) {
            return Self::default();
        }
        Self::read(turn.heard, &turn.labels_heard(), permitted)
    }

    /// `messages` are the places of labels, each in place of the octets of a literal.
    fn read(heard: &[u8], messages: &[Range<usize>], permitted: Option<Literal>) -> Self {
        let (mut literals, mut at, mut literal) = (Self::default(), 0, permitted);
        loop {
            if let Some(Literal { octets, .. }) = literal {
                let message = messages.iter().find(|message| message.start == at);
                let end = message.map_or_else(|| at.saturating_add(octets as usize), |message| message.end);
                let Some(rest) = heard.get(end..) else { return literals };
                if !can_follow(rest, message.is_some()) {
                    literals.wrong_size.get_or_insert(octets);
                }
                at = end;
            }
            let rest = &heard[at..];
            let line_end = memchr::memmem::find(rest, b"\r\n");
            let line = &rest[..line_end.unwrap_or(rest.len())];
            literal = announced(line);
            literals.announced.extend(literal);
            match line_end {
                Some(line_end) if literal.is_some() => at += line_end + 2,
                Some(_) | None => return literals,
            }
        }
    }
}

fn announced(line: &[u8]) -> Option<Literal> {
    let its = announcement(line)?;
    let open = memchr::memrchr(b'{', line)?;
    let is_binary = line[..open].ends_with(b"~");
    Some(Literal { octets: its.octets, is_synchronizing: its.is_synchronizing, is_binary })
}

/// Whether this can follow a literal: the end of the command, a blank or a closing parenthesis (RFC 3501 §9). A bare LF is
/// another finding. A message of APPEND can be followed by another one with its flags and its date (RFC 3502 §6.3.11).
fn can_follow(rest: &[u8], is_message: bool) -> bool {
    match rest {
        [b' ', next, ..] if is_message => b"({~\" ".contains(next),
        [] | [b' ' | b')' | b'\n', ..] | [b'\r', b'\n', ..] => true,
        [_, ..] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_a_literal_shows_a_wrong_size() {
        for (permitted, heard, wrong, announced) in [
            (None, "a NOOP", None, 0),
            (None, "a LOGIN {3}", None, 1),
            (Some(3), "bob {6}", None, 1),
            (Some(3), "bobby {6}", Some(3), 1),
            (Some(6), "secret", None, 0),
            (Some(5), "secret", Some(5), 0),
            // The rest of the literal is missing: a line that is too long, for example.
            (Some(7), "secret", None, 0),
            (Some(0), "", None, 0),
            (Some(3), "bob\n", None, 0),
            (Some(3), "bob\rx", Some(3), 0),
            (None, "a LOGIN {3+}\r\nbob {6+}\r\nsecret", None, 2),
            (None, "a LOGIN {3+}\r\nbob {5+}\r\nsecret", Some(5), 2),
            (None, "a FETCH 1 (BODY[HEADER.FIELDS ({4+}\r\nDate)])", None, 1),
            // Octets of a literal that look like an announcement.
            (None, "a LOGIN {8+}\r\nbo{9+}\r\n {6+}\r\nsecret", None, 2),
            (Some(100), "<m1>", None, 0),
            (Some(100), "<m1>more", Some(100), 0),
            (Some(100), "<m1> more", Some(100), 0),
            (Some(100), "<m1> (\\Seen) {3}", None, 1),
            (None, "a APPEND b ~{100+}\r\n<m1> ~{3}", None, 2),
        ] {
            let messages: Vec<_> = heard.find("<m1>").map(|at| at..at + 4).into_iter().collect();
            let permitted = permitted.map(|octets| Literal { octets, is_synchronizing: true, is_binary: false });

            let literals = Literals::read(heard.as_bytes(), &messages, permitted);

            assert_eq!((literals.wrong_size, literals.announced.len()), (wrong, announced), "{heard}");
        }
    }

    #[test]
    fn an_announcement_is_read_whole() {
        for (line, expected) in [
            ("a LOGIN {3}", Some((3, true, false))),
            ("a APPEND b {3+}", Some((3, false, false))),
            ("a APPEND b ~{3}", Some((3, true, true))),
            ("a APPEND b ~{3+}", Some((3, false, true))),
            ("a SEARCH ~3}", None),
        ] {
            let expected =
                expected.map(|(octets, is_synchronizing, is_binary)| Literal { octets, is_synchronizing, is_binary });
            assert_eq!(announced(line.as_bytes()), expected, "{line}");
        }
    }
}
