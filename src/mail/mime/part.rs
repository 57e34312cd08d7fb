//! One part of a message: its header, media type, parameters and octets, decoded on demand.

use std::ops::Range;

use super::{Mime, Node, decode, decode_words, parameter, start_of};

/// One MIME part of a message, or the whole of it (RFC 2045). Returned by [`Message::parts`](crate::Message::parts).
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mail = server.deliver("bob@example.org", "Content-Type: text/html\r\n\r\n<p>hi</p>");
/// let part = mail.parts()[0];
/// assert_eq!((part.number(), part.content_type()), ("1", "text/html"));
/// ```
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub(super) raw: &'a [u8],
    pub(super) mime: &'a Mime,
    pub(super) node: usize,
}

impl<'a> Part<'a> {
    /// Its number as in IMAP (RFC 3501 §6.4.5): `1`, `2.1`; empty for the whole message if it is a multipart.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.deliver("bob@example.org", "Subject: hi\r\n\r\n").root().number(), "1");
    /// ```
    pub fn number(&self) -> &'a str {
        &self.its().number
    }

    /// Its media type in lower case, without parameters: `text/html`. Default: `text/plain` (RFC 2045 §5.2).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert_eq!(server.deliver("bob@example.org", "Subject: hi\r\n\r\n").root().content_type(), "text/plain");
    /// ```
    pub fn content_type(&self) -> &'a str {
        &self.its().content_type
    }

    /// The value of the first field of this name as sent: folded, encoded, without the CRLF at its end.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: a\r\n b\r\n\r\n");
    /// assert_eq!(mail.root().raw_header("subject"), Some(&b" a\r\n b"[..]));
    /// ```
    pub fn raw_header(&self, name: &str) -> Option<&'a [u8]> {
        self.raw_headers().find(|(its, _)| its.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }

    /// The value of the first field of this name, unfolded and decoded (RFC 2047).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: a\r\n b\r\n\r\n");
    /// assert_eq!(mail.root().header("subject").as_deref(), Some("a b"));
    /// ```
    pub fn header(&self, name: &str) -> Option<String> {
        self.raw_header(name).map(decode_words)
    }

    /// Every field, name and value, as sent, in order.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    /// assert_eq!(mail.root().raw_headers().next(), Some((&b"Subject"[..], &b" hi"[..])));
    /// ```
    pub fn raw_headers(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let raw = self.raw;
        self.its().fields.iter().map(move |field| (&raw[field.name.clone()], &raw[field.value.clone()]))
    }

    /// The file name that the sender gave it, decoded (RFC 2183, RFC 2231, RFC 2047).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-Disposition: attachment; filename=a.txt\r\n\r\nhi");
    /// assert_eq!(mail.root().filename().as_deref(), Some("a.txt"));
    /// ```
    pub fn filename(&self) -> Option<String> {
        self.parameter("content-disposition", "filename").or_else(|| self.parameter("content-type", "name"))
    }

    /// Its Content-ID, without brackets: what `cid:` URLs refer to (RFC 2392).
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-ID: <logo@example.org>\r\n\r\n");
    /// assert_eq!(mail.root().content_id().as_deref(), Some("logo@example.org"));
    /// ```
    pub fn content_id(&self) -> Option<String> {
        let id = self.header("content-id")?;
        Some(id.trim().trim_start_matches('<').trim_end_matches('>').to_owned())
    }

    /// Whether it is an attachment: it has the disposition `attachment` or a file name, or is neither text nor multipart.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-Type: image/png\r\n\r\n");
    /// assert!(mail.root().is_attachment());
    /// ```
    pub fn is_attachment(&self) -> bool {
        let is_text = self.content_type().starts_with("text/") || self.its().is_multipart();
        self.disposition() == "attachment" || self.filename().is_some() || !is_text
    }

    /// Its octets without their transfer encoding (RFC 2045 §6). Octets that cannot be decoded are dropped.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n");
    /// assert_eq!(mail.root().bytes(), b"hi");
    /// ```
    pub fn bytes(&self) -> Vec<u8> {
        decode::transfer(&self.transfer_encoding(), self.raw_body())
    }

    /// Its octets as sent, in their transfer encoding.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", "Content-Transfer-Encoding: base64\r\n\r\naGk=\r\n");
    /// assert_eq!(mail.root().raw_body(), b"aGk=\r\n");
    /// ```
    pub fn raw_body(&self) -> &'a [u8] {
        &self.raw[self.its().body.clone()]
    }

    /// Its octets as text, decoded from its charset.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mail = server.deliver("bob@example.org", &b"Content-Type: text/plain; charset=latin1\r\n\r\n\xfc"[..]);
    /// assert_eq!(mail.root().text(), "ü");
    /// ```
    pub fn text(&self) -> String {
        decode::text(&self.bytes(), self.parameter("content-type", "charset").as_deref())
    }

    /// The value of the first field of this name, unfolded but not decoded.
    pub(crate) fn unfolded(&self, name: &str) -> Option<Vec<u8>> {
        let raw = start_of(self.raw_header(name)?);
        let unfolded: Vec<u8> = raw.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n' | 0)).collect();
        Some(unfolded.trim_ascii().to_vec())
    }

    /// The name of each field, and all its lines.
    pub(crate) fn raw_fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let (raw, body) = (self.raw, self.its().body.start);
        self.its().fields.iter().map(move |field| {
            let end = memchr::memchr(b'\n', &raw[field.value.end..body]).map_or(body, |at| field.value.end + at + 1);
            (&raw[field.name.clone()], &raw[field.name.start..end])
        })
    }

    /// The range of its header, including the blank line.
    pub(crate) fn header_range(&self) -> Range<usize> {
        self.its().start..self.its().body.start
    }

    pub(crate) fn body_range(&self) -> Range<usize> {
        self.its().body.clone()
    }

    /// Its parts; the message, for an attached message.
    pub(crate) fn children(&self) -> impl Iterator<Item = Part<'a>> + use<'a> {
        let Part { raw, mime, node } = *self;
        mime.nodes[node].children.iter().map(move |child| Part { raw, mime, node: *child })
    }

    pub(crate) fn is_multipart(&self) -> bool {
        self.its().is_multipart()
    }

    pub(crate) fn is_message(&self) -> bool {
        self.its().is_message()
    }

    /// The transfer encoding in lower case; empty if there is none.
    pub(crate) fn transfer_encoding(&self) -> String {
        self.raw_header("content-transfer-encoding").map(parameter::token).unwrap_or_default()
    }

    /// Whether the transfer encoding is known.
    pub(crate) fn is_decodable(&self) -> bool {
        ["", "7bit", "8bit", "binary", "base64", "quoted-printable"].contains(&self.transfer_encoding().as_str())
    }

    /// Whether its octets are its text, at least the ASCII ones: no transfer encoding and an ASCII-compatible charset.
    pub(crate) fn is_plain(&self) -> bool {
        let charset = self.parameter("content-type", "charset").unwrap_or_default().to_ascii_lowercase();
        let is_superset = ["", "us-ascii", "utf-8"].contains(&charset.as_str())
            || charset.starts_with("iso-8859-")
            || charset.starts_with("windows-125");
        is_superset && ["", "7bit", "8bit", "binary"].contains(&self.transfer_encoding().as_str())
    }

    /// `attachment`, `inline`; empty if there is none.
    pub(crate) fn disposition(&self) -> String {
        self.raw_header("content-disposition").map(parameter::token).unwrap_or_default()
    }

    /// The parameters of a field as sent.
    pub(crate) fn raw_parameters(&self, header: &str) -> Vec<(String, Vec<u8>)> {
        self.raw_header(header).map(parameter::all).unwrap_or_default()
    }

    pub(in crate::mail) fn parameter(&self, header: &str, name: &str) -> Option<String> {
        parameter::find(self.raw_header(header)?, name)
    }

    fn its(&self) -> &'a Node {
        &self.mime.nodes[self.node]
    }
}

impl std::fmt::Debug for Part<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({} octets)", self.number(), self.content_type(), self.raw_body().len())
    }
}
