//! Filters: what a rule does to its output.
//!
//! Within one rule the order of filters is always the same, independent of the order of its steps: see [`Rank`].

mod lines;
pub(super) mod response;
#[cfg(test)]
pub(super) mod tests;

use std::borrow::Cow;
use std::fmt;

pub(super) use lines::{Line, each_line};

use super::plan::Cue;
use crate::base::{Pattern, PatternMatch};
use crate::protocol::Reply;

/// An active filter, of one step of a rule that fired.
pub(crate) trait Filter: fmt::Debug + Send {
    fn rank(&self) -> Rank;

    /// Returns the changed reply, and whether it differs. Filters of cues implement [`feed`](Self::feed) instead.
    fn change(&mut self, reply: Reply) -> (Reply, bool) {
        (reply, false)
    }

    /// Passes a cue on, changed or not. Returns whether it differs.
    fn feed(&mut self, cue: Cue, say: &mut dyn FnMut(Cue)) -> bool {
        let Cue::Send { bytes, pace, apart } = cue else {
            say(cue);
            return false;
        };
        let (bytes, changed) = self.change(bytes);
        say(Cue::Send { bytes, pace, apart });
        changed
    }

    /// The rule has finished: releases what was held back. Returns whether this changed the output.
    fn finish(&mut self, _say: &mut dyn FnMut(Cue)) -> bool {
        false
    }

    /// Whether it cut off output.
    fn has_cut(&self) -> bool {
        false
    }

    /// What it did, as a report prints it.
    fn description(&self) -> String;
}

/// What a filter changes. Filters of one rule are ordered by rank, the innermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The parts of a response.
    Parts,
    Lines,
    /// Line ends, line lengths, and single octets.
    Octets,
    /// What is sent in one write.
    Hold,
    /// What is sent in a segment of its own.
    Split,
    Pace,
    Cut,
}

impl Rank {
    /// Whether it changes the content of the output, not only its timing and length.
    pub(super) fn rewrites(self) -> bool {
        self <= Self::Octets
    }
}

/// The position of the first match in octets, which are mostly text.
pub(super) fn found(pattern: &Pattern, octets: &[u8]) -> Option<usize> {
    pattern.find_in(&searchable(octets)).map(|range| range.start)
}

/// Every match.
pub(super) fn find_all(pattern: &Pattern, octets: &[u8]) -> Vec<PatternMatch> {
    pattern.find_all(&searchable(octets))
}

/// Octets as a text with the same positions.
fn searchable(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        // One character for each octet keeps the positions.
        Err(_) => octets.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    }
}
