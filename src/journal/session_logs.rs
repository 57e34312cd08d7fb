//! The logs of all sessions that are kept, by session number.

use std::collections::VecDeque;

use super::SessionLog;
use crate::base::{Seq, SessionNo};

/// In the order of their numbers, with gaps for sessions that were removed.
#[derive(Debug, Default)]
pub(super) struct SessionLogs(VecDeque<SessionLog>);

impl SessionLogs {
    pub(super) fn push(&mut self, log: SessionLog) {
        debug_assert!(self.0.back().is_none_or(|last| last.no < log.no), "session numbers ascend");
        self.0.push_back(log);
    }

    pub(super) fn get(&self, no: SessionNo) -> Option<&SessionLog> {
        self.0.get(self.place(no)?)
    }

    pub(super) fn get_mut(&mut self, no: SessionNo) -> Option<&mut SessionLog> {
        let at = self.place(no)?;
        self.0.get_mut(at)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut SessionLog> {
        self.0.iter_mut()
    }

    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &SessionLog> + ExactSizeIterator {
        self.0.iter()
    }

    /// The sessions with lower numbers.
    #[cfg(feature = "api")]
    pub(super) fn before(&self, no: SessionNo) -> impl DoubleEndedIterator<Item = &SessionLog> {
        self.0.range(..self.0.partition_point(|log| log.no < no))
    }

    /// Removes sessions for which `keep` is false, among those that began at this record or before it: later ones have no
    /// record there.
    pub(super) fn retain_begun(&mut self, at: Seq, mut keep: impl FnMut(&mut SessionLog) -> bool) {
        self.0.retain_mut(|log| log.began > at || keep(log));
    }

    pub(super) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Used for every record, so it takes one step unless sessions were removed.
    fn place(&self, no: SessionNo) -> Option<usize> {
        let without_gaps = no.0.checked_sub(self.0.front()?.no.0)? as usize;
        match self.0.get(without_gaps) {
            Some(log) if log.no == no => Some(without_gaps),
            _ => self.0.binary_search_by_key(&no, |log| log.no).ok(),
        }
    }
}
