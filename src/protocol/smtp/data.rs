//! The receiver of a message: takes everything up to CRLF.CRLF and removes dot-stuffing, or takes chunks as they are.

use std::sync::{Arc, LazyLock};

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem::Finder;

/// A message of up to this many octets is copied into an allocation of exactly its size. A larger one keeps its
/// allocation, which is shrunk.
const SMALL: usize = 64 << 10;
/// The octets of the first allocation for a message of unknown size.
const FIRST: usize = 8 << 10;
/// At most this many octets are allocated because of a declared size. More are allocated after this many octets.
const EAGER: usize = 4 << 20;
/// The maximum number of lines whose odd dots are noted.
const MOST_ODD_DOTS: usize = 64 << 10;

/// Finds the next position where a dot may begin a line. Built once for all messages.
static NEXT_DOT: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\r\n."));

/// A complete message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    /// Its octets. None if it was too large to be kept.
    pub(crate) raw: Option<Bytes>,
    pub(crate) octets: u64,
    pub(crate) odd_dots: Option<Arc<[u32]>>,
    /// A bare CR or LF ended it, which only a vulnerable server accepts.
    pub(crate) ends_bare: bool,
}

/// Takes a message from the front of the input and copies each octet once. Only CRLF.CRLF ends it (RFC 5321 §4.1.1.4).
/// A dot next to a bare CR or a bare LF is part of the message and is kept.
#[derive(Debug)]
pub(crate) struct Receiver {
    kept: Vec<u8>,
    octets: u64,
    /// How many octets to allocate if the message is longer than its first read.
    declared: usize,
    limit: u64,
    /// Whether the next octet begins a line: at the start, and after a CRLF.
    at_line_start: bool,
    /// The offsets of lines that violate RFC 5321 §4.5.2: they began with a single dot, which was removed as if
    /// stuffed, or kept.
    odd_dots: Vec<u32>,
}

impl Receiver {
    /// A receiver. `declared` is the size that the client declared with SIZE=, which is allocated with the first
    /// octets.
    pub(crate) fn new(declared: Option<u64>, limit: u64) -> Self {
        let declared = declared.map_or(FIRST, |size| size.min(limit) as usize);
        Self { kept: Vec::new(), octets: 0, declared, limit, at_line_start: true, odd_dots: Vec::new() }
    }

    /// How many octets were taken so far.
    pub(crate) fn octets(&self) -> u64 {
        self.octets
    }

    /// The octets kept so far.
    pub(crate) fn kept(&self) -> &[u8] {
        &self.kept
    }

    /// The message, when it is complete.
    pub(crate) fn receive(&mut self, input: &mut BytesMut) -> Option<Body> {
        loop {
            if self.at_line_start {
                match Dot::at(input) {
                    Dot::Unknown => return None,
                    Dot::End => {
                        input.advance(3);
                        return Some(self.finish());
                    }
                    // RFC 5321 §4.5.2: the first character is deleted.
                    Dot::Stuffed { is_doubled } => {
                        if !is_doubled {
                            self.note_odd_dot();
                        }
                        input.advance(1);
                    }
                    Dot::Kept => self.note_odd_dot(),
                    Dot::None => {}
                }
                self.at_line_start = false;
            }
            // Everything before it is taken at once.
            match NEXT_DOT.find(input) {
                Some(at) => {
                    let is_all = input[at + 2..].starts_with(b".\r\n");
                    self.take(input, at + 2, is_all);
                    self.at_line_start = true;
                }
                None => {
                    // A CR or CRLF at the end of the input may begin CRLF.CRLF.
                    if input.ends_with(b"\r\n") {
                        self.take(input, input.len(), false);
                        self.at_line_start = true;
                    } else {
                        let held = usize::from(input.last() == Some(&b'\r'));
                        self.take(input, input.len() - held, false);
                    }
                    return None;
                }
            }
        }
    }

    /// Prepares for a chunk of this many octets, which are within the limit.
    pub(super) fn expect(&mut self, octets: u64) {
        self.declared = self.declared.max((self.octets + octets) as usize);
    }

    /// Keeps octets of a chunk, in which nothing is unstuffed. `is_all` is true if these are all octets of the message.
    pub(super) fn take_as_is(&mut self, input: &mut BytesMut, octets: usize, is_all: bool) {
        if octets > 0 {
            self.take(input, octets, is_all && self.octets == 0);
        }
    }

    /// Drops everything behind the first octets.
    pub(super) fn truncate(&mut self, octets: u64) {
        self.kept.truncate(octets as usize);
        self.octets = octets;
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.kept.capacity()
    }

    fn note_odd_dot(&mut self) {
        if self.octets <= self.limit && self.odd_dots.len() < MOST_ODD_DOTS {
            self.odd_dots.extend(u32::try_from(self.octets));
        }
    }

    /// Keeps octets. `is_all` is true if these are all octets of the message.
    fn take(&mut self, input: &mut BytesMut, octets: usize, is_all: bool) {
        self.octets += octets as u64;
        if self.octets <= self.limit {
            if self.kept.capacity() == 0 {
                self.kept.reserve_exact(if is_all { octets } else { self.declared.min(EAGER) });
            }
            let missing = (self.kept.len() + octets).saturating_sub(self.kept.capacity());
            if missing > 0 {
                // Grow to the declared size, or by half: each chunk declares only itself. The system moves large blocks
                // without copying them.
                let rest = self.declared.saturating_sub(self.kept.len());
                let grown = self.kept.capacity() - self.kept.len() + missing.max(self.kept.capacity() / 2);
                self.kept.reserve_exact(rest.max(grown));
            }
            self.kept.extend_from_slice(&input[..octets]);
        } else {
            self.kept = Vec::new();
            self.odd_dots = Vec::new();
        }
        input.advance(octets);
    }

    /// The message so far.
    pub(super) fn finish(&mut self) -> Body {
        let mut kept = std::mem::take(&mut self.kept);
        let raw = if self.octets > self.limit {
            None
        } else if kept.len() <= SMALL && kept.capacity() > kept.len() {
            Some(Bytes::copy_from_slice(&kept))
        } else {
            kept.shrink_to_fit();
            Some(Bytes::from(kept))
        };
        let odd_dots = std::mem::take(&mut self.odd_dots);
        Body { raw, octets: self.octets, odd_dots: (!odd_dots.is_empty()).then(|| odd_dots.into()), ends_bare: false }
    }
}

/// What a line begins with.
enum Dot {
    None,
    /// A stuffed dot, or the single dot of a client that does not stuff.
    Stuffed {
        is_doubled: bool,
    },
    /// A dot next to a bare CR or LF, which is not stuffed and is kept.
    Kept,
    End,
    /// More input is needed.
    Unknown,
}

impl Dot {
    fn at(line: &[u8]) -> Self {
        match line {
            [] | b"." | b".\r" => Self::Unknown,
            [b'.', b'\r', b'\n', ..] => Self::End,
            [b'.', b'\r' | b'\n', ..] => Self::Kept,
            [b'.', next, ..] => Self::Stuffed { is_doubled: *next == b'.' },
            _ => Self::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use memchr::memmem;

    use super::*;

    /// Receives an input in pieces of this many octets. Returns the message and the rest of the input.
    fn receive(input: &[u8], piece: usize, limit: u64) -> (Option<Body>, Vec<u8>) {
        let (mut receiver, mut buffer) = (Receiver::new(None, limit), BytesMut::new());
        let mut pieces = input.chunks(piece);
        for piece in pieces.by_ref() {
            buffer.extend_from_slice(piece);
            if let Some(body) = receiver.receive(&mut buffer) {
                let rest = [&buffer[..], &pieces.collect::<Vec<_>>().concat()].concat();
                return (Some(body), rest);
            }
        }
        (None, buffer.to_vec())
    }

    #[test]
    fn a_message_ends_at_crlf_dot_crlf_in_pieces_of_any_size() {
        for (name, input, message) in [
            ("empty", &b".\r\n"[..], &b""[..]),
            ("one empty line", b"\r\n.\r\n", b"\r\n"),
            ("plain", b"a\r\nb\r\n.\r\n", b"a\r\nb\r\n"),
            ("stuffed", b"..\r\n...\r\n.a\r\n.\r\n", b".\r\n..\r\na\r\n"),
            ("many carriage returns", b"a\r\r\r\n.\r\n", b"a\r\r\r\n"),
        ] {
            let input = [input, b"QUIT\r\n"].concat();
            for piece in 1..=input.len() {
                let (body, rest) = receive(&input, piece, 1000);
                let body = body.unwrap_or_else(|| panic!("{name}: no end in pieces of {piece}"));
                assert_eq!(body.raw.as_deref(), Some(message), "{name} in pieces of {piece}");
                assert_eq!(body.octets, message.len() as u64);
                assert_eq!(rest, b"QUIT\r\n", "{name} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_message() {
        for attack in [
            &b"\n.\n"[..],
            b"\n.\r\n",
            b"\r\n.\n",
            b"\r.\r",
            b"\r.\r\n",
            b"\r\n.\r",
            b"\r\n.\r\r\n",
            b"\r\r\n.\r\r\n",
            b"\r\n\x00.\r\n",
            b"\r\n.\x00\r\n",
            b"\r\n. \r\n",
            b"\n\r.\r\n",
            b"\n\n.\r\n\r\n",
            b"\r\n\r.\r\n",
            b"\r\n..\r\n",
            b".\r\r\n",
            b"\r\n.\n\r\n",
        ] {
            let smuggled = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n";
            let input = [b"Subject: one\r\n\r\nhello", attack, smuggled, b".\r\nQUIT\r\n"].concat();
            for piece in 1..=input.len() {
                let (body, rest) = receive(&input, piece, 1000);
                let raw = body.and_then(|body| body.raw).unwrap_or_else(|| panic!("{attack:?}: no end"));
                assert!(memmem::find(&raw, smuggled).is_some(), "{attack:?} in pieces of {piece} ended the message");
                assert_eq!(rest, b"QUIT\r\n", "{attack:?} in pieces of {piece}");
                let stuffed = attack.starts_with(b"\r\n.") && !matches!(attack[3], b'\r' | b'\n');
                assert_eq!(raw.len(), input.len() - 9 - usize::from(stuffed), "{attack:?}: an octet is missing");
            }
        }
    }

    #[test]
    fn unstuffed_lines_are_noted() {
        let input = b"..right\r\n.forgotten\r\n.\nkept\r\nplain\r\n.\rkept\r\n...\r\n.\r\n";
        for piece in 1..=input.len() {
            let body = receive(input, piece, 1000).0.unwrap();
            assert_eq!(&body.raw.unwrap()[..], b".right\r\nforgotten\r\n.\nkept\r\nplain\r\n.\rkept\r\n..\r\n");
            assert_eq!(body.odd_dots.as_deref(), Some(&[8, 19, 34][..]), "in pieces of {piece}");
        }
    }

    #[test]
    fn only_the_first_of_many_unstuffed_lines_are_noted() {
        let input = [&b".a\r\n".repeat(2 * MOST_ODD_DOTS), &b".\r\n"[..]].concat();

        let body = receive(&input, input.len(), 1 << 30).0.unwrap();

        assert_eq!(body.octets, 6 * MOST_ODD_DOTS as u64);
        assert!(body.odd_dots.unwrap().iter().copied().eq((0..MOST_ODD_DOTS as u32).map(|line| 3 * line)));
        assert_eq!(receive(b"plain\r\n.\r\n", 1, 1000).0.unwrap().odd_dots, None);
    }

    #[test]
    fn a_message_over_the_limit_is_counted_and_discarded() {
        let input = [&[b'x'; 998][..], b"\r\n.\r\n"].concat();

        assert_eq!(receive(&input, 7, 1000).0.map(|body| (body.raw.is_some(), body.octets)), Some((true, 1000)));
        assert_eq!(receive(&input, 7, 999).0, Some(Body { raw: None, octets: 1000, odd_dots: None, ends_bare: false }));
    }

    #[test]
    fn a_large_declared_size_is_allocated_only_after_many_octets() {
        let size = 10 << 20;
        let mut receiver = Receiver::new(Some(size as u64), 1 << 30);
        assert!(receiver.kept.capacity() <= EAGER);
        let mut capacities = std::collections::BTreeSet::new();
        let mut input = BytesMut::new();

        for _ in 0..size / 65_536 {
            input.extend_from_slice(&[b'x'; 65_536]);
            assert_eq!(receiver.receive(&mut input), None);
            capacities.insert(receiver.kept.capacity());
        }

        assert_eq!(capacities.into_iter().collect::<Vec<_>>(), [EAGER, size]);
    }

    #[test]
    fn a_declared_size_is_allocated_once() {
        let mut receiver = Receiver::new(Some(100_000), 1 << 20);
        assert_eq!(receiver.receive(&mut BytesMut::from("x")), None);
        let place = receiver.kept.as_ptr();
        let mut input = BytesMut::from(&[&[b'x'; 99_997][..], b"\r\n.\r\n"].concat()[..]);

        let raw = receiver.receive(&mut input).and_then(|body| body.raw).unwrap();

        assert_eq!(raw.as_ptr(), place);
        assert_eq!(raw.len(), 100_000);
    }

    #[test]
    fn a_message_in_one_read_has_an_allocation_of_its_size() {
        let mut receiver = Receiver::new(None, 1 << 20);
        let mut input = BytesMut::from("From: a\r\n\r\nhi\r\n.\r\n");
        receiver.take(&mut input, 15, true);

        assert_eq!((receiver.kept.len(), receiver.kept.capacity()), (15, 15));
        let place = receiver.kept.as_ptr();
        assert_eq!(receiver.receive(&mut input).and_then(|body| body.raw).unwrap().as_ptr(), place);
    }
}
