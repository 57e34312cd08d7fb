//! Who says what in a recorded session: the octets of both sides, with the client's as lines, responses and bodies.
//!
//! What the client's octets are often depends on the server's answer: after DATA, a message or the next command. They
//! are held until it comes.

use std::collections::VecDeque;

use super::command::{Command, Kind, command, response};
use super::layers;
use super::said::{Part, Said};
use crate::protocol::Protocol;
use crate::protocol::imap::announcement;

/// What follows the server's octets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// These octets of the client are forwarded, which waited for the answer to STARTTLS.
    Forward(Vec<u8>),
    /// Both sides begin TLS.
    Secure,
    /// What follows cannot be read, for this reason.
    Stop(String),
}

/// What the client's next octets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expecting {
    Command,
    /// The rest of a command, behind a literal.
    Rest,
    /// A line of a SASL exchange.
    Response,
    /// A message, up to the line with a dot.
    Message,
    /// A literal or a chunk of this many octets.
    Octets {
        left: usize,
        is_secret: bool,
        is_literal: bool,
    },
    /// Unknown until the server answers this.
    Answer(Asked),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Message,
    Response,
    Tls,
    Compression,
    Literal { octets: usize, is_secret: bool },
}

/// An answer of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Continue,
    Positive,
    Negative,
}

pub(super) struct Conversation {
    protocol: Protocol,
    said: Vec<Said>,
    expecting: Expecting,
    /// Octets of the client whose meaning is not known yet.
    held: Vec<u8>,
    /// The commands that are not answered, in their order.
    pending: VecDeque<Kind>,
    /// The last command of IMAP.
    command: Command,
    /// The recipients that LMTP accepted: each gets an answer to the message.
    recipients: usize,
    /// How many SASL responses came.
    responses: usize,
    /// What the server offers and the client does not see.
    pub(super) hidden: Vec<String>,
    /// The server's unfinished line, which the client does not see yet.
    line: Vec<u8>,
    /// The octets that are left of the server's literal.
    literal: usize,
    /// The server sends lines up to a dot.
    is_in_list: bool,
    /// These lines say what the server offers.
    is_offer: bool,
}

impl Conversation {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self {
            protocol,
            said: Vec::new(),
            expecting: Expecting::Command,
            held: Vec::new(),
            pending: VecDeque::new(),
            command: Command::default(),
            recipients: 0,
            responses: 0,
            hidden: Vec::new(),
            line: Vec::new(),
            literal: 0,
            is_in_list: false,
            is_offer: false,
        }
    }

    /// Octets of the client. Returns those to forward now: none behind STARTTLS until it is answered.
    pub(super) fn client(&mut self, octets: &[u8]) -> Vec<u8> {
        let asks_tls = Expecting::Answer(Asked::Tls);
        let is_waiting = self.expecting == asks_tls;
        self.held.extend_from_slice(octets);
        self.assign();
        match self.expecting == asks_tls {
            _ if is_waiting => Vec::new(),
            true => octets[..octets.len() - self.held.len()].to_vec(),
            false => octets.to_vec(),
        }
    }

    /// Octets of the server. Those that the client sees, whole lines and literals, are added to `seen`.
    pub(super) fn server(&mut self, octets: &[u8], seen: &mut Vec<u8>) -> Then {
        let (mut secures, mut forward, mut rest) = (false, Vec::new(), octets);
        while !rest.is_empty() {
            let piece = match self.literal {
                0 => memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1),
                left => left.min(rest.len()),
            };
            let (now, later) = rest.split_at(piece);
            rest = later;
            if self.literal > 0 {
                self.literal -= piece;
                self.server_said(now, seen);
                continue;
            }
            self.line.extend_from_slice(now);
            if !now.ends_with(b"\n") {
                continue;
            }
            let line = std::mem::take(&mut self.line);
            let is_offer = self.is_in_list && self.is_offer;
            let shown = layers::without(self.protocol, line.clone(), is_offer, &mut self.hidden);
            self.server_said(&shown, seen);
            let line = line.strip_suffix(b"\r\n").unwrap_or(&line);
            let Some(answer) = self.answer(line) else { continue };
            if let Some(why) = self.becomes_unreadable(answer) {
                return Then::Stop(why);
            }
            let was_waiting = self.expecting == Expecting::Answer(Asked::Tls);
            secures |= self.answered(answer);
            if was_waiting && self.expecting == Expecting::Command {
                forward.extend_from_slice(&self.held);
            }
            self.assign();
        }
        if secures { Then::Secure } else { Then::Forward(forward) }
    }

    /// Both sides have begun TLS.
    pub(super) fn secured(&mut self) {
        let dropped = std::mem::take(&mut self.held).len();
        if dropped > 0 {
            self.said.push(Said::Dropped(dropped));
        }
        self.said.push(Said::Tls);
        self.line.clear();
        self.expecting = Expecting::Command;
        self.pending.clear();
    }

    /// The server ended the session, and the client did not.
    pub(super) fn closed(&mut self) {
        self.said.push(Said::Closed);
    }

    /// The server's unfinished line, which is its last one.
    pub(super) fn unfinished(&mut self) -> Vec<u8> {
        let (line, mut seen) = (std::mem::take(&mut self.line), Vec::new());
        self.server_said(&line, &mut seen);
        seen
    }

    /// All that was said.
    pub(super) fn finish(mut self) -> Vec<Said> {
        self.unfinished();
        let held = std::mem::take(&mut self.held);
        if !held.is_empty() {
            let is_secret = self.is_secret(&held);
            self.said.push(if is_secret { Said::SecretOctets(held) } else { Said::Octets(held) });
        }
        self.said
    }

    /// Whether octets without the end of a line or a literal may be a secret: also a response that nobody answered.
    fn is_secret(&mut self, held: &[u8]) -> bool {
        match self.expecting {
            Expecting::Response | Expecting::Answer(Asked::Response) => true,
            Expecting::Octets { is_secret, .. } => is_secret,
            Expecting::Command | Expecting::Rest => {
                let is_rest = self.expecting == Expecting::Rest;
                command(self.protocol, held, &mut self.command, is_rest).iter().any(Part::is_secret)
            }
            Expecting::Message | Expecting::Answer(_) => false,
        }
    }

    fn server_said(&mut self, octets: &[u8], seen: &mut Vec<u8>) {
        seen.extend_from_slice(octets);
        if octets.is_empty() {
            return;
        }
        match self.said.last_mut() {
            Some(Said::Server(said)) => said.extend_from_slice(octets),
            Some(_) | None => self.said.push(Said::Server(octets.to_vec())),
        }
    }

    /// The answer that this line of the server completes, if it does.
    fn answer(&mut self, line: &[u8]) -> Option<Answer> {
        match self.protocol {
            Protocol::Smtp | Protocol::Lmtp => {
                let is_last = line.len() >= 3 && line.get(3) != Some(&b'-');
                is_last.then(|| match line[0] {
                    b'3' => Answer::Continue,
                    b'2' => Answer::Positive,
                    _ => Answer::Negative,
                })
            }
            Protocol::Imap => {
                if let Some((octets, _)) = announced(line) {
                    self.literal = octets;
                    return None;
                }
                let mut words = line.split(|byte| *byte == b' ');
                let (tag, status) = (words.next()?, words.next().unwrap_or_default());
                match tag {
                    b"+" => Some(Answer::Continue),
                    tag if tag == self.command.tag && status.eq_ignore_ascii_case(b"OK") => Some(Answer::Positive),
                    tag if tag == self.command.tag => Some(Answer::Negative),
                    _ => None,
                }
            }
            Protocol::Pop3 => {
                if self.is_in_list {
                    self.is_in_list = line != b".";
                    return None;
                }
                let is_ok = line.starts_with(b"+OK");
                self.is_offer = self.pending.front() == Some(&Kind::Offers);
                self.is_in_list = is_ok && (self.is_offer || self.pending.front() == Some(&Kind::List));
                Some(match line.first() {
                    Some(b'+') if is_ok => Answer::Positive,
                    Some(b'+') => Answer::Continue,
                    _ => Answer::Negative,
                })
            }
        }
    }

    /// Why what follows this answer cannot be read, if that is so: the client used what it had not seen in the server's
    /// offers.
    fn becomes_unreadable(&self, answer: Answer) -> Option<String> {
        let Expecting::Answer(asked) = self.expecting else { return None };
        let is_of_login = self.protocol == Protocol::Imap || self.pending.front() == Some(&Kind::Auth);
        let what = match asked {
            _ if answer != Answer::Positive => return None,
            Asked::Compression => "the session is compressed from here on (COMPRESS, RFC 4978)",
            Asked::Response if is_of_login && self.command.is_layered => {
                "the session may be encrypted or signed from here on, as the mechanism of the login allows"
            }
            Asked::Response | Asked::Message | Asked::Tls | Asked::Literal { .. } => return None,
        };
        Some(format!("{what}, and cannot be recorded further"))
    }

    /// The server answered the first pending command; IMAP's answers name theirs. Returns whether TLS follows.
    fn answered(&mut self, answer: Answer) -> bool {
        let goes_on = answer == Answer::Continue;
        if self.protocol != Protocol::Imap {
            let Some(kind) = self.pending.front().copied() else { return false };
            if !goes_on || kind == Kind::Data {
                self.pending.pop_front();
            }
            if kind == Kind::Recipient && answer == Answer::Positive {
                self.recipients += 1;
            }
            if !matches!(kind, Kind::Data | Kind::Auth | Kind::Tls) {
                return false;
            }
        }
        let Expecting::Answer(asked) = self.expecting else { return false };
        self.expecting = match asked {
            Asked::Message if goes_on => Expecting::Message,
            Asked::Response if goes_on => Expecting::Response,
            Asked::Literal { octets, is_secret } if goes_on => {
                Expecting::Octets { left: octets, is_secret, is_literal: true }
            }
            Asked::Tls if answer == Answer::Positive => return true,
            Asked::Message | Asked::Response | Asked::Literal { .. } | Asked::Tls | Asked::Compression => {
                Expecting::Command
            }
        };
        false
    }

    /// Assigns the octets that are held, as far as their meaning is known.
    fn assign(&mut self) {
        loop {
            match self.expecting {
                Expecting::Command | Expecting::Rest | Expecting::Response => {
                    let Some(end) = memchr::memchr(b'\n', &self.held) else { return };
                    let line: Vec<u8> = self.held.drain(..=end).collect();
                    match line.strip_suffix(b"\r\n") {
                        Some(line) => self.line(line),
                        None => {
                            self.said.push(Said::Octets(line));
                            self.expecting = Expecting::Command;
                        }
                    }
                }
                Expecting::Message => {
                    let end = match self.held.starts_with(b".\r\n") {
                        true => Some(0),
                        false => memchr::memmem::find(&self.held, b"\r\n.\r\n").map(|end| end + 2),
                    };
                    let Some(end) = end else { return };
                    let message = self.held.drain(..end).collect();
                    self.held.drain(..3);
                    self.said.push(Said::Body(message));
                    self.expect_message_answers();
                    self.expecting = Expecting::Command;
                }
                Expecting::Octets { left, is_secret, is_literal } => {
                    if self.held.len() < left {
                        return;
                    }
                    let body = self.held.drain(..left).collect();
                    self.said.push(if is_secret { Said::SecretBody(body) } else { Said::Body(body) });
                    self.expecting = if is_literal { Expecting::Rest } else { Expecting::Command };
                }
                Expecting::Answer(_) => return,
            }
        }
    }

    /// A message was sent: LMTP answers for each recipient (RFC 2033 §4.2).
    fn expect_message_answers(&mut self) {
        let recipients = std::mem::take(&mut self.recipients);
        let answers = if self.protocol == Protocol::Lmtp { recipients } else { 1 };
        self.pending.extend(std::iter::repeat_n(Kind::Other, answers));
    }

    /// A whole line of the client.
    fn line(&mut self, line: &[u8]) {
        if self.expecting == Expecting::Response {
            self.responses += 1;
            self.said.push(Said::Line(response(line, self.responses)));
            self.expecting = Expecting::Answer(Asked::Response);
            return;
        }
        let is_rest = self.expecting == Expecting::Rest;
        let parts = command(self.protocol, line, &mut self.command, is_rest);
        // The CRLF that ends a command belongs to its last literal.
        if !is_rest || !line.is_empty() {
            self.said.push(Said::Line(parts));
        }
        let kind = self.command.kind;
        if !is_rest && self.protocol != Protocol::Imap {
            self.pending.push_back(kind);
        }
        self.expecting = match kind {
            Kind::Data => Expecting::Answer(Asked::Message),
            Kind::Chunk { octets, is_last } => {
                if is_last && self.protocol == Protocol::Lmtp {
                    self.pending.pop_back();
                    self.expect_message_answers();
                }
                Expecting::Octets { left: octets, is_secret: false, is_literal: false }
            }
            Kind::Auth if !is_rest => Expecting::Answer(Asked::Response),
            Kind::Tls => Expecting::Answer(Asked::Tls),
            Kind::Compress => Expecting::Answer(Asked::Compression),
            Kind::Start => {
                self.recipients = 0;
                Expecting::Command
            }
            Kind::Auth | Kind::Recipient | Kind::List | Kind::Offers | Kind::Other => Expecting::Command,
        };
        if self.protocol == Protocol::Imap
            && let Some((octets, is_synchronizing)) = announced(line)
        {
            let is_secret = self.command.next_is_secret();
            self.command.arguments += 1;
            self.expecting = match is_synchronizing {
                true => Expecting::Answer(Asked::Literal { octets, is_secret }),
                false => Expecting::Octets { left: octets, is_secret, is_literal: true },
            };
        }
    }
}

/// The literal that a line announces at its end, and whether the client waits for the server (RFC 7888 §4).
fn announced(line: &[u8]) -> Option<(usize, bool)> {
    let announced = announcement(line)?;
    Some((announced.octets.try_into().ok()?, announced.is_synchronizing))
}
