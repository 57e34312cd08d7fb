//! The API for tests in Rust. Does not know the HTTP API.

mod account;
pub mod audit;
mod builder;
mod certificates;
mod clock;
mod endpoints;
mod expectation;
mod limits;
mod mail;
mod mailbox;
mod messages;
mod pop3;
mod quiet;
pub mod rules;
mod sessions;
mod smtp;
mod tls_profile;
mod tokens;
mod trusted;
mod wait;

#[cfg(feature = "api")]
use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use account::Account;
pub use builder::MailServerBuilder;
pub use certificates::IssuedCertificate;
pub use clock::Clock;
pub use expectation::Verify;
pub use mail::Mail;
pub use mailbox::{Entry, Mailbox};
pub use quiet::{NoneWithin, Settled};
pub use sessions::{NoSessionWait, SessionWait};
use tempfile::NamedTempFile;
pub use tls_profile::TlsProfile;
pub use tokens::AccessToken;
pub use wait::{Wait, WaitCount};

use crate::base::nearest;
use crate::drive::{Engine, Interest, Topic};
use crate::expect::Snapshot;
use crate::journal::Session;
use crate::scenario::Scenario;
use crate::server::{Endpoint, Server, StartError, Until, block_on};
use crate::world::Kept;

/// One isolated mail server: its listeners, mail, journal, rules and clock are its own. Dropping it verifies its
/// [expectations](Self::expect), then stops it.
///
/// It runs on threads that all servers of the process share, so it works under tokio, under any other executor, and in a plain `#[test]`.
///
/// ```
/// use lettre::{SmtpTransport, Transport};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
///
/// # let mail = lettre::Message::builder().from("app@example.org".parse().unwrap())
/// #     .to("bob@example.org".parse().unwrap()).subject("Welcome, Bob").body("confirm your address".to_owned()).unwrap();
/// let mailer = SmtpTransport::builder_dangerous(server.smtp().host()).port(server.smtp().port()).build();
/// mailer.send(&mail).unwrap();
///
/// let mail = server.wait_for(to("bob@example.org").and(subject("Welcome*"))).block();
/// assert!(mail.text().contains("confirm your address"));
/// ```
pub struct MailServer {
    server: Arc<Server>,
    ca_file: OnceLock<NamedTempFile>,
    /// A value that lives as long as this server, such as its HTTP API.
    #[cfg(feature = "api")]
    embedded_api: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl MailServer {
    /// Starts a server with the defaults: every listener on a free port of 127.0.0.1, every login and every address
    /// accepted, nothing evicted. When this returns, clients can connect.
    ///
    /// # Panics
    /// If the system has no free port. [`try_start`](Self::try_start) returns the error.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// assert!(server.smtp().url().starts_with("smtp://127.0.0.1:"));
    /// ```
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Like [`start`](Self::start), but returns the error.
    ///
    /// # Errors
    /// [`StartError`] with the listener that cannot bind its address.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::try_start()?;
    /// assert!(server.messages().is_empty());
    /// # Ok::<(), mailjig::StartError>(())
    /// ```
    pub fn try_start() -> Result<Self, StartError> {
        Self::builder().try_start()
    }

    /// Options for a server: ports, accounts, TLS, limits, scenario.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::builder().account("bob@example.org", "secret").start();
    /// assert!(server.smtp().port() > 0);
    /// ```
    pub fn builder() -> MailServerBuilder {
        MailServerBuilder::default()
    }

    pub(crate) fn of(server: Server) -> Self {
        Self {
            server: Arc::new(server),
            ca_file: OnceLock::new(),
            #[cfg(feature = "api")]
            embedded_api: OnceLock::new(),
        }
    }

    #[cfg(feature = "api")]
    pub(crate) fn server(&self) -> &Arc<Server> {
        &self.server
    }

    #[cfg(feature = "api")]
    pub(crate) fn embedded_api(&self) -> &OnceLock<Box<dyn Any + Send + Sync>> {
        &self.embedded_api
    }

    /// Replaces the scenario: adds the rules, accounts and mail of this one, and removes those of the previous one.
    /// Its settings apply to the sessions that begin afterwards. Keeps [mounted](Self::mount) rules and other mail. A
    /// [`reset`](Self::reset) restores the scenario with which the server started.
    ///
    /// # Panics
    /// If the scenario is not valid; [`Scenario::check`] returns the errors. If it has another `delimiter` or `namespace`
    /// than the server: those only apply if the server [starts](MailServerBuilder::scenario) with the scenario.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.scenario(&Scenario::text("busy.toml", r#"
    ///     mailjig = 1
    ///     [[rule]]
    ///     id = "busy"
    ///     on = "smtp.rcpt"
    ///     do = { reply = "450 4.2.1 Mailbox busy" }
    /// "#));
    /// assert_eq!(server.fired("busy"), 0);
    /// ```
    #[track_caller]
    pub fn scenario(&self, scenario: &Scenario) {
        let loaded = or_panic(scenario.load());
        or_panic(self.server.load(Arc::new(loaded)));
    }

    /// Restores the initial state: mail, accounts, rules, expectations, variables, counts, the clock and the scenario.
    /// Numbers begin at 1 again. Open sessions end: clients are told with 421, BYE or -ERR, so that no client of one test
    /// continues in the next. Returns the sessions that were open. Handles of removed rules return 0.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: one\r\n\r\n");
    /// let left_open = server.reset();
    /// assert!(server.messages().is_empty());
    /// assert!(left_open.is_empty(), "the previous test did not close its connections");
    /// ```
    pub fn reset(&self) -> Vec<Session> {
        self.reset_keeping(&[])
    }

    /// Restores the initial state like [`reset`](Self::reset), except what is listed.
    ///
    /// ```
    /// use mailjig::Kept;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let full = server.mount(on(smtp::rcpt()).reply("452 4.2.2 Mailbox full").named("full"));
    ///
    /// server.reset_keeping(&[Kept::Rules]);
    /// assert_eq!(server.fired("full"), full.hits());
    /// ```
    pub fn reset_keeping(&self, kept: &[Kept]) -> Vec<Session> {
        let open = block_on(self.server.reset(kept)).expect("a reset does not panic");
        open.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// A suggestion for an unknown login, to append to a sentence.
    fn or_meant(&self, login: &str) -> String {
        let meant = self.server.engine().read(|world| nearest(login, world.mail.accounts.logins()));
        meant.map(|meant| format!("; {meant}")).unwrap_or_default()
    }

    fn snapshot(&self) -> Snapshot {
        self.server.engine().read(|world| Snapshot::of(&world.journal))
    }
}

/// Returns the value, or panics at the caller's line, which a closure could not name.
#[track_caller]
fn or_panic<T, E: fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// How long to wait, in real time, for sessions that sent QUIT or LOGOUT when the server is dropped.
const FAREWELL: Duration = Duration::from_secs(1);

impl Drop for MailServer {
    fn drop(&mut self) {
        let expectations = self.server.engine().update(|world, _| world.expectations.take());
        // Verify before stopping: stopping ends sessions, which could change the result.
        let is_verified = !std::thread::panicking();
        if is_verified {
            // A test may drop the server as soon as its client has read the goodbye, shortly before that session ends.
            let interest = Interest::of([Topic::Quiet]);
            let check = |engine: &Engine| engine.read(|world| !world.journal.is_leaving()).then_some(());
            let _gone_or_not = Until::new(self.server.engine(), interest, FAREWELL, check).block();
        }
        let unverified = if is_verified { self.server.verify(&expectations, true) } else { None };
        self.server.stop();
        if let Some(unverified) = unverified {
            panic!("{unverified}");
        }
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.server.endpoints().iter().map(Endpoint::url)).finish()
    }
}
