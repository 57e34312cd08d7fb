//! What the driver plays: cues, pulled one by one.

use std::time::Duration;
use std::vec::IntoIter;

use super::step::close::CloseMode;
use super::step::read::Reading;
use crate::protocol::{Layer, Next, Reply};

/// One instruction to the wire.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Cue {
    /// Send these octets; with a pace, in chunks. If `apart`, they are sent before anything that follows.
    Send { bytes: Reply, pace: Option<Pace>, apart: bool },
    /// Wait for this span of server time.
    Wait(Duration),
    /// Add this layer to the wire.
    Layer(Layer),
    /// Send nothing from now on.
    Stall,
    /// Stop reading, or read slowly.
    Read(Reading),
    /// End the session in an orderly way.
    Close,
    /// End the connection because of a rule.
    End(CloseMode),
}

impl Cue {
    pub(super) fn send(bytes: Reply) -> Self {
        Self::Send { bytes, pace: None, apart: false }
    }
}

/// Octets are sent in chunks, with a gap of server time between two chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pace {
    pub(crate) chunk: usize,
    pub(crate) gap: Duration,
}

/// What the driver plays for one turn.
#[derive(Debug)]
pub(crate) struct Plan {
    said: Said,
    after: After,
}

/// Most replies are sent unchanged.
#[derive(Debug)]
enum Said {
    Plain(Reply),
    Cues(IntoIter<Cue>),
}

/// What follows the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    Nothing,
    Layer(Layer),
    Close,
}

impl After {
    pub(crate) fn of<R>(next: &Next<R>) -> Self {
        match next {
            Next::Continue | Next::More(_) => Self::Nothing,
            Next::Layer(layer) => Self::Layer(*layer),
            Next::End => Self::Close,
        }
    }
}

impl Plan {
    pub(crate) fn new(reply: Reply, after: After) -> Self {
        Self { said: Said::Plain(reply), after }
    }

    pub(crate) fn of(cues: Vec<Cue>, after: After) -> Self {
        Self { said: Said::Cues(cues.into_iter()), after }
    }

    /// Whether octets or a delay follow.
    pub(crate) fn says_more(&self) -> bool {
        match &self.said {
            Said::Plain(reply) => !reply.is_empty(),
            Said::Cues(cues) => matches!(cues.as_slice().first(), Some(Cue::Send { .. } | Cue::Wait(_))),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        let is_said = match &self.said {
            Said::Plain(reply) => reply.is_empty(),
            Said::Cues(cues) => cues.as_slice().is_empty(),
        };
        is_said && self.after == After::Nothing
    }

    /// How many octets are sent when all of it is played.
    pub(crate) fn octets(&self) -> u64 {
        let of = |cue: &Cue| match cue {
            Cue::Send { bytes, .. } => bytes.len() as u64,
            Cue::Wait(_) | Cue::Layer(_) | Cue::Stall | Cue::Read(_) | Cue::Close | Cue::End(_) => 0,
        };
        match &self.said {
            Said::Plain(reply) => reply.len() as u64,
            Said::Cues(cues) => cues.as_slice().iter().map(of).sum(),
        }
    }
}

impl Iterator for Plan {
    type Item = Cue;

    fn next(&mut self) -> Option<Cue> {
        match &mut self.said {
            Said::Plain(reply) if !reply.is_empty() => {
                return Some(Cue::Send { bytes: std::mem::take(reply), pace: None, apart: false });
            }
            Said::Plain(_) => {}
            Said::Cues(cues) => {
                if let Some(cue) = cues.next() {
                    return Some(cue);
                }
            }
        }
        match std::mem::replace(&mut self.after, After::Nothing) {
            After::Nothing => None,
            After::Layer(layer) => Some(Cue::Layer(layer)),
            After::Close => Some(Cue::Close),
        }
    }
}
