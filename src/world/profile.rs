//! What a listener presents: capabilities and TLS profiles.

use super::World;
use crate::base::SessionNo;
use crate::protocol::{CapabilityOverride, CapabilityOverrides, Machine, Protocol};
use crate::rule::{ClientAuth, Profile, ProfileEntry};
use crate::scenario::{Announced, Loaded};

impl World {
    /// Sets the capabilities in the machine of a new session: those of the accounts, and the scenario's.
    pub(super) fn override_capabilities<M: Machine>(&self, session: SessionNo, machine: &mut M) {
        if let Some(overrides) = machine.capability_overrides() {
            overrides.set_accounts(&self.mail.accounts);
            self.change_capabilities(session, overrides);
        }
    }

    /// The scenario whose settings a session has: the one that was loaded when the session began.
    fn scenario_of(&self, session: SessionNo) -> Option<&Loaded> {
        self.began_under.get(&session)?.as_deref()
    }

    /// The protocol of a session in progress.
    pub(crate) fn protocol_of(&self, session: SessionNo) -> Protocol {
        self.journal.session(session).map_or(Protocol::Smtp, |log| log.facts().listener.protocol())
    }

    /// Makes the changes that the settings and the scenario say.
    fn change_capabilities(&self, session: SessionNo, overrides: &mut CapabilityOverrides) {
        if self.mechanisms.is_some() {
            let mechanisms = self.mechanisms.clone();
            overrides.change(&CapabilityOverride { mechanisms, ..CapabilityOverride::default() });
        }
        let Some(listener) = self.journal.session(session).map(|log| log.facts().listener) else { return };
        let announced = self.scenario_of(session).map_or(&[][..], |loaded| &loaded.capabilities);
        for Announced { protocol, clear, under_tls } in announced {
            if listener.protocol() == *protocol {
                overrides.change(clear);
                overrides.change_under_tls(under_tls);
            }
        }
    }

    /// The TLS profile for a client of this session that requests this server name: what a rule chose, then what the
    /// scenario says, then the server's own. It requests a certificate of the client if a mechanism needs one.
    pub(crate) fn profile_of(&self, session: SessionNo, sni: Option<&str>) -> Profile {
        let mut profile = self.chosen.get(&session).cloned().unwrap_or_default();
        if let Some(listener) = self.journal.session(session).map(|log| log.facts().listener) {
            let of_scenario = self.scenario_of(session).map_or(&[][..], |loaded| &loaded.profiles);
            ProfileEntry::fill_all(&mut profile, of_scenario, listener, sni);
            ProfileEntry::fill_all(&mut profile, &self.profiles, listener, sni);
        }
        let mut overrides = CapabilityOverrides::default();
        self.change_capabilities(session, &mut overrides);
        if overrides.wants_certificate() && profile.client_auth.is_none() {
            profile.client_auth = Some(ClientAuth::Requested);
        }
        profile
    }
}
