//! Findings: what clients did that a careful client does not do. They are derived from the journal when somebody asks.

mod announced;
mod client;
mod failing;
mod kind;
mod literals;
mod mail;
mod masked;
mod mime;
mod scan;
mod turn;

use std::fmt;

pub(crate) use failing::FailingKinds;
pub use kind::FindingKind;
pub(crate) use scan::{FindingScan, Observation};

use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::journal::SessionLog;
use crate::protocol::Listener;

/// An example about a client that sent one unknown command.
macro_rules! example {
    ($assertion:literal) => {
        concat!(
            "# use std::{io::{Write, read_to_string}, net::TcpStream};\n",
            "use mailjig::prelude::*;\n\n",
            "let server = MailServer::start();\n",
            "let mut client = TcpStream::connect(server.smtp().address())?;\n",
            "client.write_all(b\"XYZZY\\r\\nQUIT\\r\\n\")?;\n",
            "let said = read_to_string(client)?;\n",
            "# assert!(said.contains(\"221 \"));\n",
            "let finding = &server.findings()[0];\n",
            $assertion,
            "\n# Ok::<(), std::io::Error>(())",
        )
    };
}

/// Something that a client did and a careful client does not do, such as a password in cleartext or a message without
/// Date. Returned by [`MailServer::findings`].
///
/// It prints as `s1 smtp: ended-without-quit: the client closed the connection without QUIT (RFC 5321 §4.1.1.10)`.
///
/// [`MailServer::findings`]: crate::MailServer::findings
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::FindingKind;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"XYZZY\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// # assert!(said.contains("221 "));
/// let finding = &server.findings()[0];
/// assert_eq!((finding.kind(), finding.reference()), (FindingKind::UnknownCommand, "RFC 5321 §4.1.1"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Finding {
    kind: FindingKind,
    place: FindingPlace,
    message: Option<MessageNo>,
    text: String,
}

/// The record that a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FindingPlace {
    seq: Seq,
    at: Timestamp,
    session: SessionNo,
    listener: Listener,
}

impl Finding {
    /// What the client did.
    ///
    /// ```
    #[doc = example!("assert_eq!(finding.kind(), mailjig::FindingKind::UnknownCommand);")]
    /// ```
    pub fn kind(&self) -> FindingKind {
        self.kind
    }

    /// The session of the client.
    ///
    /// ```
    #[doc = example!("assert_eq!(finding.session().to_string(), \"s1\");")]
    /// ```
    pub fn session(&self) -> SessionNo {
        self.place.session
    }

    /// The listener of the session. [`Listener::protocol`] is its protocol.
    ///
    /// ```
    #[doc = example!("assert_eq!(finding.listener(), mailjig::Listener::Smtp);")]
    /// ```
    pub fn listener(&self) -> Listener {
        self.place.listener
    }

    /// The record of the journal in which the client did it.
    ///
    /// ```
    #[doc = example!("assert!(finding.seq() > mailjig::Seq::default());")]
    /// ```
    pub fn seq(&self) -> Seq {
        self.place.seq
    }

    /// When the client did it, by server time.
    ///
    /// ```
    #[doc = example!("assert!(finding.at() <= server.clock().now());")]
    /// ```
    pub fn at(&self) -> Timestamp {
        self.place.at
    }

    /// The message that it is about, if it is about one.
    ///
    /// ```
    #[doc = example!("assert_eq!(finding.message(), None);")]
    /// ```
    pub fn message(&self) -> Option<MessageNo> {
        self.message
    }

    /// What the client did, as a sentence without its point.
    ///
    /// ```
    #[doc = example!("assert_eq!(finding.text(), \"the client sent `XYZZY`, which is not a command of SMTP\");")]
    /// ```
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The section of a standard that says what a client does instead, such as `RFC 5321 §4.1.1.10`.
    ///
    /// ```
    #[doc = example!("assert_eq!(finding.reference(), \"RFC 5321 §4.1.1\");")]
    /// ```
    pub fn reference(&self) -> &'static str {
        self.kind.reference(self.place.listener.protocol())
    }

    /// The session, which is still open; `None` if none of its records is kept.
    pub(crate) fn left_open(log: &SessionLog) -> Option<Self> {
        let seq = log.records.iter().last()?;
        let listener = log.facts().listener;
        let place = FindingPlace { seq, at: log.latest(), session: log.no, listener };
        Some(Self::new(FindingKind::LeftOpen, place, "the client left its connection open"))
    }

    fn new(kind: FindingKind, place: FindingPlace, text: impl Into<String>) -> Self {
        Self { kind, place, message: None, text: text.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, place: FindingPlace { session, listener, .. }, message, text } = self;
        write!(f, "{session} {listener}")?;
        if let Some(message) = message {
            write!(f, " {message}")?;
        }
        write!(f, ": {kind}: {text} ({})", self.reference())
    }
}

/// The same text as `Display`, so that a failed assertion can be read.
impl fmt::Debug for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
