//! The fields of a request that conditions name, and their values.

use std::borrow::Cow;

use super::Input;
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Message, Origin};

/// Something about a request, or about the session that it came in.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum RequestField {
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
    /// The octets of a message.
    Octets,
    /// A parameter of MAIL or RCPT.
    Parameter(Box<str>),
    /// A header field of the message.
    Header(Box<str>),
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
pub(super) fn of_line<'a>(input: &'a Input, field: &RequestField, is_tagged: bool) -> Option<Value<'a>> {
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
    match field {
        RequestField::Line => Some(Value::octets(line)),
        RequestField::Verb => Some(Value::text(String::from_utf8_lossy(verb).to_ascii_uppercase())),
        RequestField::Argument => Some(Value::octets(argument)),
        // Of a command that is refused, for a mechanism that is not spoken, say.
        RequestField::Mechanism => {
            let (mechanism, _) = word(argument);
            (!mechanism.is_empty()).then(|| Value::text(String::from_utf8_lossy(mechanism).to_ascii_uppercase()))
        }
        RequestField::Tag if is_tagged => Some(Value::octets(tag)),
        _ => None,
    }
}

/// What messages say: one message, or each of several.
pub(crate) fn content_of(messages: &[Message], field: &RequestField) -> Option<Value<'static>> {
    match messages {
        [only] => of_message(only, field),
        several => Some(Value::Several(several.iter().filter_map(|message| of_message(message, field)).collect())),
    }
}

fn of_message(message: &Message, field: &RequestField) -> Option<Value<'static>> {
    match field {
        RequestField::Subject => Some(Value::text(message.subject())),
        RequestField::Header(name) => {
            let all = message.headers().into_iter().filter(|(its, _)| its.eq_ignore_ascii_case(name));
            let mut values: Vec<Value<'_>> = all.map(|(_, value)| Value::text(value)).collect();
            if values.len() > 1 { Some(Value::Several(values)) } else { values.pop() }
        }
        RequestField::Body => {
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
