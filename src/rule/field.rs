//! What conditions and templates may name.

use crate::protocol::{Event, Fact};

/// Something that is known when a rule is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Field {
    Age,
    Arg,
    At,
    Body,
    Bytes,
    Conn,
    Conns,
    Early,
    Exists,
    Failed,
    Flags,
    From,
    Header(Box<str>),
    Idle,
    Ip,
    Items,
    Line,
    Listener,
    Mailbox,
    Mech,
    Msn,
    Outcome,
    Param(Box<str>),
    Rcpt,
    Rcpts,
    Sent,
    Seq,
    ServerCert,
    Session(Box<str>),
    SinceFirst,
    SinceStart,
    Size,
    Sni,
    State(Box<str>),
    Subject,
    Tag,
    Tls,
    Uid,
    UidKnown,
    UidValidity,
    User,
    Verb,
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
    ("arg", Field::Arg, FieldKind::Text, "what stands behind the verb"),
    ("at", Field::At, FieldKind::Span, "the moment that a timer stands for: so long after its rule came into force"),
    ("body", Field::Body, FieldKind::Text, "the message behind its header"),
    ("bytes", Field::Bytes, FieldKind::Number, "the octets of the message"),
    ("conn", Field::Conn, FieldKind::Number, "the number of the session, from 1"),
    ("conns", Field::Conns, FieldKind::Number, "how many sessions last"),
    ("early", Field::Early, FieldKind::Truth, "part of this came before the reply to what came before had left"),
    ("exists", Field::Exists, FieldKind::Number, "how many messages the client knows of"),
    ("failed", Field::Failed, FieldKind::Number, "how many of the session's requests were refused"),
    ("flags", Field::Flags, FieldKind::Text, "the flags that are named"),
    ("from", Field::From, FieldKind::Address, "the reverse-path"),
    ("idle", Field::Idle, FieldKind::Span, "how long the client was silent before this"),
    ("ip", Field::Ip, FieldKind::Word, "the client's address"),
    ("items", Field::Items, FieldKind::Word, "what FETCH asks for, as written"),
    ("line", Field::Line, FieldKind::Word, "the line as it came"),
    ("listener", Field::Listener, FieldKind::Word, "the listener, as `smtps`"),
    ("mailbox", Field::Mailbox, FieldKind::Text, "the mailbox that is named, else the one that is selected"),
    ("mech", Field::Mech, FieldKind::Word, "the mechanism of a login"),
    ("msn", Field::Msn, FieldKind::Number, "the sequence numbers of the messages that are meant"),
    (
        "outcome",
        Field::Outcome,
        FieldKind::Word,
        "in `[[expect]]`, what became of the answer: `ok`, `refused`, `cut`, `silent`",
    ),
    ("rcpt", Field::Rcpt, FieldKind::Address, "the forward-path; of a message, each that was accepted"),
    ("rcpts", Field::Rcpts, FieldKind::Number, "how many recipients were accepted so far"),
    ("sent", Field::Sent, FieldKind::Number, "how many messages the session has sent"),
    ("seq", Field::Seq, FieldKind::Number, "the number of the request in its session, from 1"),
    (
        "server_cert",
        Field::ServerCert,
        FieldKind::Word,
        "the certificate that the session was shown: `good` or `expired`",
    ),
    ("size", Field::Size, FieldKind::Number, "the size that MAIL announces; else the octets of the message"),
    ("sni", Field::Sni, FieldKind::Word, "the server name that the client asked TLS for"),
    ("subject", Field::Subject, FieldKind::Text, "the subject of the messages that are meant"),
    ("tag", Field::Tag, FieldKind::Text, "IMAP's tag"),
    ("tls", Field::Tls, FieldKind::Truth, "the session is encrypted"),
    ("uid", Field::Uid, FieldKind::Any, "the UIDs of the messages that are meant"),
    ("uid_known", Field::UidKnown, FieldKind::Truth, "the session was told of a message with this UID"),
    ("uidvalidity", Field::UidValidity, FieldKind::Number, "the UIDVALIDITY of the selected mailbox"),
    ("user", Field::User, FieldKind::Address, "who logs in, or is logged in"),
    ("verb", Field::Verb, FieldKind::Word, "the command word"),
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
            ("header", rest) => Some(Self::Header(rest.into())),
            ("param", rest) => Some(Self::Param(rest.into())),
            ("session", rest) => Some(Self::Session(rest.into())),
            ("state", rest) => Some(Self::State(rest.into())),
            ("since", "first") => Some(Self::SinceFirst),
            ("since", "start") => Some(Self::SinceStart),
            _ => None,
        }
    }

    pub(crate) fn name(&self) -> String {
        match self {
            Self::Header(name) => format!("header.{name}"),
            Self::Param(name) => format!("param.{name}"),
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
            Self::Header(_) => FieldKind::Text,
            Self::Param(_) => FieldKind::Word,
            Self::Session(_) | Self::State(_) => FieldKind::Any,
            Self::SinceFirst | Self::SinceStart => FieldKind::Span,
            plain => {
                FIELDS.iter().find(|(_, field, ..)| field == plain).map_or(FieldKind::Any, |(_, _, kind, _)| *kind)
            }
        }
    }

    /// What of it the protocol knows; None for what the session and the server know.
    pub(crate) fn fact(&self) -> Option<Fact<'_>> {
        Some(match self {
            Self::Arg => Fact::Argument,
            Self::Body => Fact::Body,
            Self::Bytes | Self::Size => Fact::Size,
            Self::Exists => Fact::Exists,
            Self::Flags => Fact::Flags,
            Self::From => Fact::Sender,
            Self::Header(name) => Fact::Header(name),
            Self::Items => Fact::Items,
            Self::Line => Fact::Line,
            Self::Mailbox => Fact::Mailbox,
            Self::Mech => Fact::Mechanism,
            Self::Msn => Fact::Msn,
            Self::Param(name) => Fact::Parameter(name),
            Self::Rcpt => Fact::Recipient,
            Self::Rcpts => Fact::Recipients,
            Self::Subject => Fact::Subject,
            Self::Tag => Fact::Tag,
            Self::Uid => Fact::Uid,
            Self::UidKnown => Fact::UidKnown,
            Self::UidValidity => Fact::UidValidity,
            Self::User => Fact::User,
            Self::Verb => Fact::Verb,
            _ => return None,
        })
    }

    /// Whether messages have to be read for it.
    pub(crate) fn is_content(&self) -> bool {
        matches!(self, Self::Body | Self::Header(_) | Self::Subject)
    }

    /// Whether there may be such a thing at this event.
    pub(crate) fn exists_at(&self, event: Event) -> bool {
        let name = event.name();
        let (protocol, point) = name.split_once('.').unwrap_or((name, ""));
        let is_world = matches!(protocol, "mail" | "state" | "timer");
        let is_mail = matches!(protocol, "smtp" | "imap" | "pop3");
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
            Self::User => is_mail || event == Event::MailDelivered,
            Self::Verb | Self::Arg | Self::Line => is_line,
            Self::Tag => is_line && protocol == "imap",
            Self::Mech => point.starts_with("auth") || matches!(point, "login" | "pass" | "apop"),
            Self::From | Self::Rcpts => is_transaction,
            Self::Rcpt => matches!(event, Event::SmtpRcpt | Event::SmtpMessage | Event::MailDelivered),
            Self::Param(_) => matches!(event, Event::SmtpMail | Event::SmtpRcpt),
            Self::Size => event == Event::SmtpMail || is_message,
            Self::Bytes | Self::Body | Self::Header(_) => is_message,
            Self::Subject => is_message || is_set,
            Self::Msn => {
                is_set
                    || protocol == "pop3" && (is_message || matches!(point, "list" | "uidl"))
                    || event == Event::ImapFetchItem
            }
            Self::Uid => is_set || is_message && protocol != "smtp",
            Self::UidKnown => is_set || event == Event::ImapFetchItem,
            Self::UidValidity => protocol == "imap",
            Self::Items => matches!(event, Event::ImapFetch | Event::ImapFetchItem),
            Self::Flags => matches!(event, Event::ImapStore | Event::ImapAppend),
            Self::Mailbox => protocol == "imap" || event == Event::MailDelivered,
            Self::Exists => matches!(protocol, "imap" | "pop3"),
        }
    }
}
