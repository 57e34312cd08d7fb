//! What the control run shows: how the client behaves towards a server that it can trust.

use std::collections::{BTreeMap, BTreeSet};

use super::{Leak, SeenSession};
use crate::protocol::{Listener, Protocol};

/// How the client connects.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Control {
    implicit: BTreeSet<Listener>,
    starttls: BTreeSet<Listener>,
    /// Where it goes on in cleartext, and what it leaks there. It would do so in each run.
    pub(super) cleartext: BTreeMap<Listener, BTreeSet<Leak>>,
}

impl Control {
    pub(crate) fn of(sessions: &[SeenSession]) -> Self {
        let mut its = Self::default();
        for session in sessions {
            match session.tls.filter(|_| session.goes_on_under_tls()) {
                Some(_) if session.asked_starttls => its.starttls.insert(session.listener),
                Some(_) => its.implicit.insert(session.listener),
                None => false,
            };
            if session.goes_on_in_cleartext() {
                its.cleartext.entry(session.listener).or_default().extend(session.leaks(false));
            }
        }
        its
    }

    /// Whether it sent commands under TLS, besides a goodbye.
    pub(crate) fn uses_tls(&self) -> bool {
        self.uses_implicit_tls() || self.uses_starttls(None)
    }

    pub(super) fn uses_implicit_tls(&self) -> bool {
        !self.implicit.is_empty()
    }

    /// Whether the client uses STARTTLS, in this protocol or in any.
    pub(super) fn uses_starttls(&self, protocol: Option<Protocol>) -> bool {
        self.starttls.iter().any(|listener| protocol.is_none_or(|its| its == listener.protocol()))
    }

    /// How the client connects, in words.
    pub(crate) fn words(&self) -> String {
        let cleartext = self.cleartext.keys().copied().collect();
        let ways = [
            ("TLS from the first octet on", &self.implicit),
            ("STARTTLS on", &self.starttls),
            ("also cleartext on", &cleartext),
        ];
        let used = ways.iter().filter(|(_, listeners)| !listeners.is_empty());
        let words: Vec<String> = used
            .map(|(way, listeners)| {
                let names: Vec<&str> = listeners.iter().map(|its| its.name()).collect();
                format!("{way} {}", names.join(", "))
            })
            .collect();
        words.join("; ")
    }
}
