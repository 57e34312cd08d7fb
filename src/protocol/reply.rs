//! What a machine means to say.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

/// Text, and octets of messages between it: shared slices, not copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    text: Vec<u8>,
    spans: Vec<Span>,
}

/// Octets that a transcript shows by a label: they are long, or differ from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    /// The place in the text that they stand at.
    at: usize,
    label: Box<str>,
    octets: Bytes,
}

/// A label within text that was recorded, and the octets that it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labelled {
    /// Where the label stands in the text.
    pub(crate) label: Range<u32>,
    pub(crate) octets: Bytes,
}

/// A piece of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Vec<u8>),
    Labelled(Box<str>, Bytes),
}

impl From<Vec<u8>> for Reply {
    fn from(text: Vec<u8>) -> Self {
        Self { text, spans: Vec::new() }
    }
}

impl Reply {
    /// Adds a line; the CRLF is added here.
    pub(crate) fn line(mut self, pieces: &[&str]) -> Self {
        self.text.reserve_exact(pieces.iter().map(|piece| piece.len()).sum::<usize>() + 2);
        for piece in pieces {
            self.text.extend_from_slice(piece.as_bytes());
        }
        self.text.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.text.extend_from_slice(text.as_bytes());
    }

    pub(crate) fn push_octets(&mut self, octets: &[u8]) {
        self.text.extend_from_slice(octets);
    }

    /// Adds octets that a transcript shows as `<label>`.
    pub(crate) fn push_labelled(&mut self, label: impl Into<Box<str>>, octets: Bytes) {
        self.spans.push(Span { at: self.text.len(), label: label.into(), octets });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.spans.is_empty()
    }

    /// How many octets are to be sent.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.spans.iter().map(|span| span.octets.len()).sum::<usize>()
    }

    /// The text, without what is labelled.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The labelled octets that stand at this place of the text.
    pub(crate) fn labelled_at(&self, at: usize) -> Option<&Bytes> {
        self.spans.iter().find(|span| span.at == at).map(|span| &span.octets)
    }

    /// Puts something in the place of a part of the text, and of what is labelled in it.
    pub(crate) fn splice(&mut self, range: Range<usize>, text: &[u8]) {
        self.spans.retain(|span| span.at <= range.start || span.at > range.end);
        for span in self.spans.iter_mut().filter(|span| span.at > range.start) {
            span.at = span.at + text.len() - range.len();
        }
        self.text.splice(range, text.iter().copied());
    }

    /// Takes the first so many octets off.
    pub(crate) fn take(&mut self, octets: usize) -> Reply {
        let (mut head, mut left) = (Reply::default(), octets);
        let mut rest = Reply::default();
        for piece in std::mem::take(self).into_pieces() {
            match piece {
                Piece::Text(text) => {
                    let at = left.min(text.len());
                    left -= at;
                    head.push_octets(&text[..at]);
                    rest.push_octets(&text[at..]);
                }
                Piece::Labelled(label, octets) => {
                    let at = left.min(octets.len());
                    left -= at;
                    if at == octets.len() {
                        head.push_labelled(label, octets);
                    } else if at == 0 {
                        rest.push_labelled(label, octets);
                    } else {
                        head.push_labelled(format!("{label}, octets 1-{at} of {}", octets.len()), octets.slice(..at));
                        rest.push_labelled(format!("{label}, from octet {}", at + 1), octets.slice(at..));
                    }
                }
            }
        }
        *self = rest;
        head
    }

    /// Adds another reply behind this one.
    pub(crate) fn append(&mut self, other: Reply) {
        let base = self.text.len();
        self.text.extend_from_slice(&other.text);
        self.spans.extend(other.spans.into_iter().map(|span| Span { at: span.at + base, ..span }));
    }

    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        let (mut pieces, mut from) = (Vec::new(), 0);
        for Span { at, label, octets } in self.spans {
            if at > from {
                pieces.push(Piece::Text(self.text[from..at].to_vec()));
            }
            from = at;
            pieces.push(Piece::Labelled(label, octets));
        }
        if from < self.text.len() {
            pieces.push(Piece::Text(self.text[from..].to_vec()));
        }
        pieces
    }

    /// What is to be sent, piece by piece.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.spans.iter().map(|span| span.at));
        let ends = self.spans.iter().map(|span| span.at).chain([self.text.len()]);
        let octets = self.spans.iter().map(|span| &span.octets[..]).chain([&[][..]]);
        starts.zip(ends).zip(octets).flat_map(|((start, end), octets)| [&self.text[start..end], octets])
    }

    /// What the record keeps: the text, with a label in the place of what has one.
    pub(crate) fn recorded(&self) -> (std::borrow::Cow<'_, [u8]>, Vec<Labelled>) {
        if self.spans.is_empty() {
            return (self.text.as_slice().into(), Vec::new());
        }
        let mut text = Vec::with_capacity(self.text.len() + 16 * self.spans.len());
        let mut labelled = Vec::with_capacity(self.spans.len());
        let mut from = 0;
        for Span { at, label, octets } in &self.spans {
            text.extend_from_slice(&self.text[from..*at]);
            from = *at;
            let start = text.len() as u32;
            text.extend_from_slice(format!("<{label}>").as_bytes());
            labelled.push(Labelled { label: start..text.len() as u32, octets: octets.clone() });
        }
        text.extend_from_slice(&self.text[from..]);
        (text.into(), labelled)
    }
}

/// Never fails.
impl fmt::Write for Reply {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_has_the_octets_and_what_is_recorded_the_labels() {
        let mut reply = Reply::default();
        reply.push("* 1 FETCH (BODY[] {5}\r\n");
        reply.push_labelled("m1", Bytes::from_static(b"a\r\nbc"));
        reply.push(" INTERNALDATE \"");
        reply.push_labelled("time", Bytes::from_static(b" 1-Jan-2026 00:00:00 +0000"));
        reply.push("\")\r\n");

        let sent = reply.pieces().collect::<Vec<_>>().concat();
        let (text, labelled) = reply.recorded();

        assert_eq!(sent.len(), reply.len());
        let sent = String::from_utf8(sent).unwrap();
        assert_eq!(sent, "* 1 FETCH (BODY[] {5}\r\na\r\nbc INTERNALDATE \" 1-Jan-2026 00:00:00 +0000\")\r\n");
        assert_eq!(text, &b"* 1 FETCH (BODY[] {5}\r\n<m1> INTERNALDATE \"<time>\")\r\n"[..]);
        let labels: Vec<_> =
            labelled.iter().map(|its| &text[its.label.start as usize..its.label.end as usize]).collect();
        assert_eq!(labels, [b"<m1>".as_slice(), b"<time>"]);
    }
}
