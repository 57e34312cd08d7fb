//! The tokenizer: assembles commands from lines and the literals between them (RFC 3501 §4.3, RFC 7888).
//!
//! The messages of APPEND are kept apart from the text of the command. Every other literal is part of the text.

use bytes::{Buf, Bytes, BytesMut};

use super::literal::{Announcement, CommandStart, announcement};
use super::raw_command::{Break, RawCommand};
use super::tolerance::Tolerance;
use crate::protocol::Unfinished;
use crate::protocol::line::{Line, Lines};

/// The messages of one APPEND (RFC 3502) may together have this many times the octets of the largest message.
const MOST_MESSAGES: u64 = 16;

/// A result of the tokenizer.
#[derive(Debug)]
pub(super) enum Frame {
    /// A complete command.
    Whole(RawCommand),
    /// A command up to a literal that was announced. The client waits for permission to send it.
    Announced(RawCommand),
    /// A command with an invalid line, or one that is too large: the command so far, and the reason.
    Broken(RawCommand, Break),
}

impl Frame {
    fn ended_by(mut self, end: Bytes) -> Self {
        let (Self::Whole(raw) | Self::Announced(raw) | Self::Broken(raw, _)) = &mut self;
        raw.end = end;
        self
    }
}

#[derive(Debug)]
pub(super) struct Tokenizer {
    lines: Lines,
    /// Octets of a command, without messages.
    limit: usize,
    largest_message: u64,
    tolerance: Tolerance,
    text: Vec<u8>,
    messages: Vec<Bytes>,
    /// The octets of all messages of this command.
    message_octets: u64,
    start: CommandStart,
    new: usize,
    places: Vec<(usize, u64)>,
    awaits: Awaits,
    /// Why this command is refused. The rest of it is discarded as it arrives.
    breaks: Option<Break>,
}

#[derive(Debug)]
enum Awaits {
    Line,
    /// This many octets of a literal.
    Literal(usize),
    /// This many octets of a message, after those received.
    Message(Vec<u8>, usize),
    /// This many octets of a literal that is discarded.
    Nothing(u64),
    /// The decision whether the client may send a literal of this many octets.
    Permission(u64),
}

impl Tokenizer {
    pub(super) fn new(limit: usize, largest_message: u64, tolerance: Tolerance) -> Self {
        Self {
            lines: Lines::new(limit),
            limit,
            largest_message,
            tolerance,
            text: Vec::new(),
            messages: Vec::new(),
            message_octets: 0,
            start: CommandStart::default(),
            new: 0,
            places: Vec::new(),
            awaits: Awaits::Line,
            breaks: None,
        }
    }

    /// The next line, outside of a command: a SASL response or the end of IDLE.
    pub(super) fn line(&mut self, input: &mut BytesMut) -> Option<Line> {
        self.lines.next(input)
    }

    pub(super) fn next(&mut self, input: &mut BytesMut) -> Option<Frame> {
        loop {
            match self.awaits {
                Awaits::Line => {
                    let line = self.lines.next(input)?;
                    if let Some(frame) = self.take(line) {
                        return Some(frame);
                    }
                }
                // The machine permits or refuses the literal before more input is read.
                Awaits::Permission(_) => return None,
                Awaits::Literal(_) | Awaits::Message(..) | Awaits::Nothing(_) => {
                    if !self.take_octets(input) {
                        return None;
                    }
                    self.awaits = Awaits::Line;
                }
            }
        }
    }

    fn take(&mut self, line: Line) -> Option<Frame> {
        match line {
            Line::Whole(line) => self.take_line(&line),
            Line::BareLf(line) if self.tolerates_bare_lf(&line) => {
                self.take_line(b"").map(|frame| frame.ended_by(line))
            }
            Line::BareLf(line) => {
                self.text.extend_from_slice(&line);
                Some(self.broken(Break::BareLf))
            }
            Line::TooLong { start, octets } => {
                self.text.extend_from_slice(&start);
                Some(self.broken(Break::LongLine(octets)))
            }
        }
    }

    /// Takes octets of a literal. Returns whether it is complete.
    fn take_octets(&mut self, input: &mut BytesMut) -> bool {
        match &mut self.awaits {
            Awaits::Line | Awaits::Permission(_) => true,
            Awaits::Literal(left) => {
                let take = input.len().min(*left);
                self.text.extend_from_slice(&input[..take]);
                input.advance(take);
                *left -= take;
                *left == 0
            }
            Awaits::Message(message, left) => {
                let take = input.len().min(*left);
                // Memory is allocated as the octets arrive, not for the whole size that the client declares.
                if message.capacity() < message.len() + take {
                    message.reserve_exact((*left).min(message.len().max(64 << 10)).max(take));
                }
                message.extend_from_slice(&input[..take]);
                input.advance(take);
                *left -= take;
                if *left > 0 {
                    return false;
                }
                let message = Bytes::from(std::mem::take(message));
                self.places.push((self.text.len(), message.len() as u64));
                self.message_octets += message.len() as u64;
                self.messages.push(message);
                true
            }
            Awaits::Nothing(left) => {
                let take = (input.len() as u64).min(*left);
                input.advance(take as usize);
                *left -= take;
                *left == 0
            }
        }
    }

    /// Permits the announced literal.
    pub(super) fn permit(&mut self) {
        if let Awaits::Permission(octets) = self.awaits {
            self.awaits = self.room_for(octets);
        }
    }

    /// Refuses the announced literal, which ends the command (RFC 3501 §7.5).
    pub(super) fn reject(&mut self) {
        self.clear();
    }

    /// The octets of an incomplete command that were taken from the input.
    pub(super) fn unfinished(&self) -> Unfinished {
        let (within, message) = match &self.awaits {
            Awaits::Message(message, _) => (Some("a literal"), message.len() as u64),
            Awaits::Literal(_) | Awaits::Nothing(_) => (Some("a literal"), 0),
            Awaits::Line | Awaits::Permission(_) => (None, 0),
        };
        let decoded = self.places.iter().fold(0, |all: u64, (_, octets)| all.saturating_add(*octets));
        let octets = ((self.text.len() - self.new) as u64 + message + self.lines.unfinished()).saturating_add(decoded);
        Unfinished { within, octets }
    }

    /// The octets of it that are kept, except complete messages.
    pub(super) fn unfinished_octets(&self) -> [&[u8]; 2] {
        let behind = match &self.awaits {
            Awaits::Message(message, _) => message,
            Awaits::Line | Awaits::Literal(_) | Awaits::Nothing(_) | Awaits::Permission(_) => {
                self.lines.unfinished_start()
            }
        };
        [&self.text[self.new..], behind]
    }

    /// Whether a line that ends with a bare LF is tolerated: it is empty, and follows a literal.
    fn tolerates_bare_lf(&self, line: &[u8]) -> bool {
        self.tolerance.bare_lf_behind_literal && !self.text.is_empty() && line.trim_ascii().is_empty()
    }

    fn take_line(&mut self, line: &[u8]) -> Option<Frame> {
        // The rest of a refused command is not kept.
        if self.breaks.is_none() {
            self.text.extend_from_slice(line);
        }
        if self.text.len() > self.limit {
            self.breaks.get_or_insert(Break::LargeLiteral);
        }
        let Some(announcement) = announcement(line) else {
            return Some(match self.breaks.take() {
                Some(why) => self.broken(why),
                None => {
                    let blanks = line.len() - line.trim_ascii_end().len();
                    Frame::Whole(RawCommand { blanks, ..self.raw() })
                }
            });
        };
        self.take_announcement(&announcement)
    }

    /// Decides about an announced literal. One that is too large is discarded as it arrives, or ends the command if the
    /// client waits for permission.
    fn take_announcement(&mut self, &Announcement { octets, is_synchronizing }: &Announcement) -> Option<Frame> {
        let was_broken = self.breaks.is_some();
        if !was_broken {
            self.text.extend_from_slice(b"\r\n");
            self.start.read(&self.text, self.tolerance.extra_blanks);
            self.breaks = self.excess(octets);
        }
        match (self.breaks, is_synchronizing) {
            // The client does not send the literal, so the command ends here.
            (Some(why), true) => {
                if !was_broken {
                    self.text.truncate(self.text.len() - 2);
                }
                Some(self.broken(why))
            }
            (Some(_), false) => {
                self.drop_literal(octets);
                None
            }
            (None, true) => {
                self.awaits = Awaits::Permission(octets);
                let text = Bytes::copy_from_slice(&self.text[..self.text.len() - 2]);
                let (new, places) = (self.new, std::mem::take(&mut self.places));
                let raw = RawCommand { messages: self.messages.clone(), new, places, text, ..RawCommand::default() };
                self.new = self.text.len();
                Some(Frame::Announced(raw))
            }
            (None, false) => {
                self.awaits = self.room_for(octets);
                None
            }
        }
    }

    /// Why a literal of this many octets is too large here.
    fn excess(&self, octets: u64) -> Option<Break> {
        if self.start.is_before_message() {
            let all = self.largest_message.saturating_mul(MOST_MESSAGES);
            let is_large = octets > self.largest_message || self.message_octets.saturating_add(octets) > all;
            return is_large.then_some(Break::LargeMessage);
        }
        ((self.text.len() as u64).saturating_add(octets) > self.limit as u64).then_some(Break::LargeLiteral)
    }

    /// Discards a literal as it arrives. It counts as input, and consecutive ones count as one.
    fn drop_literal(&mut self, octets: u64) {
        let at = self.text.len();
        match self.places.last_mut() {
            Some((place, dropped)) if *place == at => *dropped = dropped.saturating_add(octets),
            _ => self.places.push((at, octets)),
        }
        self.awaits = Awaits::Nothing(octets);
    }

    fn room_for(&self, octets: u64) -> Awaits {
        match self.start.is_before_message() {
            true => Awaits::Message(Vec::new(), octets as usize),
            false => Awaits::Literal(octets as usize),
        }
    }

    fn broken(&mut self, why: Break) -> Frame {
        Frame::Broken(self.raw(), why)
    }

    fn raw(&mut self) -> RawCommand {
        let raw = RawCommand {
            text: std::mem::take(&mut self.text).into(),
            messages: std::mem::take(&mut self.messages),
            new: self.new,
            places: std::mem::take(&mut self.places),
            ..RawCommand::default()
        };
        self.clear();
        raw
    }

    fn clear(&mut self) {
        self.text.clear();
        self.messages.clear();
        self.message_octets = 0;
        self.start = CommandStart::default();
        self.places.clear();
        self.new = 0;
        self.awaits = Awaits::Line;
        self.breaks = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_of_a_refused_command_are_counted_but_not_kept() {
        let mut tokenizer = Tokenizer::new(100, 1000, Tolerance::STRICT);
        let mut input = BytesMut::from(&b"a ID {200+}\r\n"[..]);
        input.extend_from_slice(&[b'x'; 200]);
        for _ in 0..100_000 {
            input.extend_from_slice(b"{1+}\r\nx");
        }

        assert!(tokenizer.next(&mut input).is_none());

        assert_eq!(tokenizer.places.len(), 1);
        assert_eq!(tokenizer.unfinished().octets, 100_213);
        input.extend_from_slice(b"\r\n");
        let Some(Frame::Broken(raw, why)) = tokenizer.next(&mut input) else { panic!("the command is over") };
        assert_eq!((why, &raw.places[..]), (Break::LargeLiteral, &[(13, 100_200)][..]));
    }

    /// This takes hours if the command is searched from its start for each literal.
    #[test]
    fn a_command_with_many_literals_is_read_once() {
        const TIMES: usize = 1 << 18;
        for tolerance in [Tolerance::STRICT, Tolerance::default()] {
            for start in ["a".to_owned(), format!("a{}", " ".repeat(TIMES)), "a APPEND b ".to_owned()] {
                let mut tokenizer = Tokenizer::new(16 * TIMES, 1000, tolerance);
                let mut input = BytesMut::from(start.as_bytes());
                input.extend_from_slice(&b"{0+}\r\n".repeat(TIMES));
                input.extend_from_slice(b"\r\n");

                let Some(Frame::Whole(raw)) = tokenizer.next(&mut input) else { panic!("the command is complete") };

                let messages = if start.contains("APPEND") { TIMES } else { 0 };
                assert_eq!((raw.messages.len(), input.len()), (messages, 0));
            }
        }
    }

    #[test]
    fn a_literal_after_the_mailbox_of_append_is_a_message() {
        let rows: &[(&str, &str, usize)] = &[
            ("the mailbox is an atom", "a APPEND b {1+}\r\nx\r\n", 1),
            ("the mailbox is a literal", "a append {1+}\r\nb {1+}\r\nx {1+}\r\ny\r\n", 2),
            ("there are flags and a date", "a APPEND b (\\Seen) \"d\" {1+}\r\nx\r\n", 1),
            ("the verb is a literal", "a {6+}\r\nAPPEND b {1+}\r\nx\r\n", 0),
            ("another verb", "a LOGIN b {1+}\r\nx {1+}\r\ny\r\n", 0),
            ("extra blanks", "a  APPEND   {1+}\r\nb  {1+}\r\nx\r\n", 1),
        ];
        for (name, text, messages) in rows {
            let mut tokenizer = Tokenizer::new(1000, 1000, Tolerance::default());
            // The first command must not affect the second.
            let mut input = BytesMut::from(text.repeat(2).as_bytes());

            for _ in 0..2 {
                let Some(Frame::Whole(raw)) = tokenizer.next(&mut input) else { panic!("{name}: not complete") };
                assert_eq!(raw.messages.len(), *messages, "{name}");
            }
        }
    }
}
