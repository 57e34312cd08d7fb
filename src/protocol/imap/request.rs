//! What a client asks, and what a command comes to.

use std::borrow::Cow;

use bytes::Bytes;

use super::Refusal;
use super::command::Command;
use super::long_command::LongCommand;
use super::tokenizer::RawCommand;

/// What the client asks.
#[derive(Debug)]
pub(crate) struct Request(pub(super) Ask);

#[derive(Debug)]
pub(super) enum Ask {
    Greeting,
    Command(Box<str>, Box<dyn Command>),
    /// A literal is announced: the command so far.
    Literal(RawCommand),
    /// What is no command: the tag if there is one, and why.
    Refused(Option<Box<str>>, Refusal),
    Sasl(Bytes),
    EndIdle(Bytes),
    /// The rest of a command that is answered in parts.
    More {
        tag: Box<str>,
        may_expunge: bool,
        work: Box<dyn LongCommand>,
    },
    Push,
    /// The client speaks HTTP.
    Http,
    Lapse,
    Stop,
}

/// What a command comes to: how it goes on, or why it is refused.
pub(super) type Answer = Result<Progress, Refusal>;

#[derive(Debug)]
pub(super) enum Progress {
    /// It is done; this is said behind `OK`.
    Done(Cow<'static, str>),
    /// The same as done; the capabilities are announced, because many clients never ask for them.
    LoggedIn,
    /// There is more to do.
    More(Box<dyn LongCommand>),
    /// The client is told to go on with `+`, and the command with what it says then.
    Continuation,
    /// The same as done, and then TLS begins.
    Secure(&'static str),
    /// The same as done, and then the session ends.
    End(&'static str),
}

impl Ask {
    /// The command, where this is a whole one.
    pub(super) fn command(&self) -> Option<&dyn Command> {
        match self {
            Self::Command(_, command) => Some(&**command),
            Self::Greeting
            | Self::Literal(_)
            | Self::Refused(..)
            | Self::Sasl(_)
            | Self::EndIdle(_)
            | Self::More { .. }
            | Self::Push
            | Self::Http
            | Self::Lapse
            | Self::Stop => None,
        }
    }

    /// The long command, where this is the rest of one.
    pub(super) fn work(&self) -> Option<&dyn LongCommand> {
        match self {
            Self::More { work, .. } => Some(&**work),
            Self::Command(..)
            | Self::Greeting
            | Self::Literal(_)
            | Self::Refused(..)
            | Self::Sasl(_)
            | Self::EndIdle(_)
            | Self::Push
            | Self::Http
            | Self::Lapse
            | Self::Stop => None,
        }
    }
}

impl Progress {
    pub(super) fn done(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Done(text.into())
    }
}
