//! Records by their number: appended at the end, removed from the front, never moved in memory.

use std::collections::VecDeque;

use super::{Gone, Record, RecordKind};
use crate::base::Seq;

const CHUNK: usize = 512;

/// Chunks of equal length, so that appending moves no record and removing the oldest frees memory.
#[derive(Debug, Default)]
pub(super) struct Records {
    chunks: VecDeque<Vec<Record>>,
    /// Number of records in the chunks that were removed.
    dropped: u64,
    floor: u64,
    /// Octets of the records above the floor.
    octets: u64,
}

impl Records {
    pub(super) fn push(&mut self, record: Record) -> Seq {
        self.octets += record.octets();
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK => chunk.push(record),
            _ => {
                // The first chunk grows on demand: most servers in tests record little.
                let room = if self.chunks.is_empty() { 16 } else { CHUNK };
                let mut chunk = Vec::with_capacity(room);
                chunk.push(record);
                self.chunks.push_back(chunk);
            }
        }
        self.tip()
    }

    /// The number of the record that is pushed next.
    pub(super) fn next(&self) -> Seq {
        Seq(self.tip().0 + 1)
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

    /// About how many octets of memory the records take, with their text.
    pub(super) fn octets(&self) -> u64 {
        self.octets
    }

    /// The floor above which the records take no more octets than this. The last record is always kept.
    pub(super) fn floor_for(&self, octets: u64) -> Seq {
        let (mut floor, mut left) = (self.floor, self.octets);
        while left > octets && floor + 1 < self.tip().0 {
            floor += 1;
            left -= self.get(Seq(floor)).map_or(0, Record::octets);
        }
        Seq(floor)
    }

    /// Removes the records up to this one; never lowers the floor. Returns the floor.
    pub(super) fn raise_floor(&mut self, floor: Seq) -> Seq {
        let (tip, before) = (self.tip().0, self.floor);
        self.floor = self.floor.max(floor.0.min(tip));
        for n in before + 1..=self.floor {
            let at = (n - 1 - self.dropped) as usize;
            let record = &mut self.chunks[at / CHUNK][at % CHUNK];
            self.octets -= record.octets();
            // The chunk is freed later as a whole; the content of the record is freed now.
            record.kind = RecordKind::Cleartext { octets: 0, is_executed: false };
        }
        while self.chunks.len() > 1 && self.dropped + CHUNK as u64 <= self.floor {
            self.chunks.pop_front();
            self.dropped += CHUNK as u64;
        }
        if self.floor == tip {
            self.chunks.clear();
            self.dropped = tip;
        }
        Seq(self.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    fn records(count: u64) -> Records {
        let mut records = Records::default();
        for n in 1..=count {
            let kind = RecordKind::Cleartext { octets: n, is_executed: false };
            assert_eq!(records.push(Record { at: Timestamp::from_micros(0), session: None, kind }), Seq(n));
        }
        records
    }

    #[test]
    fn a_cursor_sees_the_records_after_it() {
        let records = records(1500);

        let seen: Vec<u64> = records.since(Seq(1498)).unwrap().map(|(seq, _)| seq.0).collect();

        assert_eq!(seen, [1499, 1500]);
        assert_eq!(records.since(Seq(1500)).unwrap().count(), 0);
        assert_eq!(records.since(Seq(u64::MAX)).unwrap().count(), 0);
    }

    #[test]
    fn a_cursor_below_the_floor_is_an_error() {
        let mut records = records(1500);
        records.raise_floor(Seq(1300));
        records.raise_floor(Seq(7));

        assert_eq!(records.since(Seq(1299)).err(), Some(Gone { first: Seq(1301) }));
        assert_eq!(records.since(Seq(1300)).unwrap().count(), 200);
        assert!(records.get(Seq(1300)).is_none());
        assert!(matches!(
            records.get(Seq(1301)),
            Some(Record { kind: RecordKind::Cleartext { octets: 1301, is_executed: false }, .. })
        ));
        assert_eq!(records.octets(), 200 * size_of::<Record>() as u64);
    }

    #[test]
    fn the_oldest_are_removed_down_to_the_bound_except_the_last() {
        let mut records = records(700);
        let each = size_of::<Record>() as u64;
        records.raise_floor(Seq(600));

        for (octets, floor) in [(101, 600), (100, 600), (99, 601), (1, 699), (0, 699)] {
            assert_eq!(records.floor_for(octets * each), Seq(floor), "{octets}");
        }
    }

    #[test]
    fn numbering_continues_after_all_records_were_dropped() {
        let mut records = records(700);
        records.raise_floor(Seq(700));
        assert!(records.chunks.is_empty() && records.octets() == 0);

        let kind = RecordKind::Cleartext { octets: 7, is_executed: false };
        assert_eq!(records.push(Record { at: Timestamp::from_micros(0), session: None, kind }), Seq(701));
        assert!(matches!(
            records.get(Seq(701)),
            Some(Record { kind: RecordKind::Cleartext { octets: 7, is_executed: false }, .. })
        ));
        assert_eq!(records.since(Seq(700)).unwrap().count(), 1);
    }
}
