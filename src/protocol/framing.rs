//! How lines of a rule become a reply in the form of the protocol, and the status of such a reply.

use super::reply::push_stuffed;
use super::{Piece, Protocol, Reply, Status};

/// The form that a protocol gives to the lines of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Several lines with a code are one reply. All but the last get a hyphen (RFC 5321 §4.2.1).
    Smtp,
    /// Like `Smtp`, once for each recipient of a message (RFC 2033 §4.2).
    Lmtp { replies: usize },
    /// A line gets this tag unless it begins with `* ` or `+ `. Without a tag it gets `* ` (RFC 3501 §2.2.2).
    Imap(Option<Box<str>>),
    /// The lines after the first are dot-stuffed and end with a dot (RFC 1939 §3).
    Pop3,
}

impl Framing {
    /// The form of a reply to something that is not a request.
    pub(crate) fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Smtp | Protocol::Lmtp => Self::Smtp,
            Protocol::Imap => Self::Imap(None),
            Protocol::Pop3 => Self::Pop3,
        }
    }

    /// The tag of the request, in IMAP.
    pub(crate) fn tag(&self) -> Option<&str> {
        match self {
            Self::Imap(tag) => tag.as_deref(),
            Self::Smtp | Self::Lmtp { .. } | Self::Pop3 => None,
        }
    }

    /// Makes a reply of these lines.
    pub(crate) fn frame(&self, lines: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            self.frame_line(line, i, lines.len(), &mut out);
            out.extend_from_slice(b"\r\n");
        }
        match self {
            Self::Pop3 if lines.len() > 1 => out.extend_from_slice(b".\r\n"),
            Self::Lmtp { replies } => out = out.repeat(*replies),
            Self::Smtp | Self::Imap(_) | Self::Pop3 => {}
        }
        out
    }

    /// Adds a line, which is one of several, without its line end.
    fn frame_line(&self, line: &[u8], i: usize, of: usize, out: &mut Vec<u8>) {
        match self {
            Self::Smtp | Self::Lmtp { .. } if i + 1 < of && line.get(3) == Some(&b' ') => {
                out.extend_from_slice(&line[..3]);
                out.push(b'-');
                out.extend_from_slice(&line[4..]);
            }
            Self::Smtp | Self::Lmtp { .. } => out.extend_from_slice(line),
            Self::Imap(tag) => {
                if !line.starts_with(b"* ") && !line.starts_with(b"+ ") && line != b"+" {
                    out.extend_from_slice(tag.as_deref().unwrap_or("*").as_bytes());
                    out.push(b' ');
                }
                out.extend_from_slice(line);
            }
            Self::Pop3 => {
                if i > 0 && line.first() == Some(&b'.') {
                    out.push(b'.');
                }
                out.extend_from_slice(line);
            }
        }
    }

    /// Like `frame`, for lines that may have messages in them.
    pub(crate) fn frame_all(&self, lines: Vec<Reply>) -> Reply {
        let mut out = Reply::default();
        let of = lines.len();
        for (i, line) in lines.into_iter().enumerate() {
            let (mut framed, text) = (Vec::new(), line.text().len());
            self.frame_line(line.text(), i, of, &mut framed);
            let mut at = framed.len() - text;
            out.push_octets(&framed[..at]);
            let mut is_ended = false;
            for piece in line.into_pieces() {
                is_ended = false;
                match piece {
                    Piece::Text(text, _) => {
                        out.push_octets(&framed[at..at + text.len()]);
                        at += text.len();
                    }
                    Piece::Labelled(label, octets, _) if i > 0 && *self == Self::Pop3 => {
                        push_stuffed(label.into(), octets, &mut out);
                        is_ended = true;
                    }
                    Piece::Labelled(label, octets, _) => out.push_labelled(label, octets),
                }
            }
            // A message in several lines ends with CRLF.
            if !is_ended {
                out.push("\r\n");
            }
        }
        match self {
            Self::Pop3 if of > 1 => out.push(".\r\n"),
            Self::Lmtp { replies } => {
                let once = std::mem::take(&mut out);
                (0..*replies).for_each(|_| out.append(once.clone()));
            }
            Self::Smtp | Self::Imap(_) | Self::Pop3 => {}
        }
        out
    }

    /// The status of a reply as a client reads it. In SMTP the code of the last line decides (RFC 5321 §4.2), in
    /// IMAP the last line with the request's tag or `+`, or BYE (RFC 3501 §7.1), in POP3 the status indicator `+OK` or
    /// `-ERR` of the first line, or `+` (RFC 1939 §3, RFC 5034 §4). `None` if the reply has none of them.
    pub(crate) fn status(&self, reply: &[u8]) -> Option<Status> {
        let mut lines = reply.split(|byte| *byte == b'\n');
        match self {
            Self::Smtp | Self::Lmtp { .. } => lines.rev().find_map(status_of_code),
            Self::Imap(tag) => lines.rev().find_map(|line| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let mut input = line.split(|byte| *byte == b' ');
                let (first, status) = (input.next()?, input.next().unwrap_or_default().to_ascii_uppercase());
                let is_tagged = tag.as_ref().is_none_or(|tag| first == tag.as_bytes());
                match &status[..] {
                    _ if first == b"+" => Some(Status::Positive),
                    b"BYE" if first == b"*" => Some(Status::Negative),
                    b"OK" | b"PREAUTH" if is_tagged => Some(Status::Positive),
                    b"NO" | b"BAD" if is_tagged => Some(Status::Negative),
                    _ => None,
                }
            }),
            Self::Pop3 => match lines.next()?.split(|byte| matches!(byte, b' ' | b'\r')).next()? {
                b"+OK" | b"+" => Some(Status::Positive),
                b"-ERR" => Some(Status::Negative),
                _ => None,
            },
        }
    }
}

/// The status of a line of SMTP: a code of three digits, alone or before a blank or a hyphen (RFC 5321 §4.2).
fn status_of_code(line: &[u8]) -> Option<Status> {
    let (code, text) = line.split_at_checked(3)?;
    let is_code = code.iter().all(u8::is_ascii_digit) && matches!(text.first(), None | Some(b' ' | b'-' | b'\r'));
    match code[0] {
        b'2' | b'3' if is_code => Some(Status::Positive),
        b'4' | b'5' if is_code => Some(Status::Negative),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_repeated_for_each_recipient() {
        let lines = [b"452 4.2.2 one".to_vec(), b"452 4.2.2 two".to_vec()];

        let reply = Framing::Lmtp { replies: 2 }.frame(&lines);

        let once = "452-4.2.2 one\r\n452 4.2.2 two\r\n";
        assert_eq!(String::from_utf8(reply).unwrap(), once.repeat(2));
    }

    #[test]
    fn a_message_in_a_reply_is_framed_too() {
        let line = |before: &str, message: &'static [u8], behind: &str| {
            let mut line = Reply::default();
            line.push(before);
            line.push_labelled("message", bytes::Bytes::from_static(message));
            line.push(behind);
            line
        };
        let status = |text: &str| Reply::from(text.as_bytes().to_vec());
        for (framing, lines, wanted) in [
            (Framing::Pop3, vec![status("+OK"), line("", b".a\r\nb\r\n.\r\n", "")], "+OK\r\n..a\r\nb\r\n..\r\n.\r\n"),
            (Framing::Pop3, vec![status("+OK"), line("", b"a", "")], "+OK\r\na\r\n.\r\n"),
            (
                Framing::Imap(Some("a".into())),
                vec![line("* 1 FETCH (", b"x\r\n", ")"), status("OK")],
                "* 1 FETCH (x\r\n)\r\na OK\r\n",
            ),
            (Framing::Imap(Some("a".into())), vec![line("OK ", b"x", "")], "a OK x\r\n"),
            (Framing::Smtp, vec![line("250 ", b"x", "y"), status("250 z")], "250-xy\r\n250 z\r\n"),
            (Framing::Lmtp { replies: 2 }, vec![line("250 ", b"x", "")], "250 x\r\n250 x\r\n"),
        ] {
            let reply = framing.frame_all(lines);

            let octets: Vec<u8> = reply.pieces().flatten().copied().collect();
            assert_eq!(String::from_utf8(octets).unwrap(), wanted, "{framing:?}");
        }
    }

    #[test]
    fn a_reply_has_the_status_that_its_client_sees() {
        let (yes, no) = (Some(Status::Positive), Some(Status::Negative));
        let imap = |tag: &str| Framing::Imap(Some(tag.into()));
        let rows = [
            (Framing::Smtp, "250-a\r\n250 b\r\n", yes),
            (Framing::Smtp, "354 go on\r\n", yes),
            (Framing::Smtp, "250 a\r\n421 closing\r\n", no),
            (Framing::Smtp, "554 no", no),
            (Framing::Smtp, "hello\r\n", None),
            (Framing::Smtp, "250\r\n", yes),
            (Framing::Smtp, "2500 too many\r\n", None),
            (Framing::Smtp, "25 too few\r\n", None),
            (Framing::Smtp, "550\n", no),
            (Framing::Smtp, "", None),
            (Framing::Lmtp { replies: 2 }, "250 a\r\n452 b\r\n", no),
            (imap("4a"), "* 1 EXISTS\r\n4a OK done\r\n", yes),
            (imap("4a"), "4a OK done\r\n* 1 EXISTS\r\n", yes),
            (imap("4a"), "4A OK another tag\r\n", None),
            (imap("4a"), "4a no small letters\r\n", no),
            (imap("OK"), "OK BAD that was wrong\r\n", no),
            (imap("a"), "* NO a warning\r\n", None),
            (imap("a"), "* BYE\r\na OK logged out\r\n", yes),
            (imap("a"), "* BYE\r\n", no),
            (imap("a"), "+ go ahead\r\n", yes),
            (imap("a"), "+\r\n", yes),
            (imap("a"), "* 4 FETCH (BODY[] {9}\r\nx NO way\r\n)\r\n", None),
            (Framing::Imap(None), "* OK hello\r\n", yes),
            (Framing::Imap(None), "* PREAUTH hello\r\n", yes),
            (Framing::Imap(None), "* BAD what was that\r\n", no),
            (Framing::Pop3, "+OK\r\n-ERR in a body\r\n.\r\n", yes),
            (Framing::Pop3, "-ERR no\r\n", no),
            (Framing::Pop3, "hello\r\n", None),
            (Framing::Pop3, "+OK\r\n", yes),
            (Framing::Pop3, "+OK", yes),
            (Framing::Pop3, "+ dGlja2V0\r\n", yes),
            (Framing::Pop3, "+\r\n", yes),
            (Framing::Pop3, "+ERR a typo\r\n", None),
            (Framing::Pop3, "-OK a typo\r\n", None),
            (Framing::Pop3, "+ok in small letters\r\n", None),
            (Framing::Pop3, "+OKAY\r\n", None),
        ];
        for (framing, reply, status) in rows {
            assert_eq!(framing.status(reply.as_bytes()), status, "{framing:?} {reply:?}");
        }
    }
}
