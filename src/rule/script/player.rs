//! Plays the server's side of a script: what to send, and whether the client's octets fit. Pure: octets come as
//! arguments.

use std::sync::Arc;
use std::time::Duration;

use super::{ClientData, ClientLine, Divergence, Expected, Fold, Script, ScriptStep, Text, Values};
use crate::base::Pattern;
use crate::protocol::Protocol;
use crate::protocol::imap::announcement;
use crate::rule::step::close::CloseMode;
use crate::rule::template::Template;

/// Maximum number of octets of a line.
pub(crate) const LONGEST_LINE: usize = 1 << 20;

/// A script, and how far it is played.
#[derive(Debug, Clone)]
pub(crate) struct Player {
    /// Its name in failures.
    pub(super) id: Arc<str>,
    pub(super) script: Arc<Script>,
    pub(super) protocol: Protocol,
    on_divergence: Divergence,
    /// The index of the next line.
    pub(super) next: usize,
    pub(super) values: Values,
    /// What the client must not send any more, each with the number of its line.
    pub(super) never: Vec<(usize, Pattern)>,
    /// How the client's data after its last line ends.
    announced: Announced,
    /// Whether the client's last line continues a command.
    is_continued: bool,
    /// The optional lines that did not fit the client's next line.
    pub(super) tried: Vec<usize>,
    /// The first of them, if the server said nothing since.
    first_tried: Option<usize>,
    /// How much of the input was searched for the end of a line or of data.
    searched: usize,
}

/// How data of the client ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Announced {
    /// No size was announced: with a line that has only a dot.
    Nothing,
    /// After so many octets of an IMAP literal; the line goes on behind it.
    Literal(u64),
    /// After so many octets of BDAT (RFC 3030 §2).
    Chunk(u64),
}

/// What the server does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Act {
    Say(Template),
    Wait(Duration),
    Tls,
    /// Log the session in as this user.
    Login(Vec<u8>),
    Close(CloseMode),
}

/// What follows what the server did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScriptNext {
    /// The client's next line or data.
    Client,
    /// The conforming server.
    Pass,
    /// Nothing: the script is over.
    Over,
}

/// What the client's octets are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Not enough to tell.
    More,
    /// An optional line did not come. Nothing is taken; the server may do something before the client's next line.
    Skipped,
    /// What the script expects next: so many octets, and what was wrong with them nevertheless.
    Fits { octets: usize, is_data: bool, wrong: Vec<Expected> },
    /// Something else, in so many octets.
    Diverges { octets: usize, wrong: Vec<Expected> },
}

impl Player {
    /// A player at the first line.
    pub(crate) fn new(id: Arc<str>, script: Arc<Script>, protocol: Protocol) -> Self {
        let on_divergence = script.head.on_divergence.clone().unwrap_or_default();
        Self {
            id,
            script,
            protocol,
            on_divergence,
            next: 0,
            values: Values::default(),
            never: Vec::new(),
            announced: Announced::Nothing,
            is_continued: false,
            tried: Vec::new(),
            first_tried: None,
            searched: 0,
        }
    }

    /// The client's command at which the script began has this tag.
    pub(crate) fn with_tag(mut self, tag: Option<&str>) -> Self {
        tag.into_iter().for_each(|tag| self.values.set("tag", tag.as_bytes()));
        self
    }

    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn on_divergence(&self) -> &Divergence {
        &self.on_divergence
    }

    /// What the server does until it needs the client's next line. Loops without a line of the client are refused when
    /// a script is read, so this ends.
    pub(crate) fn act(&mut self) -> (Vec<Act>, ScriptNext) {
        let (acts, next) = self.acts();
        if !acts.is_empty() {
            self.first_tried = None;
        }
        (acts, next)
    }

    fn acts(&mut self) -> (Vec<Act>, ScriptNext) {
        let mut acts = Vec::new();
        let script = Arc::clone(&self.script);
        while let Some(line) = script.lines.get(self.next) {
            match &line.step {
                ScriptStep::Say(text) => {
                    let mut line = text.template(&self.values);
                    line.push_octets(*b"\r\n");
                    acts.push(Act::Say(line));
                }
                ScriptStep::SayOctets(octets) => acts.push(Act::Say(octets.template(&self.values))),
                ScriptStep::Wait(span) => acts.push(Act::Wait(*span)),
                ScriptStep::Tls => acts.push(Act::Tls),
                ScriptStep::Login(user) => acts.push(Act::Login(self.filled(user))),
                ScriptStep::Close(mode) => {
                    acts.push(Act::Close(*mode));
                    self.next = script.lines.len();
                    return (acts, ScriptNext::Over);
                }
                ScriptStep::Goto(label) => {
                    let place = script.place(label).unwrap_or(script.lines.len());
                    if place < self.next {
                        // What is repeated gives its variables new values.
                        self.values.free_from(place);
                    }
                    self.next = place;
                    continue;
                }
                ScriptStep::Never(pattern) if !self.never.iter().any(|(no, _)| *no == line.no) => {
                    self.never.push((line.no, pattern.clone()));
                }
                ScriptStep::Never(_) | ScriptStep::Label(_) | ScriptStep::Comment(_) => {}
                ScriptStep::Pass => return (acts, ScriptNext::Pass),
                ScriptStep::Client(_) | ScriptStep::Optional(_) => return (acts, ScriptNext::Client),
            }
            self.next += 1;
        }
        (acts, ScriptNext::Over)
    }

    /// Compares the beginning of the input with the next line of the client. Data may have at most `most` octets.
    pub(crate) fn hear(&mut self, input: &[u8], most: u64) -> Heard {
        let heard = self.compare(input, most);
        if let Heard::Diverges { .. } = heard {
            // These octets are taken, and the same line is expected again.
            self.searched = 0;
        }
        heard
    }

    fn compare(&mut self, input: &[u8], most: u64) -> Heard {
        let script = Arc::clone(&self.script);
        let line = script.lines.get(self.next);
        if let Some(ScriptStep::Client(ClientLine::Data(data))) = line.map(|line| &line.step) {
            return self.hear_data(data, input, most);
        }
        let Some((got, octets)) = first_line(input, self.searched) else {
            self.searched = input.len();
            if input.len() <= LONGEST_LINE {
                return self.hear_octets(input).unwrap_or(Heard::More);
            }
            let expected = Expected::from(format!("a line has at most {LONGEST_LINE} octets"));
            return Heard::Diverges { octets: input.len(), wrong: vec![expected] };
        };
        let mut wrong = self.forbidden(got);
        match line.map(|line| &line.step) {
            Some(ScriptStep::Client(ClientLine::Octets(_))) => {
                if let Some(heard) = self.hear_octets(input) {
                    return heard;
                }
            }
            Some(ScriptStep::Client(expected)) if self.fits(expected, got) => {
                self.take(got);
                return Heard::Fits { octets, is_data: false, wrong };
            }
            Some(ScriptStep::Optional(text)) => {
                if self.fits_text(text, got) {
                    self.take(got);
                    return Heard::Fits { octets, is_data: false, wrong };
                }
                self.tried.push(self.next);
                self.first_tried.get_or_insert(self.next);
                self.next = script.group_end(self.next);
                return Heard::Skipped;
            }
            Some(_) | None => {}
        }
        wrong.push(self.expected(Some(got)));
        // The client may still send an optional line next.
        self.next = self.first_tried.take().unwrap_or(self.next);
        self.tried.clear();
        Heard::Diverges { octets, wrong }
    }

    /// `C| octets`. `None` if the input differs from them, which may be known before the end of its line.
    fn hear_octets(&mut self, input: &[u8]) -> Option<Heard> {
        let script = Arc::clone(&self.script);
        let step = script.lines.get(self.next).map(|line| &line.step);
        let Some(ScriptStep::Client(ClientLine::Octets(octets))) = step else { return None };
        let wanted = self.filled(octets);
        if wanted.starts_with(input) && input.len() < wanted.len() {
            return Some(Heard::More);
        }
        if !input.starts_with(&wanted) {
            return None;
        }
        let last = wanted.strip_suffix(b"\n").unwrap_or(&wanted);
        let last = last.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let wrong = self.forbidden(last);
        self.take(last.strip_suffix(b"\r").unwrap_or(last));
        Some(Heard::Fits { octets: wanted.len(), is_data: false, wrong })
    }

    fn hear_data(&mut self, data: &ClientData, input: &[u8], most: u64) -> Heard {
        let (size, octets) = match self.announced {
            // Each divergence takes octets: an announcement that is too large has none to take yet.
            Announced::Literal(size) | Announced::Chunk(size) if size > most && input.is_empty() => return Heard::More,
            Announced::Literal(size) | Announced::Chunk(size) if size > most => {
                let expected = Expected::from(format!("data has at most {most} octets"));
                return Heard::Diverges {
                    octets: first_line(input, 0).map_or(input.len(), |(_, octets)| octets),
                    wrong: vec![expected],
                };
            }
            Announced::Chunk(size) if input.len() as u64 >= size => (size as usize, size as usize),
            Announced::Literal(size) if input.len() as u64 > size => {
                let size = size as usize;
                // The CRLF that ends the command belongs to the data, not to a line of the script.
                match &input[size..] {
                    [b'\r'] => return Heard::More,
                    [b'\r', b'\n', ..] => (size, size + 2),
                    [b'\n', ..] => (size, size + 1),
                    _ => (size, size),
                }
            }
            Announced::Literal(_) | Announced::Chunk(_) => return Heard::More,
            Announced::Nothing => match self.end_of_message(input) {
                Some(end) => (end, end + 3),
                None if input.len() as u64 > most => {
                    let expected = Expected::from(format!("data has at most {most} octets"));
                    return Heard::Diverges { octets: input.len(), wrong: vec![expected] };
                }
                None => return Heard::More,
            },
        };
        if let Some(name) = &data.name {
            self.values.set_at(&**name, &input[..size], self.next);
        }
        self.is_continued = matches!(self.announced, Announced::Literal(_)) && octets == size;
        self.announced = Announced::Nothing;
        self.advance();
        Heard::Fits { octets, is_data: true, wrong: Vec::new() }
    }

    /// The position of the line with only a dot that ends a message.
    fn end_of_message(&mut self, input: &[u8]) -> Option<usize> {
        if input.starts_with(b".\r\n") {
            return Some(0);
        }
        let from = self.searched.min(input.len());
        let found = memchr::memmem::find(&input[from..], b"\r\n.\r\n");
        self.searched = input.len().saturating_sub(4);
        found.map(|at| from + at + 2)
    }

    /// Whether a line fits. Keeps the values of its variables if it does.
    fn fits(&mut self, expected: &ClientLine, got: &[u8]) -> bool {
        match expected {
            ClientLine::Line(text) => self.fits_text(text, got),
            ClientLine::Regex(pattern) => {
                let line = String::from_utf8_lossy(got.strip_suffix(b"\n").unwrap_or(got));
                let fits = pattern.matches(&line);
                if fits {
                    pattern
                        .groups(&line)
                        .into_iter()
                        .for_each(|(name, value)| self.values.set_at(name, value, self.next));
                }
                fits
            }
            ClientLine::Any(name) => {
                if let Some(name) = name {
                    self.values.set_at(&**name, got.strip_suffix(b"\n").unwrap_or(got), self.next);
                }
                true
            }
            ClientLine::Octets(_) | ClientLine::Data(_) => false,
        }
    }

    fn fits_text(&mut self, text: &Text, got: &[u8]) -> bool {
        if self.has_tag() {
            // Each command of IMAP has a tag of its own.
            self.values.free("tag");
        }
        let found = text.fit(got, &self.values, Fold::Command(self.protocol));
        found.iter().flat_map(Values::iter).for_each(|(name, value)| self.values.set_at(name, value, self.next));
        found.is_some()
    }

    /// Whether the client's next line begins a command with a tag.
    fn has_tag(&self) -> bool {
        self.protocol == Protocol::Imap && !self.is_continued
    }

    /// Goes on after a line that fits.
    fn take(&mut self, got: &[u8]) {
        if self.has_tag()
            && let Some(end) = got.iter().position(|byte| *byte == b' ').filter(|end| *end > 0)
        {
            self.values.set("tag", &got[..end]);
        }
        self.announced = announced(self.protocol, got);
        self.is_continued = matches!(self.announced, Announced::Literal(_));
        self.advance();
    }

    fn advance(&mut self) {
        self.next += 1;
        self.tried.clear();
        self.first_tried = None;
        self.searched = 0;
    }

    /// A text with its variables; one without a value is empty, as when an optional line did not come.
    fn filled(&self, text: &Text) -> Vec<u8> {
        text.fill_known(&self.values)
    }
}

/// The first line of the input without its CRLF, and its octets with it; it does not end before `from`. Keeps a bare LF.
fn first_line(input: &[u8], from: usize) -> Option<(&[u8], usize)> {
    let from = from.min(input.len());
    let end = from + memchr::memchr(b'\n', &input[from..])? + 1;
    Some((input[..end].strip_suffix(b"\r\n").unwrap_or(&input[..end]), end))
}

/// What a line of the client announces: a literal at its end, or a chunk.
fn announced(protocol: Protocol, line: &[u8]) -> Announced {
    match protocol {
        Protocol::Imap => {
            announcement(line.trim_ascii_end()).map_or(Announced::Nothing, |its| Announced::Literal(its.octets))
        }
        Protocol::Smtp | Protocol::Lmtp => {
            let line = String::from_utf8_lossy(line);
            let mut words = line.split_whitespace();
            let is_chunk = words.next().is_some_and(|verb| verb.eq_ignore_ascii_case("BDAT"));
            let size = words.next().and_then(|size| size.parse().ok()).filter(|_| is_chunk);
            size.map_or(Announced::Nothing, Announced::Chunk)
        }
        Protocol::Pop3 => Announced::Nothing,
    }
}
