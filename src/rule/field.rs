//! What conditions and templates may name.

use crate::protocol::{Event, Protocol, RequestField};

/// Something that is known when a rule is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    /// What the protocol knows of the request.
    Request(RequestField),
    Age,
    At,
    Conn,
    Conns,
    Early,
    Failed,
    Idle,
    Ip,
    Listener,
    Outcome,
    Sent,
    Seq,
    ServerCert,
    Session(Box<str>),
    SinceFirst,
    SinceStart,
    Sni,
    State(Box<str>),
    Tls,
}

/// What `outcome` may be.
pub(crate) const OUTCOMES: &[&str] = &["ok", "refused", "cut", "silent"];

/// How a field's values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// To the letter.
    Text,
    /// Without regard to ASCII case.
    Word,
    /// The same for the domain only.
    Address,
    Number,
    /// A length of time, in microseconds.
    Span,
    Truth,
    /// A variable of the scenario: whatever was put into it.
    Any,
}

/// The names without a second part, each with its kind and what it is.
pub(crate) const FIELDS: &[(&str, Field, FieldKind, &str)] = &[
    ("age", Field::Age, FieldKind::Span, "how long the session has lasted"),
    ("arg", Field::Request(RequestField::Argument), FieldKind::Text, "what stands behind the verb"),
    ("at", Field::At, FieldKind::Span, "the moment that a timer stands for: so long after its rule came into force"),
    ("body", Field::Request(RequestField::Body), FieldKind::Text, "the message behind its header"),
    ("bytes", Field::Request(RequestField::Octets), FieldKind::Number, "the octets of the message"),
    ("conn", Field::Conn, FieldKind::Number, "the number of the session, from 1"),
    ("conns", Field::Conns, FieldKind::Number, "how many sessions last"),
    ("early", Field::Early, FieldKind::Truth, "part of this came before the reply to what came before had left"),
    ("exists", Field::Request(RequestField::Exists), FieldKind::Number, "how many messages the client knows of"),
    ("failed", Field::Failed, FieldKind::Number, "how many of the session's requests were refused"),
    ("flags", Field::Request(RequestField::Flags), FieldKind::Text, "the flags that are named"),
    ("from", Field::Request(RequestField::Sender), FieldKind::Address, "the reverse-path"),
    ("idle", Field::Idle, FieldKind::Span, "how long the client was silent before this"),
    ("ip", Field::Ip, FieldKind::Word, "the client's address"),
    ("items", Field::Request(RequestField::Items), FieldKind::Word, "what FETCH asks for, as written"),
    ("line", Field::Request(RequestField::Line), FieldKind::Word, "the line as it came"),
    ("listener", Field::Listener, FieldKind::Word, "the listener, as `smtps`"),
    (
        "mailbox",
        Field::Request(RequestField::Mailbox),
        FieldKind::Text,
        "the mailbox that is named, else the one that is selected",
    ),
    ("mech", Field::Request(RequestField::Mechanism), FieldKind::Word, "the mechanism of a login"),
    (
        "msn",
        Field::Request(RequestField::Msn),
        FieldKind::Number,
        "the sequence numbers of the messages that are meant",
    ),
    (
        "outcome",
        Field::Outcome,
        FieldKind::Word,
        "in `[[expect]]`, what became of the answer: `ok`, `refused`, `cut`, `silent`",
    ),
    (
        "rcpt",
        Field::Request(RequestField::Recipient),
        FieldKind::Address,
        "the forward-path; of a message, each that was accepted",
    ),
    ("rcpts", Field::Request(RequestField::Recipients), FieldKind::Number, "how many recipients were accepted so far"),
    ("sent", Field::Sent, FieldKind::Number, "how many messages the session has sent"),
    ("seq", Field::Seq, FieldKind::Number, "the number of the request in its session, from 1"),
    (
        "server_cert",
        Field::ServerCert,
        FieldKind::Word,
        "the certificate that the session was shown: `good` or `expired`",
    ),
    (
        "size",
        Field::Request(RequestField::Size),
        FieldKind::Number,
        "the size that MAIL announces; else the octets of the message",
    ),
    ("sni", Field::Sni, FieldKind::Word, "the server name that the client asked TLS for"),
    ("subject", Field::Request(RequestField::Subject), FieldKind::Text, "the subject of the messages that are meant"),
    ("tag", Field::Request(RequestField::Tag), FieldKind::Text, "IMAP's tag"),
    ("tls", Field::Tls, FieldKind::Truth, "the session is encrypted"),
    ("uid", Field::Request(RequestField::Uid), FieldKind::Any, "the UIDs of the messages that are meant"),
    (
        "uid_known",
        Field::Request(RequestField::UidKnown),
        FieldKind::Truth,
        "the session was told of a message with this UID",
    ),
    (
        "uidvalidity",
        Field::Request(RequestField::UidValidity),
        FieldKind::Number,
        "the UIDVALIDITY of the selected mailbox",
    ),
    ("user", Field::Request(RequestField::User), FieldKind::Address, "who logs in, or is logged in"),
    ("verb", Field::Request(RequestField::Verb), FieldKind::Word, "the command word"),
];

/// The names that take a second part behind a dot.
pub(crate) const DOTTED: &[(&str, FieldKind, &str)] = &[
    ("header", FieldKind::Text, "a header field of the message, as `header.Subject`"),
    ("param", FieldKind::Word, "a parameter of MAIL or RCPT, as `param.SIZE`"),
    ("session", FieldKind::Any, "a variable of this session"),
    ("since", FieldKind::Span, "server time since the rule's first match (`since.first`) or the start (`since.start`)"),
    ("state", FieldKind::Any, "a variable of the scenario"),
];

impl Field {
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if let Some((_, field, ..)) = FIELDS.iter().find(|(its, ..)| *its == name) {
            return Some(field.clone());
        }
        match name.split_once('.').filter(|(_, rest)| !rest.is_empty())? {
            ("header", rest) => Some(Self::Request(RequestField::Header(rest.into()))),
            ("param", rest) => Some(Self::Request(RequestField::Parameter(rest.into()))),
            ("session", rest) => Some(Self::Session(rest.into())),
            ("state", rest) => Some(Self::State(rest.into())),
            ("since", "first") => Some(Self::SinceFirst),
            ("since", "start") => Some(Self::SinceStart),
            _ => None,
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Request(RequestField::Header(name)) => format!("header.{name}"),
            Self::Request(RequestField::Parameter(name)) => format!("param.{name}"),
            Self::Session(name) => format!("session.{name}"),
            Self::State(name) => format!("state.{name}"),
            Self::SinceFirst => "since.first".to_owned(),
            Self::SinceStart => "since.start".to_owned(),
            plain => {
                let found = FIELDS.iter().find(|(_, field, ..)| field == plain);
                found.map(|(name, ..)| (*name).to_owned()).unwrap_or_default()
            }
        }
    }

    pub(crate) fn kind(&self) -> FieldKind {
        match self {
            Self::Request(RequestField::Header(_)) => FieldKind::Text,
            Self::Request(RequestField::Parameter(_)) => FieldKind::Word,
            Self::Session(_) | Self::State(_) => FieldKind::Any,
            Self::SinceFirst | Self::SinceStart => FieldKind::Span,
            plain => {
                FIELDS.iter().find(|(_, field, ..)| field == plain).map_or(FieldKind::Any, |(_, _, kind, _)| *kind)
            }
        }
    }

    /// Whether messages have to be read for it.
    pub(crate) fn is_content(&self) -> bool {
        matches!(self, Self::Request(RequestField::Body | RequestField::Header(_) | RequestField::Subject))
    }

    /// Whether there may be such a thing at this event.
    pub(crate) fn exists_at(&self, event: Event) -> bool {
        let is_world = event.is_of_world();
        let is_mail = event.protocol().is_some();
        let (is_imap, is_pop3) = (event.protocol() == Some(Protocol::Imap), event.protocol() == Some(Protocol::Pop3));
        let is_message = matches!(event, Event::SmtpMessage | Event::MailDelivered | Event::ImapFetchItem)
            || matches!(event, Event::Pop3Retr | Event::Pop3Top | Event::Pop3Dele | Event::ImapAppend);
        let is_line = is_mail && !event.is_unasked() && !matches!(event, Event::SmtpMessage | Event::ImapFetchItem);
        let is_set = matches!(
            event,
            Event::ImapFetch | Event::ImapStore | Event::ImapCopy | Event::ImapMove | Event::ImapExpunge
        );
        let is_transaction = matches!(event, Event::SmtpMail | Event::SmtpRcpt | Event::SmtpData | Event::SmtpMessage);
        match self {
            Self::State(_) | Self::SinceFirst | Self::SinceStart | Self::Conns => true,
            Self::Age | Self::Conn | Self::Ip | Self::Listener | Self::Session(_) | Self::Tls => !is_world,
            Self::Outcome => is_mail && event != Event::ImapFetchItem,
            Self::At => event == Event::Timer,
            Self::Sni | Self::ServerCert => !is_world && event != Event::TcpAccept,
            Self::Failed | Self::Sent | Self::Seq | Self::Idle | Self::Early => is_mail,
            Self::Request(RequestField::User) => is_mail || event == Event::MailDelivered,
            Self::Request(RequestField::Verb | RequestField::Argument | RequestField::Line) => is_line,
            Self::Request(RequestField::Tag) => is_line && is_imap,
            Self::Request(RequestField::Mechanism) => event.is_login() && event != Event::Pop3User,
            Self::Request(RequestField::Sender | RequestField::Recipients) => is_transaction,
            Self::Request(RequestField::Recipient) => {
                matches!(event, Event::SmtpRcpt | Event::SmtpMessage | Event::MailDelivered)
            }
            Self::Request(RequestField::Parameter(_)) => matches!(event, Event::SmtpMail | Event::SmtpRcpt),
            Self::Request(RequestField::Size) => event == Event::SmtpMail || is_message,
            Self::Request(RequestField::Octets | RequestField::Body | RequestField::Header(_)) => is_message,
            Self::Request(RequestField::Subject) => is_message || is_set,
            Self::Request(RequestField::Msn) => {
                is_set
                    || is_pop3 && (is_message || matches!(event, Event::Pop3List | Event::Pop3Uidl))
                    || event == Event::ImapFetchItem
            }
            Self::Request(RequestField::Uid) => is_set || is_message && event != Event::SmtpMessage,
            Self::Request(RequestField::UidKnown) => is_set || event == Event::ImapFetchItem,
            Self::Request(RequestField::UidValidity) => is_imap,
            Self::Request(RequestField::Items) => matches!(event, Event::ImapFetch | Event::ImapFetchItem),
            Self::Request(RequestField::Flags) => matches!(event, Event::ImapStore | Event::ImapAppend),
            Self::Request(RequestField::Mailbox) => is_imap || event == Event::MailDelivered,
            Self::Request(RequestField::Exists) => is_imap || is_pop3,
        }
    }
}
