//! What a run needs from outside, and what it does with it.

use std::sync::Arc;

use bytes::Bytes;

use super::{Phase, Run};
use crate::journal::{Noted, RecordKind, Weight};
use crate::protocol::{Reply, masked};
use crate::rule::clause::Timed;
use crate::rule::inquiry::{Answer, Inquiry};
use crate::rule::rulebook::Rulebook;
use crate::rule::step::Awaited;

/// What a step needs from outside, before the run continues in another turn.
#[derive(Debug, Clone)]
pub(crate) enum Need {
    /// The client's next line.
    Line,
    /// The answer to a question.
    Answer(Box<Inquiry>),
    /// What the server sends next in a TLS handshake.
    Flight,
}

/// What a step [needed](Need) from outside.
#[derive(Debug)]
pub(crate) enum Given {
    /// The client's line, without its CRLF.
    Line(Vec<u8>),
    Answer(Answer),
    /// A flight of a TLS handshake, and whether it is the last.
    Flight(Bytes, bool),
}

impl Run {
    /// Handles what the last step needed. Returns a failure or a note to record, if there is one.
    pub(crate) fn give(&mut self, given: &Given, book: &Rulebook) -> Option<RecordKind> {
        match given {
            Given::Answer(answer) => self.answered(answer, book),
            Given::Flight(octets, is_last) => {
                let mut reply = Reply::default();
                reply.push_labelled("TLS", octets.clone());
                self.say(reply, None);
                self.release_all();
                // After a cut no further flight is sent.
                self.phase = if *is_last || self.is_mute { Phase::Performing } else { Phase::Part };
                None
            }
            Given::Line(line) => self.heard(&String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(line))),
        }
    }

    /// Handles the awaited line; later steps can use the groups of its pattern.
    fn heard(&mut self, line: &str) -> Option<RecordKind> {
        let frame = self.frames.last_mut()?;
        let (_, Timed { step, .. }) = frame.current.clone()?;
        let Awaited { pattern, otherwise } = step.awaited()?;
        frame.firing.groups.extend(pattern.groups(line));
        if pattern.matches(line) {
            return None;
        }
        if let Some(steps) = otherwise {
            frame.insert(steps, true);
            return None;
        }
        let rule = &frame.firing.rule;
        let line = masked(self.event, line.as_bytes());
        let line = String::from_utf8_lossy(&line);
        let text = format!("the client sent {line:?}, but {} was expected", pattern.written());
        Some(failure(&rule.id, text))
    }
}

/// A failure that a rule reports.
pub(super) fn failure(rule: &Arc<str>, text: String) -> RecordKind {
    RecordKind::Noted(Box::new(Noted { by: Some(Arc::clone(rule)), weight: Weight::Failure, text }))
}
