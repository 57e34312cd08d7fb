//! Waits for messages.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{MailServer, or_panic};
use crate::base::{Seq, Times};
use crate::drive::Engine;
use crate::expect::{FailureKind, Matcher, Question, Report, Snapshot};
use crate::mail::Message;
use crate::server::{MailQuery, Server, Until, block_on, write_report};

/// Default duration of a wait.
pub(super) const DEFAULT: Duration = Duration::from_secs(5);

pub(super) type Check<T> = Box<dyn FnMut(&Engine) -> Option<T> + Send>;

impl MailServer {
    /// Waits for a message that matches: resolves at once if one was captured before, otherwise when its client has
    /// received the reply. Await it, or [`block`](Wait::block) on it. [`count`](Wait::count) waits for several.
    ///
    /// # Panics
    /// After 5 seconds, or the time of [`within`](Wait::within), with a report.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome, Bob\r\n\r\n");
    /// let mail = server.wait_for(to("bob@example.org").and(subject("Welcome*"))).block();
    /// assert_eq!(mail.subject(), "Welcome, Bob");
    /// ```
    #[track_caller]
    pub fn wait_for(&self, matcher: impl Into<Matcher>) -> Wait {
        Wait::new(&self.server, matcher.into(), Location::caller())
    }
}

/// A wait for a message: await it, or [`block`](Self::block) on it. Made by
/// [`MailServer::wait_for`](crate::MailServer::wait_for).
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
/// let mail = server.wait_for(to("bob@example.org")).block();
/// # let another = async { server.wait_for(to("bob@example.org")).await };
/// # drop(another);
/// assert_eq!(mail.subject(), "Welcome");
/// ```
#[must_use = "the wait begins only when it is awaited or blocked on"]
pub struct Wait(WaitCount);

/// A wait for a number of messages: await it, or [`block`](Self::block) on it. Made by [`Wait::count`].
///
/// ```
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
/// server.deliver("bob@example.org", "Subject: digest\r\n\r\n");
/// assert_eq!(server.wait_for(subject("digest")).count(2).block().len(), 2);
/// ```
#[must_use = "the wait begins only when it is awaited or blocked on"]
pub struct WaitCount {
    server: Arc<Server>,
    question: Question,
    count: usize,
    within: Duration,
    after: Option<Message>,
    until: Option<Until<Check<Vec<Message>>>>,
}

impl Wait {
    pub(super) fn new(server: &Arc<Server>, matcher: Matcher, location: &'static Location<'static>) -> Self {
        let question = Question { matcher, times: Times::from(1..), location: Some(location) };
        let server = Arc::clone(server);
        Self(WaitCount { server, question, count: 1, within: DEFAULT, after: None, until: None })
    }

    /// Waits at most this long, in real time. Default: 5 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
    /// server.wait_for(to("bob@example.org")).within(Duration::from_secs(30)).block();
    /// ```
    pub fn within(self, time: Duration) -> Self {
        Self(self.0.within(time))
    }

    /// Counts only messages whose reply was sent after the reply to this one; use it to wait for another message of the
    /// same kind. A message that was captured earlier but got its reply later counts.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let first = server.deliver("bob@example.org", "Subject: code 1\r\n\r\n");
    /// server.deliver("bob@example.org", "Subject: code 2\r\n\r\n");
    /// let second = server.wait_for(to("bob@example.org")).after(&first).block();
    /// assert_eq!(second.subject(), "code 2");
    /// ```
    pub fn after(self, message: &Message) -> Self {
        Self(self.0.after(message))
    }

    /// Waits until this many messages match, and returns them in the order of their replies.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// for name in ["ann", "bob", "carol"] {
    ///     server.deliver(&format!("{name}@example.org"), "Subject: digest\r\n\r\n");
    /// }
    /// let digests = server.wait_for(to("*@example.org")).count(3).block();
    /// assert_eq!(digests.len(), 3);
    /// ```
    pub fn count(self, count: usize) -> WaitCount {
        let mut wait = self.0;
        wait.question.times = Times::from(count as u64..);
        wait.count = count;
        wait
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// Like the future: after the time limit, with a report.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
    /// assert_eq!(server.wait_for(to("bob@example.org")).block().subject(), "Welcome");
    /// ```
    #[track_caller]
    pub fn block(self) -> Message {
        only(self.0.block())
    }

    /// The message, or the report that the wait would panic with.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// # futures_lite::future::block_on(async {
    /// let wait = server.wait_for(to("bob@example.org")).within(Duration::from_millis(5));
    /// let report = wait.outcome().await.unwrap_err();
    /// assert!(report.to_string().contains("no message matched within 5ms"));
    /// # });
    /// ```
    pub async fn outcome(self) -> Result<Message, Report> {
        self.0.outcome().await.map(only)
    }
}

impl Future for Wait {
    type Output = Message;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Message> {
        Pin::new(&mut self.get_mut().0).poll(cx).map(only)
    }
}

/// The single message of a wait.
fn only(mut messages: Vec<Message>) -> Message {
    messages.swap_remove(0)
}

impl WaitCount {
    /// Waits at most this long, in real time. Default: 5 seconds.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// server.wait_for(subject("digest")).count(1).within(Duration::from_secs(30)).block();
    /// ```
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Counts only messages whose reply was sent after the reply to this one.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// let first = server.deliver("bob@example.org", "Subject: code 1\r\n\r\n");
    /// server.deliver("bob@example.org", "Subject: code 2\r\n\r\n");
    /// let later = server.wait_for(to("bob@example.org")).count(1).after(&first).block();
    /// assert_eq!(later[0].subject(), "code 2");
    /// ```
    pub fn after(mut self, message: &Message) -> Self {
        self.after = Some(message.clone());
        self
    }

    /// Waits on this thread.
    ///
    /// # Panics
    /// Like the future: after the time limit, with a report on the messages that came and the nearest misses.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// assert_eq!(server.wait_for(subject("digest")).count(1).block().len(), 1);
    /// ```
    #[track_caller]
    pub fn block(mut self) -> Vec<Message> {
        block_on_outcome(|cx| self.poll_outcome(cx))
    }

    /// The messages, or the report that the wait would panic with.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// # futures_lite::future::block_on(async {
    /// server.deliver("ann@example.org", "Subject: digest\r\n\r\n");
    /// let wait = server.wait_for(subject("digest")).count(2).within(Duration::from_millis(5));
    /// assert!(wait.outcome().await.unwrap_err().to_string().contains("1 message matched"));
    /// # });
    /// ```
    pub async fn outcome(mut self) -> Result<Vec<Message>, Report> {
        std::future::poll_fn(move |cx| self.poll_outcome(cx)).await
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Message>, Report>> {
        let until = self.until.get_or_insert_with(|| {
            let (engine, matcher) = (self.server.engine(), self.question.matcher.clone());
            let mut query = match &self.after {
                Some(message) => MailQuery::after_message(message, engine, matcher),
                None => MailQuery::after(Seq::default(), matcher),
            };
            let interest = query.interest();
            let (count, mut found) = (self.count, Vec::new());
            let check = move |engine: &Engine| {
                found.extend(query.find(engine, count - found.len()).into_iter().map(|captured| captured.message));
                (found.len() == count).then(|| std::mem::take(&mut found))
            };
            Until::new(engine, interest, self.within, Box::new(check))
        });
        let found = ready!(Pin::new(until).poll(cx));
        Poll::Ready(found.ok_or_else(|| {
            let snapshot = self.server.engine().read(|world| match &self.after {
                Some(first) => {
                    let after = world.journal.place_of(first.no()).unwrap_or_default();
                    Snapshot::of_later(&world.journal, |captured| {
                        captured.message.no() != first.no() && captured.closed.is_none_or(|closed| closed > after)
                    })
                }
                None => Snapshot::of(&world.journal),
            });
            let late = FailureKind::Late(format!("{:?}", self.within));
            let report = Report::new(&self.question, late, &snapshot);
            write_report(self.server.engine(), &report);
            report
        }))
    }
}

impl Future for WaitCount {
    type Output = Vec<Message>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Vec<Message>> {
        self.get_mut().poll_outcome(cx).map(or_panic)
    }
}

/// Waits on this thread; panics with the report, if there is one, at the caller's line.
#[track_caller]
pub(super) fn block_on_outcome<T, E: fmt::Display>(
    poll: impl FnMut(&mut Context<'_>) -> Poll<Result<T, E>> + Unpin,
) -> T {
    or_panic(block_on(std::future::poll_fn(poll)))
}
