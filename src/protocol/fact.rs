//! What can be asked of a request, by name.

use std::borrow::Cow;

use super::{Input, Status};
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Message, Origin};

/// Something about a request, or about the session that it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact<'n> {
    /// The command word in upper case; `UID FETCH` where it is two.
    Verb,
    /// What stands behind the verb.
    Argument,
    /// The line as it came, without its CRLF.
    Line,
    /// IMAP's tag.
    Tag,
    /// The SASL mechanism of a login, or the command that logs in.
    Mechanism,
    /// Who logs in, or who has.
    User,
    /// The reverse-path.
    Sender,
    /// The forward-path of this RCPT; of a message, each that was accepted.
    Recipient,
    /// How many recipients were accepted.
    Recipients,
    /// The size announced in MAIL; the octets of a message.
    Size,
    /// A parameter of MAIL or RCPT.
    Parameter(&'n str),
    /// A header field of the message.
    Header(&'n str),
    /// The message behind its header.
    Body,
    /// The mailbox that is named, or that is selected.
    Mailbox,
    /// The UIDs that are meant.
    Uid,
    /// For each UID whether this session reported it since it selected the mailbox.
    UidKnown,
    UidValidity,
    /// The sequence numbers that are meant.
    Msn,
    /// What FETCH asks for, as written.
    Items,
    /// The flags of STORE, as written.
    Flags,
    /// The subject of the messages that are meant.
    Subject,
    /// How many messages the client knows of.
    Exists,
}

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Truth(bool),
    /// One for each of several messages, say.
    Several(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The same, without a copy.
    pub(crate) fn borrowed(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::Text(Cow::Borrowed(text)),
            Self::Number(number) => Value::Number(*number),
            Self::Truth(truth) => Value::Truth(*truth),
            Self::Several(values) => Value::Several(values.iter().map(Value::borrowed).collect()),
        }
    }

    pub(crate) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Octets as text; what is not UTF-8 is replaced.
    pub(crate) fn octets(octets: &'a [u8]) -> Self {
        Self::Text(String::from_utf8_lossy(octets))
    }
}

/// What can be asked of a line, and needs no more than the line. A tagged line is `tag verb argument`.
pub(super) fn of_line<'a>(input: &'a Input, fact: Fact<'_>, is_tagged: bool) -> Option<Value<'a>> {
    let line = match input {
        Input::Line(line) | Input::LongLine { start: line, .. } | Input::Literals { text: line, .. } => &line[..],
        Input::Silence | Input::Body { .. } => return None,
    };
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let word = |text: &'a [u8]| match text.iter().position(|byte| *byte == b' ') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &text[text.len()..]),
    };
    let (tag, rest) = if is_tagged { word(line) } else { (&line[..0], line) };
    let (mut verb, mut argument) = word(rest);
    if is_tagged && verb.eq_ignore_ascii_case(b"UID") && !argument.is_empty() {
        let (second, behind) = word(argument);
        (verb, argument) = (&rest[..verb.len() + 1 + second.len()], behind);
    }
    match fact {
        Fact::Line => Some(Value::octets(line)),
        Fact::Verb => Some(Value::text(String::from_utf8_lossy(verb).to_ascii_uppercase())),
        Fact::Argument => Some(Value::octets(argument)),
        // Of a command that is refused, for a mechanism that is not spoken, say.
        Fact::Mechanism => {
            let (mechanism, _) = word(argument);
            (!mechanism.is_empty()).then(|| Value::text(String::from_utf8_lossy(mechanism).to_ascii_uppercase()))
        }
        Fact::Tag if is_tagged => Some(Value::octets(tag)),
        _ => None,
    }
}

/// What messages say: one message, or each of several.
pub(crate) fn content_of(messages: &[Message], fact: Fact<'_>) -> Option<Value<'static>> {
    match messages {
        [only] => of_message(only, fact),
        several => Some(Value::Several(several.iter().filter_map(|message| of_message(message, fact)).collect())),
    }
}

fn of_message(message: &Message, fact: Fact<'_>) -> Option<Value<'static>> {
    match fact {
        Fact::Subject => Some(Value::text(message.subject())),
        Fact::Header(name) => {
            let all = message.headers().into_iter().filter(|(its, _)| its.eq_ignore_ascii_case(name));
            let mut values: Vec<Value<'_>> = all.map(|(_, value)| Value::text(value)).collect();
            if values.len() > 1 { Some(Value::Several(values)) } else { values.pop() }
        }
        Fact::Body => {
            let body = message.raw().slice(message.root().body_range());
            Some(Value::text(String::from_utf8_lossy(&body).into_owned()))
        }
        _ => None,
    }
}

/// Octets that are no captured message yet, as one.
pub(crate) fn message(raw: bytes::Bytes) -> Message {
    Message::new(MessageNo(0), Origin::Delivered, Timestamp::from_micros(0), None, raw)
}

/// How lines that somebody else chose become a reply in the protocol's form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Framing {
    /// Several lines with the same code are one reply: all but the last get a hyphen (RFC 5321 §4.2.1).
    Smtp,
    /// A line gets this tag, unless it begins with `* ` or `+ `; without a tag it is untagged (RFC 3501 §2.2.2).
    Imap(Option<Box<str>>),
    /// What follows the first line is dot-stuffed, and ended by a dot (RFC 1939 §3).
    Pop3,
}

impl Framing {
    /// These lines as a reply.
    pub(crate) fn frame(&self, lines: &[Vec<u8>]) -> Vec<u8> {
        let mut out = Vec::new();
        for (i, line) in lines.iter().enumerate() {
            match self {
                Self::Smtp if i + 1 < lines.len() && line.get(3) == Some(&b' ') => {
                    out.extend_from_slice(&line[..3]);
                    out.push(b'-');
                    out.extend_from_slice(&line[4..]);
                }
                Self::Smtp => out.extend_from_slice(line),
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
            out.extend_from_slice(b"\r\n");
        }
        if *self == Self::Pop3 && lines.len() > 1 {
            out.extend_from_slice(b".\r\n");
        }
        out
    }

    /// The status of a reply that somebody else wrote, as a client reads it: SMTP's by the last line's digit, IMAP's
    /// by the last line with the request's tag or with `+`, or by a BYE, POP3's by the first line's sign.
    pub(crate) fn status(&self, reply: &[u8]) -> Option<Status> {
        let mut lines = reply.split(|byte| *byte == b'\n');
        match self {
            Self::Smtp => lines.rev().find_map(|line| match line.first()? {
                b'2' | b'3' => Some(Status::Positive),
                b'4' | b'5' => Some(Status::Negative),
                _ => None,
            }),
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
            Self::Pop3 => match lines.next()?.first()? {
                b'+' => Some(Status::Positive),
                b'-' => Some(Status::Negative),
                _ => None,
            },
        }
    }
}

/// A change of what a session's machine announces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CapabilityOverride {
    /// The greeting's text behind its code.
    pub(crate) greeting: Option<Box<str>>,
    /// The only capabilities; None: the machine's own.
    pub(crate) set: Option<Vec<Box<str>>>,
    pub(crate) add: Vec<Box<str>>,
    /// By their first word, as `AUTH`, or whole, as `AUTH=PLAIN`.
    pub(crate) remove: Vec<Box<str>>,
}

impl CapabilityOverride {
    /// What is announced instead of these capabilities.
    pub(crate) fn apply<'a>(&'a self, own: Vec<Cow<'a, str>>) -> Vec<Cow<'a, str>> {
        let mut all = match &self.set {
            Some(set) => set.iter().map(|its| Cow::Borrowed(&**its)).collect(),
            None => own,
        };
        let same = |one: &str, other: &str| {
            one.eq_ignore_ascii_case(other)
                || one.split(' ').next().is_some_and(|word| word.eq_ignore_ascii_case(other))
        };
        all.retain(|its| !self.remove.iter().any(|gone| same(its, gone)));
        for more in &self.add {
            if !all.iter().any(|its| its.eq_ignore_ascii_case(more)) {
                all.push(Cow::Borrowed(more));
            }
        }
        all
    }

    /// Takes over what another change says.
    pub(crate) fn merge(&mut self, other: &CapabilityOverride) {
        self.greeting = other.greeting.clone().or(self.greeting.take());
        self.set = other.set.clone().or(self.set.take());
        self.add.retain(|its| !other.remove.contains(its));
        self.add.extend(other.add.iter().cloned());
        self.remove.retain(|its| !other.add.contains(its));
        self.remove.extend(other.remove.iter().cloned());
    }
}

/// What a session's machine announces instead of what it would: in the clear, and under TLS. Most have nothing here.
#[derive(Debug, Default)]
pub(crate) struct CapabilityOverrides(Option<Box<(CapabilityOverride, CapabilityOverride)>>);

impl CapabilityOverrides {
    /// What is changed at this moment.
    pub(super) fn at(&self, is_secured: bool) -> Option<&CapabilityOverride> {
        let (clear, under_tls) = &**self.0.as_ref()?;
        Some(if is_secured { under_tls } else { clear })
    }

    /// From now on announces something else.
    pub(crate) fn change(&mut self, offer: &CapabilityOverride) {
        let (clear, under_tls) = &mut **self.0.get_or_insert_default();
        clear.merge(offer);
        under_tls.merge(offer);
    }

    /// The same from the TLS handshake on.
    pub(crate) fn change_under_tls(&mut self, offer: &CapabilityOverride) {
        self.0.get_or_insert_default().1.merge(offer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_is_read_as_its_client_reads_it() {
        let (yes, no) = (Some(Status::Positive), Some(Status::Negative));
        let imap = |tag: &str| Framing::Imap(Some(tag.into()));
        let rows = [
            (Framing::Smtp, "250-a\r\n250 b\r\n", yes),
            (Framing::Smtp, "354 go on\r\n", yes),
            (Framing::Smtp, "250 a\r\n421 closing\r\n", no),
            (Framing::Smtp, "554 no", no),
            (Framing::Smtp, "hello\r\n", None),
            (Framing::Smtp, "", None),
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
        ];
        for (framing, reply, status) in rows {
            assert_eq!(framing.status(reply.as_bytes()), status, "{framing:?} {reply:?}");
        }
    }
}
