//! A command before it is parsed: its text, and the messages of APPEND.

use bytes::Bytes;

use crate::protocol::Input;

/// A command, or the part of it that was received.
#[derive(Debug, Clone, Default)]
pub(super) struct RawCommand {
    /// Everything except messages, without the last CRLF.
    pub(super) text: Bytes,
    /// The number of blanks at the end of the last line.
    pub(super) blanks: usize,
    /// What ended the command, if it was not CRLF.
    pub(super) end: Bytes,
    pub(super) messages: Vec<Bytes>,
    /// The most recent part, for the transcript: the text from this offset on, with messages of these sizes at these
    /// offsets.
    pub(super) new: usize,
    pub(super) places: Vec<(usize, u64)>,
}

impl RawCommand {
    /// The most recent part, for the transcript.
    pub(super) fn into_input(self) -> Input {
        let mut text = self.text.slice(self.new.min(self.text.len())..);
        if !self.end.is_empty() {
            text = [text, self.end].concat().into();
        }
        if self.places.is_empty() {
            return Input::Line(text);
        }
        let places = self.places.into_iter().map(|(at, octets)| (at - self.new, octets));
        Input::Literals { text, messages: places.collect() }
    }
}

/// Why a command is not parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    BareLf,
    /// A line of this many octets is over the limit.
    LongLine(u64),
    /// The command with its literals is over the limit.
    LargeLiteral,
    /// The message is over the limit.
    LargeMessage,
}
