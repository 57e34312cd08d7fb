//! What a rule does to the octets that it lets out: each filter takes what is said and says something else.
//!
//! Inside of one rule the order is always the same, whatever the order of its steps: see [`Rank`].

mod lines;
pub(super) mod response;
#[cfg(test)]
pub(super) mod tests;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

pub(super) use lines::{Line, each_line};

use super::plan::Cue;
use crate::base::Pattern;
use crate::protocol::Reply;

/// A filter at work, for one step of a rule that fired.
pub(crate) trait Filter: fmt::Debug + Send {
    fn rank(&self) -> Rank;

    /// What becomes of a reply, and whether that is something else. Filters of cues have [`feed`](Self::feed) instead.
    fn change(&mut self, reply: Reply) -> (Reply, bool) {
        (reply, false)
    }

    /// Takes what is said and says what becomes of it. Gives whether that is something else.
    fn feed(&mut self, cue: Cue, say: &mut dyn FnMut(Cue)) -> bool {
        let Cue::Send { bytes, pace, apart } = cue else {
            say(cue);
            return false;
        };
        let (bytes, changed) = self.change(bytes);
        say(Cue::Send { bytes, pace, apart });
        changed
    }

    /// The rule is done: what was held back is said. Gives whether it would have left otherwise.
    fn finish(&mut self, _say: &mut dyn FnMut(Cue)) -> bool {
        false
    }

    /// Whether it kept something from leaving.
    fn has_cut(&self) -> bool {
        false
    }

    /// What a report says was done.
    fn told(&self) -> String;
}

/// What a filter changes, and its place among the filters of one rule: the innermost first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    /// The parts of a response.
    Parts,
    Lines,
    /// How lines end and how long they are, and single octets.
    Octets,
    /// What leaves in one write.
    Hold,
    /// What leaves in a segment of its own.
    Split,
    Pace,
    Cut,
}

impl Rank {
    /// Whether it is about what is said, not only about when and how far it leaves.
    pub(super) fn rewrites(self) -> bool {
        self <= Self::Octets
    }
}

/// Where it is found in octets, which are text for the most part.
pub(super) fn found(pattern: &Pattern, octets: &[u8]) -> Option<usize> {
    pattern.find_in(&searchable(octets)).map(|range| range.start)
}

/// Every place where it is found.
pub(super) fn find_all(pattern: &Pattern, octets: &[u8]) -> Vec<Range<usize>> {
    pattern.find_all(&searchable(octets))
}

/// Octets as a text in which everything has the same place.
fn searchable(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        // One character for each octet keeps the places.
        Err(_) => octets.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
    }
}
