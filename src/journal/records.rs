//! Records by their place: appended at the tip, dropped from the front, never moved.

use std::collections::VecDeque;

use super::{Gone, Record};
use crate::base::Seq;

const CHUNK: usize = 512;

/// Chunks of equal length, so that growing moves nothing and dropping the oldest frees memory.
#[derive(Debug, Default)]
pub(super) struct Records {
    chunks: VecDeque<Vec<Record>>,
    /// How many records the dropped chunks held.
    dropped: u64,
    floor: u64,
}

impl Records {
    pub(super) fn push(&mut self, record: Record) -> Seq {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(record),
            _ => {
                // The first chunk grows as it is needed: most servers in tests see a handful of records.
                let room = if self.chunks.is_empty() && self.dropped == 0 { 16 } else { CHUNK };
                let mut chunk = Vec::with_capacity(room);
                chunk.push(record);
                self.chunks.push_back(chunk);
            }
        }
        self.tip()
    }

    pub(super) fn tip(&self) -> Seq {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        Seq(self.dropped + full as u64 + self.chunks.back().map_or(0, |chunk| chunk.len() as u64))
    }

    pub(super) fn len(&self) -> u64 {
        self.tip().0 - self.floor
    }

    pub(super) fn floor(&self) -> Seq {
        Seq(self.floor)
    }

    pub(super) fn get(&self, seq: Seq) -> Option<&Record> {
        if seq.0 <= self.floor {
            return None;
        }
        let at = (seq.0 - 1).checked_sub(self.dropped)? as usize;
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    pub(super) fn since(&self, cursor: Seq) -> Result<impl Iterator<Item = (Seq, &Record)>, Gone> {
        if cursor.0 < self.floor {
            return Err(Gone { first: Seq(self.floor + 1) });
        }
        Ok((cursor.0.saturating_add(1)..=self.tip().0).filter_map(|n| Some((Seq(n), self.get(Seq(n))?))))
    }

    /// Drops the records up to this one; never lowers the floor. Gives the floor in force.
    pub(super) fn raise_floor(&mut self, floor: Seq) -> Seq {
        self.floor = self.floor.max(floor.0.min(self.tip().0));
        while self.chunks.len() > 1 && self.dropped + CHUNK as u64 <= self.floor {
            self.chunks.pop_front();
            self.dropped += CHUNK as u64;
        }
        Seq(self.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::journal::Kind;

    fn records(count: u64) -> Records {
        let mut records = Records::default();
        for n in 1..=count {
            let kind = Kind::Dropped { octets: n };
            assert_eq!(records.push(Record { at: Timestamp::from_micros(0), session: None, kind }), Seq(n));
        }
        records
    }

    #[test]
    fn a_cursor_sees_what_came_behind_it() {
        let records = records(1500);

        let seen: Vec<u64> = records.since(Seq(1498)).unwrap().map(|(seq, _)| seq.0).collect();

        assert_eq!(seen, [1499, 1500]);
        assert_eq!(records.since(Seq(1500)).unwrap().count(), 0);
        assert_eq!(records.since(Seq(u64::MAX)).unwrap().count(), 0);
    }

    #[test]
    fn a_cursor_below_the_floor_is_told_so() {
        let mut records = records(1500);
        records.raise_floor(Seq(1300));
        records.raise_floor(Seq(7));

        assert_eq!(records.since(Seq(1299)).err(), Some(Gone { first: Seq(1301) }));
        assert_eq!(records.since(Seq(1300)).unwrap().count(), 200);
        assert!(records.get(Seq(1300)).is_none());
        assert!(matches!(records.get(Seq(1301)), Some(Record { kind: Kind::Dropped { octets: 1301 }, .. })));
    }
}
