//! The literals of an IMAP server: which of its lines are inside of one.

use crate::protocol::imap::announcement;

/// How many octets of the current literal are left.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Literals(u64);

impl Literals {
    /// Whether this line, without its CRLF, begins inside of a literal.
    pub(in crate::cli) fn is_inside(&mut self, line: &[u8]) -> bool {
        let (begins_inside, is_whole) = (self.0 > 0, self.0 > line.len() as u64 + 1);
        self.skip(line.len() + 2);
        if !is_whole && let Some(announced) = announcement(line) {
            self.0 = announced.octets;
        }
        begins_inside
    }

    /// These many octets come without the end of a line.
    pub(super) fn skip(&mut self, octets: usize) {
        self.0 = self.0.saturating_sub(octets as u64);
    }
}
