//! From a reply and a ruling to cues: a pure function, pulled cue by cue.

use std::time::Duration;

use super::Ruling;
use crate::protocol::{Next, Reply};

/// One instruction to the wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cue {
    /// Give these octets to the kernel; with a pace, in pieces.
    Send { bytes: Reply, pace: Option<Pace> },
    /// Do the TLS handshake.
    Secure,
    /// Say goodbye to the connection.
    Close,
}

/// Octets go out in chunks, with a gap of server time between two of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) chunk: usize,
    pub(crate) gap: Duration,
}

/// What the driver plays for one turn.
#[derive(Debug)]
pub(crate) struct Plan {
    reply: Option<Reply>,
    pace: Option<Pace>,
    after: After,
}

/// What follows the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    Secure,
    Close,
}

impl After {
    pub(crate) fn of<R>(next: &Next<R>) -> Self {
        match next {
            Next::Continue | Next::More(_) => Self::Nothing,
            Next::Secure => Self::Secure,
            Next::End => Self::Close,
        }
    }
}

impl Plan {
    pub(crate) fn new(reply: Reply, after: After, ruling: Ruling) -> Self {
        Self { reply: Some(reply), pace: ruling.pace, after }
    }
}

impl Iterator for Plan {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        if let Some(bytes) = self.reply.take().filter(|reply| !reply.is_empty()) {
            return Some(Cue::Send { bytes, pace: self.pace });
        }
        match std::mem::replace(&mut self.after, After::Nothing) {
            After::Nothing => None,
            After::Secure => Some(Cue::Secure),
            After::Close => Some(Cue::Close),
        }
    }
}
