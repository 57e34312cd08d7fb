//! The sessions and their transcripts, and waits for a session and for the last one to end.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::wait::{Check, DEFAULT, block_on_outcome};
use super::{MailServer, or_panic};
use crate::base::SessionNo;
use crate::drive::{Interest, Topic};
use crate::expect::matchers::session;
use crate::expect::{FailedWait, Finding, Matcher, Snapshot};
use crate::journal::{Session, Transcript};
use crate::server::{FindingFilters, Server, Until, sessions_that, write_report};
use crate::world::{Goodbye, World};

impl MailServer {
    /// Every session, in the order of acceptance, including those that have ended.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("221 "));
    /// let session = &server.sessions()[0];
    /// assert_eq!(session.helo.as_deref(), Some("client.example"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn sessions(&self) -> Vec<Session> {
        let sessions = self.server.engine().read(World::sessions_seen);
        sessions.into_iter().map(Arc::unwrap_or_clone).collect()
    }

    /// The transcript of every session. Await [`settled`](Self::settled) before you take a snapshot of it.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("221 "));
    /// server.settled().block();
    /// assert!(server.transcript().to_string().contains("C: NOOP\nS: 250 "));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn transcript(&self) -> Transcript {
        self.server.engine().read(|world| Transcript::of(&world.journal, world.journal.sessions()))
    }

    /// The transcript of this session; empty if there is no session with this number.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// # assert!(said.contains("221 "));
    /// let no = server.sessions()[0].no;
    /// assert!(server.transcript_of(no).to_string().contains("C: QUIT"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn transcript_of(&self, session: SessionNo) -> Transcript {
        let engine = self.server.engine();
        engine.read(|world| Transcript::of(&world.journal, world.journal.session(session).into_iter()))
    }

    /// What clients did that careful clients do not do, in the order of the journal: commands that are not valid,
    /// passwords in cleartext, messages without Date, connections closed without QUIT. A test can require that there is
    /// nothing; wait for [`wait_for_no_session`](Self::wait_for_no_session) before, because some findings come with the
    /// end of a session.
    ///
    /// Findings are derived from the journal: they are gone after [`clear`](Self::clear) and [`reset`](Self::reset). The
    /// call reads the whole journal and every message.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// // … the code under test sends and reads mail …
    /// server.wait_for_no_session().block();
    /// assert_eq!(server.findings(), []);
    /// ```
    pub fn findings(&self) -> Vec<Finding> {
        self.server
            .findings(&FindingFilters::default(), usize::MAX)
            .map_or_else(|_| Vec::new(), |(findings, _)| findings)
    }

    /// Ends a session, after sending this line if there is one, such as `421 4.3.2 Closing`, `* BYE Closing` or
    /// `-ERR [SYS/TEMP] Closing`; without CRLF. Returns false if the session has ended.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::matchers::session;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\n")?;
    /// let session = server.wait_for_session(session::user("bob@example.org")).block();
    /// assert!(server.end_session(session.no, Some("* BYE Server maintenance")));
    /// assert!(read_to_string(client)?.ends_with("* BYE Server maintenance\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn end_session(&self, session: SessionNo, reply: Option<&str>) -> bool {
        self.server.end_session(session, reply.map_or(Goodbye::Silent, Goodbye::Line))
    }

    /// Waits for a session that matches, such as one that is logged in, has selected a mailbox, or is in IDLE. Await
    /// it, or [`block`](SessionWait::block) on it.
    ///
    /// # Panics
    /// After 5 seconds, or the time of [`within`](SessionWait::within), with the state of each session.
    ///
    /// ```
    /// # use std::{io::Write, net::TcpStream};
    /// use mailjig::matchers::session;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\n")?;
    /// let session = server.wait_for_session(session::mailbox("INBOX")).block();
    /// assert_eq!(session.user.as_deref(), Some("bob@example.org"));
    /// # drop(client);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn wait_for_session(&self, matcher: impl Into<Matcher>) -> SessionWait {
        SessionWait::new(&self.server, matcher.into(), Location::caller())
    }

    /// Waits until no session is open. Await it, or [`block`](NoSessionWait::block) on it.
    ///
    /// # Panics
    /// After 5 seconds, or the time of [`within`](NoSessionWait::within), with the sessions that are still open.
    ///
    /// ```
    /// # use std::{io::Write, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\n")?;
    /// drop(client);
    /// server.wait_for_no_session().block();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn wait_for_no_session(&self) -> NoSessionWait {
        NoSessionWait::new(&self.server, Location::caller())
    }
}

/// A wait for a session: await it, or [`block`](Self::block) on it. Made by
/// [`MailServer::wait_for_session`](crate::MailServer::wait_for_session).
///
/// ```
/// # use std::{io::Write, net::TcpStream};
/// use mailjig::matchers::session;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"EHLO client.example\r\n")?;
/// let session = server.wait_for_session(session::helo("client.example")).block();
/// assert_eq!(session.listener.name(), "smtp");
/// # drop(client);
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "the wait begins only when it is awaited or blocked on"]
pub struct SessionWait {
    server: Arc<Server>,
    matcher: Matcher,
    location: &'static Location<'static>,
    within: Duration,
    until: Option<Until<Check<Session>>>,
}

impl SessionWait {
    pub(super) fn new(server: &Arc<Server>, matcher: Matcher, location: &'static Location<'static>) -> Self {
        Self { server: Arc::clone(server), matcher, location, within: DEFAULT, until: None }
    }

    /// Waits at most this long, in real time. Default: 5 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use std::{io::Write, net::TcpStream};
    /// use mailjig::matchers::session;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\n")?;
    /// server.wait_for_session(session::open()).within(Duration::from_secs(30)).block();
    /// # drop(client);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// Like the future: after the time limit, with the state of each session.
    ///
    /// ```
    /// # use std::{io::Write, net::TcpStream};
    /// use mailjig::matchers::session;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\n")?;
    /// assert_eq!(server.wait_for_session(session::open()).block().listener.name(), "smtp");
    /// # drop(client);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn block(mut self) -> Session {
        block_on_outcome(|cx| self.poll_outcome(cx))
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Session, FailedWait>> {
        let this = &mut *self;
        let until = this.until.get_or_insert_with(|| {
            let matcher = this.matcher.clone();
            let check: Check<Session> =
                Box::new(move |engine| sessions_that(engine, &matcher).into_iter().next().map(Arc::unwrap_or_clone));
            let interest = Interest::of([Topic::Everything]);
            Until::new(this.server.engine(), interest, this.within, check)
        });
        let found = ready!(Pin::new(until).poll(cx));
        Poll::Ready(found.ok_or_else(|| {
            let engine = this.server.engine();
            let sessions = engine.read(World::sessions_seen);
            let failed = this.matcher.did_not_come(this.within, &sessions).at(this.location);
            write_report(engine, &failed);
            failed
        }))
    }
}

impl Future for SessionWait {
    type Output = Session;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Session> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}

/// A wait for the last session to end: await it, or [`block`](Self::block) on it. Made by
/// [`MailServer::wait_for_no_session`](crate::MailServer::wait_for_no_session).
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"QUIT\r\n")?;
/// let said = read_to_string(client)?;
/// # assert!(said.contains("221 "));
/// server.wait_for_no_session().block();
/// # Ok::<(), std::io::Error>(())
/// ```
#[must_use = "the wait begins only when it is awaited or blocked on"]
pub struct NoSessionWait {
    server: Arc<Server>,
    location: &'static Location<'static>,
    within: Duration,
    until: Option<Until<Check<()>>>,
}

impl NoSessionWait {
    pub(super) fn new(server: &Arc<Server>, location: &'static Location<'static>) -> Self {
        Self { server: Arc::clone(server), location, within: DEFAULT, until: None }
    }

    /// Waits at most this long, in real time. Default: 5 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.wait_for_no_session().within(Duration::from_secs(30)).block();
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// Like the future: after the time limit, with the sessions that are still open.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.wait_for_no_session().block();
    /// ```
    #[track_caller]
    pub fn block(mut self) {
        block_on_outcome(|cx| self.poll_outcome(cx));
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FailedWait>> {
        let until = self.until.get_or_insert_with(|| {
            let check: Check<()> = Box::new(|engine| engine.read(|world| world.sessions() == 0).then_some(()));
            let interest = Interest::of([Topic::Quiet]);
            Until::new(self.server.engine(), interest, self.within, check)
        });
        let found = ready!(Pin::new(until).poll(cx));
        Poll::Ready(found.ok_or_else(|| {
            let engine = self.server.engine();
            let snapshot = engine.read(|world| Snapshot::of(&world.journal));
            let failed = session::open().remained(self.within, &snapshot).at(self.location);
            write_report(engine, &failed);
            failed
        }))
    }
}

impl Future for NoSessionWait {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}
