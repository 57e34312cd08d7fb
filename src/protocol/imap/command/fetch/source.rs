//! The octets of one message for FETCH. However many items need the same octets, they are computed once and copied at
//! most once.

use std::collections::HashMap;
use std::ops::Range;

use bytes::Bytes;

use super::section::{self, Found, Section};
use crate::mail::Message;

/// A partial range: the first octet and the number of octets.
pub(in crate::protocol::imap) type Partial = Option<(u32, u32)>;

/// A message that is being read.
pub(in crate::protocol::imap) struct Source<'m> {
    pub(super) message: &'m Message,
    /// Decoded parts, by their numbers. None if there is no such part, or if its transfer encoding is unknown.
    decoded: HashMap<Vec<u32>, Option<Computed>>,
    /// The message without NUL.
    clean: Option<Computed>,
}

impl<'m> Source<'m> {
    pub(super) fn new(message: &'m Message) -> Self {
        Self { message, decoded: HashMap::new(), clean: None }
    }

    /// A section, for a literal. None if there is no such part.
    ///
    /// A literal must not contain NUL (RFC 3501 §9, CHAR8). Octet 0x80 replaces it, so that sizes and offsets stay the
    /// same. BINARY returns the NUL.
    pub(super) fn section(&mut self, section: &Section, partial: Partial) -> Option<Bytes> {
        let message = self.message;
        Some(match section.find(message)? {
            Found::Fields(octets) => {
                let octets = octets.slice(cut(0..octets.len(), partial));
                if message.has_nul() { without_nul(&octets) } else { octets }
            }
            Found::MailboxId(place) if message.has_nul() => {
                let clean = self.clean.get_or_insert_with(|| Computed::new(without_nul(message.raw())));
                clean.piece(cut(place, partial))
            }
            Found::MailboxId(place) => message.raw().slice(cut(place, partial)),
        })
    }

    /// A decoded part. None if there is no such part, or if its transfer encoding is unknown.
    pub(in crate::protocol::imap) fn decoded(&mut self, path: &[u32], partial: Partial) -> Option<Bytes> {
        let part = self.part(path)?;
        Some(part.piece(cut(0..part.octets.len(), partial)))
    }

    /// The octets of a decoded part.
    pub(in crate::protocol::imap) fn decoded_len(&mut self, path: &[u32]) -> Option<usize> {
        self.part(path).map(|part| part.octets.len())
    }

    /// Whether the message has such a part.
    pub(in crate::protocol::imap) fn has_part(&self, path: &[u32]) -> bool {
        section::part(self.message.root(), path).is_some()
    }

    fn part(&mut self, path: &[u32]) -> Option<&mut Computed> {
        if !self.decoded.contains_key(path) {
            let octets = section::decoded(self.message, path);
            self.decoded.insert(path.to_vec(), octets.map(Computed::new));
        }
        self.decoded.get_mut(path)?.as_mut()
    }
}

/// Octets that were computed, and how many of them were copied so far.
struct Computed {
    octets: Bytes,
    copied: usize,
}

impl Computed {
    fn new(octets: Bytes) -> Self {
        Self { octets, copied: 0 }
    }

    /// Small pieces are copied, so that they do not keep all octets in memory.
    fn piece(&mut self, range: Range<usize>) -> Bytes {
        let piece = self.octets.slice(range);
        if self.copied + piece.len() >= self.octets.len() {
            return piece;
        }
        self.copied += piece.len();
        Bytes::copy_from_slice(&piece)
    }
}

/// The octets of a partial range. Empty if the range begins after them.
fn cut(place: Range<usize>, partial: Partial) -> Range<usize> {
    let Some((first, count)) = partial else { return place };
    let first = place.start.saturating_add(first as usize).min(place.end);
    first..first.saturating_add(count as usize).min(place.end)
}

fn without_nul(octets: &Bytes) -> Bytes {
    octets.iter().map(|byte| if *byte == 0 { 0x80 } else { *byte }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_copied_until_together_they_are_as_long_as_the_whole() {
        let octets = Bytes::from(vec![b'x'; 1000]);
        let mut computed = Computed::new(octets.clone());
        let mut shared = |range| octets.as_ptr_range().contains(&computed.piece(range).as_ptr());

        assert!(!shared(0..1));
        assert!(!shared(1..999));
        assert!(shared(1..999));
        assert!(shared(0..1000));
        assert_eq!(computed.copied, 999);
    }
}
