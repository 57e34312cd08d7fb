//! The requests of a client, and the results of commands.

use std::borrow::Cow;

use bytes::Bytes;

use super::Refusal;
use super::command::Command;
use super::long_command::LongCommand;
use super::raw_command::RawCommand;
use crate::protocol::Disconnect;

/// A request of the client, or an event that needs a reply like one.
#[derive(Debug)]
pub(crate) struct Request(pub(super) Ask);

#[derive(Debug)]
pub(super) enum Ask {
    Greeting,
    Command(Box<str>, Box<dyn Command>),
    /// A literal is announced. Contains the command up to here.
    Literal(RawCommand),
    /// An invalid command: its tag, if it has one, and the refusal.
    Refused(Option<Box<str>>, Refusal),
    Sasl(Bytes),
    EndIdle(Bytes),
    /// The rest of a command with several turns.
    More {
        tag: Box<str>,
        may_expunge: bool,
        work: Box<dyn LongCommand>,
    },
    Push,
    /// The server ends the session, without being asked.
    Disconnect(Disconnect),
}

/// The result of a command: how it continues, or why it is refused.
pub(super) type Answer = Result<Progress, Refusal>;

#[derive(Debug)]
pub(super) enum Progress {
    /// The command is complete. This is the text after `OK`.
    Done(Cow<'static, str>),
    /// The login is complete. `OK` announces the capabilities, because many clients never request them.
    LoggedIn,
    /// The command needs another turn.
    More(Box<dyn LongCommand>),
    /// The server sent `+` so that the client continues the command.
    Continuation,
    /// The same, but the login has failed already: the client has to answer the error.
    RefusedChallenge,
    /// The command is complete, and TLS begins after the response.
    Secure(&'static str),
    /// The command is complete, and the session ends after the response.
    End(&'static str),
}

impl Ask {
    /// The command, if this is a complete one.
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
            | Self::Disconnect(_) => None,
        }
    }

    /// The rest of a long command, if this is one.
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
            | Self::Disconnect(_) => None,
        }
    }
}

impl Progress {
    pub(super) fn done(text: impl Into<Cow<'static, str>>) -> Self {
        Self::Done(text.into())
    }
}
