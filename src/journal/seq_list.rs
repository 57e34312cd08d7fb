//! The numbers of records in order, in little memory: a session keeps one for each of its records.

use crate::base::Seq;

/// Numbers in order, each stored as its last 32 bits: a journal keeps fewer than 2^32 records.
#[derive(Debug, Default)]
pub(crate) struct SeqList {
    last: Seq,
    low: Vec<u32>,
}

impl SeqList {
    pub(super) fn push(&mut self, seq: Seq) {
        debug_assert!(seq > self.last, "numbers are pushed in order");
        self.last = seq;
        // Grows by an eighth instead of doubling: there are many sessions, and much of the memory of each is here.
        if self.low.len() == self.low.capacity() {
            self.low.reserve_exact((self.low.len() / 8).max(4));
        }
        self.low.push(seq.0 as u32);
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Seq> + ExactSizeIterator {
        self.low.iter().map(|low| self.place(*low))
    }

    /// The numbers from this one.
    pub(crate) fn since(&self, seq: Seq) -> impl DoubleEndedIterator<Item = Seq> + ExactSizeIterator {
        self.low[self.count_before(seq)..].iter().map(|low| self.place(*low))
    }

    /// The numbers from the first to before the last.
    pub(crate) fn between(&self, first: Seq, last: Seq) -> impl Iterator<Item = Seq> {
        let start = self.count_before(first);
        self.low[start..self.count_before(last).max(start)].iter().map(|low| self.place(*low))
    }

    /// The numbers before this one.
    pub(super) fn before(&self, seq: Seq) -> impl DoubleEndedIterator<Item = Seq> {
        self.low[..self.count_before(seq)].iter().map(|low| self.place(*low))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.low.is_empty()
    }

    /// Removes the numbers before this one.
    pub(super) fn drop_below(&mut self, seq: Seq) {
        let below = self.count_before(seq);
        self.low.drain(..below);
        if self.low.len() < self.low.capacity() / 4 {
            self.low.shrink_to(self.low.len() * 2);
        }
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.low.shrink_to_fit();
    }

    fn count_before(&self, seq: Seq) -> usize {
        self.low.partition_point(|low| self.place(*low) < seq)
    }

    fn place(&self, low: u32) -> Seq {
        Seq(self.last.0 - u64::from((self.last.0 as u32).wrapping_sub(low)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_across_a_32_bit_overflow() {
        let all = [8, 9, (1 << 32) - 1, 1 << 32, (1 << 32) + 7].map(Seq);
        let mut places = SeqList::default();
        all.iter().for_each(|seq| places.push(*seq));
        assert_eq!(places.iter().collect::<Vec<_>>(), all);

        assert_eq!(places.since(Seq(10)).collect::<Vec<_>>(), all[2..]);
        assert_eq!(places.between(Seq(9), all[4]).collect::<Vec<_>>(), all[1..4]);
        assert_eq!(places.between(all[4], Seq(9)).count(), 0);

        places.drop_below(all[3]);
        assert_eq!(places.iter().collect::<Vec<_>>(), all[3..]);
        places.drop_below(Seq(all[4].0 + 1));
        assert!(places.is_empty());
    }
}
