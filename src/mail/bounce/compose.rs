//! A report as a message: header, text, report and what is returned of the original (RFC 6522).

use std::borrow::Cow;

use bytes::Bytes;

use crate::base::{DAYS, MONTHS, Timestamp};
use crate::mail::{BodyType, Message, Recipient};

/// Who reports, and when.
pub(crate) struct Reporter<'h> {
    /// The name of the server.
    pub(crate) host: &'h str,
    pub(crate) now: Timestamp,
}

/// A report, ready to be sent with the null sender.
pub(crate) struct Bounced {
    pub(crate) to: Box<str>,
    pub(crate) raw: Bytes,
    /// Whether it needs SMTPUTF8 (RFC 6533).
    pub(crate) is_utf8: bool,
}

/// The parts of a report.
pub(super) struct Composition<'c> {
    /// What is reported, such as `failed`.
    pub(super) name: &'static str,
    pub(super) from: String,
    pub(super) to: &'c str,
    pub(super) subject: String,
    /// `delivery-status`
    pub(super) report_type: &'static str,
    pub(super) text: String,
    /// The media type of the report, and its fields.
    pub(super) report: (&'static str, String),
    /// The media type of what is returned of the original, and its octets.
    pub(super) original: (&'static str, &'c [u8]),
}

impl Composition<'_> {
    pub(super) fn finish(self, about: &Message, reporter: &Reporter<'_>) -> Bounced {
        let Reporter { host, now } = *reporter;
        let Self { name, from, to, subject, report_type, text, report, original } = self;
        let id = format!("{}.{name}.{}", about.no(), now.as_micros());
        let boundary = boundary(&id, &[text.as_bytes(), report.1.as_bytes(), original.1]);
        let date = date(now);
        let mut head = format!(
            "From: {from}\r\nTo: <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\nMessage-ID: <{id}@{host}>\r\n"
        );
        // RFC 3834 §3.1.5: what it answers.
        if let Some(id) = message_id(about) {
            head += &format!("In-Reply-To: {id}\r\nReferences: {id}\r\n");
        }
        head += &format!(
            "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type={report_type};\r\n\tboundary=\"{boundary}\"\r\n"
        );
        let text_type = if text.is_ascii() { "text/plain" } else { "text/plain; charset=utf-8" };
        let parts = [(text_type, text.as_bytes()), (report.0, report.1.as_bytes()), original]
            .map(|(content_type, octets)| (content_type, transfer_encoded(octets, about)));
        // RFC 2045 §6.4
        if parts.iter().any(|(_, (encoding, _))| *encoding == EIGHT_BIT) {
            head += EIGHT_BIT;
        }
        let mut raw = head.into_bytes();
        raw.extend_from_slice(b"\r\n");
        for (content_type, (encoding, octets)) in parts {
            raw.extend_from_slice(format!("--{boundary}\r\nContent-Type: {content_type}\r\n{encoding}\r\n").as_bytes());
            raw.extend_from_slice(&octets);
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let is_utf8 = !to.is_ascii() || [report.0, original.0].iter().any(|its| its.starts_with("message/global"));
        Bounced { to: to.into(), is_utf8, raw: raw.into() }
    }
}

const EIGHT_BIT: &str = "Content-Transfer-Encoding: 8bit\r\n";

/// The whole message and its media type, or only its header: a report is 8bit data, and the transfer encodings that make
/// such data of binary data are not allowed in `message/rfc822` (RFC 2046 §5.2.1). RFC 6522 §3 leaves the choice.
pub(super) fn returned(message: &Message, is_full: bool, is_utf8: bool) -> (&'static str, &[u8]) {
    let is_whole = is_full && !is_binary(message.raw(), message);
    match (is_whole, is_utf8) {
        (true, false) => ("message/rfc822", message.raw()),
        // RFC 6532 §3.7
        (true, true) => ("message/global", message.raw()),
        (false, false) => ("text/rfc822-headers", header(message)),
        (false, true) => ("message/global-headers", header(message)),
    }
}

/// Whether octets of a message need BINARYMIME (RFC 2045 §2.8). What came with DATA can go on with DATA, except NUL.
fn is_binary(octets: &[u8], message: &Message) -> bool {
    let is_declared = message.envelope().sender().parameters().body() == Some(BodyType::Binary);
    memchr::memchr(0, octets).is_some() || is_declared && !octets.split_inclusive(|octet| *octet == b'\n').all(is_line)
}

/// Whether this is a line of at most 998 octets, which only CRLF ends.
fn is_line(line: &[u8]) -> bool {
    let text = line.strip_suffix(b"\r\n").unwrap_or(line);
    text.len() <= 998 && memchr::memchr2(b'\r', b'\n', text).is_none()
}

/// The octets of a part as they are sent, with the field that says how they are encoded. Only the header of a binary
/// message needs an encoding (RFC 6522 §4).
fn transfer_encoded<'o>(octets: &'o [u8], about: &Message) -> (&'static str, Cow<'o, [u8]>) {
    match octets.is_ascii() {
        _ if is_binary(octets, about) => {
            ("Content-Transfer-Encoding: quoted-printable\r\n", quoted_printable(octets).into())
        }
        true => ("", octets.into()),
        false => (EIGHT_BIT, octets.into()),
    }
}

/// The digits of an octet in quoted-printable.
const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// RFC 2045 §6.7
fn quoted_printable(octets: &[u8]) -> Vec<u8> {
    let (mut out, mut length) = (Vec::with_capacity(octets.len()), 0);
    for (at, octet) in octets.iter().enumerate() {
        let rest = &octets[at..];
        if rest.starts_with(b"\r\n") {
            continue;
        }
        if *octet == b'\n' && octets[..at].ends_with(b"\r") {
            out.extend_from_slice(b"\r\n");
            length = 0;
            continue;
        }
        let is_last = matches!(rest, [_] | [_, b'\r', b'\n', ..]);
        let is_literal = octet.is_ascii_graphic() && *octet != b'=' || matches!(octet, b' ' | b'\t') && !is_last;
        let needed = if is_literal { 1 } else { 3 };
        if length + needed > 75 {
            out.extend_from_slice(b"=\r\n");
            length = 0;
        }
        match is_literal {
            true => out.push(*octet),
            false => out.extend([b'=', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]),
        }
        length += needed;
    }
    out
}

/// A boundary that is in none of the parts.
fn boundary(id: &str, parts: &[&[u8]]) -> String {
    let names = (0_u32..).map(|i| format!("=_{id}_{i}"));
    let is_free = |name: &String| parts.iter().all(|part| memchr::memmem::find(part, name.as_bytes()).is_none());
    names.into_iter().find(is_free).expect("no message has them all")
}

/// The Message-ID of a message, if it is one.
pub(super) fn message_id(message: &Message) -> Option<String> {
    let id = message.header("message-id")?;
    let is_id = id.starts_with('<') && id.ends_with('>') && id.bytes().all(|octet| octet.is_ascii_graphic());
    is_id.then_some(id)
}

/// The field Original-Recipient, from the ORCPT of this recipient.
pub(super) fn original_recipient(recipient: &Recipient, is_utf8: bool) -> Option<String> {
    let its = recipient.parameters().original_recipient()?;
    let address = if is_utf8 { its.address().to_owned() } else { its.ascii() };
    Some(format!("Original-Recipient: {}; {address}\r\n", its.address_type()))
}

/// The header of a message, without the blank line.
pub(super) fn header(message: &Message) -> &[u8] {
    let header = &message.raw()[message.root().header_range()];
    match header.strip_suffix(b"\r\n\r\n").or_else(|| header.strip_suffix(b"\n\n")) {
        Some(_) => &header[..header.len() - if header.ends_with(b"\r\n") { 2 } else { 1 }],
        None => header,
    }
}

/// RFC 5322 §3.3.
pub(super) fn date(at: Timestamp) -> String {
    let seconds = at.as_micros().div_euclid(1_000_000);
    let at = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let (day, month) = (DAYS[usize::from(at.weekday().number_days_from_monday())], MONTHS[at.month() as usize - 1]);
    let (hour, minute, second) = at.to_hms();
    format!("{day}, {} {month} {:04} {hour:02}:{minute:02}:{second:02} +0000", at.day(), at.year())
}
