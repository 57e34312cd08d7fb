//! What a listener presents: capabilities and TLS profiles.

use super::World;
use crate::base::SessionNo;
use crate::protocol::{CapabilityOverride, CapabilityOverrides, Machine};
use crate::rule::{ClientAuth, Profile};
use crate::scenario::Announced;

impl World {
    /// Sets the capabilities in the machine of a new session: those of the accounts, and the scenario's.
    pub(super) fn override_capabilities<M: Machine>(&self, session: SessionNo, machine: &mut M) {
        if let Some(overrides) = machine.capability_overrides() {
            overrides.set_accounts(&self.mail.accounts);
            self.change_capabilities(session, overrides);
        }
    }

    /// Makes the changes that the settings and the scenario say.
    fn change_capabilities(&self, session: SessionNo, overrides: &mut CapabilityOverrides) {
        if self.mechanisms.is_some() {
            let mechanisms = self.mechanisms.clone();
            overrides.change(&CapabilityOverride { mechanisms, ..CapabilityOverride::default() });
        }
        let Some(listener) = self.journal.session(session).map(|log| log.facts().listener) else { return };
        for Announced { protocol, clear, under_tls } in &self.listener_settings.capabilities {
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

    fn chosen_profile(&self, session: SessionNo) -> &Profile {
        const DEFAULT: &Profile = &Profile::DEFAULT;
        if let Some(presented) = self.presented.get(&session) {
            return presented;
        }
        let profiles = &self.listener_settings.profiles;
        if profiles.is_empty() {
            return DEFAULT;
        }
        let listener = self.journal.session(session).map(|log| log.facts().listener);
        let of = |listener| profiles.iter().find(|(its, _)| *its == listener).map(|(_, its)| its);
        of(listener).or_else(|| of(None)).unwrap_or(DEFAULT)
    }
}
