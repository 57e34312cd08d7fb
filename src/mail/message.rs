//! A captured message: envelope, bytes as received, session and time.

use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use bytes::Bytes;

use super::Envelope;
use super::dkim::{self, DkimKeys, DkimSignature};
use super::lint::{self, Violation};
use super::mime::{Address, Mime, Part, addresses, codes, decode_words, links, readable};
use super::unsubscribe::Unsubscribe;
use crate::base::{MessageNo, SessionNo, Timestamp};

/// One captured message: its envelope, its octets as received, its session and its time. Immutable, and cheap to clone:
/// clones share the octets. Returned by [`MailServer::messages`] and by waits.
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver("bob@example.org", "Subject: Welcome\r\n\r\nHello, Bob!\r\n");
/// assert_eq!((mail.subject().as_str(), mail.text().as_str()), ("Welcome", "Hello, Bob!\r\n"));
/// ```
///
/// [`MailServer::messages`]: crate::MailServer::messages
#[derive(Clone)]
pub struct Message(Arc<Captured>);

#[derive(Debug)]
struct Captured {
    no: MessageNo,
    origin: Origin,
    at: Timestamp,
    /// `None` for a message that was put into a mailbox without SMTP.
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
    /// A test delivered it.
    Delivered,
    /// The scenario has it in a mailbox from the start.
    Scenario,
}

impl Message {
    pub(crate) fn new(no: MessageNo, origin: Origin, at: Timestamp, envelope: Option<Envelope>, raw: Bytes) -> Self {
        Self(Arc::new(Captured { no, origin, at, envelope, raw, mime: OnceLock::new(), has_nul: OnceLock::new() }))
    }

    /// Its number in its server; prints as `m1`.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.deliver("bob@example.org", "Subject: hi\r\n\r\n").no().to_string(), "m1");
    /// ```
    pub fn no(&self) -> MessageNo {
        self.0.no
    }

    /// The session that it was sent or appended in; `None` if the test delivered it.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.deliver("bob@example.org", "Subject: hi\r\n\r\n").session(), None);
    /// ```
    pub fn session(&self) -> Option<SessionNo> {
        match self.0.origin {
            Origin::Session(session) => Some(session),
            Origin::Delivered | Origin::Scenario => None,
        }
    }

    /// Returns a function that returns whether the message is still kept.
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

    /// Whether there are other references to it.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether it was sent over SMTP or LMTP.
    pub(crate) fn is_sent(&self) -> bool {
        self.0.envelope.is_some()
    }

    /// Whether a scenario put it into a mailbox.
    pub(crate) fn is_of_scenario(&self) -> bool {
        self.0.origin == Origin::Scenario
    }

    /// When its last octet was received, by server time.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().manual_clock().start();
    /// assert_eq!(server.deliver("bob@example.org", "Subject: hi\r\n\r\n").received(), server.clock().now());
    /// ```
    pub fn received(&self) -> Timestamp {
        self.0.at
    }

    /// Its sender and recipients in SMTP. Empty if the message was not sent: an IMAP client appended it, or a test put
    /// it into a mailbox.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "To: all@example.org\r\n\r\n");
    /// assert_eq!(mail.envelope().recipients()[0].address(), "bob@example.org");
    /// ```
    pub fn envelope(&self) -> &Envelope {
        static UNSENT: LazyLock<Envelope> = LazyLock::new(Envelope::unsent);
        self.0.envelope.as_ref().unwrap_or(&UNSENT)
    }

    /// Its octets exactly as sent, after dot-unstuffing (RFC 5321 §4.5.2); a shared slice, not a copy.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(&mail.raw()[..], b"Subject: hi\r\n\r\n");
    /// ```
    pub fn raw(&self) -> &Bytes {
        &self.0.raw
    }

    /// The message as a whole, as a MIME part: its header, and its parts below it.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-Type: text/html\r\n\r\n<p>hi</p>");
    /// assert_eq!(mail.root().content_type(), "text/html");
    /// ```
    pub fn root(&self) -> Part<'_> {
        self.mime().root(&self.0.raw)
    }

    /// The value of the first header field of this name, unfolded and decoded (RFC 2047).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "X-Campaign: 7\r\n\r\n");
    /// assert_eq!(mail.header("x-campaign").as_deref(), Some("7"));
    /// ```
    pub fn header(&self, name: &str) -> Option<String> {
        self.root().header(name)
    }

    /// Every header field, with its decoded value, in order.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\nX-Campaign: 7\r\n\r\n");
    /// assert_eq!(mail.headers()[1], ("X-Campaign".to_owned(), "7".to_owned()));
    /// ```
    pub fn headers(&self) -> Vec<(String, String)> {
        let fields = self.root().raw_headers();
        fields.map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), decode_words(value))).collect()
    }

    /// The decoded subject; empty if there is none.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n\r\n");
    /// assert_eq!(mail.subject(), "Grüße");
    /// ```
    pub fn subject(&self) -> String {
        self.header("subject").unwrap_or_default()
    }

    /// The addresses of the header field From. The [`envelope`](Self::envelope) has the real sender.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "From: Ann <ann@example.org>\r\n\r\n");
    /// assert_eq!(mail.from()[0].address, "ann@example.org");
    /// ```
    pub fn from(&self) -> Vec<Address> {
        self.addresses("from")
    }

    /// The addresses of the header field To. The [`envelope`](Self::envelope) has the real recipients.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "To: a@example.org, b@example.org\r\n\r\n");
    /// assert_eq!(mail.to().len(), 2);
    /// ```
    pub fn to(&self) -> Vec<Address> {
        self.addresses("to")
    }

    /// The addresses of the header field Cc.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Cc: c@example.org\r\n\r\n");
    /// assert_eq!(mail.cc()[0].address, "c@example.org");
    /// ```
    pub fn cc(&self) -> Vec<Address> {
        self.addresses("cc")
    }

    /// The addresses of the first header field of this name; empty if there is no such field.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Reply-To: help@example.org\r\n\r\n");
    /// assert_eq!(mail.addresses("reply-to")[0].address, "help@example.org");
    /// ```
    pub fn addresses(&self, header: &str) -> Vec<Address> {
        self.root().raw_header(header).map(addresses).unwrap_or_default()
    }

    /// Its plain text, decoded; empty if it has none.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\nHello!\r\n");
    /// assert_eq!(mail.text(), "Hello!\r\n");
    /// ```
    pub fn text(&self) -> String {
        self.body_of("text/plain").unwrap_or_default()
    }

    /// Its HTML text, decoded; `None` if it has none.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-Type: text/html\r\n\r\n<p>hi</p>");
    /// assert_eq!(mail.html().as_deref(), Some("<p>hi</p>"));
    /// ```
    pub fn html(&self) -> Option<String> {
        self.body_of("text/html")
    }

    /// The parts that have no parts themselves, in order; an attached message counts as one.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\nHello!\r\n");
    /// assert_eq!(mail.parts()[0].content_type(), "text/plain");
    /// ```
    pub fn parts(&self) -> Vec<Part<'_>> {
        self.mime().leaves(&self.0.raw).collect()
    }

    /// The attachments: parts with the disposition `attachment`, with a file name, or that are not text.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-Type: application/pdf; name=bill.pdf\r\n\r\n%PDF");
    /// assert_eq!(mail.attachments()[0].filename().as_deref(), Some("bill.pdf"));
    /// ```
    pub fn attachments(&self) -> Vec<Part<'_>> {
        self.mime().leaves(&self.0.raw).filter(Part::is_attachment).collect()
    }

    /// The URLs in its text, and in the `href` and `src` attributes of its HTML, in order, each once.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: confirm\r\n\r\nGo to https://example.org/c?code=1234.\r\n");
    /// assert_eq!(mail.links(), ["https://example.org/c?code=1234"]);
    /// ```
    pub fn links(&self) -> Vec<String> {
        links(self.body_of("text/plain").as_deref(), self.html().as_deref())
    }

    /// The one-time codes in its subject and its text, or in its HTML if it has no plain text; each once. A code is
    ///
    /// - a number of four to eight digits that stands alone, also as `123 456` or `1234-5678`, which are returned
    ///   without the blank or the hyphen,
    /// - in a line with a word such as "code", "PIN" or "confirm" or directly below one: a capital letter, a hyphen and
    ///   four to eight digits, as in `G-482911`; six to eight capital letters and digits with at least two digits, as in
    ///   `A1B2C3`; both are returned as they are written,
    /// - four to eight digits after `code=`, `otp=`, `pin=` or `passcode=`, also in a URL, and in the links of HTML.
    ///
    /// Parts of dates, amounts, URLs and telephone numbers do not count, nor does a number directly after a word such as
    /// "order" or "invoice". A year from 1900 to 2099 counts only in or below a line with such a word. Codes there come
    /// first, then the others, then years.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: log in\r\n\r\nYour code is 123 456.\r\n");
    /// assert_eq!(mail.codes(), ["123456"]);
    /// ```
    pub fn codes(&self) -> Vec<String> {
        let subject = self.subject();
        if let Some(text) = self.body_of("text/plain") {
            return codes(&subject, &text, &[]);
        }
        let html = self.html().unwrap_or_default();
        codes(&subject, &readable(&html), &links(None, Some(&html)))
    }

    /// Its DKIM signatures, verified with these keys (RFC 6376, RFC 8463), in the order of the header; at most 32. They
    /// are judged at the time when the message was [received](Self::received). Octets are taken as they were sent.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::DkimKeys;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: not signed\r\n\r\n");
    /// let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    /// let keys = DkimKeys::of("brisbane._domainkey.football.example.com", record);
    /// assert!(mail.dkim(&keys).is_empty());
    /// ```
    pub fn dkim(&self, keys: &DkimKeys) -> Vec<DkimSignature> {
        dkim::verify(self.root(), self.received(), keys)
    }

    /// What the standards for messages forbid or advise against in it, in the order of the places: RFC 5322, RFC 2045 to
    /// 2047, RFC 2231, RFC 6532. Attached messages are not looked into.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let fields = "From: Ann <ann@example.org>\r\nSubject: hi\r\nMessage-ID: <1@example.org>\r\n";
    /// let mail = server.deliver("bob@example.org", format!("{fields}\r\nHello!\r\n"));
    /// assert_eq!(
    ///     format!("{:?}", mail.lint()),
    ///     "[5:1: error: missing-date: the message has no header field Date (RFC 5322 §3.6)]"
    /// );
    /// ```
    pub fn lint(&self) -> Vec<Violation> {
        lint::lint(self)
    }

    /// How a reader unsubscribes (RFC 2369, RFC 8058); `None` if there is no List-Unsubscribe. Nothing is called.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "List-Unsubscribe: <https://example.org/leave>\r\n\r\n");
    /// assert_eq!(mail.unsubscribe().unwrap().uris, ["https://example.org/leave"]);
    /// ```
    pub fn unsubscribe(&self) -> Option<Unsubscribe> {
        Unsubscribe::of(self)
    }

    /// The text that a reader of its HTML sees.
    pub(crate) fn readable_html(&self) -> Option<String> {
        self.html().map(|html| readable(&html))
    }

    /// One line about it, as `m1 <ann@example.org> → <bob@example.org> "Hello" (312 octets)`.
    pub(crate) fn summary(&self) -> String {
        let envelope = self.envelope();
        let to: Vec<String> = envelope.accepted().map(|address| format!("<{address}>")).collect();
        let (no, from, size) = (self.no(), envelope.sender().address(), self.raw().len());
        format!("{no} <{from}> → {} {:?} ({size} octets)", to.join(" "), self.subject())
    }

    /// Whether it contains a NUL, which IMAP literals cannot contain.
    pub(crate) fn has_nul(&self) -> bool {
        *self.0.has_nul.get_or_init(|| memchr::memchr(0, &self.0.raw).is_some())
    }

    /// Whether its parts have been parsed.
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

/// A summary that is the same in every run: envelope, header, text, attachments.
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

/// A generated plain message with its number in the subject.
pub(crate) fn generated(login: &str, i: u32) -> Bytes {
    let text = format!(
        "From: Generator <generator@example.org>\r\nTo: <{login}>\r\nSubject: generated {i}\r\n\
         Date: Thu, 1 Jan 2026 00:00:00 +0000\r\nMessage-ID: <generated.{i}@example.org>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n\
         This is message {i} of those that were generated.\r\n"
    );
    text.into()
}
