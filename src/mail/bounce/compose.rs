//! A report as a message: header, text, report and what is returned of the original (RFC 6522).

use bytes::Bytes;

use crate::base::{DAYS, MONTHS, Timestamp};
use crate::mail::{Message, Recipient};

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
        let is_8bit = ![text.as_bytes(), report.1.as_bytes(), original.1].iter().all(|octets| octets.is_ascii());
        if is_8bit {
            head += "Content-Transfer-Encoding: 8bit\r\n";
        }
        let mut raw = head.into_bytes();
        raw.extend_from_slice(b"\r\n");
        let text_type = if text.is_ascii() { "text/plain" } else { "text/plain; charset=utf-8" };
        for (content_type, octets) in
            [(text_type, text.as_bytes()), (report.0, report.1.as_bytes()), (original.0, original.1)]
        {
            let encoding = if octets.is_ascii() { "" } else { "Content-Transfer-Encoding: 8bit\r\n" };
            raw.extend_from_slice(format!("--{boundary}\r\nContent-Type: {content_type}\r\n{encoding}\r\n").as_bytes());
            raw.extend_from_slice(octets);
            raw.extend_from_slice(b"\r\n");
        }
        raw.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        let is_utf8 = !to.is_ascii() || [report.0, original.0].iter().any(|its| its.starts_with("message/global"));
        Bounced { to: to.into(), is_utf8, raw: raw.into() }
    }
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
