//! The findings of a server.

use super::Server;
use crate::base::{MessageNo, Pattern, Seq, SessionNo};
use crate::expect::{Finding, FindingScan, Observation};
use crate::journal::Gone;
use crate::protocol::Listener;
use crate::world::World;

/// Which findings; all conditions must hold.
#[derive(Default)]
pub(crate) struct FindingFilters {
    /// Those in the records after this one.
    pub(crate) after: Option<Seq>,
    /// Those about the content of this message.
    pub(crate) message: Option<MessageNo>,
    pub(crate) session: Option<SessionNo>,
    /// Matches the name of the listener of the session.
    pub(crate) listener: Option<Pattern>,
    /// Matches the name of the kind.
    pub(crate) kind: Option<Pattern>,
}

impl Server {
    /// The findings, in the order of the records, and the last record that was read: no further one after `limit`
    /// findings. Those of one record are never separated, so there may be more. Reads messages without the lock, and only
    /// those of the sessions that are wanted. Fails if records after `after` were discarded; without it, the findings are
    /// those of the records that are kept.
    pub(crate) fn findings(&self, filters: &FindingFilters, limit: usize) -> Result<(Vec<Finding>, Seq), Gone> {
        let floor = self.engine.read(|world| world.journal.floor());
        if filters.after.is_some_and(|after| after < floor) {
            return Err(Gone { first: Seq(floor.0 + 1) });
        }
        let after = filters.after.unwrap_or_default();
        if let Some(no) = filters.message {
            let about = |world: &World| (Observation::of_message(&world.journal, no), world.journal.tip());
            let (observation, tip) = self.engine.read(about);
            let wanted = observation.filter(|its| its.seq() > after && filters.want(its));
            return Ok((wanted.into_iter().flat_map(|its| filters.among(its)).collect(), tip));
        }
        let mut scan = FindingScan::after(after);
        let mut found: Vec<Finding> = Vec::new();
        while let Some(portion) = self.engine.read(|world| scan.read(&world.journal)) {
            for observation in portion.into_iter().filter(|observation| filters.want(observation)) {
                let last = found.last().map_or(after, Finding::seq);
                if found.len() >= limit && observation.seq() > last {
                    return Ok((found, last));
                }
                found.extend(filters.among(observation));
            }
        }
        Ok((found, scan.cursor()))
    }
}

impl FindingFilters {
    /// Whether the session of an observation is wanted.
    fn want(&self, observation: &Observation) -> bool {
        observation.is_about(|session, listener: Listener| {
            self.session.is_none_or(|its| its == session)
                && self.listener.as_ref().is_none_or(|its| its.matches(listener.name()))
        })
    }

    fn among(&self, observation: Observation) -> impl Iterator<Item = Finding> {
        let is_wanted = |finding: &Finding| self.kind.as_ref().is_none_or(|its| its.matches(finding.kind().name()));
        observation.findings().into_iter().filter(is_wanted)
    }
}
