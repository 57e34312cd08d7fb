//! Scripts: the lines of a session, from which a server or a client plays its side.
//!
//! ```text
//! # protocol = smtp
//! ---
//! S: 220 mx.example.org ESMTP
//! C: EHLO {host}
//! S: 250 hello {host}
//! C? NOOP
//! S: 250 2.0.0 ok
//! C: QUIT
//! S: 221 bye
//! ```
//!
//! A printed transcript with its bodies in place is a script too. Knows texts and matching; does not know sockets, nor
//! which side plays.

mod expected;
mod flow;
mod messages;
mod parse;
mod player;
mod print;
#[cfg(test)]
mod tests;
mod text;
mod values;

use std::time::Duration;

pub(crate) use expected::Expected;
pub(crate) use player::{Act, Heard, Player, ScriptNext};
pub(crate) use text::{Fold, Text};
pub(crate) use values::Values;

use super::step::close::CloseMode;
use crate::base::Pattern;
use crate::protocol::{Listener, Protocol};

/// A script: its head, and its lines in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Script {
    pub(crate) head: Head,
    pub(crate) lines: Vec<ScriptLine>,
}

/// What the lines before `---` say: `# key = value`, and `# text` for readers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) about: Vec<Box<str>>,
    pub(crate) protocol: Option<Protocol>,
    /// The listener of the recorded session: whether it began with TLS.
    pub(crate) listener: Option<Listener>,
    pub(crate) on_divergence: Option<Divergence>,
}

/// What a server does after a line that does not fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Divergence {
    /// The conforming server answers that line and continues.
    Pass,
    /// The connection is closed.
    #[default]
    Close,
    /// That line gets this reply, and the script continues where it was.
    Reply(Box<str>),
}

/// A line of a script, and where it stands in the text.
#[derive(Debug, Clone)]
pub(crate) struct ScriptLine {
    /// Its number, from 1.
    pub(crate) no: usize,
    /// The position of its first octet.
    pub(crate) at: usize,
    pub(crate) step: ScriptStep,
}

/// Two lines are equal wherever they stand.
impl PartialEq for ScriptLine {
    fn eq(&self, other: &Self) -> bool {
        self.step == other.step
    }
}

/// What a line of a script says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ScriptStep {
    /// `S: text`: the server's line, without its CRLF.
    Say(Text),
    /// `S| octets`: octets of the server.
    SayOctets(Text),
    /// A line or octets of the client.
    Client(ClientLine),
    /// `C? text`: a line that the client may leave out. The lines up to the next one of the client, the next label or
    /// `PASS` are played only if it comes.
    Optional(Text),
    /// `C! regex`: from here on the client must not send such a line.
    Never(Pattern),
    /// `W: 300ms`: the server's pause.
    Wait(Duration),
    /// `X: fin`: the server ends the connection.
    Close(CloseMode),
    /// `=> label`
    Goto(Box<str>),
    /// `@label`
    Label(Box<str>),
    /// `TLS`: the handshake.
    Tls,
    /// `LOGIN user`: logs the session in, whatever the client said.
    Login(Text),
    /// `PASS`: the conforming server continues.
    Pass,
    /// `-- text`
    Comment(Box<str>),
}

/// What the client must send.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ClientLine {
    /// `C: text`: this line, without its CRLF.
    Line(Text),
    /// `C| octets`: exactly these octets.
    Octets(Text),
    /// `C~ regex`: a line in which it matches; its named groups become variables.
    Regex(Pattern),
    /// `C* name`: any line.
    Any(Option<Box<str>>),
    /// `C. name`: a message after DATA, a chunk after BDAT, or the literal that the line before announced.
    Data(ClientData),
}

/// Data of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ClientData {
    pub(crate) name: Option<Box<str>>,
    /// The octets that a recorded client sent, with the dots that it doubled, without the line that ends a message.
    /// Another client may send others.
    pub(crate) octets: Option<Vec<u8>>,
}

impl Script {
    /// The protocol that the head names.
    pub(crate) fn protocol(&self) -> Option<Protocol> {
        self.head.protocol.or_else(|| self.head.listener.map(Listener::protocol))
    }

    /// The logins of its `LOGIN` lines without variables.
    pub(crate) fn logins(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().filter_map(
            |line| {
                if let ScriptStep::Login(user) = &line.step { user.constant() } else { None }
            },
        )
    }
}

impl ScriptStep {
    /// What the server sends, and the line end behind it.
    pub(crate) fn said(&self) -> Option<(&Text, &'static [u8])> {
        if let Self::Say(text) = self {
            return Some((text, b"\r\n"));
        }
        if let Self::SayOctets(text) = self { Some((text, b"")) } else { None }
    }
}
