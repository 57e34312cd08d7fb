//! The fields of a request that conditions can test, and their values.

use std::borrow::Cow;

use super::Input;
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Message, Origin, Parameters};

/// A field of a request or of its session.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum RequestField {
    /// The command word in upper case; `UID FETCH` where it is two.
    Verb,
    /// The text after the verb.
    Argument,
    /// The line as the client sent it, without CRLF.
    Line,
    /// The tag of IMAP.
    Tag,
    /// The SASL mechanism of a login, or the name of the command that logs in.
    Mechanism,
    /// The access token of a login.
    Token,
    /// The user who logs in or is logged in.
    User,
    /// The reverse-path.
    Sender,
    /// The forward-path of RCPT, or all accepted ones of a message.
    Recipient,
    /// The number of accepted recipients.
    Recipients,
    /// The size that MAIL announces, or the octets of a message.
    Size,
    /// The octets of a message.
    Octets,
    /// A parameter of MAIL or RCPT, as sent.
    Parameter(Box<str>),
    /// The value that a parameter of MAIL or RCPT has in its own type.
    Typed(TypedParameter),
    /// The mailbox that the command names, or else the selected one.
    Mailbox,
    /// The UIDs of the messages that the command names.
    Uid,
    /// For each UID, whether the session has reported it since it selected the mailbox.
    UidKnown,
    UidValidity,
    /// The sequence numbers of the messages that the command names.
    Msn,
    /// The items of FETCH, as written.
    Items,
    /// The flags of STORE or APPEND, as written, or those of the message that is fetched.
    Flags,
    /// The internal date of the message that is fetched (RFC 3501 §2.3.3).
    InternalDate,
    /// The number of messages that the client knows of.
    Exists,
}

/// A parameter of MAIL or RCPT whose value has a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TypedParameter {
    Auth,
    DeliverBy,
    HoldFor,
    HoldUntil,
    Priority,
    RequireTls,
    SmtpUtf8,
    Ret,
    EnvelopeId,
    Notify,
    OriginalRecipient,
}

impl TypedParameter {
    /// Whether it belongs to a recipient.
    pub(crate) fn is_of_recipient(self) -> bool {
        match self {
            Self::Auth | Self::DeliverBy | Self::Priority | Self::RequireTls | Self::SmtpUtf8 => false,
            Self::HoldFor | Self::HoldUntil => false,
            Self::Ret | Self::EnvelopeId => false,
            Self::Notify | Self::OriginalRecipient => true,
        }
    }

    /// Its value among these parameters, if it is there and valid.
    pub(super) fn value<'a>(self, parameters: &Parameters) -> Option<Value<'a>> {
        match self {
            Self::Auth => parameters.auth().map(Value::text),
            // A condition compares lengths of time in microseconds. Those that have passed are 0.
            Self::DeliverBy => {
                parameters.deliver_by().map(|by| Value::Number(by.seconds.max(0).unsigned_abs() * 1_000_000))
            }
            Self::HoldFor => parameters.hold_for().map(|hold| Value::Number(hold.as_secs() * 1_000_000)),
            Self::HoldUntil => parameters.hold_until().map(|until| Value::text(until.to_string())),
            Self::Priority => parameters.priority().map(|priority| Value::text(priority.to_string())),
            Self::RequireTls => Some(Value::Truth(parameters.require_tls())),
            Self::SmtpUtf8 => Some(Value::Truth(parameters.smtputf8())),
            Self::Ret => parameters.ret().map(|ret| Value::text(ret.name())),
            Self::EnvelopeId => parameters.envelope_id().map(Value::text),
            Self::Notify => parameters.notify().map(|its| Value::Several(its.names().map(Value::text).collect())),
            Self::OriginalRecipient => parameters.original_recipient().map(|its| Value::text(its.address().to_owned())),
        }
    }
}

/// A field that depends on the content of messages, which have to be read for it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum ContentField {
    Subject,
    /// A header field.
    Header(Box<str>),
    /// The message without its header.
    Body,
}

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Text(Cow<'a, str>),
    Number(u64),
    Truth(bool),
    /// Several values, such as one for each message.
    Several(Vec<Value<'a>>),
}

impl<'a> Value<'a> {
    /// The same value without a copy.
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

    /// Octets as text. Invalid UTF-8 is replaced.
    pub(crate) fn octets(octets: &'a [u8]) -> Self {
        Self::Text(String::from_utf8_lossy(octets))
    }
}

/// A field that depends only on the line. A tagged line is `tag verb argument`.
pub(super) fn of_line<'a>(input: &'a Input, field: &RequestField, is_tagged: bool) -> Option<Value<'a>> {
    let line = match input {
        Input::Line(line)
        | Input::LongLine { start: line, .. }
        | Input::Chunk { line, .. }
        | Input::Literals { text: line, .. } => &line[..],
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
        // For a command that is refused, for example because of an unknown mechanism.
        RequestField::Mechanism => {
            let (mechanism, _) = word(argument);
            (!mechanism.is_empty()).then(|| Value::text(String::from_utf8_lossy(mechanism).to_ascii_uppercase()))
        }
        RequestField::Tag if is_tagged => Some(Value::octets(tag)),
        RequestField::Tag
        | RequestField::Token
        | RequestField::User
        | RequestField::Sender
        | RequestField::Recipient
        | RequestField::Recipients
        | RequestField::Size
        | RequestField::Octets
        | RequestField::Parameter(_)
        | RequestField::Typed(_)
        | RequestField::Mailbox
        | RequestField::Uid
        | RequestField::UidKnown
        | RequestField::UidValidity
        | RequestField::Msn
        | RequestField::Items
        | RequestField::Flags
        | RequestField::InternalDate
        | RequestField::Exists => None,
    }
}

/// The mechanism of a login, its user or its token.
pub(super) fn of_login<'a>(
    field: &RequestField,
    mechanism: &'a str,
    user: impl FnOnce() -> Option<String>,
    token: impl FnOnce() -> Option<String>,
) -> Option<Value<'a>> {
    if *field == RequestField::Mechanism {
        return Some(Value::text(mechanism));
    }
    if *field == RequestField::User { user() } else { token() }.map(Value::text)
}

/// A field that depends on the content of one message, or its value for each of several.
pub(crate) fn content_of(messages: &[Message], field: &ContentField) -> Option<Value<'static>> {
    match messages {
        [only] => of_message(only, field),
        several => Some(Value::Several(several.iter().filter_map(|message| of_message(message, field)).collect())),
    }
}

fn of_message(message: &Message, field: &ContentField) -> Option<Value<'static>> {
    match field {
        ContentField::Subject => Some(Value::text(message.subject())),
        ContentField::Header(name) => {
            let all = message.headers().into_iter().filter(|(its, _)| its.eq_ignore_ascii_case(name));
            let mut values: Vec<Value<'_>> = all.map(|(_, value)| Value::text(value)).collect();
            if values.len() > 1 { Some(Value::Several(values)) } else { values.pop() }
        }
        ContentField::Body => {
            let body = message.raw().slice(message.root().body_range());
            Some(Value::text(String::from_utf8_lossy(&body).into_owned()))
        }
    }
}

/// Makes a message from octets that are not captured.
pub(crate) fn message(raw: bytes::Bytes) -> Message {
    Message::new(MessageNo(0), Origin::Delivered, Timestamp::from_micros(0), None, raw)
}
