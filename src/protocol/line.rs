//! Lines of a limited length that end with CRLF.

use bytes::{Buf, Bytes, BytesMut};

use super::Input;

/// How many octets a line of a SASL login may have at least (RFC 4954 §4, the limit of AUTH). Tokens are long.
pub(crate) const LOGIN_LINE: usize = 12_288;

/// How many octets of a line that is too long are kept.
const START: usize = 128;

/// A line from the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// A valid line, without CRLF.
    Whole(Bytes),
    /// Octets up to a bare LF, with the LF. They are not a line (RFC 5321 §2.3.8) and must not have an effect. They are
    /// returned so that the client gets an answer.
    BareLf(Bytes),
    /// A line over the limit: its beginning, and the number of its octets.
    TooLong { start: Bytes, octets: u64 },
}

/// Why `Line::BareLf` is refused.
pub(crate) const BARE_LF: &str = "a line must end with CRLF, not with a bare LF";

/// How an HTTP request begins that a web page can make a browser send.
const HTTP: &[&[u8]] = &[b"GET /", b"HEAD /", b"POST /", b"PUT /", b"PATCH /", b"DELETE /", b"OPTIONS /"];

/// Whether this line begins an HTTP request. A web page can make a browser send one to any port, with commands in its
/// body.
pub(crate) fn is_http(line: &[u8]) -> bool {
    HTTP.iter().any(|method| line.starts_with(method))
}

impl Line {
    /// The line as the transcript shows it.
    pub(crate) fn input(&self) -> Input {
        match self {
            Self::Whole(line) | Self::BareLf(line) => Input::Line(line.clone()),
            Self::TooLong { start, octets } => Input::LongLine { start: start.clone(), octets: *octets },
        }
    }

    /// The same, if a bare LF ends a line too.
    pub(crate) fn lenient(self) -> Self {
        match self {
            Self::BareLf(line) => Self::Whole(line.slice(..line.len() - 1)),
            Self::Whole(_) | Self::TooLong { .. } => self,
        }
    }

    /// The text of a valid line, or why the line is refused. `limit` is the one of its [`Lines`].
    pub(crate) fn text(self, limit: usize) -> Result<Bytes, String> {
        match self {
            Self::Whole(line) => Ok(line),
            Self::BareLf(_) => Err(BARE_LF.to_owned()),
            Self::TooLong { .. } => Err(format!("a line may have at most {limit} octets")),
        }
    }

    pub(crate) fn is_http(&self) -> bool {
        is_http(self.octets())
    }

    /// The octets of the line, or the beginning of one that is too long.
    pub(crate) fn octets(&self) -> &[u8] {
        let (Self::Whole(line) | Self::BareLf(line) | Self::TooLong { start: line, .. }) = self;
        line
    }
}

/// A line of at most this many octets including CRLF, if the text is one.
pub(crate) fn whole(text: &[u8], limit: usize) -> Option<Bytes> {
    let is_one = !text.is_empty() && memchr::memchr2(b'\r', b'\n', text).is_none();
    (is_one && text.len() + 2 <= limit).then(|| Bytes::copy_from_slice(text))
}

/// Takes lines from the front of the input. A line over the limit is counted and discarded as it comes.
#[derive(Debug)]
pub(crate) struct Lines {
    limit: usize,
    long: Option<(BytesMut, u64)>,
}

impl Lines {
    /// Lines of at most this many octets, including CRLF.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, long: None }
    }

    /// The next line, when it is complete.
    pub(crate) fn next(&mut self, input: &mut BytesMut) -> Option<Line> {
        self.next_within(input, self.limit)
    }

    /// The next line, with another limit.
    pub(crate) fn next_within(&mut self, input: &mut BytesMut, limit: usize) -> Option<Line> {
        match memchr::memchr(b'\n', input) {
            Some(end) => {
                if self.long.is_some() || end + 1 > limit {
                    self.drop_octets(input, end + 1);
                    return self.long.take().map(|(start, octets)| Line::TooLong { start: start.freeze(), octets });
                }
                let mut line = input.split_to(end + 1);
                let is_whole = line.ends_with(b"\r\n");
                if is_whole {
                    line.truncate(end - 1);
                }
                let line = line.freeze();
                Some(if is_whole { Line::Whole(line) } else { Line::BareLf(line) })
            }
            None if self.long.is_some() || input.len() >= limit => {
                self.drop_octets(input, input.len());
                None
            }
            None => None,
        }
    }

    /// The discarded octets of a line that is not complete.
    pub(crate) fn unfinished(&self) -> u64 {
        self.long.as_ref().map_or(0, |(_, octets)| *octets)
    }

    /// The first of these octets.
    pub(crate) fn unfinished_start(&self) -> &[u8] {
        self.long.as_ref().map_or(&[], |(start, _)| start)
    }

    fn drop_octets(&mut self, input: &mut BytesMut, octets: usize) {
        let (start, dropped) = self.long.get_or_insert_with(|| (BytesMut::with_capacity(START), 0));
        start.extend_from_slice(&input[..octets.min(START - start.len())]);
        *dropped += octets as u64;
        input.advance(octets);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of an input that arrives in pieces of this many octets.
    fn lines(input: &[u8], piece: usize) -> Vec<Line> {
        let (mut lines, mut buffer, mut out) = (Lines::new(16), BytesMut::new(), Vec::new());
        for piece in input.chunks(piece) {
            buffer.extend_from_slice(piece);
            while let Some(line) = lines.next(&mut buffer) {
                out.push(line);
            }
        }
        out
    }

    #[test]
    fn lines_are_the_same_in_pieces_of_any_size() {
        let whole = |text: &'static str| Line::Whole(Bytes::from_static(text.as_bytes()));
        let input = b"NOOP\r\n\r\nbare\nbare\rcr\r\n14 octets, ok.\r\n15 octets, long\r\nafter\r\n";
        let expected = [
            whole("NOOP"),
            whole(""),
            Line::BareLf(Bytes::from_static(b"bare\n")),
            whole("bare\rcr"),
            whole("14 octets, ok."),
            Line::TooLong { start: Bytes::from_static(b"15 octets, long\r\n"), octets: 17 },
            whole("after"),
        ];

        for piece in 1..=input.len() {
            assert_eq!(lines(input, piece), expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn an_endless_line_is_counted_and_not_kept() {
        let (mut lines, mut buffer) = (Lines::new(512), BytesMut::new());
        for _ in 0..1000 {
            buffer.extend_from_slice(&[b'x'; 1000]);
            assert_eq!(lines.next(&mut buffer), None);
            assert!(buffer.is_empty());
        }
        assert_eq!(lines.unfinished(), 1_000_000);

        buffer.extend_from_slice(b"\r\n");
        let line = lines.next(&mut buffer);

        assert_eq!(line, Some(Line::TooLong { start: Bytes::from(vec![b'x'; START]), octets: 1_000_002 }));
        assert_eq!(lines.unfinished(), 0);
    }
}
