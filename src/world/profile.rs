//! What a listener presents: capabilities and certificates.

use super::World;
use crate::base::SessionNo;
use crate::protocol::Machine;
use crate::rule::Certificate;
use crate::scenario::Announced;

impl World {
    /// A new session's machine announces what the scenario says.
    pub(super) fn override_capabilities<M: Machine>(&self, session: SessionNo, machine: &mut M) {
        let Some(listener) = self.journal.session(session).map(|log| log.facts().listener) else { return };
        for Announced { protocol, clear, under_tls } in &self.offers.of {
            if speaks(listener, protocol)
                && let Some(mask) = machine.mask()
            {
                mask.change(clear);
                mask.change_under_tls(under_tls);
            }
        }
    }

    /// Which certificate this session is shown.
    pub(crate) fn certificate_of(&self, session: SessionNo) -> Certificate {
        if self.offers.certificates.is_empty() && self.shown.is_empty() {
            return Certificate::Good;
        }
        if let Some(shown) = self.shown.get(&session) {
            return *shown;
        }
        let listener = self.journal.session(session).map_or("", |log| log.facts().listener);
        let of = |name: &str| self.offers.certificates.iter().find(|(its, _)| **its == *name).map(|(_, its)| *its);
        of(listener).or_else(|| of("")).unwrap_or_default()
    }
}

/// Whether this listener speaks that protocol.
pub(super) fn speaks(listener: &str, protocol: &str) -> bool {
    match protocol {
        "smtp" => matches!(listener, "smtp" | "submission" | "smtps"),
        other => listener.strip_suffix('s').unwrap_or(listener) == other,
    }
}
