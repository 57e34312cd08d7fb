//! Canonicalisation: what a signature tolerates (RFC 6376 §3.4).

use std::borrow::Cow;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Canonical {
    Simple,
    Relaxed,
}

impl Canonical {
    /// `c=`: of the header, and of the body.
    pub(super) fn both(text: &str) -> Option<(Self, Self)> {
        let (header, body) = text.split_once('/').unwrap_or((text, "simple"));
        Some((Self::parse(header)?, Self::parse(body)?))
    }

    fn parse(name: &str) -> Option<Self> {
        match name {
            "simple" => Some(Self::Simple),
            "relaxed" => Some(Self::Relaxed),
            _ => None,
        }
    }

    /// Appends a field with its CRLF (RFC 6376 §3.4.1, §3.4.2).
    pub(super) fn field(self, name: &[u8], lines: &[u8], out: &mut Vec<u8>) {
        let lines = lines.strip_suffix(b"\n").unwrap_or(lines);
        let lines = lines.strip_suffix(b"\r").unwrap_or(lines);
        match self {
            Self::Simple => out.extend(lines),
            Self::Relaxed => {
                let value = memchr::memchr(b':', lines).map_or(&b""[..], |colon| &lines[colon + 1..]);
                out.extend(name.to_ascii_lowercase());
                out.push(b':');
                let unfolded: Vec<u8> = value.iter().copied().filter(|octet| !matches!(octet, b'\r' | b'\n')).collect();
                let start = out.len();
                reduce(&unfolded, out);
                if out.get(start) == Some(&b' ') {
                    out.remove(start);
                }
            }
        }
        out.extend(b"\r\n");
    }

    /// The body without what is not signed: empty lines at its end and, if relaxed, white space (RFC 6376 §3.4.3,
    /// §3.4.4).
    pub(super) fn body(self, body: &[u8]) -> Cow<'_, [u8]> {
        let mut out = match self {
            Self::Simple => Cow::Borrowed(body),
            Self::Relaxed => Cow::Owned(relaxed(body)),
        };
        let mut end = out.len();
        while out[..end].ends_with(b"\r\n\r\n") {
            end -= 2;
        }
        if &out[..end] == b"\r\n" && self == Self::Relaxed {
            end = 0;
        }
        match &mut out {
            Cow::Borrowed(body) => *body = &body[..end],
            Cow::Owned(body) => body.truncate(end),
        }
        let is_open = match self {
            Self::Simple => !out.ends_with(b"\r\n"),
            Self::Relaxed => !out.is_empty() && !out.ends_with(b"\r\n"),
        };
        if is_open {
            out.to_mut().extend(b"\r\n");
        }
        out
    }
}

/// The lines of a body, each without white space at its end, and with one blank for each run of white space.
fn relaxed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr::memmem::find(rest, b"\r\n") {
        reduce(&rest[..at], &mut out);
        out.extend(b"\r\n");
        rest = &rest[at + 2..];
    }
    reduce(rest, &mut out);
    out
}

/// Appends a line with one blank for each run of white space, and none at its end.
fn reduce(line: &[u8], out: &mut Vec<u8>) {
    let mut is_spaced = false;
    for octet in line {
        match octet {
            b' ' | b'\t' => is_spaced = true,
            octet => {
                if std::mem::take(&mut is_spaced) {
                    out.push(b' ');
                }
                out.push(*octet);
            }
        }
    }
}
