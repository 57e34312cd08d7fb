//! Rules that ask: closures in conditions, replies and steps, and HTTP servers.

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::at::Speaks;
use super::{Occurrence, Rule, Steps};
#[cfg(feature = "api")]
use crate::harness::or_panic;
#[cfg(feature = "api")]
use crate::rule::HttpUrl;
use crate::rule::step::ask::AskStep;
use crate::rule::step::reply::Reply;
use crate::rule::{Closure, PATIENCE, Respondent, Template, Timed};

impl<P> Rule<P> {
    /// Adds a condition: this closure returns true. It is called if all other conditions hold, and before
    /// [`times`](Self::times), [`nth`](Self::nth) and [`chance`](Self::chance) count. If there are several, all must
    /// return true.
    ///
    /// The closure runs on a thread of its own, and nothing is locked: it may block, and use the server. The session
    /// waits for it, up to 5 seconds of real time. If it panics or takes longer, the rule does not fire, and
    /// verification fails.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let odd = on(smtp::rcpt()).when_fn(|event| event.field("rcpt").is_some_and(|rcpt| rcpt.len() % 2 == 1));
    /// server.mount(odd.reply("550 5.1.1 Only even lengths"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("550 5.1.1 Only even lengths"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn when_fn(mut self, holds: impl Fn(Occurrence) -> bool + Send + Sync + 'static) -> Self {
        let earlier = self.rule.holds.take();
        let all = move |event: Occurrence| {
            earlier.as_ref().is_none_or(|earlier| (earlier.call)(event.clone())) && holds(event)
        };
        self.rule.holds = Some(closure(all));
        self
    }

    /// Calls this closure with the event, and runs the steps that it returns at this place. Without steps, the rule
    /// continues, and passes if it has not answered.
    ///
    /// The closure runs on a thread of its own, and nothing is locked: it may block, and use the server. The session
    /// waits for it, up to 5 seconds of real time ([`run_within`](Self::run_within) sets another limit). If it panics
    /// or takes longer, or returns steps that are not possible at the event, the rest of the rule is left out, the rule
    /// passes unless it has answered, and verification fails.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{smtp, steps};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::message()).run(|event| match event.message() {
    ///     Some(mail) if mail.attachments().is_empty() => steps().reply("554 5.6.0 Attach something"),
    ///     _ => steps().deliver_into("Archive").pass(),
    /// }));
    ///
    /// let mail = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("554 5.6.0 Attach something"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn run(self, decide: impl Fn(Occurrence) -> Steps<P> + Send + Sync + 'static) -> Self {
        self.run_within(PATIENCE, decide)
    }

    /// Like [`run`](Self::run), with this limit of real time for the closure.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::{smtp, steps};
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).run_within(Duration::from_secs(60), |_| steps().reply("250 2.0.0 At last")));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250 2.0.0 At last"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn run_within(self, limit: Duration, decide: impl Fn(Occurrence) -> Steps<P> + Send + Sync + 'static) -> Self {
        let to = Respondent::Steps(closure(move |event| decide(event).rule.steps));
        self.push(AskStep { to, timeout: limit })
    }

    /// Posts the event as JSON to this URL, and runs the steps of the answer at this place. The host is an IP address
    /// or `localhost`; the time for the answer is 5 seconds of real time. The manual's chapter on
    /// [scenarios](crate::manual::scenarios) describes the JSON, and what happens without a valid answer. Needs the
    /// feature `api`.
    ///
    /// # Panics
    /// If the URL is not valid.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::rcpt()).ask("http://127.0.0.1:9000/hook"));
    /// ```
    #[cfg(feature = "api")]
    #[track_caller]
    pub fn ask(self, url: &str) -> Self {
        self.ask_within(PATIENCE, url)
    }

    /// Like [`ask`](Self::ask), with this limit of real time for the answer.
    ///
    /// # Panics
    /// If the URL is not valid.
    ///
    /// ```
    /// # use std::time::Duration;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::rcpt()).ask_within(Duration::from_millis(500), "http://localhost:9000/hook"));
    /// ```
    #[cfg(feature = "api")]
    #[track_caller]
    pub fn ask_within(self, limit: Duration, url: &str) -> Self {
        let to = Respondent::Url(or_panic(HttpUrl::parse(url)));
        self.push(AskStep { to, timeout: limit })
    }
}

impl<P: Speaks> Rule<P> {
    /// Replies with what this closure returns: one line, as in [`reply`](Self::reply), or several that end with `\n`. It
    /// is not a template: braces are sent as they are. The closure runs as in [`run`](Self::run).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply_with(|event| format!("250 2.0.0 {:?}", event.field("line").unwrap_or_default())));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("250 2.0.0 \"NOOP\""));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn reply_with(self, reply: impl Fn(Occurrence) -> String + Send + Sync + 'static) -> Self {
        let decide = closure(move |event| {
            let lines = reply(event).trim_end_matches('\n').split('\n').map(Template::literally).collect();
            vec![Timed { step: Arc::new(Reply(lines)), after: None }]
        });
        self.push(AskStep { to: Respondent::Steps(decide), timeout: PATIENCE })
    }
}

#[track_caller]
fn closure<T>(call: impl Fn(Occurrence) -> T + Send + Sync + 'static) -> Closure<T> {
    let at = Location::caller();
    Closure { origin: format!("{}:{}", at.file(), at.line()).into(), call: Arc::new(call) }
}
