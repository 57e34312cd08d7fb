//! Decoding: octets become requests. An invalid command becomes a request too, whose reply is BAD or NO.

use bytes::{Bytes, BytesMut};

use super::parser::Parser;
use super::raw_command::{Break, RawCommand};
use super::tokenizer::{Frame, Tokenizer};
use super::{Ask, Config, Imap, ImapState, Mode, Refusal, Request, command};
use crate::protocol::line::{self, BARE_LF, Line, is_http};
use crate::protocol::{Decoded, Disconnect, Event, Framing, Input};

impl Imap {
    /// The next complete request.
    pub(super) fn next_request(&mut self, input: &mut BytesMut) -> Option<Decoded<Request>> {
        if matches!(self.state, ImapState::Silent) {
            self.state = ImapState::NotAuthenticated;
            let request = Request(Ask::Greeting);
            return Some(Decoded::silent(Event::ImapGreeting, request));
        }
        let (event, line) = match &self.mode {
            Mode::Command => {
                let frame = self.tokenizer.next(input)?;
                return Some(self.hear(frame));
            }
            Mode::Sasl(_, login) if !login.has_credentials_next() => (Event::ImapAuthStep, self.tokenizer.line(input)?),
            Mode::Sasl(..) => (Event::ImapAuth, self.tokenizer.line(input)?),
            Mode::Idle(_) => (Event::ImapIdleDone, self.tokenizer.line(input)?),
        };
        let input = line.input();
        let line = match line {
            Line::Whole(line) => line,
            Line::BareLf(line) if event == Event::ImapIdleDone && self.config.tolerance.bare_lf_behind_done => {
                line.slice(..line.len() - 1)
            }
            // Such a line must be neither DONE nor valid base64.
            Line::BareLf(_) | Line::TooLong { .. } => Bytes::from_static(b"\n"),
        };
        let ask = if event == Event::ImapIdleDone { Ask::EndIdle(line) } else { Ask::Sasl(line) };
        Some(Decoded { event, input, request: Request(ask) })
    }

    /// Parses a command. An invalid command becomes a request to refuse it.
    fn read(&self, raw: &RawCommand) -> (Event, Ask) {
        let tolerance = self.config.tolerance;
        let blanks = if tolerance.extra_blanks { raw.blanks } else { 0 };
        let text = &raw.text[..raw.text.len() - blanks];
        let mut parser = Parser::new(text, &raw.messages).tolerant(tolerance);
        let tag: Box<str> = match parser.tag() {
            Ok(tag) => tag.into(),
            Err(error) => return (Event::ImapUnknown, Ask::Refused(None, Refusal::syntax(error))),
        };
        let (spec, by_uid) = match command::find(&mut parser) {
            Ok(found) => found,
            Err(error) => return (Event::ImapUnknown, Ask::Refused(Some(tag), Refusal::syntax(error))),
        };
        // The state is checked first: the syntax of a command that is not allowed does not matter.
        if let Err(refusal) = self.admits(spec.allowed_in, spec.name) {
            return (spec.event, Ask::Refused(Some(tag), refusal));
        }
        match spec.parse(&mut parser, by_uid) {
            // The command has complete credentials, so the server decides about them next.
            Ok(command) if command.has_credentials() => (Event::ImapAuth, Ask::Command(tag, command)),
            Ok(command) => (spec.event, Ask::Command(tag, command)),
            Err(error) => (spec.event, Ask::Refused(Some(tag), Refusal::syntax(error))),
        }
    }

    /// The command to perform instead of this request, with its tag.
    pub(super) fn other_command(&mut self, instead_of: &Ask, line: &[u8]) -> Option<Ask> {
        let Framing::Imap(Some(tag)) = self.framing_of(instead_of) else { return None };
        match instead_of {
            Ask::Command(..) | Ask::Refused(..) | Ask::Sasl(_) | Ask::EndIdle(_) => {}
            Ask::Greeting | Ask::Literal(_) | Ask::More { .. } | Ask::Push | Ask::Disconnect(_) => return None,
        }
        let Config { limits, tolerance, .. } = &*self.config;
        let line = line::whole(&[tag.as_bytes(), b" ", line].concat(), limits.command)?;
        let mut input = BytesMut::from(&[&line[..], b"\r\n"].concat()[..]);
        // A command with a literal is not complete.
        let Some(Frame::Whole(raw)) = Tokenizer::new(limits.command, limits.message, *tolerance).next(&mut input)
        else {
            return None;
        };
        if matches!(instead_of, Ask::Sasl(_) | Ask::EndIdle(_)) {
            self.mode = Mode::Command;
        }
        Some(self.read(&raw).1)
    }

    fn hear(&mut self, frame: Frame) -> Decoded<Request> {
        let is_http = match &frame {
            Frame::Whole(raw) | Frame::Broken(raw, _) => is_http(&raw.text),
            // A line of HTTP does not end with a literal.
            Frame::Announced(_) => false,
        };
        let decoded = self.hear_command(frame);
        if is_http { Decoded { request: Request(Ask::Disconnect(Disconnect::Http)), ..decoded } } else { decoded }
    }

    fn hear_command(&mut self, frame: Frame) -> Decoded<Request> {
        match frame {
            Frame::Whole(raw) => {
                let (event, ask) = self.read(&raw);
                Decoded { event, input: raw.into_input(), request: Request(ask) }
            }
            Frame::Announced(raw) => {
                let input = raw.clone().into_input();
                Decoded { event: Event::ImapLiteral, input, request: Request(Ask::Literal(raw)) }
            }
            Frame::Broken(raw, why) => {
                let mut parser = Parser::new(&raw.text, &raw.messages);
                let tag = parser.tag().ok().filter(|_| parser.peek() == Some(b' ')).map(Box::from);
                let event = command::find(&mut parser).map_or(Event::ImapUnknown, |(spec, _)| spec.event);
                let request = Request(Ask::Refused(tag, self.refusal_of(why)));
                let input = match why {
                    Break::LongLine(octets) => Input::LongLine { start: raw.text, octets },
                    Break::BareLf | Break::LargeLiteral | Break::LargeMessage => raw.into_input(),
                };
                Decoded { event, input, request }
            }
        }
    }

    fn refusal_of(&self, why: Break) -> Refusal {
        let limits = &self.config.limits;
        match why {
            Break::BareLf => Refusal::bad(BARE_LF),
            Break::LongLine(_) => Refusal::bad(format!("a command may have at most {} octets", limits.command)),
            Break::LargeLiteral => {
                Refusal::bad(format!("a command and its literals may have at most {} octets", limits.command))
            }
            Break::LargeMessage => {
                Refusal::no(format!("[TOOBIG] a message may have at most {} octets", limits.message))
            }
        }
    }
}
