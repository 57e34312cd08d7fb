//! What a listener presents: capabilities and TLS profiles.

use super::World;
use crate::base::SessionNo;
use crate::protocol::{CapabilityOverride, CapabilityOverrides, Machine};
use crate::rule::{ClientAuth, Profile};
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

    /// The TLS profile for this session: the one that a rule chose, otherwise the scenario's profile of the listener. It
    /// requests a certificate of the client if a mechanism needs one.
    pub(crate) fn profile_of(&self, session: SessionNo) -> Profile {
        let mut profile = self.chosen_profile(session).clone();
        let mut overrides = CapabilityOverrides::default();
        self.change_capabilities(session, &mut overrides);
        if overrides.wants_certificate() && profile.client_auth == ClientAuth::None {
            profile.client_auth = ClientAuth::Requested;
        }
        profile
    }

    pub(super) fn chosen_profile(&self, session: SessionNo) -> &Profile {
        const DEFAULT: &Profile = &Profile::DEFAULT;
        if let Some(presented) = self.presented.get(&session) {
            return presented;
        }
        let Some(Loaded { profiles, .. }) = self.scenario_of(session).filter(|loaded| !loaded.profiles.is_empty())
        else {
            return DEFAULT;
        };
        let listener = self.journal.session(session).map(|log| log.facts().listener);
        let of = |listener| profiles.iter().find(|(its, _)| *its == listener).map(|(_, its)| its);
        of(listener).or_else(|| of(None)).unwrap_or(DEFAULT)
    }
}
