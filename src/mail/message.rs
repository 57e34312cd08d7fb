//! One captured mail: its envelope, its bytes as they came, its session and its time.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;

use super::Envelope;
use super::mime::{Address, Mime, Part, addresses, decode_words, links};
use crate::base::{MessageNo, SessionNo, Timestamp};

/// One captured mail. Immutable, and cheap to clone: clones share the same bytes.
#[derive(Clone)]
pub struct Message(Arc<Captured>);

#[derive(Debug)]
struct Captured {
    no: MessageNo,
    origin: Origin,
    at: Timestamp,
    /// None for what nobody sent: it was put into a mailbox.
    envelope: Option<Envelope>,
    raw: Bytes,
    mime: OnceLock<Box<Mime>>,
    has_nul: OnceLock<bool>,
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub(crate) enum Origin {
    /// A client sent it in this session.
    Session(SessionNo),
    /// A test put it there.
    Delivered,
    /// The scenario has it in a mailbox from the start.
    Scenario,
}

impl Message {
    pub(crate) fn new(no: MessageNo, origin: Origin, at: Timestamp, envelope: Option<Envelope>, raw: Bytes) -> Self {
        Self(Arc::new(Captured { no, origin, at, envelope, raw, mime: OnceLock::new(), has_nul: OnceLock::new() }))
    }

    /// Its number in its server: `m1`, `m2`…
    pub fn no(&self) -> MessageNo {
        self.0.no
    }

    /// The session it was sent in, or appended in; none when the test put it there.
    pub fn session(&self) -> Option<SessionNo> {
        match self.0.origin {
            Origin::Session(session) => Some(session),
            Origin::Delivered | Origin::Scenario => None,
        }
    }

    /// Tells later whether anybody still keeps it.
    #[cfg(test)]
    pub(crate) fn is_kept(&self) -> impl Fn() -> bool + use<> {
        let captured = Arc::downgrade(&self.0);
        move || captured.strong_count() > 0
    }

    /// Where it came from.
    #[cfg(all(test, feature = "serde"))]
    pub(crate) fn origin(&self) -> Origin {
        self.0.origin
    }

    /// Whether anybody else keeps it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether somebody sent it.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.envelope.is_some()
    }

    /// Whether a scenario put it into a mailbox.
    pub(crate) fn is_of_scenario(&self) -> bool {
        self.0.origin == Origin::Scenario
    }

    /// When its last octet was taken, by server time.
    pub fn received(&self) -> Timestamp {
        self.0.at
    }

    /// Who it was really from and for; without sender and recipients where nobody sent it, because an IMAP client
    /// appended it or a test put it into a mailbox.
    pub fn envelope(&self) -> &Envelope {
        static UNSENT: LazyLock<Envelope> = LazyLock::new(Envelope::unsent);
        self.0.envelope.as_ref().unwrap_or(&UNSENT)
    }

    /// Its octets exactly as sent, after dot-unstuffing; a shared slice, not a copy.
    pub fn raw(&self) -> &Bytes {
        &self.0.raw
    }

    /// The message as a whole: its header, and its parts below it.
    pub fn root(&self) -> Part<'_> {
        self.mime().root(&self.0.raw)
    }

    /// The first header field of this name, unfolded and decoded (RFC 2047).
    pub fn header(&self, name: &str) -> Option<String> {
        self.root().header(name)
    }

    /// Every header field with its decoded value, in order.
    pub fn headers(&self) -> Vec<(String, String)> {
        let fields = self.root().raw_headers();
        fields.map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), decode_words(value))).collect()
    }

    /// The decoded subject; empty where there is none.
    pub fn subject(&self) -> String {
        self.header("subject").unwrap_or_default()
    }

    /// Who the header says it is from. The [`envelope`](Self::envelope) knows better.
    pub fn from(&self) -> Vec<Address> {
        self.addresses("from")
    }

    /// Who the header says it is to.
    pub fn to(&self) -> Vec<Address> {
        self.addresses("to")
    }

    /// Who the header says got a copy.
    pub fn cc(&self) -> Vec<Address> {
        self.addresses("cc")
    }

    /// The addresses in a header field of this name.
    pub fn addresses(&self, header: &str) -> Vec<Address> {
        self.root().raw_header(header).map(addresses).unwrap_or_default()
    }

    /// Its plain text, decoded; empty where it has none.
    pub fn text(&self) -> String {
        self.body_of("text/plain").unwrap_or_default()
    }

    /// Its HTML text, decoded.
    pub fn html(&self) -> Option<String> {
        self.body_of("text/html")
    }

    /// Its parts that have no parts themselves, in order; an attached message counts as one.
    pub fn parts(&self) -> Vec<Part<'_>> {
        self.mime().leaves(&self.0.raw).collect()
    }

    /// What is attached: parts that say so, have a file name, or are no text.
    pub fn attachments(&self) -> Vec<Part<'_>> {
        self.mime().leaves(&self.0.raw).filter(Part::is_attachment).collect()
    }

    /// The URLs in its text and in the `href` and `src` attributes of its HTML, in order, each once.
    pub fn links(&self) -> Vec<String> {
        links(self.body_of("text/plain").as_deref(), self.html().as_deref())
    }

    /// Whether there is a NUL in its octets, which stands in no literal of IMAP.
    pub(crate) fn has_nul(&self) -> bool {
        *self.0.has_nul.get_or_init(|| memchr::memchr(0, &self.0.raw).is_some())
    }

    /// Whether somebody looked for its parts.
    #[cfg(test)]
    pub(crate) fn is_parsed(&self) -> bool {
        self.0.mime.get().is_some()
    }

    fn body_of(&self, content_type: &str) -> Option<String> {
        let mut parts = self.mime().leaves(&self.0.raw);
        let part = parts.find(|part| part.content_type() == content_type && !part.is_attachment());
        part.map(|part| part.text())
    }

    fn mime(&self) -> &Mime {
        self.0.mime.get_or_init(|| Box::new(Mime::parse(&self.0.raw)))
    }
}

/// What a person would ask about first, the same in every run: envelope, header, text, attachments.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let envelope = self.envelope();
        write!(f, "{} from <{}> to", self.no(), envelope.sender().address())?;
        for recipient in envelope.recipients() {
            let refused = if recipient.is_accepted() { "" } else { " (refused)" };
            write!(f, " <{}>{refused}", recipient.address())?;
        }
        writeln!(f)?;
        for (name, value) in self.headers() {
            writeln!(f, "{name}: {value}")?;
        }
        let text = self.text();
        if !text.is_empty() {
            writeln!(f, "\n{}", text.replace("\r\n", "\n").trim_end())?;
        }
        for part in self.attachments() {
            let name = part.filename().unwrap_or_else(|| "unnamed".to_owned());
            writeln!(f, "[{} {}, {} octets, {name}]", part.number(), part.content_type(), part.bytes().len())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Captured { no, origin, envelope, raw, .. } = &*self.0;
        write!(f, "{no} ({origin:?}, {} octets) {envelope:?}", raw.len())
    }
}

/// A plain message, its number in its subject.
pub(crate) fn generated(login: &str, i: u32) -> Bytes {
    let text = format!(
        "From: Generator <generator@example.org>\r\nTo: <{login}>\r\nSubject: generated {i}\r\n\
         Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <generated.{i}@example.org>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         This is message {i} of those that were generated.\r\n"
    );
    text.into()
}
