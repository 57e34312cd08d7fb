//! Errors of the sender in the MIME structure of a message, in transfer encodings and in charsets. The parser tolerates
//! them all.

use std::fmt;

use super::{Part, decode, delimiters};
use crate::base::shown;

/// What is wrong with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MimeError {
    UnknownCharset(String),
    Base64(Base64Error),
    QuotedPrintable(QuotedPrintableError),
    Multipart(MultipartError),
}

/// RFC 2045 §6.8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base64Error {
    /// An octet that is neither in the alphabet nor white space.
    Octet(u8),
    /// This many characters, with the padding: the last quantum is not complete.
    Incomplete(usize),
    AfterPadding,
}

/// RFC 2045 §6.7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum QuotedPrintableError {
    /// An `=` that begins neither an octet in upper case nor a soft line break, with up to two characters behind it.
    Escape(String),
    /// An octet that must be encoded.
    Octet(u8),
}

/// RFC 2046 §5.1.1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MultipartError {
    NoBoundary,
    /// No line has this boundary.
    Absent(String),
    /// There is no closing delimiter with this boundary.
    NotClosed(String),
}

impl MimeError {
    /// What is wrong with the part.
    pub(crate) fn told(&self, part: &Part<'_>) -> String {
        let name = match part.number() {
            "" => "the message".to_owned(),
            number => format!("part {number}"),
        };
        match self {
            Self::UnknownCharset(charset) => {
                format!("{name} has the charset `{}`, which is not known", shown(charset.as_bytes()))
            }
            Self::Base64(error) => format!("{name} has {error}"),
            Self::QuotedPrintable(error) => format!("{name} has {error}"),
            Self::Multipart(MultipartError::NoBoundary) => format!("{name} is a multipart without a boundary"),
            Self::Multipart(MultipartError::Absent(boundary)) => {
                format!("the boundary of {name}, `{}`, does not occur in it", shown(boundary.as_bytes()))
            }
            Self::Multipart(MultipartError::NotClosed(boundary)) => {
                format!("the closing delimiter of {name}, `--{}--`, is missing", shown(boundary.as_bytes()))
            }
        }
    }
}

impl Part<'_> {
    /// What is wrong with this part; nothing about the parts in it. Reads its whole body.
    pub(crate) fn errors(&self) -> impl Iterator<Item = MimeError> {
        let charset = self.unknown_charset().map(MimeError::UnknownCharset);
        let structure = self.is_multipart().then(|| self.multipart_error()).flatten().map(MimeError::Multipart);
        // A multipart has no transfer encoding of its own (RFC 2045 §6.4).
        let encoding = match self.transfer_encoding().as_str() {
            _ if self.is_multipart() => None,
            "base64" => base64_error(self.raw_body()).map(MimeError::Base64),
            "quoted-printable" => quoted_printable_error(self.raw_body()).map(MimeError::QuotedPrintable),
            _ => None,
        };
        charset.into_iter().chain(encoding).chain(structure)
    }

    /// The charset of a text whose decoder is not known.
    fn unknown_charset(&self) -> Option<String> {
        let charset = self.content_type().starts_with("text/").then(|| self.parameter("content-type", "charset"))??;
        (!decode::is_known(&charset)).then_some(charset)
    }

    fn multipart_error(&self) -> Option<MultipartError> {
        let boundary = self.parameter("content-type", "boundary").filter(|boundary| !boundary.is_empty());
        let Some(boundary) = boundary else { return Some(MultipartError::NoBoundary) };
        let mut lines = delimiters(self.raw, self.body_range(), &boundary).peekable();
        let is_absent = lines.peek().is_none();
        let is_closed = lines.any(|line| line.is_last);
        match (is_absent, is_closed) {
            (true, _) => Some(MultipartError::Absent(boundary)),
            (false, false) => Some(MultipartError::NotClosed(boundary)),
            (false, true) => None,
        }
    }
}

fn base64_error(octets: &[u8]) -> Option<Base64Error> {
    let (mut characters, mut is_padded) = (0, false);
    for octet in octets.iter().filter(|octet| !octet.is_ascii_whitespace()) {
        match octet {
            b'=' => is_padded = true,
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' if is_padded => {
                return Some(Base64Error::AfterPadding);
            }
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => {}
            octet => return Some(Base64Error::Octet(*octet)),
        }
        characters += 1;
    }
    (characters % 4 != 0).then_some(Base64Error::Incomplete(characters))
}

/// Blanks at the end of a line may have been added in transport.
fn quoted_printable_error(octets: &[u8]) -> Option<QuotedPrintableError> {
    let is_digit = |octet: &u8| octet.is_ascii_digit() || (b'A'..=b'F').contains(octet);
    for line in octets.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii_end) {
        if let Some(octet) = line.iter().find(|octet| !matches!(octet, b'\t' | b' '..=b'~')) {
            return Some(QuotedPrintableError::Octet(*octet));
        }
        for at in memchr::memchr_iter(b'=', line) {
            let rest = &line[at + 1..];
            let behind = &rest[..rest.len().min(2)];
            let is_encoded = behind.len() == 2 && behind.iter().all(is_digit);
            if !behind.is_empty() && !is_encoded {
                let escape = String::from_utf8_lossy(&line[at..at + 1 + behind.len()]);
                return Some(QuotedPrintableError::Escape(escape.into_owned()));
            }
        }
    }
    None
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Octet(octet) => write!(f, "the octet 0x{octet:02X}, which is not in the base64 alphabet"),
            Self::Incomplete(characters) => {
                write!(f, "{characters} characters of base64, which is not a multiple of 4")
            }
            Self::AfterPadding => f.write_str("base64 after its padding"),
        }
    }
}

impl fmt::Display for QuotedPrintableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escape(text) => write!(f, "`{text}`, which is not an encoded octet"),
            Self::Octet(octet) => write!(f, "the octet 0x{octet:02X}, which is not encoded"),
        }
    }
}
