//! The findings of a server.

use super::Server;
use crate::base::{MessageNo, Seq, SessionNo};
use crate::expect::{Finding, FindingScan, Observation};
use crate::journal::Gone;
use crate::protocol::{Listener, StartTls};
use crate::world::World;

impl Server {
    /// The findings about wanted sessions in the records after this one, in the order of the records, and the last record
    /// that was read. With a message, only those about it. Reads messages without the lock, and only those that are wanted.
    /// Fails if records after `after` were discarded; without it, the findings are those of the records that are kept.
    pub(crate) fn findings(
        &self,
        after: Option<Seq>,
        message: Option<MessageNo>,
        is_wanted: impl Fn(SessionNo, Listener) -> bool,
    ) -> Result<(Vec<Finding>, Seq), Gone> {
        let floor = self.engine.read(|world| world.journal.floor());
        if after.is_some_and(|after| after < floor) {
            return Err(Gone { first: Seq(floor.0 + 1) });
        }
        let after = after.unwrap_or_default();
        if let Some(no) = message {
            let about = |world: &World| (Observation::of_message(&world.journal, no), world.journal.tip());
            let (observation, tip) = self.engine.read(about);
            let wanted = observation.filter(|its| its.is_after(after) && its.is_about(&is_wanted));
            return Ok((wanted.map_or_else(Vec::new, Observation::findings), tip));
        }
        let offers_tls = |listener| self.settings.starttls(listener).is_some_and(|its| its != StartTls::Never);
        let mut scan = FindingScan::after(after);
        let mut found = Vec::new();
        while let Some(portion) = self.engine.read(|world| scan.read(&world.journal, offers_tls)) {
            let wanted = portion.into_iter().filter(|observation| observation.is_about(&is_wanted));
            found.extend(wanted.flat_map(Observation::findings));
        }
        Ok((found, scan.cursor()))
    }
}
