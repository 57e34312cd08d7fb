//! The header of the message and of its parts: its lines, and the fields that must be there, and how often.

use std::ops::Range;

use super::{LintCode, Linter, shown};
use crate::mail::Part;

/// The header fields that may occur only once (RFC 5322 §3.6).
pub(crate) const SINGLE: &[&str] =
    &["Date", "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Message-ID", "In-Reply-To", "References", "Subject"];

/// The fields of RFC 2045 and RFC 2183, which have one value each.
const SINGLE_MIME: &[&str] = &[
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "Content-ID",
    "Content-Description",
    "Content-Disposition",
];

/// Fields with addresses.
const ADDRESSES: &[&str] = &["From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

/// Text fields, in which readers decode words (RFC 2047 §5).
const TEXTS: &[&str] = &["Subject", "Comments", "Keywords", "Content-Description"];

/// A field: where its name is, and its value with all its lines.
#[derive(Clone)]
pub(super) struct LintField {
    pub(super) name: Range<usize>,
    pub(super) value: Range<usize>,
}

impl Linter<'_> {
    /// The fields of a header, each by itself.
    pub(super) fn header(&mut self, part: Part<'_>) {
        let fields = self.fields(part.header_range());
        for field in &fields {
            let raw = self.raw;
            self.field = Some(String::from_utf8_lossy(&raw[field.name.clone()]).into_owned());
            self.octets(field);
            self.value(field);
        }
        self.field = None;
        self.occurrences(part.header_range().start == 0, &fields);
    }

    /// The fields, and what is wrong with the lines of the header.
    fn fields(&mut self, header: Range<usize>) -> Vec<LintField> {
        let raw = self.raw;
        let mut fields: Vec<LintField> = Vec::new();
        let mut start = header.start;
        while start < header.end {
            let end = memchr::memchr(b'\n', &raw[start..header.end]).map_or(header.end, |end| start + end);
            let line = raw[start..end].strip_suffix(b"\r").unwrap_or(&raw[start..end]);
            let next = (end + 1).min(header.end);
            if line.is_empty() {
                break;
            }
            if matches!(line[0], b' ' | b'\t') {
                if line.trim_ascii().is_empty() {
                    self.add(LintCode::BlankFoldedLine, start, "a folded line of white space only: remove it");
                }
                match fields.last_mut() {
                    Some(field) => field.value.end = start + line.len(),
                    None => self.add(LintCode::BrokenField, start, "the header begins with a folded line"),
                }
            } else {
                fields.extend(self.field_at(start, line));
            }
            start = next;
        }
        fields
    }

    /// The field that begins with this line.
    fn field_at(&mut self, start: usize, line: &[u8]) -> Option<LintField> {
        let Some(colon) = memchr::memchr(b':', line) else {
            let text = format!("`{}` is not a field: a name and a colon are missing", shown(line));
            self.add(LintCode::BrokenField, start, text);
            return None;
        };
        let name = line[..colon].trim_ascii_end();
        // RFC 5322 §3.6.8: printable ASCII without the colon.
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            let text = format!("`{}` is not the name of a field: it may have printable ASCII only", shown(name));
            self.add(LintCode::BrokenField, start, text);
            return None;
        }
        if name.len() < colon {
            self.add(LintCode::SpaceBeforeColon, start + name.len(), "white space before the colon: remove it");
        }
        Some(LintField { name: start..start + name.len(), value: start + colon + 1..start + line.len() })
    }

    /// The octets of a field, whatever it means.
    fn octets(&mut self, field: &LintField) {
        let value = &self.raw[field.value.clone()];
        let is_control = |octet: &u8| (*octet < b' ' && !matches!(octet, b'\t' | b'\r' | b'\n' | 0)) || *octet == 0x7f;
        if let Some(at) = value.iter().position(is_control) {
            let text = format!("the control character 0x{:02X}: remove it", value[at]);
            self.add(LintCode::ControlInHeader, field.value.start + at, text);
        }
        let Some(at) = value.iter().position(|octet| !octet.is_ascii()) else { return };
        let at = field.value.start + at;
        if std::str::from_utf8(value).is_err() {
            self.add(LintCode::InvalidUtf8Header, at, "octets that are not UTF-8: write an encoded word");
        } else if self.is_ascii_only() {
            let text = "octets above 127, but MAIL has no SMTPUTF8: write an encoded word, or declare SMTPUTF8";
            self.add(LintCode::Undeclared8BitHeader, at, text);
        }
    }

    /// What the value of a field of this name must be.
    fn value(&mut self, field: &LintField) {
        let raw = self.raw;
        let name = &raw[field.name.clone()];
        let is = |its: &&str| its.as_bytes().eq_ignore_ascii_case(name);
        let (value, at) = (&raw[field.value.clone()], field.value.start);
        let is_empty = value.trim_ascii().is_empty();
        let may_be_empty = is(&"Bcc") || is(&"Subject");
        if is_empty {
            if SINGLE.iter().any(is) && !may_be_empty {
                self.add(LintCode::EmptyField, at, "the field is empty: give it a value, or leave it out");
            }
        } else if ADDRESSES.iter().any(is) {
            self.address_list(value, at);
        } else if TEXTS.iter().any(is) {
            self.encoded_words(value, at);
        } else if is(&"Date") {
            self.date(value, at);
        } else if is(&"Message-ID") || is(&"Content-ID") {
            self.message_ids(value, at, true);
        } else if is(&"In-Reply-To") || is(&"References") {
            self.message_ids(value, at, false);
        } else if is(&"MIME-Version") {
            self.mime_version(value, at);
        } else if is(&"Content-Type") {
            self.content_type(value, at);
        } else if is(&"Content-Disposition") {
            self.disposition(value, at);
        }
    }

    fn occurrences(&mut self, is_root: bool, fields: &[LintField]) {
        let names = SINGLE.iter().filter(|_| is_root).chain(SINGLE_MIME);
        for name in names {
            let starts = fields.iter().map(|field| field.name.start..field.name.end);
            let starts = starts.filter(|its| self.raw[its.clone()].eq_ignore_ascii_case(name.as_bytes()));
            let starts: Vec<usize> = starts.map(|its| its.start).collect();
            if let [_, second, ..] = starts[..] {
                let (count, text) = (starts.len(), "it may occur only once");
                self.field = Some((*name).to_owned());
                self.add(LintCode::RepeatedField, second, format!("the header has {name} {count} times: {text}"));
                self.field = None;
            }
        }
    }

    /// What the header of the message as a whole must have.
    pub(super) fn message_fields(&mut self) {
        let root = self.message.root();
        let end = root.body_range().start;
        let has = |name: &str| root.raw_header(name).is_some();
        for (code, name, what) in [
            (LintCode::MissingDate, "Date", "the message has no header field Date"),
            (LintCode::MissingFrom, "From", "the message has no header field From"),
            (
                LintCode::MissingMessageId,
                "Message-ID",
                "the message has no header field Message-ID, which it should have",
            ),
        ] {
            if !has(name) {
                self.add(code, end, what);
            }
        }
        let subject = self.message.subject();
        if subject.is_empty() {
            self.add(LintCode::MissingSubject, end, "the message has no subject: readers show none, or `(no subject)`");
        }
        if self.message.from().len() > 1 && !has("Sender") {
            let text = "From has several addresses: Sender must name the one that sent the message";
            self.add(LintCode::MissingSender, end, text);
        }
        if self.message.addresses("Sender").len() > 1 {
            self.add(LintCode::SeveralSenders, end, "Sender has several addresses: it must have one");
        }
        if self.message.header("Bcc").is_some_and(|addresses| !addresses.is_empty()) {
            let text = "the header names the Bcc recipients: remove Bcc before sending";
            self.add(LintCode::BccDisclosed, end, text);
        }
        let has_mime = root.raw_headers().any(|(name, _)| name.to_ascii_lowercase().starts_with(b"content-"));
        if has_mime && !has("MIME-Version") {
            self.add(LintCode::MissingMimeVersion, end, "the message has MIME fields without `MIME-Version: 1.0`");
        }
    }
}
