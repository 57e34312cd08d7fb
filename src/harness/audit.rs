//! Audits of a client's TLS: the client runs against servers with bad certificates and bad handshakes, each of which it must
//! refuse. The [manual](crate::manual::tls#auditing-a-client) lists them.
//!
//! ```
//! use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
//! use lettre::{Message, SmtpTransport, Transport};
//! use mailjig::MailServer;
//! use mailjig::audit::TlsAuditor;
//!
//! fn send(server: &MailServer) -> Result<(), lettre::transport::smtp::Error> {
//!     let ca = Certificate::from_pem(server.ca().as_bytes())?;
//!     let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build()?;
//!     let mailer = SmtpTransport::builder_dangerous("localhost").port(server.smtp().port()).tls(Tls::Required(tls)).build();
//!     let mail = Message::builder().from("app@example.org".parse().unwrap()).to("bob@example.org".parse().unwrap());
//!     mailer.send(&mail.body("Hello".to_owned()).unwrap()).map(drop)
//! }
//!
//! TlsAuditor::new().only(["expired", "starttls-stripped"]).audit(send).assert_refused();
//! ```

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use tokio::runtime::Builder;

use super::{MailServer, MailServerBuilder, or_panic};
use crate::server::{
    AuditProfile, ClientEnd, Control, Duty, GOOD, Judged, SeenSession, Server, default_jobs, in_parallel, judge,
    proves_nothing, seen_by,
};
pub use crate::server::{Leak, TlsVerdict};
use crate::world::Goodbye;

/// A client that does nothing but a TLS handshake, for the examples.
macro_rules! example {
    ($($line:literal)*) => {
        concat!(
            "# use lettre::transport::smtp::client::{Certificate, SmtpConnection, TlsParameters};\n",
            "# use lettre::transport::smtp::extension::ClientId;\n",
            "# use mailjig::MailServer;\n",
            "# fn connect(server: &MailServer) -> Result<(), lettre::transport::smtp::Error> {\n",
            "#     let ca = Certificate::from_pem(server.ca().as_bytes())?;\n",
            "#     let tls = TlsParameters::builder(\"localhost\".to_owned()).add_root_certificate(ca).build()?;\n",
            "#     let address = (\"localhost\", server.smtps().port());\n",
            "#     SmtpConnection::connect(address, None, &ClientId::default(), Some(&tls), None)?.quit().map(drop)\n",
            "# }\n",
            $($line, "\n",)*
        )
    };
}

/// Audits a client with the defaults: [`TlsAuditor::audit`].
///
/// ```no_run
#[doc = example!("mailjig::audit::tls(connect).assert_refused();")]
/// ```
#[track_caller]
pub fn tls<E: fmt::Debug>(client: impl Fn(&MailServer) -> Result<(), E> + Send + Sync + 'static) -> TlsAudit {
    TlsAuditor::new().audit(client)
}

/// How a client is audited: with which servers, against which profiles, for how long.
///
/// ```
#[doc = example!(
    "use mailjig::audit::{TlsAuditor, TlsVerdict};" ""
    "let audit = TlsAuditor::new().only([\"expired\"]).audit(connect);"
    "assert_eq!(audit.verdict(\"expired\"), TlsVerdict::Refused);"
)]
/// ```
#[derive(Debug, Clone)]
#[must_use = "the audit takes place with `audit`"]
pub struct TlsAuditor {
    server: MailServerBuilder,
    only: Vec<AuditProfile>,
    timeout: Duration,
}

impl Default for TlsAuditor {
    fn default() -> Self {
        Self { server: MailServerBuilder::default(), only: Vec::new(), timeout: Duration::from_secs(30) }
    }
}

impl TlsAuditor {
    /// The defaults: a server with the defaults for each run, every profile that a client must refuse or may refuse, 30 seconds.
    ///
    /// ```
    /// let _auditor = mailjig::audit::TlsAuditor::new();
    /// ```
    pub fn new() -> Self {
        Self::default()
    }

    /// How the servers are made, besides their TLS: with which accounts and limits.
    ///
    /// ```
    /// use mailjig::MailServer;
    /// use mailjig::audit::TlsAuditor;
    ///
    /// let _auditor = TlsAuditor::new().server(MailServer::builder().account("bob@example.org", "secret"));
    /// ```
    pub fn server(self, server: MailServerBuilder) -> Self {
        Self { server, ..self }
    }

    /// Audits only these profiles, such as `expired` or `starttls-stripped`.
    ///
    /// # Panics
    /// If there is no profile with one of these names.
    ///
    /// ```
    /// let _auditor = mailjig::audit::TlsAuditor::new().only(["expired", "starttls-stripped"]);
    /// ```
    #[track_caller]
    pub fn only<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        for name in names {
            let profile = AuditProfile::named(name).ok_or_else(|| format!("`{name}` is not a profile of the audit"));
            self.only.push(or_panic(profile));
        }
        self
    }

    /// How long a run may take. When the time is over, its sessions end, and its verdict is [`TlsVerdict::Hung`].
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let _auditor = mailjig::audit::TlsAuditor::new().timeout(Duration::from_secs(5));
    /// ```
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Runs the client once against a valid server, then once for each profile, in threads of their own. An error is how it
    /// should refuse; a panic counts as an error.
    ///
    /// # Panics
    /// If the client fails against the valid server, or does not use TLS there: the audit would prove nothing. If the servers
    /// have a scenario, or cannot start.
    ///
    /// ```
    #[doc = example!(
        "use mailjig::audit::TlsAuditor;" ""
        "TlsAuditor::new().only([\"handshake-close\"]).audit(connect).assert_refused();"
    )]
    /// ```
    #[track_caller]
    pub fn audit<E: fmt::Debug>(
        self,
        client: impl Fn(&MailServer) -> Result<(), E> + Send + Sync + 'static,
    ) -> TlsAudit {
        let client: Client = Arc::new(move |server| client(server).map_err(|error| format!("{error:?}")));
        let run = |profile: AuditProfile| self.run(profile, &client);
        let Ran { end, sessions, transcript } = or_panic(run(GOOD));
        let control = Control::of(&sessions);
        if let Some(why) = proves_nothing(&control, &end) {
            or_panic::<(), _>(Err(format!("{why} ({end})\n{transcript}")));
        }
        let is_wanted = |its: &AuditProfile| match self.only.is_empty() {
            true => its.duty() != Duty::Accept,
            false => self.only.contains(its),
        };
        let (concerning, skipped): (Vec<_>, Vec<_>) =
            AuditProfile::all().into_iter().filter(is_wanted).partition(|its| its.unused_by(&control).is_none());
        let mut audit = TlsAudit { control: control.words(), entries: Vec::new() };
        let all = in_parallel(&concerning, default_jobs(), run, |profile, ran| {
            let Ran { end, sessions, transcript } = ran?;
            let judged = judge(profile, &control, &sessions, &end);
            audit.entries.push(Audited { profile, judged, transcript });
            Ok::<(), String>(())
        });
        or_panic(all);
        for profile in skipped {
            let judged = Judged::skipped(profile.unused_by(&control).unwrap_or_default());
            audit.entries.push(Audited { profile, judged, transcript: String::new() });
        }
        audit
    }

    /// As [`audit`](Self::audit), with an async client. Each run has a tokio runtime of its own, with one thread. The caller's
    /// thread waits until the audit is over, also in a `#[tokio::test]`.
    ///
    /// # Panics
    /// As [`audit`](Self::audit).
    ///
    /// ```
    /// use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
    /// use lettre::{AsyncSmtpTransport, Tokio1Executor};
    /// use mailjig::MailServer;
    /// use mailjig::audit::TlsAuditor;
    ///
    /// async fn connect(server: &MailServer) -> Result<(), lettre::transport::smtp::Error> {
    ///     let ca = Certificate::from_pem(server.ca().as_bytes())?;
    ///     let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build()?;
    ///     let mailer = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("localhost");
    ///     mailer.port(server.smtps().port()).tls(Tls::Wrapper(tls)).build::<Tokio1Executor>().test_connection().await.map(drop)
    /// }
    ///
    /// TlsAuditor::new().only(["expired"]).audit_async(connect).assert_refused();
    /// ```
    #[track_caller]
    pub fn audit_async<E: fmt::Debug>(
        self,
        client: impl AsyncFn(&MailServer) -> Result<(), E> + Send + Sync + 'static,
    ) -> TlsAudit {
        self.audit(move |server| {
            let runtime = Builder::new_current_thread().enable_all().build();
            runtime.expect("the system has resources for a runtime").block_on(client(server))
        })
    }

    fn run(&self, profile: AuditProfile, client: &Client) -> Result<Ran, String> {
        let mut settings = self.server.0.clone();
        profile.apply(&mut settings)?;
        let server = Arc::new(MailServer::of(Server::start(settings).map_err(|error| error.to_string())?));
        let (done, ended) = channel();
        let (its_server, client) = (Arc::clone(&server), Arc::clone(client));
        let thread = thread::Builder::new().name(format!("audit {}", profile.name()));
        let running = thread.spawn(move || {
            let end = catch_unwind(AssertUnwindSafe(|| client(&its_server)));
            // Before the end is told, so that this thread never is the one that drops the server.
            drop(its_server);
            let _nobody_may_wait = done.send(end.unwrap_or_else(|panic| Err(panic_text(&*panic))));
        });
        running.map_err(|error| error.to_string())?;
        let end = match ended.recv_timeout(self.timeout) {
            Ok(Ok(())) => ClientEnd::Succeeded,
            Ok(Err(error)) => ClientEnd::Failed(error),
            Err(_too_late) => {
                server.server.end_sessions(|_| true, Goodbye::Silent);
                ClientEnd::TimedOut
            }
        };
        let (sessions, transcript) = seen_by(&server.server);
        Ok(Ran { end, sessions, transcript })
    }
}

type Client = Arc<dyn Fn(&MailServer) -> Result<(), String> + Send + Sync>;

/// A run that is over.
struct Ran {
    end: ClientEnd,
    sessions: Vec<SeenSession>,
    transcript: String,
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or_default())
}

/// The verdicts on a client. Prints as a table, with the transcripts of what it should have refused.
///
/// ```
#[doc = example!(
    "use mailjig::audit::TlsAuditor;" ""
    "let audit = TlsAuditor::new().only([\"handshake-rst\"]).audit(connect);"
    "assert!(audit.to_string().contains(\"handshake-rst                refused\"));"
)]
/// ```
#[derive(Debug, Clone)]
pub struct TlsAudit {
    control: String,
    entries: Vec<Audited>,
}

#[derive(Debug, Clone)]
struct Audited {
    profile: AuditProfile,
    judged: Judged,
    transcript: String,
}

impl TlsAudit {
    /// Requires that the client refused all that it must refuse.
    ///
    /// # Panics
    /// If it accepted something, hung, or did not reach the handshake, with the table and the transcripts.
    ///
    /// ```
    #[doc = example!(
        "use mailjig::audit::TlsAuditor;" ""
        "TlsAuditor::new().only([\"handshake-alert\"]).audit(connect).assert_refused();"
    )]
    /// ```
    #[track_caller]
    pub fn assert_refused(&self) {
        let is_refused = |its: &Audited| !its.is_failure() && !its.judged.is_inconclusive(its.profile);
        let all = if self.entries.iter().all(is_refused) { Ok(()) } else { Err(self) };
        or_panic(all);
    }

    /// The verdict on this profile.
    ///
    /// # Panics
    /// If it was not audited.
    ///
    /// ```
    #[doc = example!(
        "use mailjig::audit::{TlsAuditor, TlsVerdict};" ""
        "let audit = TlsAuditor::new().only([\"handshake-garbage\"]).audit(connect);"
        "assert_eq!(audit.verdict(\"handshake-garbage\"), TlsVerdict::Refused);"
    )]
    /// ```
    #[track_caller]
    pub fn verdict(&self, profile: &str) -> TlsVerdict {
        self.entry(profile).judged.verdict
    }

    /// What the client told the server over what it should have refused.
    ///
    /// # Panics
    /// If the profile was not audited.
    ///
    /// ```
    #[doc = example!(
        "use mailjig::audit::TlsAuditor;" ""
        "let audit = TlsAuditor::new().only([\"plaintext-on-tls-port\"]).audit(connect);"
        "assert_eq!(audit.leaks(\"plaintext-on-tls-port\"), []);"
    )]
    /// ```
    #[track_caller]
    pub fn leaks(&self, profile: &str) -> Vec<Leak> {
        self.entry(profile).judged.leaks.iter().copied().collect()
    }

    #[track_caller]
    fn entry(&self, profile: &str) -> &Audited {
        let found = self.entries.iter().find(|its| its.profile.name() == profile);
        or_panic(found.ok_or_else(|| format!("`{profile}` is not a profile that was audited")))
    }
}

impl Audited {
    fn is_failure(&self) -> bool {
        self.judged.is_failure(self.profile)
    }
}

impl fmt::Display for TlsAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:28} {:12} {}", "control", "ok", self.control)?;
        for Audited { profile, judged, .. } in &self.entries {
            write!(f, "\n{:28} {:12} {}", profile.name(), judged.verdict, judged.words(*profile))?;
        }
        for its in self.entries.iter().filter(|its| its.is_failure() && !its.transcript.is_empty()) {
            write!(f, "\n\n{}: the server saw", its.profile.name())?;
            for line in its.transcript.lines() {
                write!(f, "\n    {line}")?;
            }
        }
        Ok(())
    }
}
