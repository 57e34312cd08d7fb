//! Replies of a machine: text and shared octets, each piece with its author.

mod recorded;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
pub(crate) use recorded::{Labelled, Recorded, Written};

/// A reply: text, and octets of messages in it, which are shared and not copied. Each piece has an author.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Reply {
    text: Vec<u8>,
    spans: Vec<Span>,
    /// The ranges of text that the machine did not write, in ascending order.
    written: Vec<Written<usize>>,
    /// The author of text that is added later.
    author: Author,
    /// Text that a transcript abbreviates if it is unchanged.
    abbreviation: Option<Arc<Abbreviation>>,
}

/// Text of the machine that a transcript shows as a label. It is still text, which can be searched and edited. After an
/// edit, the transcript shows all of it.
#[derive(Debug, PartialEq, Eq)]
struct Abbreviation {
    label: Box<str>,
    octets: Bytes,
}

/// The author of text. `None` for the machine.
pub(crate) type Author = Option<Arc<str>>;

/// Octets that a transcript shows as a label, because they are long or differ from run to run.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    /// Their offset in the text.
    at: usize,
    label: Box<str>,
    octets: Bytes,
    author: Author,
}

/// A piece of a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Vec<u8>, Author),
    Labelled(Box<str>, Bytes, Author),
}

enum Part<'r> {
    Text(&'r [u8], Option<&'r Arc<str>>),
    Labelled(&'r Span),
}

impl From<Vec<u8>> for Reply {
    fn from(text: Vec<u8>) -> Self {
        Self { text, ..Self::default() }
    }
}

impl Reply {
    /// The same reply with another author.
    pub(crate) fn by(mut self, author: &Arc<str>) -> Self {
        self.author = Some(Arc::clone(author));
        self.written.clear();
        self.sign(0);
        self.spans.iter_mut().for_each(|span| span.author.clone_from(&self.author));
        self
    }

    /// Sets the author of text that is added later.
    pub(crate) fn set_author(&mut self, author: &Arc<str>) {
        self.author = Some(Arc::clone(author));
    }

    /// Whether the machine wrote all of it.
    pub(crate) fn is_own(&self) -> bool {
        self.written.is_empty() && self.spans.iter().all(|span| span.author.is_none())
    }

    /// An empty reply with the same author and abbreviation.
    pub(crate) fn empty_like(&self) -> Self {
        Self { author: self.author.clone(), abbreviation: self.abbreviation.clone(), ..Self::default() }
    }

    /// Adds a line and CRLF.
    pub(crate) fn line(mut self, pieces: &[&str]) -> Self {
        let from = self.text.len();
        self.text.reserve_exact(pieces.iter().map(|piece| piece.len()).sum::<usize>() + 2);
        for piece in pieces {
            self.text.extend_from_slice(piece.as_bytes());
        }
        self.text.extend_from_slice(b"\r\n");
        self.sign(from);
        self
    }

    pub(crate) fn push(&mut self, text: &str) {
        self.push_octets(text.as_bytes());
    }

    pub(crate) fn push_octets(&mut self, octets: &[u8]) {
        let from = self.text.len();
        self.text.extend_from_slice(octets);
        // This check makes the many short pieces of FETCH cheap.
        if self.author.is_some() {
            self.sign(from);
        }
    }

    /// Adds a piece with its author.
    pub(crate) fn push_piece(&mut self, piece: Piece) {
        let (Piece::Text(_, author) | Piece::Labelled(_, _, author)) = &piece;
        let own = std::mem::replace(&mut self.author, author.clone());
        match piece {
            Piece::Text(text, _) => self.push_octets(&text),
            Piece::Labelled(label, octets, _) => self.push_labelled(label, octets),
        }
        self.author = own;
    }

    /// Sets the author of the text from this offset on.
    fn sign(&mut self, from: usize) {
        let Some(by) = self.author.as_ref().filter(|_| from < self.text.len()) else { return };
        match self.written.last_mut() {
            Some(last) if last.range.end == from && last.by == *by => last.range.end = self.text.len(),
            _ => self.written.push(Written { range: from..self.text.len(), by: Arc::clone(by) }),
        }
    }

    /// Adds octets that a transcript shows as `<label>`.
    pub(crate) fn push_labelled(&mut self, label: impl Into<Box<str>>, octets: Bytes) {
        self.spans.push(Span { at: self.text.len(), label: label.into(), octets, author: self.author.clone() });
    }

    /// Adds text that a transcript shows as `<label>`, unless it is changed.
    pub(crate) fn push_abbreviated(&mut self, label: impl Into<Box<str>>, text: String) {
        self.push(&text);
        self.abbreviation = Some(Arc::new(Abbreviation { label: label.into(), octets: text.into() }));
    }

    /// Makes a transcript show this part of the text, which has no labels, as `<label>`.
    pub(crate) fn label(&mut self, part: Range<usize>, label: impl Into<Box<str>>) {
        let behind = self.text.split_off(part.end);
        let octets = Bytes::copy_from_slice(&self.text[part.start..]);
        self.text.truncate(part.start);
        self.push_labelled(label, octets);
        self.text.extend_from_slice(&behind);
    }

    /// Removes the labelled octets.
    pub(crate) fn drop_labelled(&mut self) {
        self.spans.clear();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.spans.is_empty()
    }

    /// The number of octets to send.
    pub(crate) fn len(&self) -> usize {
        self.text.len() + self.spans.iter().map(|span| span.octets.len()).sum::<usize>()
    }

    /// The text without labelled octets.
    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }

    /// The labelled octets at this offset of the text.
    pub(crate) fn labelled_at(&self, at: usize) -> Option<&Bytes> {
        self.spans.iter().find(|span| span.at == at).map(|span| &span.octets)
    }

    /// Replaces a part of the text and the labelled octets in it.
    pub(crate) fn splice(&mut self, range: Range<usize>, text: &[u8]) {
        self.spans.retain(|span| span.at <= range.start || span.at > range.end);
        for span in self.spans.iter_mut().filter(|span| span.at > range.start) {
            span.at = span.at + text.len() - range.len();
        }
        let (start, end) = (range.start, range.start + text.len());
        let moved = |at: usize| at + text.len() - range.len();
        let around = std::mem::take(&mut self.written).into_iter().flat_map(|Written { range: its, by }| {
            let before = Written { range: its.start..its.end.min(range.start), by: Arc::clone(&by) };
            let behind =
                (its.end > range.end).then(|| Written { range: moved(its.start.max(range.end))..moved(its.end), by });
            [Some(before), behind]
        });
        let new = self.author.clone().map(|by| Written { range: start..end, by });
        self.written = around.chain([new]).flatten().filter(|its| !its.range.is_empty()).collect();
        self.written.sort_by_key(|its| its.range.start);
        self.text.splice(range, text.iter().copied());
    }

    /// A copy of a part of the text, with the labelled octets behind any of its octets.
    pub(crate) fn part(&self, range: Range<usize>) -> Reply {
        let is_in = |at: usize| at <= range.end && (at > range.start || range.start == 0);
        let spans = self.spans.iter().filter(|span| is_in(span.at));
        let clipped = |Written { range: its, by }: &Written<usize>| {
            let (start, end) = (its.start.max(range.start), its.end.min(range.end));
            (start < end).then(|| Written { range: start - range.start..end - range.start, by: Arc::clone(by) })
        };
        Self {
            text: self.text[range.clone()].to_vec(),
            spans: spans.map(|span| Span { at: span.at - range.start, ..span.clone() }).collect(),
            written: self.written.iter().filter_map(clipped).collect(),
            ..self.empty_like()
        }
    }

    /// Splits off the first `octets` octets.
    pub(crate) fn take(&mut self, octets: usize) -> Reply {
        let (mut head, mut rest, mut left) = (self.empty_like(), self.empty_like(), octets);
        for piece in std::mem::take(self).into_pieces() {
            match piece {
                Piece::Text(mut text, author) => {
                    let behind = text.split_off(left.min(text.len()));
                    left -= text.len();
                    head.push_piece(Piece::Text(text, author.clone()));
                    rest.push_piece(Piece::Text(behind, author));
                }
                Piece::Labelled(label, octets, author) => {
                    let at = left.min(octets.len());
                    left -= at;
                    if at == octets.len() {
                        head.push_piece(Piece::Labelled(label, octets, author));
                    } else if at == 0 {
                        rest.push_piece(Piece::Labelled(label, octets, author));
                    } else {
                        let (first, from) = (format!("{label}, octets 1-{at} of {}", octets.len()), at + 1);
                        head.push_piece(Piece::Labelled(first.into(), octets.slice(..at), author.clone()));
                        let second = format!("{label}, from octet {from}");
                        rest.push_piece(Piece::Labelled(second.into(), octets.slice(at..), author));
                    }
                }
            }
        }
        *self = rest;
        head
    }

    /// Appends another reply.
    pub(crate) fn append(&mut self, other: Reply) {
        let base = self.text.len();
        self.text.extend_from_slice(&other.text);
        self.spans.extend(other.spans.into_iter().map(|span| Span { at: span.at + base, ..span }));
        let shifted = |Written { range, by }| Written { range: range.start + base..range.end + base, by };
        self.written.extend(other.written.into_iter().map(shifted));
        self.abbreviation = self.abbreviation.take().or(other.abbreviation);
    }

    /// The pieces of the reply, each with one author.
    pub(crate) fn into_pieces(self) -> Vec<Piece> {
        let owned = |part: Part<'_>| match part {
            Part::Text(text, author) => Piece::Text(text.to_vec(), author.cloned()),
            Part::Labelled(Span { label, octets, author, .. }) => {
                Piece::Labelled(label.clone(), octets.clone(), author.clone())
            }
        };
        self.parts().into_iter().map(owned).collect()
    }

    fn parts<'r>(&'r self) -> Vec<Part<'r>> {
        let mut parts = Vec::with_capacity(2 * self.spans.len() + self.written.len() + 1);
        let (mut from, mut written) = (0, self.written.iter().peekable());
        let mut text_until = |parts: &mut Vec<Part<'r>>, to: usize| {
            while from < to {
                let (end, author) = match written.peek() {
                    Some(its) if its.range.start <= from => (its.range.end.min(to), Some(&its.by)),
                    Some(its) => (its.range.start.min(to), None),
                    None => (to, None),
                };
                parts.push(Part::Text(&self.text[from..end], author));
                from = end;
                written.next_if(|its| its.range.end <= from);
            }
        };
        for span in &self.spans {
            text_until(&mut parts, span.at);
            parts.push(Part::Labelled(span));
        }
        text_until(&mut parts, self.text.len());
        parts
    }

    /// The octets to send, in pieces.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let mut from = 0;
        let labelled = self.spans.iter().flat_map(move |span| {
            let text = &self.text[from..span.at];
            from = span.at;
            [text, &span.octets]
        });
        let behind = self.spans.last().map_or(0, |span| span.at);
        labelled.chain([&self.text[behind..]])
    }
}

/// Adds a message with a CRLF at its end, and dot-stuffs lines that begin with a dot (RFC 1939 §3). Octets without such lines are shared and not copied.
pub(crate) fn push_stuffed(label: String, octets: Bytes, out: &mut Reply) {
    let is_ended = octets.is_empty() || octets.ends_with(b"\r\n");
    let mut dots = memchr::memmem::find_iter(&octets, b"\n.").map(|at| at + 1).peekable();
    if octets.first() != Some(&b'.') && dots.peek().is_none() {
        if !octets.is_empty() {
            out.push_labelled(label, octets);
        }
    } else {
        let mut stuffed = Vec::with_capacity(octets.len() + 64);
        if octets.first() == Some(&b'.') {
            stuffed.push(b'.');
        }
        let mut from = 0;
        for at in dots {
            stuffed.extend_from_slice(&octets[from..at]);
            stuffed.push(b'.');
            from = at;
        }
        stuffed.extend_from_slice(&octets[from..]);
        out.push_labelled(label, stuffed.into());
    }
    if !is_ended {
        out.push("\r\n");
    }
}

/// Writing to a reply never fails.
impl fmt::Write for Reply {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authored(reply: &Reply) -> Vec<(String, String)> {
        let Recorded { text, written, .. } = reply.recorded();
        let authored = written.iter().map(|its| {
            let text = &text[its.range.start as usize..its.range.end as usize];
            (its.by.to_string(), String::from_utf8(text.to_vec()).unwrap())
        });
        authored.collect()
    }

    fn own(by: &str, text: &str) -> (String, String) {
        (by.to_owned(), text.to_owned())
    }

    #[test]
    fn authors_are_kept_when_a_reply_is_edited_split_and_joined() {
        let (one, two): (Arc<str>, Arc<str>) = ("one".into(), "two".into());
        let mut reply = Reply::default();
        reply.push("250 the machine\r\n");
        reply.push_labelled("m1", Bytes::from_static(b"a much longer body"));
        reply.push(" and more\r\n");
        reply.append(Reply::from(b"250 one\r\n".to_vec()).by(&one));
        assert_eq!(authored(&reply), [own("one", "250 one\r\n")]);

        reply.set_author(&two);
        reply.splice(4..7, b"TWO'S");
        assert_eq!(authored(&reply), [own("two", "TWO'S"), own("one", "250 one\r\n")]);

        let at = reply.text().len() - 5;
        reply.splice(at..at + 3, b"");
        reply.splice(at - 2..at - 1, b"0");
        let all = [own("two", "TWO'S"), own("one", "25"), own("two", "0"), own("one", " \r\n")];
        assert_eq!(authored(&reply), all);

        let whole: Vec<u8> = reply.pieces().flatten().copied().collect();
        for octets in 0..=whole.len() {
            let mut rest = reply.clone();
            let mut again = rest.take(octets);
            assert_eq!(again.len(), octets);
            again.append(rest);
            assert_eq!(again.pieces().flatten().copied().collect::<Vec<u8>>(), whole);
            let joined: String = authored(&again).into_iter().map(|(by, text)| format!("{by}:{text};")).collect();
            let joined = joined.replace(";one:", "").replace(";two:", "");
            assert_eq!(joined.len(), "two:TWO'Sone:25".len() + 1, "{joined}");
        }
    }
}
