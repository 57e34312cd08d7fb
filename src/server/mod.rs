//! Listeners, settings, certificates and lifetime of one server. Knows neither HTTP nor Rust tests.

#[cfg(feature = "api")]
mod backwards;
mod bounce;
mod certificates;
mod delivery;
mod endpoint;
mod findings;
mod free_ports;
#[cfg(feature = "api")]
mod host;
mod in_force;
#[cfg(feature = "api")]
mod mail_history;
mod mail_query;
#[cfg(feature = "api")]
mod marks;
mod reports;
#[cfg(feature = "api")]
mod session_history;
mod sessions;
mod settings;
#[cfg(test)]
mod tests;
mod tls_audit;
mod tls_configs;
mod tls_files;
mod until;
mod verification;
#[cfg(feature = "api")]
mod webhooks;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use tokio::task::AbortHandle;

use certificates::Certificates;
pub(crate) use certificates::{Issued, OwnCertificate};
pub(crate) use delivery::Undeliverable;
pub use endpoint::Endpoint;
#[cfg(feature = "api")]
pub(crate) use endpoint::reachable;
pub(crate) use findings::FindingFilters;
#[cfg(feature = "api")]
pub(crate) use free_ports::FreePorts;
#[cfg(feature = "api")]
pub(crate) use host::{FurtherServer, Host, HostLimits, Missing, NewServer, NoServer};
use in_force::InForce;
#[cfg(feature = "api")]
pub(crate) use mail_history::{History, MailHistory};
pub(crate) use mail_query::MailQuery;
#[cfg(feature = "api")]
pub(crate) use marks::{MarkChange, Marks};
pub(crate) use reports::write_report;
#[cfg(feature = "api")]
pub(crate) use session_history::newest_sessions;
pub(crate) use settings::Settings;
#[cfg(feature = "api")]
pub(crate) use settings::{ANY_ORIGIN, Compat};
pub(crate) use tls_audit::{
    AuditProfile, ClientEnd, Control, Duty, GOOD, Judged, SeenSession, default_jobs, in_parallel, judge,
    proves_nothing, seen_by,
};
pub use tls_audit::{Leak, TlsVerdict};
#[cfg(feature = "cli")]
pub(crate) use tls_configs::OwnTls;
use tls_configs::TlsConfigs;
#[cfg(feature = "api")]
pub(crate) use tls_files::NotReloaded;
pub(crate) use until::{RuleRemoved, Until, block_on, rule_fired, sessions_that};
#[cfg(feature = "cli")]
pub(crate) use verification::Unverified;
#[cfg(feature = "api")]
use webhooks::Webhooks;
#[cfg(feature = "api")]
pub(crate) use webhooks::{MOST_WEBHOOKS, NewHook, Webhook};

use crate::base::{Certificate, Live};
use crate::drive::{Engine, ListenerConfig, TlsProvider, listen, runtime, spawn};
use crate::protocol::imap::Imap;
use crate::protocol::pop3::Pop3;
use crate::protocol::smtp::Smtp;
use crate::protocol::{Listener, Protocol, StartTls};
use crate::rule::{Profile, ProfileEntry};
use crate::scenario::{Loaded, ScenarioError};
use crate::world::World;

/// `EMFILE` and `ENFILE`, which are the same on all Unix systems.
const TOO_MANY_OPEN_FILES: [i32; 2] = [24, 23];

/// A running server. Dropping it stops it.
pub(crate) struct Server {
    engine: Arc<Engine>,
    tls: Arc<TlsConfigs>,
    /// Its own settings, without those of the scenario.
    settings: Settings,
    in_force: InForce,
    endpoints: Vec<Endpoint>,
    accepting: Vec<AbortHandle>,
    #[cfg(feature = "api")]
    marks: Marks,
    #[cfg(feature = "api")]
    webhooks: Webhooks,
}

/// Why a server did not start.
///
/// ```
/// use mailjig::prelude::*;
///
/// let error = MailServer::builder().host("not a name").try_start().unwrap_err();
/// assert!(error.to_string().contains("not a name"));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// A listener cannot bind its address.
    Address {
        /// The listener, such as `smtp`.
        listener: &'static str,
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The host name is not valid for greetings and certificates.
    Name(String),
    /// The certificate that the server was given, or its key, cannot be used. What is wrong, and in which file.
    Certificate(String),
}

impl StartError {
    pub(crate) fn address(listener: &'static str, address: SocketAddr, source: io::Error) -> Self {
        Self::Address { listener, address, source }
    }
}

impl Server {
    /// Binds every listener, then starts to accept. When this returns, a client can connect to each.
    pub(crate) fn start(settings: Settings) -> Result<Self, StartError> {
        let in_force = settings.under(settings.scenario.as_deref());
        let names = [&settings.host].into_iter().chain(&settings.names);
        if let Some(wrong) = names.into_iter().find(|name| !is_name(name)) {
            return Err(StartError::Name(wrong.clone()));
        }
        let mut bound = Vec::new();
        for (listener, address) in settings.listeners() {
            let socket =
                settings.bind(address).map_err(|source| StartError::address(listener.name(), address, source))?;
            let address =
                socket.local_addr().map_err(|source| StartError::address(listener.name(), address, source))?;
            bound.push((listener, socket, address));
        }
        let mut world =
            World::new(Arc::clone(&settings.members), in_force.namespace.clone(), settings.seed, settings.keep);
        world.mechanisms.clone_from(&settings.mechanisms);
        world.profiles = Arc::clone(&settings.profiles);
        world.host = settings.host.as_str().into();
        world.mail.accounts.separate_details(settings.subaddress_separator);
        let addresses = bound.iter().map(|(_, _, address)| address.ip()).filter(|ip| !ip.is_unspecified());
        let names: Vec<String> = settings.names.iter().cloned().chain(addresses.map(|ip| ip.to_string())).collect();
        let tls = Arc::new(TlsConfigs::new(Certificates::new(&settings.host, &names)));
        if let Some(own) = &settings.own_certificate {
            tls.set_own(own).map_err(StartError::Certificate)?;
            Arc::make_mut(&mut world.profiles).push(ProfileEntry::for_all(Profile::of(Certificate::Own)));
        }
        let mut server = Self {
            engine: Engine::new(world),
            tls,
            settings,
            in_force: InForce::new(in_force),
            endpoints: Vec::new(),
            accepting: Vec::new(),
            #[cfg(feature = "api")]
            marks: Marks::default(),
            #[cfg(feature = "api")]
            webhooks: Webhooks::default(),
        };
        let scenario = server.settings.scenario.clone();
        if server.is_clock_manual_under(scenario.as_deref()) {
            server.engine.pause();
        }
        server.engine.update(|world, now| world.start(scenario, now));
        for (listener, socket, address) in bound {
            let starttls = server.in_force.derive(move |settings| settings.starttls(listener));
            server.endpoints.push(Endpoint::new(listener, address, &server.settings, starttls.clone()));
            let accepting = server.accept(listener, socket, starttls);
            server.accepting.push(accepting.map_err(|source| StartError::address(listener.name(), address, source))?);
        }
        Ok(server)
    }

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// The endpoints of the listeners that are on.
    pub(crate) fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    pub(crate) fn endpoint(&self, listener: Listener) -> Option<&Endpoint> {
        self.endpoints.iter().find(|endpoint| endpoint.listener() == listener)
    }

    /// Its own settings, without those of the scenario.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What clients of Mailpit's API noted about messages.
    #[cfg(feature = "api")]
    pub(crate) fn marks(&self) -> &Marks {
        &self.marks
    }

    #[cfg(feature = "api")]
    pub(crate) fn webhooks(&self) -> &Webhooks {
        &self.webhooks
    }

    /// The listeners that do not accept connections; normally none.
    pub(crate) fn not_accepting(&self) -> Vec<Listener> {
        let both = self.endpoints.iter().zip(&self.accepting);
        both.filter(|(_, accepting)| accepting.is_finished()).map(|(endpoint, _)| endpoint.listener()).collect()
    }

    /// Replaces the scenario. Its settings apply to sessions that begin afterwards. Fails if it has settings that only
    /// apply at the start of a server.
    pub(crate) fn load(&self, scenario: Arc<Loaded>) -> Result<(), ScenarioError> {
        self.check_fixed(&scenario)?;
        self.replace_scenario(Some(scenario));
        Ok(())
    }

    /// Removes the scenario: the server behaves correctly.
    pub(crate) fn unload(&self) {
        self.replace_scenario(None);
    }

    /// A clock that the previous scenario paused resumes, unless this one pauses it too.
    fn replace_scenario(&self, scenario: Option<Arc<Loaded>>) {
        let settings = self.settings.under(scenario.as_deref());
        self.engine.load(scenario, self.settings.is_clock_manual, || self.in_force.set(settings));
    }

    /// Whether the clock is manual from the start with this scenario.
    fn is_clock_manual_under(&self, scenario: Option<&Loaded>) -> bool {
        self.settings.is_clock_manual || scenario.is_some_and(|loaded| loaded.is_manual)
    }

    /// Stops accepting connections, and ends every session.
    pub(crate) fn stop(&self) {
        self.accepting.iter().for_each(AbortHandle::abort);
        #[cfg(feature = "api")]
        self.webhooks.stop();
        self.engine.stop();
    }

    fn accept(
        &mut self,
        listener: Listener,
        socket: TcpListener,
        starttls: Live<Option<StartTls>>,
    ) -> io::Result<AbortHandle> {
        let tls = Arc::clone(&self.tls);
        let limits = &self.settings.limits;
        let tls_provider = TlsProvider {
            config: Arc::new(move |profile, sni| tls.config(profile, sni)),
            handshake: limits.handshake,
            write: limits.write,
        };
        let implicit_tls = self.in_force.derive(move |settings| settings.implicit_tls(listener));
        let proxy = self.in_force.derive(move |settings| settings.proxy_protocol.contains(&listener));
        let doorway =
            ListenerConfig { listener, implicit_tls, proxy, starttls, tls_provider, sessions: limits.sessions };
        let _entered = runtime().enter();
        let socket = tokio::net::TcpListener::from_std(socket)?;
        let engine = Arc::clone(&self.engine);
        let accepting = match listener.protocol() {
            Protocol::Smtp | Protocol::Lmtp => {
                let config = self.in_force.derive(move |settings| Arc::new(settings.smtp(listener)));
                let machine = move |is_secured, is_busy| Smtp::new(config.get(), is_secured, is_busy);
                spawn(listen(engine, socket, doorway, machine))
            }
            Protocol::Imap => {
                let config = self.in_force.derive(move |settings| Arc::new(settings.imap(listener)));
                let machine = move |is_secured, is_busy| Imap::new(config.get(), is_secured, is_busy);
                spawn(listen(engine, socket, doorway, machine))
            }
            Protocol::Pop3 => {
                let config = self.in_force.derive(move |settings| Arc::new(settings.pop3(listener)));
                let machine = move |is_secured, is_busy| Pop3::new(config.get(), is_secured, is_busy);
                spawn(listen(engine, socket, doorway, machine))
            }
        };
        Ok(accepting.abort_handle())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Letters, digits, hyphens, dots and the characters of IP addresses (RFC 5321 §4.1.2, RFC 5280 §4.2.1.6); also
/// underscores, as in paths, and a star for wildcard certificates.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:*".contains(&byte))
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (listener, address, source) = match self {
            Self::Address { listener, address, source } => (listener, address, source),
            Self::Name(name) => {
                return write!(f, "{name:?} is not a valid host name: write letters, digits, hyphens and dots");
            }
            Self::Certificate(why) => return f.write_str(why),
        };
        if source.kind() == io::ErrorKind::AddrInUse {
            return write!(
                f,
                "the {listener} listener cannot bind {address}: another program, or another listener of \
                 this server, uses this port; choose another port, or port 0 for a free one"
            );
        }
        if source.kind() == io::ErrorKind::PermissionDenied {
            return write!(
                f,
                "the {listener} listener cannot bind {address}: permission denied; \
                 choose a port above 1023, or port 0 for a free one"
            );
        }
        if source.raw_os_error().is_some_and(|code| TOO_MANY_OPEN_FILES.contains(&code)) {
            return write!(
                f,
                "the {listener} listener cannot bind {address}: too many open files; raise the limit (`ulimit -n`), or \
                 turn off listeners that are not needed"
            );
        }
        write!(f, "the {listener} listener cannot bind {address}: {source}")
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Address { source, .. } => Some(source),
            Self::Name(_) | Self::Certificate(_) => None,
        }
    }
}
