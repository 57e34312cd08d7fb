//! What a machine means to say.

/// Complete lines, each with its CRLF.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Reply(Vec<u8>);

impl Reply {
    /// Adds a line; the CRLF is added here.
    pub(crate) fn line(mut self, pieces: &[&str]) -> Self {
        self.0.reserve_exact(pieces.iter().map(|piece| piece.len()).sum::<usize>() + 2);
        for piece in pieces {
            self.0.extend_from_slice(piece.as_bytes());
        }
        self.0.extend_from_slice(b"\r\n");
        self
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}
