//! The client's side of a script.

use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::status::Statuses;
use crate::base::{common, excerpt};
use crate::cli::peer::{Stream, TlsPeer};
use crate::protocol::Protocol;
use crate::rule::script::{ClientLine, Fold, Script, ScriptLine, ScriptStep, Text, Values};

/// The longest line of a server.
const LONGEST: usize = 64 << 20;

const NO_OCTETS: &str = "these data have no octets: write lines `| text` below";
const MANY_FIT: &str = "many lines fit here: write the line to send, with `C:`";

/// Why a script was not played to its end.
#[derive(Debug)]
pub(super) enum Failed {
    /// The server said something else.
    Different(String),
    /// The script cannot be played, or the connection was lost.
    Impossible(String),
}

pub(super) struct Player {
    stream: Box<dyn Stream>,
    input: BytesMut,
    protocol: Protocol,
    peer: TlsPeer,
    patience: Duration,
    values: Values,
    statuses: Statuses,
    tags: usize,
    /// The octets that follow end with a line with a dot.
    is_message: bool,
}

/// What the server sent instead of what was expected.
struct Unlike {
    expected: String,
    got: String,
    /// The position of the first difference, if both begin alike.
    place: usize,
}

/// The lines of a script in the order in which a client plays them: without optional ones, up to the end or `PASS`.
/// Fails with the number of a line that it cannot play, and why.
pub(super) fn course<'s>(script: &'s Script, values: &Values) -> Result<Vec<&'s ScriptLine>, (usize, String)> {
    let (mut lines, mut at) = (Vec::new(), 0);
    while let Some(line) = script.lines.get(at) {
        at += 1;
        match &line.step {
            ScriptStep::Optional(_) => {
                at = script.group_end(at - 1);
                continue;
            }
            ScriptStep::Goto(label) => match script.place(label) {
                Some(target) if target >= at => at = target,
                Some(_) | None => return Err((line.no, "a client cannot play a loop".to_owned())),
            },
            ScriptStep::Client(client) => {
                sendable(client, values).map_err(|why| (line.no, why))?;
            }
            ScriptStep::Pass => break,
            ScriptStep::Say(_)
            | ScriptStep::SayOctets(_)
            | ScriptStep::Never(_)
            | ScriptStep::Wait(_)
            | ScriptStep::Login(_)
            | ScriptStep::Close(_)
            | ScriptStep::Label(_)
            | ScriptStep::Tls
            | ScriptStep::Comment(_) => {}
        }
        lines.push(line);
    }
    Ok(lines)
}

/// Why a client cannot send this, if it cannot.
fn sendable(line: &ClientLine, values: &Values) -> Result<(), String> {
    match line {
        ClientLine::Line(text) | ClientLine::Octets(text) => {
            let unknown = text.names().find(|name| !is_tag(name) && values.get(name).is_none());
            unknown.map_or(Ok(()), |name| Err(no_value(name)))
        }
        ClientLine::Data(data) if data.octets.is_none() => Err(NO_OCTETS.to_owned()),
        ClientLine::Data(_) => Ok(()),
        ClientLine::Regex(_) | ClientLine::Any(_) => Err(MANY_FIT.to_owned()),
    }
}

/// Whether a name stands for a tag, which the player makes.
fn is_tag(name: &str) -> bool {
    name.strip_prefix("tag").is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}

fn no_value(name: &str) -> String {
    format!("`{name}` has no value: give it with `--set {name}=VALUE`")
}

impl Player {
    pub(super) fn new(
        stream: TcpStream,
        protocol: Protocol,
        peer: TlsPeer,
        patience: Duration,
        values: Values,
    ) -> Self {
        let (stream, input, statuses) = (Box::new(stream), BytesMut::new(), Statuses::new(protocol));
        Self { stream, input, protocol, peer, patience, values, statuses, tags: 0, is_message: false }
    }

    /// Begins TLS.
    pub(super) async fn secure(&mut self) -> Result<(), Failed> {
        let (nothing, _) = tokio::io::duplex(1);
        let plain = std::mem::replace(&mut self.stream, Box::new(nothing));
        self.stream = self.peer.secure(plain).await.map_err(Failed::Impossible)?;
        Ok(())
    }

    /// Plays these lines of a script. Returns how many were sent.
    pub(super) async fn play(&mut self, name: &str, lines: &[&ScriptLine], by_status: bool) -> Result<usize, Failed> {
        let (mut at, mut sent) = (0, 0);
        while let Some(line) = lines.get(at) {
            let place = |text: String| format!("{name}:{}: {text}", line.no);
            let impossible = |text: String| Failed::Impossible(place(text));
            at += 1;
            match &line.step {
                ScriptStep::Say(_) | ScriptStep::SayOctets(_) if by_status => {
                    let group = &lines[at - 1..];
                    let group = &group[..group.iter().take_while(|line| line.step.said().is_some()).count()];
                    at += group.len() - 1;
                    self.same_statuses(group).await.map_err(|why| why.at(&place))?;
                }
                ScriptStep::Say(text) => self.same_line(text).await.map_err(|why| why.at(&place))?,
                ScriptStep::SayOctets(text) => self.same_octets(text).await.map_err(|why| why.at(&place))?,
                ScriptStep::Client(line) => {
                    let next = lines.get(at).map(|line| &line.step);
                    let octets = self.octets(line, next).map_err(impossible)?;
                    self.send(&octets).await.map_err(impossible)?;
                    sent += 1;
                }
                ScriptStep::Tls => self.secure().await?,
                ScriptStep::Close(_) => self.ends().await.map_err(|why| why.at(&place))?,
                ScriptStep::Optional(_)
                | ScriptStep::Goto(_)
                | ScriptStep::Pass
                | ScriptStep::Never(_)
                | ScriptStep::Wait(_)
                | ScriptStep::Login(_)
                | ScriptStep::Label(_)
                | ScriptStep::Comment(_) => {}
            }
        }
        Ok(sent)
    }

    /// The octets of a client's line, before this line of the script.
    fn octets(&mut self, line: &ClientLine, next: Option<&ScriptStep>) -> Result<Vec<u8>, String> {
        match line {
            ClientLine::Line(text) => {
                for name in text.names().filter(|name| is_tag(name)) {
                    self.tags += 1;
                    self.values.set(name, format!("A{}", self.tags));
                }
                let mut octets = text.fill(&self.values).map_err(no_value)?;
                let is_smtp = matches!(self.protocol, Protocol::Smtp | Protocol::Lmtp);
                self.is_message = is_smtp && octets.eq_ignore_ascii_case(b"DATA");
                self.statuses.sent(&octets);
                octets.extend_from_slice(b"\r\n");
                Ok(octets)
            }
            ClientLine::Octets(text) => text.fill(&self.values).map_err(no_value),
            ClientLine::Data(data) => {
                let octets = data.octets.as_ref().ok_or(NO_OCTETS)?;
                let is_imap = self.protocol == Protocol::Imap;
                let end: &[u8] = match std::mem::take(&mut self.is_message) {
                    true => b".\r\n",
                    // A literal ends its command, unless a blank or a parenthesis follows (RFC 3501 §9).
                    false if is_imap && !next.is_some_and(continues) => b"\r\n",
                    false => b"",
                };
                Ok([octets, end].concat())
            }
            ClientLine::Regex(_) | ClientLine::Any(_) => Err(MANY_FIT.to_owned()),
        }
    }

    async fn send(&mut self, octets: &[u8]) -> Result<(), String> {
        let lost = |error: std::io::Error| format!("the connection was lost: {error}");
        let sending = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match timeout(self.patience, sending).await {
            Ok(sent) => sent.map_err(lost),
            Err(_elapsed) => Err(format!("the server did not read within {:?}", self.patience)),
        }
    }

    /// Reads more. Fails with what came instead.
    async fn more(&mut self) -> Result<(), String> {
        match timeout(self.patience, self.stream.read_buf(&mut self.input)).await {
            Ok(Ok(1..)) if self.input.len() <= LONGEST => Ok(()),
            Ok(Ok(1..)) => Err("a line without an end".to_owned()),
            Ok(Ok(0)) => Err("the end of the connection".to_owned()),
            Ok(Err(error)) => Err(format!("the end of the connection: {error}")),
            Err(_elapsed) => Err(format!("nothing within {:?}", self.patience)),
        }
    }

    /// What is there, or why nothing is.
    fn instead(&self, why: String) -> String {
        if self.input.is_empty() { why } else { format!("{}, then {why}", excerpt(&self.input, 0, "")) }
    }

    /// The server's next line, without its CRLF.
    async fn line(&mut self) -> Result<Vec<u8>, String> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line = self.input.split_to(end + 1);
                return Ok(line.strip_suffix(b"\r\n").unwrap_or(&line).to_vec());
            }
            self.more().await.map_err(|why| self.instead(why))?;
        }
    }

    async fn same_line(&mut self, text: &Text) -> Result<(), Unlike> {
        let expected = text.fill(&self.values).unwrap_or_else(|_no_value| text.shown());
        let got = self.line().await.map_err(|got| Unlike::instead(&expected, got))?;
        match text.fit(&got, &self.values, Fold::Nothing) {
            Some(bound) => {
                bound.iter().for_each(|(name, value)| self.values.set(name, value));
                Ok(())
            }
            None => Err(Unlike::new(&expected, &got)),
        }
    }

    async fn same_octets(&mut self, text: &Text) -> Result<(), Unlike> {
        let expected = text.fill(&self.values).unwrap_or_default();
        while self.input.len() < expected.len() {
            self.more().await.map_err(|why| Unlike::instead(&expected, self.instead(why)))?;
        }
        let got = self.input.split_to(expected.len());
        if got == expected[..] { Ok(()) } else { Err(Unlike::new(&expected, &got)) }
    }

    /// Compares the statuses of the answers in these lines.
    async fn same_statuses(&mut self, lines: &[&ScriptLine]) -> Result<(), Unlike> {
        let mut expected = self.statuses.clone();
        let mut octets = Vec::new();
        for (text, end) in lines.iter().filter_map(|line| line.step.said()) {
            octets.extend(text.fill(&self.values).unwrap_or_default());
            octets.extend_from_slice(end);
        }
        for wanted in octets.split_inclusive(|byte| *byte == b'\n').filter_map(|line| expected.line(line)) {
            loop {
                let line = self.line().await.map_err(|got| Unlike::instead(wanted.as_bytes(), got))?;
                match self.statuses.line(&[&line[..], b"\r\n"].concat()) {
                    Some(status) if status != wanted => {
                        return Err(Unlike::instead(wanted.as_bytes(), excerpt(&line, 0, "")));
                    }
                    Some(_) => break,
                    None => {}
                }
            }
        }
        while self.statuses.is_in_list() {
            let line = self.line().await.map_err(|got| Unlike::instead(b"the rest of a list", got))?;
            self.statuses.line(&line);
        }
        Ok(())
    }

    async fn ends(&mut self) -> Result<(), Unlike> {
        let unlike = |got: String| Unlike::instead(b"the end of the connection", got);
        if self.input.is_empty() {
            match timeout(self.patience, self.stream.read_buf(&mut self.input)).await {
                Ok(Ok(0) | Err(_)) => return Ok(()),
                Ok(Ok(_)) => {}
                Err(_elapsed) => return Err(unlike(format!("nothing within {:?}", self.patience))),
            }
        }
        Err(unlike(excerpt(&self.input, 0, "")))
    }
}

impl Unlike {
    /// The server sent other octets.
    fn new(expected: &[u8], got: &[u8]) -> Self {
        let place = common(expected, got);
        Self { expected: excerpt(expected, place, ""), got: excerpt(got, place, ""), place }
    }

    /// Something else came instead.
    fn instead(expected: &[u8], got: String) -> Self {
        Self { expected: excerpt(expected, 0, ""), got, place: 0 }
    }

    fn at(self, place: &impl Fn(String) -> String) -> Failed {
        let Self { expected, got, place: same } = self;
        let differs = if same > 0 { format!("\n  differs   at octet {}", same + 1) } else { String::new() };
        let text = format!("the server sent something else\n  expected  {expected}\n  got       {got}{differs}");
        Failed::Different(place(text))
    }
}

/// Whether a line continues the command behind a literal.
fn continues(next: &ScriptStep) -> bool {
    matches!(next, ScriptStep::Client(ClientLine::Line(text)) if text.written().starts_with([' ', ')']))
}
