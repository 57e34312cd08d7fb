//! The settings in force: the server's own and the scenario's. A session takes them when it begins.

use std::sync::Arc;

use super::{Server, Settings};
use crate::base::Live;
use crate::protocol::smtp::{self, Dialect};
use crate::protocol::{Listener, StartTls, imap, pop3};
use crate::scenario::{Loaded, ScenarioError};
use crate::world::World;

/// Sets what depends on the settings again.
type Derive = dyn Fn(&Settings) + Send + Sync;

/// The settings in force, and what depends on them.
pub(super) struct InForce {
    settings: Live<Arc<Settings>>,
    derived: Vec<Box<Derive>>,
}

impl InForce {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings: Live::new(Arc::new(settings)), derived: Vec::new() }
    }

    /// A value that depends on the settings, and changes with them.
    pub(super) fn derive<T>(&mut self, of: impl Fn(&Settings) -> T + Send + Sync + 'static) -> Live<T>
    where
        T: Clone + Send + Sync + 'static,
    {
        let live = Live::new(of(&self.settings.get()));
        let its = live.clone();
        self.derived.push(Box::new(move |settings| its.set(of(settings))));
        live
    }

    pub(super) fn set(&self, settings: Settings) {
        self.derived.iter().for_each(|derive| derive(&settings));
        self.settings.set(Arc::new(settings));
    }
}

impl Server {
    /// The settings in force: those of the server and of its scenario.
    pub(crate) fn in_force(&self) -> Arc<Settings> {
        self.in_force.settings.get()
    }

    /// Fails if a scenario has settings that only apply at the start of a server, and that are others than those in force.
    pub(super) fn check_fixed(&self, scenario: &Loaded) -> Result<(), ScenarioError> {
        let Loaded { fixed: Some(error), server, .. } = scenario else { return Ok(()) };
        let in_force = self.engine.read(|world: &World| world.mail.accounts.namespace().clone());
        let wanted = in_force.with(server.delimiter, server.namespace.as_deref());
        if wanted == in_force { Ok(()) } else { Err(error.clone()) }
    }
}

impl Settings {
    pub(super) fn smtp(&self, listener: Listener) -> smtp::Config {
        let dialect = if listener == Listener::Lmtp { Dialect::Lmtp } else { Dialect::Smtp };
        smtp::Config {
            dialect,
            host: self.host.as_str().into(),
            starttls: self.starttls(listener).unwrap_or(StartTls::Never),
            requires_auth: self.requires_login(listener),
            lenient: self.lenient.of(listener),
            xclient: self.xclient.contains(&listener),
            needs_qualified: self.submission_strict && matches!(listener, Listener::Submission | Listener::Smtps),
            holds: matches!(listener, Listener::Submission | Listener::Smtps),
            seed: self.seed,
            limits: self.limits.smtp.clone(),
        }
    }

    pub(super) fn imap(&self, listener: Listener) -> imap::Config {
        imap::Config {
            host: self.host.as_str().into(),
            starttls: self.starttls(listener).unwrap_or(StartTls::Never),
            seed: self.seed,
            limits: self.limits.imap.clone(),
            tolerance: self.tolerance,
            lenient: self.lenient.of(listener),
        }
    }

    pub(super) fn pop3(&self, listener: Listener) -> pop3::Config {
        pop3::Config {
            host: self.host.as_str().into(),
            starttls: self.starttls(listener).unwrap_or(StartTls::Never),
            seed: self.seed,
            limits: self.limits.pop3.clone(),
            policy: self.pop3.clone(),
            lenient: self.lenient.of(listener),
        }
    }
}
