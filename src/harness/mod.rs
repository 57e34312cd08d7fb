//! The public words for tests in Rust. Does not see the HTTP face.

mod builder;
mod clock;
mod expectation;
mod mailbox;
pub mod rules;
mod sessions;
mod wait;

#[cfg(feature = "api")]
use std::any::Any;
use std::fmt;
use std::io::{self, Write as _};
use std::panic::Location;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

pub use builder::MailServerBuilder;
use bytes::Bytes;
pub use clock::Clock;
pub use expectation::Verify;
pub use mailbox::{Account, Entry, Mail, Mailbox};
pub use sessions::{NoSessionWait, SessionWait};
use tempfile::NamedTempFile;
pub use wait::{NoneWithin, Settled, Wait, WaitCount};

use crate::base::{SessionNo, Times, nearest};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::{FailureKind, Matcher, Question, Report, Snapshot, judge};
use crate::journal::{Session, Transcript};
use crate::mail::{Message, is_identifier};
use crate::protocol::Listener;
use crate::scenario::Scenario;
use crate::server::{Endpoint, Server, StartError, Undeliverable, Until, block_on};
use crate::world::{Kept, World};

/// One isolated mail server: its listeners, mail and journal are its own. Dropping it stops it, after judging what it
/// was told to [`expect`](Self::expect).
///
/// It works under tokio, another executor or none: it runs on threads of its own.
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
    expectations: Mutex<Vec<Question>>,
    ca_file: OnceLock<NamedTempFile>,
    /// Another face of this server, which lives as long; not known here.
    #[cfg(feature = "api")]
    embedded_api: OnceLock<Box<dyn Any + Send + Sync>>,
}

impl MailServer {
    /// Starts a server: every listener bound to a free loopback port, everybody welcome, nothing evicted.
    ///
    /// # Panics
    /// If the system has no free port. [`try_start`](Self::try_start) returns the error.
    #[track_caller]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// Starts a server, or says which listener cannot have its address.
    pub fn try_start() -> Result<Self, StartError> {
        Self::builder().try_start()
    }

    /// Options for a server: ports, accounts, TLS, limits, scenario.
    pub fn builder() -> MailServerBuilder {
        MailServerBuilder::default()
    }

    pub(crate) fn of(server: Server) -> Self {
        Self {
            server: Arc::new(server),
            expectations: Mutex::default(),
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

    /// Where relayed mail goes: SMTP, STARTTLS when the client wants it, no login needed.
    ///
    /// # Panics
    /// If the listener was switched off, as the other endpoints.
    #[track_caller]
    pub fn smtp(&self) -> &Endpoint {
        self.endpoint(Listener::Smtp)
    }

    /// Where mail programs send: STARTTLS, then a login, then mail.
    #[track_caller]
    pub fn submission(&self) -> &Endpoint {
        self.endpoint(Listener::Submission)
    }

    /// Where mail programs send with TLS from the first octet.
    #[track_caller]
    pub fn smtps(&self) -> &Endpoint {
        self.endpoint(Listener::Smtps)
    }

    /// Where mail is read over IMAP: STARTTLS when the client wants it.
    #[track_caller]
    pub fn imap(&self) -> &Endpoint {
        self.endpoint(Listener::Imap)
    }

    /// Where mail is read over IMAP with TLS from the first octet.
    #[track_caller]
    pub fn imaps(&self) -> &Endpoint {
        self.endpoint(Listener::Imaps)
    }

    /// Where mail is read over POP3: STLS when the client wants it.
    #[track_caller]
    pub fn pop3(&self) -> &Endpoint {
        self.endpoint(Listener::Pop3)
    }

    /// Where mail is read over POP3 with TLS from the first octet.
    #[track_caller]
    pub fn pop3s(&self) -> &Endpoint {
        self.endpoint(Listener::Pop3s)
    }

    #[track_caller]
    fn endpoint(&self, listener: Listener) -> &Endpoint {
        match self.server.endpoint(listener) {
            Some(endpoint) => endpoint,
            None => panic!("the {listener} listener of this server is switched off"),
        }
    }

    /// Everything captured, in order. A mail is here before the client reads its `250`.
    pub fn messages(&self) -> Vec<Message> {
        self.server.engine().read(|world| world.journal.messages().iter().map(|c| c.message.clone()).collect())
    }

    /// Every session, those that ended included, in the order of acceptance.
    pub fn sessions(&self) -> Vec<Session> {
        let sessions = self.server.engine().read(World::sessions_seen);
        sessions.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// What was said in every session. Let the server get [`settled`](Self::settled) before it is a snapshot.
    pub fn transcript(&self) -> Transcript {
        self.server.engine().read(|world| Transcript::of(&world.journal, world.journal.sessions()))
    }

    /// What was said in one session; empty if there is none of this number.
    pub fn transcript_of(&self, session: SessionNo) -> Transcript {
        let engine = self.server.engine();
        engine.read(|world| Transcript::of(&world.journal, world.journal.session(session).into_iter()))
    }

    /// Resolves when no exchange is open and every session that said goodbye is gone.
    ///
    /// # Panics
    /// After 5 seconds, with the report of what is still under way.
    #[track_caller]
    pub fn settled(&self) -> Settled {
        Settled::new(&self.server, Location::caller())
    }

    /// The captured messages that match, in order.
    pub fn find(&self, matcher: impl Into<Matcher>) -> Vec<Message> {
        self.snapshot().find(&matcher.into())
    }

    /// The one captured message that matches.
    ///
    /// # Panics
    /// If there is none or more than one, with a report.
    #[track_caller]
    pub fn only(&self, matcher: impl Into<Matcher>) -> Message {
        let question = Question { matcher: matcher.into(), times: Times::from(1), location: Some(Location::caller()) };
        let snapshot = self.snapshot();
        let mut found = snapshot.find(&question.matcher);
        match found.len() {
            1 => found.remove(0),
            _ => panic!("{}", Report::new(&question, FailureKind::Miscounted, &snapshot)),
        }
    }

    /// Waits for a message that matches: one that was captured before is found at once, one that comes later as soon
    /// as its client has the reply. Await it, or [`block`](Wait::block) on it; [`count`](Wait::count) waits for several.
    ///
    /// # Panics
    /// After 5 seconds, or what [`within`](Wait::within) says, with a report.
    #[track_caller]
    pub fn wait_for(&self, matcher: impl Into<Matcher>) -> Wait {
        Wait::new(&self.server, matcher.into(), Location::caller())
    }

    /// Waits for a session that matches: one that logged in, that has a mailbox selected, that idles. Await it, or
    /// [`block`](SessionWait::block) on it.
    ///
    /// # Panics
    /// After 5 seconds, or what [`within`](SessionWait::within) says, with what each session was instead.
    #[track_caller]
    pub fn wait_for_session(&self, matcher: impl Into<Matcher>) -> SessionWait {
        SessionWait::new(&self.server, matcher.into(), Location::caller())
    }

    /// Waits until no session is open: every client has gone. Await it, or [`block`](NoSessionWait::block) on it.
    ///
    /// # Panics
    /// After 5 seconds, or what [`within`](NoSessionWait::within) says, with the sessions that are still open.
    #[track_caller]
    pub fn wait_for_no_session(&self) -> NoSessionWait {
        NoSessionWait::new(&self.server, Location::caller())
    }

    /// Resolves after this time if no message matches, those captured before included.
    ///
    /// # Panics
    /// As soon as one does, with a report.
    #[track_caller]
    pub fn none_within(&self, time: Duration, matcher: impl Into<Matcher>) -> NoneWithin {
        NoneWithin::new(&self.server, time, matcher.into(), Location::caller())
    }

    /// So many messages shall match by the end: judged when the server is dropped or told to
    /// [`verify`](Self::verify). A failure names the line that asked.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.expect(1, to("ann@example.org"));
    /// server.expect(0, to("eve@example.org"));
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// ```
    #[track_caller]
    pub fn expect(&self, times: impl Into<Times>, matcher: impl Into<Matcher>) {
        let location = Some(Location::caller());
        let question = Question { matcher: matcher.into(), times: times.into(), location };
        self.expectations.lock().unwrap_or_else(PoisonError::into_inner).push(question);
    }

    /// Judges every expectation, after the server has settled; they are done with then.
    ///
    /// # Panics
    /// If one is not met, with a report of each that is not.
    #[track_caller]
    pub fn verify(&self) -> Verify {
        let expectations = std::mem::take(&mut *self.expectations.lock().unwrap_or_else(PoisonError::into_inner));
        Verify::new(&self.server, expectations)
    }

    /// Puts a scenario in force in the place of the one before, with its rules, its accounts and its mail; those of
    /// the one before go. Rules that were [mounted](Self::mount) and other mail stay. A [`reset`](Self::reset) brings
    /// back what the server started with.
    ///
    /// # Panics
    /// If something is wrong with it; [`Scenario::check`] returns what.
    #[track_caller]
    pub fn scenario(&self, scenario: &Scenario) {
        let loaded = or_panic(scenario.load());
        self.server.load(Some(Arc::new(loaded)));
    }

    /// Takes out all captured mail, from the mailboxes too, and forgets what was said so far. Gives what was there:
    /// nothing can come between the look and the clearing.
    pub fn clear(&self) -> Vec<Message> {
        let captured = self.server.engine().update(|world, now| world.clear(now));
        captured.into_iter().map(|captured| captured.message).collect()
    }

    /// Back to the state at the start: what was captured, put, mounted, expected, loaded, set, counted, paused and
    /// advanced since is gone, numbers begin anew, and the scenario that the server started with is in force. Sessions
    /// that last go on; handles of rules that are gone say 0.
    pub fn reset(&self) {
        self.reset_keeping(&[]);
    }

    /// The same, but for what is named.
    ///
    /// ```
    /// use mailjig::Kept;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::rcpt()).reply("452 4.2.2 Mailbox full"));
    ///
    /// server.reset_keeping(&[Kept::Rules]);
    /// ```
    pub fn reset_keeping(&self, kept: &[Kept]) {
        self.expectations.lock().unwrap_or_else(PoisonError::into_inner).clear();
        block_on(self.server.reset(kept)).expect("opening listeners does not panic");
    }

    /// Puts mail where an SMTP client's would go, from the null sender.
    ///
    /// # Panics
    /// If the address is nobody's, which only a closed list of accounts can make it; if it is empty or has control
    /// characters; if the message is larger than a client's may be.
    #[track_caller]
    pub fn deliver(&self, to: &str, mail: impl Into<Bytes>) -> Message {
        self.deliver_from("", to, mail)
    }

    /// Puts mail where an SMTP client's would go.
    ///
    /// # Panics
    /// As [`deliver`](Self::deliver).
    #[track_caller]
    pub fn deliver_from(&self, from: &str, to: &str, mail: impl Into<Bytes>) -> Message {
        match self.server.deliver(from, &[to], mail.into()) {
            Ok(message) => message,
            Err(why @ Undeliverable::Stranger(_)) => panic!("{why}{}", self.or_meant(to)),
            Err(why) => panic!("{why}"),
        }
    }

    /// An account, to seed its mailboxes and to look at them; it is made when something is put into it.
    ///
    /// # Panics
    /// If the login is empty or has control characters.
    #[track_caller]
    pub fn account(&self, login: &str) -> Account<'_> {
        assert!(is_identifier(login), "{login:?} cannot be a login: it must not be empty, nor have control characters");
        Account::of(self, login)
    }

    /// The certificate of this server's own authority, in PEM: what a client must trust to verify the server.
    pub fn ca(&self) -> &str {
        self.server.ca()
    }

    /// A file that holds [`ca`](Self::ca), for clients that want one. It goes with the server.
    ///
    /// # Panics
    /// If the system's folder for temporary files cannot be written to.
    #[track_caller]
    pub fn ca_file(&self) -> &Path {
        if let Some(file) = self.ca_file.get() {
            return file.path();
        }
        let written = self.write_ca();
        let file = or_panic(written.map_err(|error| format!("the CA cannot be written to a temporary file: {error}")));
        self.ca_file.get_or_init(|| file).path()
    }

    fn write_ca(&self) -> io::Result<NamedTempFile> {
        let mut file = tempfile::Builder::new().prefix("mailjig-ca-").suffix(".pem").tempfile()?;
        file.write_all(self.ca().as_bytes())?;
        Ok(file)
    }

    /// The account that was perhaps meant, as the end of a sentence.
    fn or_meant(&self, login: &str) -> String {
        let meant = self.server.engine().read(|world| nearest(login, world.mail.accounts.logins()));
        meant.map(|meant| format!("; {meant}")).unwrap_or_default()
    }

    fn snapshot(&self) -> Snapshot {
        self.server.engine().read(|world| Snapshot::of(&world.journal))
    }
}

/// The value; or a panic at the line of the caller, which no closure could give.
#[track_caller]
fn or_panic<T, E: fmt::Display>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

/// How long sessions in which goodbye was said may take to end, in real time, when the server is dropped.
const FAREWELL: Duration = Duration::from_secs(1);

impl Drop for MailServer {
    fn drop(&mut self) {
        let expectations = std::mem::take(&mut *self.expectations.lock().unwrap_or_else(PoisonError::into_inner));
        // Judged on what is there, before the sessions hear that the server stops.
        let is_judged = !std::thread::panicking();
        if is_judged {
            // Who has heard goodbye lets the server go; its session ends a moment later.
            let interest = Interest::of([Topic::Quiet]);
            let check = |engine: &Engine| engine.read(|world| !world.journal.is_leaving()).then_some(());
            let _gone_or_not = Until::new(self.server.engine(), interest, FAREWELL, check).block();
        }
        let snapshot = (!expectations.is_empty() && is_judged).then(|| self.snapshot());
        let ruling = self.server.engine().read(World::ruling).filter(|_| is_judged);
        self.server.stop();
        let judged = snapshot.map_or(Ok(()), |snapshot| judge(&expectations, &snapshot, true));
        if let Err(failed) = judged {
            panic!("{failed}");
        }
        if let Some(failed) = ruling {
            panic!("{failed}");
        }
    }
}

impl fmt::Debug for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.server.endpoints().iter().map(Endpoint::url)).finish()
    }
}
