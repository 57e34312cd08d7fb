//! Findings about the MIME structure of a message, its transfer encodings and its charsets.

use super::FindingKind;
use super::mail::counted;
use crate::base::shown;
use crate::mail::{Message, MimeError, Part, unknown_charset};

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
            let charset = shown(charset.as_bytes());
            add(FindingKind::UnknownCharset, format!("{field} has the charset `{charset}`, which is not known"));
        }
    }
    let mut parts = vec![root];
    while let Some(part) = parts.pop() {
        for error in part.errors() {
            add(kind(&error), error.told(&part));
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

fn kind(error: &MimeError) -> FindingKind {
    match error {
        MimeError::UnknownCharset(_) => FindingKind::UnknownCharset,
        MimeError::Base64(_) => FindingKind::InvalidBase64,
        MimeError::QuotedPrintable(_) => FindingKind::InvalidQuotedPrintable,
        MimeError::Multipart(_) => FindingKind::BrokenMultipart,
    }
}
