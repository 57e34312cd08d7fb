//! The text of a session in chunks: appending moves little, and removing the oldest text moves nothing.

use std::collections::VecDeque;

const CHUNK: usize = 64 << 10;

/// Octets by their positions, which are counted modulo 2^32 and do not change when the first octets are removed.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// Chunks that are complete, with the positions of their first octets.
    full: VecDeque<(u32, Vec<u8>)>,
    /// The position of the first octet of the last chunk.
    start: u32,
    last: Vec<u8>,
}

impl Text {
    /// The position of the first octet that is kept.
    pub(super) fn first(&self) -> u32 {
        self.full.front().map_or(self.start, |(start, _)| *start)
    }

    /// The position after the last octet.
    pub(super) fn end(&self) -> u32 {
        self.start.wrapping_add(self.last.len() as u32)
    }

    pub(super) fn len(&self) -> usize {
        self.end().wrapping_sub(self.first()) as usize
    }

    /// This many octets from a position on; `None` if they are not kept. They must have been pushed together.
    pub(super) fn get(&self, place: u32, octets: usize) -> Option<&[u8]> {
        let behind_first = |place: u32| place.wrapping_sub(self.first());
        let behind = self.full.partition_point(|(start, _)| behind_first(*start) <= behind_first(place));
        let (start, chunk) = match behind_first(place) < behind_first(self.start) {
            true => self.full.get(behind.checked_sub(1)?).map(|(start, chunk)| (*start, chunk))?,
            false => (self.start, &self.last),
        };
        let at = place.wrapping_sub(start) as usize;
        chunk.get(at..at.checked_add(octets)?)
    }

    /// Appends the client's text and, after it, the server's; returns the position of the first octet.
    pub(super) fn push(&mut self, heard: &[u8], said: &[u8]) -> u32 {
        let more = heard.len() + said.len();
        if !self.last.is_empty() && self.last.len() + more > CHUNK {
            let end = self.end();
            let mut full = std::mem::take(&mut self.last);
            full.shrink_to_fit();
            self.full.push_back((std::mem::replace(&mut self.start, end), full));
        }
        // Grows by an eighth instead of doubling: there are many sessions, and most of the memory of each is here.
        if self.last.capacity() - self.last.len() < more {
            let eighth = (self.len() / 8).min(CHUNK.saturating_sub(self.last.len()));
            self.last.reserve_exact(more.max(eighth));
        }
        let place = self.end();
        self.last.extend_from_slice(heard);
        self.last.extend_from_slice(said);
        place
    }

    /// Removes about this many octets from the front, never more.
    pub(super) fn drop_front(&mut self, mut octets: usize) {
        while let Some((_, chunk)) = self.full.pop_front_if(|(_, chunk)| chunk.len() <= octets) {
            octets -= chunk.len();
        }
        if self.full.is_empty() {
            self.full = VecDeque::new();
            self.last.drain(..octets);
            self.start = self.start.wrapping_add(octets as u32);
            if self.last.len() < self.last.capacity() / 4 {
                self.last.shrink_to(self.last.len() * 2);
            }
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.full.shrink_to_fit();
        self.last.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_found_at_their_position_until_dropped() {
        // Positions overflow 2^32 on the way.
        let mut text = Text { start: u32::MAX - 300_000, ..Text::default() };
        let long = [7; 100_000];
        let mut pushed = Vec::new();
        for n in 0..20_000_u32 {
            let heard = n.to_string();
            let said = if n % 5000 == 0 { &long[..] } else { b"" };
            pushed.push((text.push(heard.as_bytes(), said), heard, said));
        }
        let is_there = |text: &Text, n: usize| {
            let (place, heard, said) = &pushed[n];
            let behind = place.wrapping_add(heard.len() as u32);
            let found = (text.get(*place, heard.len()), text.get(behind, said.len()));
            found == (Some(heard.as_bytes()), Some(*said))
        };
        assert!((0..pushed.len()).all(|n| is_there(&text, n)));
        assert_eq!(text.get(text.first().wrapping_sub(1), 1), None);
        assert_eq!(text.get(text.end(), 1), None);

        let before = text.len();
        text.drop_front(300_000);

        assert!((before - 300_000..before - 300_000 + CHUNK).contains(&text.len()));
        assert_eq!(text.get(pushed[0].0, 1), None);
        assert!((15_001..pushed.len()).all(|n| is_there(&text, n)));
        text.drop_front(text.len());
        assert_eq!((text.len(), text.first()), (0, text.end()));
    }

    #[test]
    fn growing_moves_at_most_a_chunk() {
        let mut text = Text::default();
        let mut moved = 0;
        for _ in 0..1_000_000 {
            let before = (text.last.as_ptr(), text.last.len());
            text.push(b"12345", b"67890");
            if text.last.as_ptr() != before.0 && text.last.len() > before.1 {
                moved = moved.max(before.1);
            }
        }

        assert!(moved <= CHUNK, "{moved} octets");
        let held: usize = text.full.iter().map(|(_, chunk)| chunk.capacity()).sum();
        assert!(held + text.last.capacity() < text.len() * 9 / 8 + CHUNK);
    }
}
