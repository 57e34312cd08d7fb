//! The fields that conditions and templates can use.

use super::handshake_field::HandshakeField;
use crate::protocol::{ContentField, Event, Listener, Protocol, RequestField, TypedParameter};

/// Something that is known when a rule is evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// Something that the protocol knows of the request.
    Request(RequestField),
    /// Something in the messages of the request.
    Content(ContentField),
    Age,
    At,
    Conn,
    Conns,
    Early,
    Failed,
    Handshake(HandshakeField),
    Idle,
    Ip,
    Listener,
    Outcome,
    Sent,
    Seq,
    Session(Box<str>),
    SinceFirst,
    SinceStart,
    State(Box<str>),
    Tls,
}

/// The values of `outcome`.
const OUTCOMES: &[&str] = &["ok", "refused", "cut", "silent"];

/// How a field's values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// Exactly.
    Text,
    /// Case-insensitively (ASCII).
    Word,
    /// The domain case-insensitively, the rest exactly.
    Address,
    Number,
    /// A number that may be negative.
    Signed,
    /// A duration, in microseconds.
    Span,
    Truth,
    /// Exactly as a text, or as a number: a variable or a header field.
    Any,
    /// Case-insensitively as a text (ASCII), or as a number.
    WordOrNumber,
}

/// The names without a dot, each with its kind and description.
pub(crate) const FIELDS: &[(&str, Field, FieldKind, &str)] = &[
    ("age", Field::Age, FieldKind::Span, "How long the session has existed."),
    (
        "alert",
        Field::Handshake(HandshakeField::Alert),
        FieldKind::Word,
        "At `tls.failed` and `tcp.close`: the alert that the client sent, such as `unknown_ca`.",
    ),
    (
        "alpn",
        Field::Handshake(HandshakeField::Alpn),
        FieldKind::Text,
        "The application protocol that was negotiated; at `tls.hello` and `tls.failed`, those that the client offers.",
    ),
    ("arg", Field::Request(RequestField::Argument), FieldKind::Text, "The text after the verb."),
    ("at", Field::At, FieldKind::Span, "When the timer fires, counted from when the rule came into force."),
    (
        "auth",
        Field::Request(RequestField::Typed(TypedParameter::Auth)),
        FieldKind::Address,
        "AUTH of MAIL, decoded: who submitted the message first (RFC 4954); empty for `<>`.",
    ),
    ("body", Field::Content(ContentField::Body), FieldKind::Text, "The message without its header."),
    (
        "by",
        Field::Request(RequestField::Typed(TypedParameter::DeliverBy)),
        FieldKind::Span,
        "BY of MAIL: within which time the message shall be delivered (RFC 2852); 0 if that has passed.",
    ),
    ("bytes", Field::Request(RequestField::Octets), FieldKind::Number, "The size of the message in octets."),
    (
        "cert",
        Field::Handshake(HandshakeField::Cert),
        FieldKind::Address,
        "The names in the client's certificate: its rfc822Names, then its common names.",
    ),
    (
        "cipher",
        Field::Handshake(HandshakeField::Cipher),
        FieldKind::Word,
        "The cipher suite, such as `TLS_AES_128_GCM_SHA256`; at `tls.hello` and `tls.failed`, those that the client offers.",
    ),
    ("conn", Field::Conn, FieldKind::Number, "The number of the session, from 1."),
    ("conns", Field::Conns, FieldKind::Number, "The number of open sessions."),
    (
        "early",
        Field::Early,
        FieldKind::Truth,
        "The client sent part of this request before the previous reply was completely sent.",
    ),
    (
        "envid",
        Field::Request(RequestField::Typed(TypedParameter::EnvelopeId)),
        FieldKind::Text,
        "ENVID of MAIL, decoded: the identifier for notifications (RFC 3461).",
    ),
    (
        "exists",
        Field::Request(RequestField::Exists),
        FieldKind::Number,
        "The number of messages that the client knows of.",
    ),
    ("failed", Field::Failed, FieldKind::Number, "The number of requests of this session that were refused."),
    (
        "flags",
        Field::Request(RequestField::Flags),
        FieldKind::Text,
        "The flags in the command; at `imap.fetch.item`, those of the message before it is sent.",
    ),
    ("from", Field::Request(RequestField::Sender), FieldKind::Address, "The sender in the envelope (reverse-path)."),
    (
        "group",
        Field::Handshake(HandshakeField::Group),
        FieldKind::Word,
        "The group of the key exchange, such as `x25519`; at `tls.hello` and `tls.failed`, those that the client offers.",
    ),
    (
        "holdfor",
        Field::Request(RequestField::Typed(TypedParameter::HoldFor)),
        FieldKind::Span,
        "HOLDFOR of MAIL: how long the message shall be held (RFC 4865).",
    ),
    (
        "holduntil",
        Field::Request(RequestField::Typed(TypedParameter::HoldUntil)),
        FieldKind::Word,
        "HOLDUNTIL of MAIL: until when the message shall be held (RFC 4865), in UTC to the microsecond.",
    ),
    ("idle", Field::Idle, FieldKind::Span, "How long the client sent nothing before this event."),
    (
        "internaldate",
        Field::Request(RequestField::InternalDate),
        FieldKind::Text,
        "The internal date of the message, as in the response but without quotes.",
    ),
    ("ip", Field::Ip, FieldKind::Word, "The client's address."),
    ("items", Field::Request(RequestField::Items), FieldKind::Word, "The items that FETCH requests, as written."),
    ("line", Field::Request(RequestField::Line), FieldKind::Word, "The command line as received."),
    ("listener", Field::Listener, FieldKind::Word, "The listener's name."),
    (
        "mailbox",
        Field::Request(RequestField::Mailbox),
        FieldKind::Text,
        "The mailbox in the command, otherwise the selected one.",
    ),
    (
        "mech",
        Field::Request(RequestField::Mechanism),
        FieldKind::Word,
        "The SASL mechanism; `LOGIN` for the command LOGIN, `USER` for PASS, `APOP` for APOP.",
    ),
    (
        "msn",
        Field::Request(RequestField::Msn),
        FieldKind::Number,
        "The sequence numbers of the messages that the command is about.",
    ),
    (
        "notify",
        Field::Request(RequestField::Typed(TypedParameter::Notify)),
        FieldKind::Word,
        "NOTIFY of RCPT (RFC 3461), word by word: `success`, `failure`, `delay` or `never`; for a message, of each accepted recipient.",
    ),
    (
        "orcpt",
        Field::Request(RequestField::Typed(TypedParameter::OriginalRecipient)),
        FieldKind::Address,
        "The address in ORCPT of RCPT, decoded (RFC 3461); for a message, of each accepted recipient.",
    ),
    (
        "outcome",
        Field::Outcome,
        FieldKind::Word,
        "In `[[expect]]`: what became of the answer: `ok`, `refused`, `cut` or `silent`.",
    ),
    (
        "priority",
        Field::Request(RequestField::Typed(TypedParameter::Priority)),
        FieldKind::Signed,
        "MT-PRIORITY of MAIL (RFC 6710): `-9` to `9`.",
    ),
    (
        "rcpt",
        Field::Request(RequestField::Recipient),
        FieldKind::Address,
        "The recipient (forward-path); for a message, each accepted one.",
    ),
    ("rcpts", Field::Request(RequestField::Recipients), FieldKind::Number, "The number of recipients accepted so far."),
    (
        "requiretls",
        Field::Request(RequestField::Typed(TypedParameter::RequireTls)),
        FieldKind::Truth,
        "Whether MAIL has REQUIRETLS (RFC 8689).",
    ),
    (
        "resumed",
        Field::Handshake(HandshakeField::Resumed),
        FieldKind::Truth,
        "Whether the client resumed an earlier TLS session.",
    ),
    (
        "ret",
        Field::Request(RequestField::Typed(TypedParameter::Ret)),
        FieldKind::Word,
        "RET of MAIL: `full` or `hdrs` (RFC 3461).",
    ),
    ("sent", Field::Sent, FieldKind::Number, "The number of messages that the session has sent."),
    ("seq", Field::Seq, FieldKind::Number, "The number of the request in its session, from 1."),
    (
        "server_cert",
        Field::Handshake(HandshakeField::ServerCert),
        FieldKind::Word,
        "The certificate that the session was shown, such as `good` or `expired`.",
    ),
    (
        "size",
        Field::Request(RequestField::Size),
        FieldKind::Number,
        "The size that MAIL declares, or of the chunk of BDAT; otherwise the size of the message in octets.",
    ),
    (
        "smtputf8",
        Field::Request(RequestField::Typed(TypedParameter::SmtpUtf8)),
        FieldKind::Truth,
        "Whether MAIL has SMTPUTF8 (RFC 6531).",
    ),
    ("sni", Field::Handshake(HandshakeField::Sni), FieldKind::Word, "The server name in the client's ClientHello."),
    (
        "subject",
        Field::Content(ContentField::Subject),
        FieldKind::Text,
        "The subject of the messages that the command is about.",
    ),
    ("tag", Field::Request(RequestField::Tag), FieldKind::Text, "The tag of the command."),
    ("tls", Field::Tls, FieldKind::Truth, "Whether the session is encrypted."),
    (
        "tls_version",
        Field::Handshake(HandshakeField::Version),
        FieldKind::Word,
        "The version of TLS: `TLSv1.2` or `TLSv1.3`; at `tls.hello` and `tls.failed`, those that the client offers, also older ones.",
    ),
    (
        "token",
        Field::Request(RequestField::Token),
        FieldKind::Text,
        "The access token of a login, with XOAUTH2 or OAUTHBEARER, or the trace of ANONYMOUS. Reports show `***` in its place.",
    ),
    ("uid", Field::Request(RequestField::Uid), FieldKind::Any, "The UIDs of the messages that the command is about."),
    (
        "uid_known",
        Field::Request(RequestField::UidKnown),
        FieldKind::Truth,
        "Whether the session was told of a message with this UID.",
    ),
    (
        "uidvalidity",
        Field::Request(RequestField::UidValidity),
        FieldKind::Number,
        "The UIDVALIDITY of the selected mailbox.",
    ),
    ("user", Field::Request(RequestField::User), FieldKind::Address, "The user who logs in or is logged in."),
    ("verb", Field::Request(RequestField::Verb), FieldKind::Word, "The command word."),
];

/// The names with a second part after a dot.
pub(crate) const DOTTED: &[(&str, FieldKind, &str)] = &[
    ("header", FieldKind::Any, "A header field of the message."),
    ("param", FieldKind::WordOrNumber, "A parameter of MAIL or RCPT, as sent."),
    ("session", FieldKind::Any, "A variable of this session."),
    (
        "since",
        FieldKind::Span,
        "The time since this rule first matched (`since.first`; 0 until then) or since the server started, loaded its scenario or was reset (`since.start`).",
    ),
    ("state", FieldKind::Any, "A variable of the scenario."),
];

impl Field {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some((_, field, ..)) = FIELDS.iter().find(|(its, ..)| *its == name) {
            return Some(field.clone());
        }
        match name.split_once('.').filter(|(_, rest)| !rest.is_empty())? {
            ("header", rest) => Some(Self::Content(ContentField::Header(rest.into()))),
            ("param", rest) => Some(Self::Request(RequestField::Parameter(rest.into()))),
            ("session", rest) => Some(Self::Session(rest.into())),
            ("state", rest) => Some(Self::State(rest.into())),
            ("since", "first") => Some(Self::SinceFirst),
            ("since", "start") => Some(Self::SinceStart),
            _ => None,
        }
    }

    pub(crate) fn name(&self) -> String {
        match (self.dotted(), self.row()) {
            (Some((first, second, _)), _) => format!("{first}.{second}"),
            (None, row) => row.map(|(name, ..)| (*name).to_owned()).unwrap_or_default(),
        }
    }

    pub(crate) fn kind(&self) -> FieldKind {
        match (self.dotted(), self.row()) {
            (Some((_, _, kind)), _) => kind,
            (None, row) => row.map_or(FieldKind::Any, |(_, _, kind, _)| *kind),
        }
    }

    fn row(&self) -> Option<&'static (&'static str, Self, FieldKind, &'static str)> {
        FIELDS.iter().find(|(_, field, ..)| field == self)
    }

    /// The two parts of a name with a dot, and the kind of the value.
    fn dotted(&self) -> Option<(&'static str, &str, FieldKind)> {
        match self {
            Self::Content(ContentField::Header(name)) => Some(("header", name, FieldKind::Any)),
            Self::Request(RequestField::Parameter(name)) => Some(("param", name, FieldKind::WordOrNumber)),
            Self::Session(name) => Some(("session", name, FieldKind::Any)),
            Self::State(name) => Some(("state", name, FieldKind::Any)),
            Self::SinceFirst => Some(("since", "first", FieldKind::Span)),
            Self::SinceStart => Some(("since", "start", FieldKind::Span)),
            Self::Request(_)
            | Self::Content(_)
            | Self::Age
            | Self::At
            | Self::Conn
            | Self::Conns
            | Self::Early
            | Self::Failed
            | Self::Handshake(_)
            | Self::Idle
            | Self::Ip
            | Self::Listener
            | Self::Outcome
            | Self::Sent
            | Self::Seq
            | Self::Tls => None,
        }
    }

    /// All the values that it can have, if they can be listed.
    pub(crate) fn values(&self) -> Option<Vec<String>> {
        let all = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect());
        match self {
            Self::Outcome => all(OUTCOMES),
            Self::Listener => all(&Listener::names()),
            Self::Handshake(its) => its.values(),
            Self::Request(RequestField::Typed(TypedParameter::Ret)) => all(&["full", "hdrs"]),
            Self::Request(RequestField::Typed(TypedParameter::Notify)) => {
                all(&["success", "failure", "delay", "never"])
            }
            // RFC 6710 §5.
            Self::Request(RequestField::Typed(TypedParameter::Priority)) => {
                Some((-9..=9).map(|priority| priority.to_string()).collect())
            }
            Self::Request(_)
            | Self::Content(_)
            | Self::Age
            | Self::At
            | Self::Conn
            | Self::Conns
            | Self::Early
            | Self::Failed
            | Self::Idle
            | Self::Ip
            | Self::Sent
            | Self::Seq
            | Self::Session(_)
            | Self::SinceFirst
            | Self::SinceStart
            | Self::State(_)
            | Self::Tls => None,
        }
    }

    /// Whether it needs the content of messages.
    pub(crate) fn is_content(&self) -> bool {
        matches!(self, Self::Content(_))
    }

    /// Whether it can have a value at this event.
    pub(crate) fn exists_at(&self, event: Event) -> bool {
        let event = event.as_smtp();
        let is_world = event.is_of_world();
        let is_mail = event.protocol().is_some();
        let (is_imap, is_pop3) = (event.protocol() == Some(Protocol::Imap), event.protocol() == Some(Protocol::Pop3));
        let is_message =
            matches!(event, Event::SmtpMessage | Event::LmtpDelivery | Event::MailDelivered | Event::ImapFetchItem)
                || matches!(event, Event::Pop3Retr | Event::Pop3Top | Event::Pop3Dele | Event::ImapAppend);
        let is_line = is_mail && !event.is_unasked() && !matches!(event, Event::SmtpMessage | Event::ImapFetchItem);
        let is_set = matches!(
            event,
            Event::ImapFetch | Event::ImapStore | Event::ImapCopy | Event::ImapMove | Event::ImapExpunge
        );
        let is_of_recipient = matches!(event, Event::SmtpRcpt | Event::SmtpMessage | Event::LmtpDelivery);
        match self {
            Self::State(_) | Self::SinceFirst | Self::SinceStart | Self::Conns => true,
            Self::Age | Self::Conn | Self::Ip | Self::Listener | Self::Session(_) | Self::Tls => !is_world,
            Self::Outcome => is_mail && event.answer_of_item().is_none(),
            Self::At => event == Event::Timer,
            Self::Handshake(its) => its.exists_at(event),
            Self::Failed | Self::Sent | Self::Seq | Self::Idle | Self::Early => is_mail,
            Self::Request(RequestField::User) => is_mail || event == Event::MailDelivered,
            Self::Request(RequestField::Verb | RequestField::Argument | RequestField::Line) => is_line,
            Self::Request(RequestField::Tag) => is_line && is_imap,
            Self::Request(RequestField::Mechanism) => event.is_login() && event != Event::Pop3User,
            Self::Request(RequestField::Token) => matches!(event, Event::SmtpAuth | Event::ImapAuth | Event::Pop3Auth),
            Self::Request(RequestField::Sender | RequestField::Recipients) => event.is_of_transaction(),
            Self::Request(RequestField::Recipient) => is_of_recipient || event == Event::MailDelivered,
            Self::Request(RequestField::Typed(its)) if its.is_of_recipient() => is_of_recipient,
            Self::Request(RequestField::Typed(_)) => event.is_of_transaction(),
            Self::Request(RequestField::Parameter(_)) => matches!(event, Event::SmtpMail | Event::SmtpRcpt),
            Self::Request(RequestField::Size) => matches!(event, Event::SmtpMail | Event::SmtpBdat) || is_message,
            Self::Request(RequestField::Octets) | Self::Content(ContentField::Body | ContentField::Header(_)) => {
                is_message
            }
            Self::Content(ContentField::Subject) => is_message || is_set,
            Self::Request(RequestField::Msn) => {
                is_set
                    || is_pop3 && (is_message || matches!(event, Event::Pop3List | Event::Pop3Uidl))
                    || event == Event::ImapFetchItem
            }
            Self::Request(RequestField::Uid) => {
                is_set || is_message && !matches!(event, Event::SmtpMessage | Event::LmtpDelivery)
            }
            Self::Request(RequestField::UidKnown) => is_set || event == Event::ImapFetchItem,
            Self::Request(RequestField::UidValidity) => is_imap,
            Self::Request(RequestField::Items) => matches!(event, Event::ImapFetch | Event::ImapFetchItem),
            Self::Request(RequestField::Flags) => {
                matches!(event, Event::ImapStore | Event::ImapAppend | Event::ImapFetchItem)
            }
            Self::Request(RequestField::InternalDate) => event == Event::ImapFetchItem,
            Self::Request(RequestField::Mailbox) => is_imap || event == Event::MailDelivered,
            Self::Request(RequestField::Exists) => is_imap || is_pop3,
        }
    }
}
