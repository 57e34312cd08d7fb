//! Strings in responses (RFC 3501 §4.3).

use std::fmt::Write;

use super::utf7;
use crate::protocol::Reply;

impl Reply {
    /// Writes a `string`: quoted if possible, otherwise as a literal.
    pub(super) fn string(&mut self, octets: &[u8]) {
        if memchr::memchr(0, octets).is_some() {
            // A string must not contain NUL (RFC 3501 §9, CHAR8).
            let without: Vec<u8> = octets.iter().copied().filter(|byte| *byte != 0).collect();
            return self.string(&without);
        }
        let is_quotable = octets.len() <= 1000 && octets.iter().all(|byte| matches!(byte, 1..=9 | 11..=12 | 14..=0x7f));
        if is_quotable {
            self.push("\"");
            for piece in octets.split_inclusive(|byte| matches!(byte, b'"' | b'\\')) {
                match piece.split_last() {
                    Some((special @ (b'"' | b'\\'), before)) => {
                        self.push_octets(before);
                        self.push_octets(&[b'\\', *special]);
                    }
                    _ => self.push_octets(piece),
                }
            }
            self.push("\"");
        } else {
            self.add(format_args!("{{{}}}\r\n", octets.len()));
            self.push_octets(octets);
        }
    }

    /// Writes an `nstring`.
    pub(super) fn nstring(&mut self, octets: Option<&[u8]>) {
        match octets {
            Some(octets) => self.string(octets),
            None => self.push("NIL"),
        }
    }

    /// Writes a mailbox name as an `astring`.
    pub(super) fn mailbox_name(&mut self, name: &str) {
        let wire = utf7::encode(name);
        let is_atom =
            !wire.is_empty() && wire.bytes().all(super::parser::is_atom_char) && !wire.eq_ignore_ascii_case("NIL");
        if is_atom { self.push(&wire) } else { self.string(wire.as_bytes()) }
    }

    /// Writes a `number`.
    pub(super) fn number(&mut self, number: u32) {
        let (mut digits, mut rest, mut at) = ([0; 10], number, 10);
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return self.push_octets(&digits[at..]);
            }
        }
    }

    pub(super) fn add(&mut self, text: std::fmt::Arguments<'_>) {
        let _infallible = self.write_fmt(text);
    }
}
