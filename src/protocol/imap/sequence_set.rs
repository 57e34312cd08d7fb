//! Sets of sequence numbers or UIDs (RFC 3501 §9, `sequence-set`).

use std::fmt::{self, Display};

/// A number in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetNumber {
    Number(u32),
    /// `*`: the highest number in the mailbox.
    Highest,
}

/// Ranges as written. Either end may be the higher one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SequenceSet(Vec<(SetNumber, SetNumber)>);

impl SequenceSet {
    pub(super) fn new(ranges: Vec<(SetNumber, SetNumber)>) -> Self {
        Self(ranges)
    }

    /// The ranges in ascending order and without overlap. `highest` replaces `*`.
    pub(super) fn resolve(&self, highest: u32) -> Vec<(u32, u32)> {
        let number = |star| match star {
            SetNumber::Number(number) => number,
            SetNumber::Highest => highest,
        };
        let mut ranges: Vec<(u32, u32)> = self.0.iter().map(|(a, b)| (number(*a), number(*b))).collect();
        ranges.iter_mut().for_each(|range| *range = (range.0.min(range.1), range.0.max(range.1)));
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        merged
    }
}

/// Writes ascending numbers as a set such as `1:3,5`.
pub(super) struct Numbers<'a>(pub(super) &'a [u32]);

impl Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut gap = "";
        while let Some(first) = rest.first() {
            let len = rest.iter().zip(*first..).take_while(|(number, wanted)| **number == *wanted).count();
            match len {
                1 => write!(f, "{gap}{first}")?,
                len => write!(f, "{gap}{first}:{}", first + (len as u32 - 1))?,
            }
            gap = ",";
            rest = &rest[len..];
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_resolved_in_ascending_order_without_overlap() {
        use SetNumber::{Highest, Number};
        for (ranges, highest, resolved) in [
            (vec![(Number(4), Number(2))], 9, vec![(2, 4)]),
            (vec![(Number(5), Highest), (Number(1), Number(2)), (Number(3), Number(3))], 9, vec![(1, 3), (5, 9)]),
            (vec![(Number(559), Highest)], 7, vec![(7, 559)]),
            (vec![(Highest, Highest), (Number(9), Number(9))], 9, vec![(9, 9)]),
        ] {
            assert_eq!(SequenceSet::new(ranges.clone()).resolve(highest), resolved, "{ranges:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_a_set() {
        for (numbers, text) in [(&[][..], ""), (&[7], "7"), (&[1, 2, 3, 5, 7, 8], "1:3,5,7:8")] {
            assert_eq!(Numbers(numbers).to_string(), text);
        }
    }
}
