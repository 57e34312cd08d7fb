//! Findings about the MIME structure of a message, its transfer encodings and its charsets.

use super::FindingKind;
use super::mail::counted;
use super::turn::shown;
use crate::mail::{Message, MimeError, MultipartError, Part, unknown_charset};

/// The header fields in which readers decode words (RFC 2047 §5).
const DECODED: &[&str] = &["Subject", "Comments", "Keywords", "From", "Sender", "Reply-To", "To", "Cc", "Bcc"];

/// What is wrong, each kind once: the first place, and how many others there are. Reads the whole message, but not
/// attached messages, which somebody else may have written.
pub(super) fn findings(message: &Message) -> Vec<(FindingKind, String)> {
    let mut found: Vec<Found> = Vec::new();
    let mut add = |kind, text: String| match found.iter_mut().find(|its| its.kind == kind) {
        Some(its) => its.others += 1,
        None => found.push(Found { kind, text, others: 0 }),
    };
    let root = message.root();
    for (name, value) in root.raw_headers() {
        let field = DECODED.iter().find(|its| its.as_bytes().eq_ignore_ascii_case(name));
        if let Some((field, charset)) = field.zip(unknown_charset(value)) {
            add(FindingKind::UnknownCharset, unknown(field, &charset));
        }
    }
    let mut parts = vec![root];
    while let Some(part) = parts.pop() {
        for error in part.errors() {
            let (kind, text) = described(&part, &error);
            add(kind, text);
        }
        if part.is_multipart() {
            let inner: Vec<Part<'_>> = part.children().collect();
            parts.extend(inner.into_iter().rev());
        }
    }
    found.into_iter().map(Found::told).collect()
}

struct Found {
    kind: FindingKind,
    text: String,
    others: usize,
}

impl Found {
    fn told(self) -> (FindingKind, String) {
        let Self { kind, text, others } = self;
        match others {
            0 => (kind, text),
            others => (kind, format!("{text}; likewise {}", counted(others, "other place", "other places"))),
        }
    }
}

fn described(part: &Part<'_>, error: &MimeError) -> (FindingKind, String) {
    let name = match part.number() {
        "" => "the message".to_owned(),
        number => format!("part {number}"),
    };
    match error {
        MimeError::UnknownCharset(charset) => (FindingKind::UnknownCharset, unknown(&name, charset)),
        MimeError::Base64(error) => (FindingKind::InvalidBase64, format!("{name} has {error}")),
        MimeError::QuotedPrintable(error) => (FindingKind::InvalidQuotedPrintable, format!("{name} has {error}")),
        MimeError::Multipart(error) => (FindingKind::BrokenMultipart, broken(&name, error)),
    }
}

fn unknown(place: &str, charset: &str) -> String {
    format!("{place} has the charset `{}`, which is not known", shown(charset.as_bytes()))
}

fn broken(name: &str, error: &MultipartError) -> String {
    let shown = |boundary: &str| shown(boundary.as_bytes());
    match error {
        MultipartError::NoBoundary => format!("{name} is a multipart without a boundary"),
        MultipartError::Absent(boundary) => {
            format!("the boundary of {name}, `{}`, does not occur in it", shown(boundary))
        }
        MultipartError::NotClosed(boundary) => {
            format!("the closing delimiter of {name}, `--{}--`, is missing", shown(boundary))
        }
    }
}
