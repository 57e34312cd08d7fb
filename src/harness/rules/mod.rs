//! Rules in Rust: the events at which they fire, their conditions, how often they fire, and their steps.
//!
//! [`on`] begins a rule at an event of [`smtp`], [`lmtp`], [`imap`], [`pop3`], [`tcp`] or [`tls`], of every protocol
//! ([`any_protocol`]), or of the server itself ([`mail`], [`state`], [`timer`]). The methods of [`Rule`] add conditions
//! and steps. [`MailServer::mount`](crate::MailServer::mount) mounts it and returns a handle, [`Mounted`].
//!
//! The same rules can be written in scenario files and sent over HTTP: see [the manual](crate::manual::scenarios).
//!
//! ```
//! use std::time::Duration;
//! use mailjig::prelude::*;
//! use mailjig::rules::{imap, smtp};
//!
//! let server = MailServer::start();
//! let full = server.mount(on(smtp::rcpt()).to("*@full.example").reply("452 4.2.2 Mailbox full").times(2));
//! server.mount(on(imap::push()).cut(4).reset().once());
//! assert_eq!(full.hits(), 0);
//! ```
//!
//! A step that only one protocol has does not compile at the events of another:
//!
//! ```compile_fail
//! use mailjig::rules::{on, smtp};
//!
//! let rule = on(smtp::noop()).drop_item("FLAGS");
//! ```

mod asking;
mod by_event;
mod by_imap_event;
mod connection;
mod effects;
mod list;
mod mail_effects;
mod mounted;
mod moves;
mod places;
mod points;
mod shape;
mod steps;
#[cfg(test)]
mod tests;
mod wait;

use std::marker::PhantomData;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

pub use list::{Steps, StepsOnly, Whole, steps};
pub use mounted::{Mounted, ScopedRule};
pub use places::{Messages, Place, Sessions};
pub use points::{Point, any_protocol, at, imap, lmtp, mail, pop3, smtp, state, tcp, timer, tls};
pub use wait::RuleWait;

pub use crate::rule::Occurrence;

use super::or_panic;
use crate::base::{Pattern, Times};
use crate::rule::{self, Nth, Step, Template, Timed};
use crate::scenario::fragments;

/// Begins a rule that fires at this event. Add more events with [`or`](Rule::or).
///
/// Reports name the rule by its file and line in the test, unless it is [`named`](Rule::named).
///
/// ```
/// use mailjig::prelude::*;
/// use mailjig::rules::smtp;
///
/// let server = MailServer::start();
/// let full = server.mount(on(smtp::rcpt()).reply("452 4.2.2 Mailbox full"));
/// assert_eq!(full.hits(), 0);
/// ```
#[track_caller]
pub fn on<P>(point: Point<P>) -> Rule<P> {
    let at = Location::caller();
    let origin = format!("{}:{}", at.file(), at.line());
    Rule { rule: rule::Rule::new(&origin, vec![point.on], Vec::new(), &origin), kind: PhantomData }
}

/// A rule: its events, its conditions, how often it fires, and its steps.
///
/// [`MailServer::mount`](crate::MailServer::mount) mounts it. Conditions must all hold; steps run in the order in which
/// they were added. A rule wraps the rules mounted before it and, innermost, the conforming server:
/// [`pass`](Self::pass) runs those. A rule with none of the steps `pass`, `reply`, `raw`, `stall`, `close` and
/// `alert` passes after its last step.
///
/// Patterns are those of [`Pattern`](crate::Pattern): exact text, `*`, `~` before a regular expression, `!` for the
/// opposite. In texts that are sent, `{name}` is replaced by the event's field of that name, and `{{` is a brace.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
/// use mailjig::rules::smtp;
///
/// let server = MailServer::start();
/// let full = on(smtp::rcpt())           // the event
///     .to("*@full.example")             // a condition
///     .times(2)                         // how often
///     .reply("452 4.2.2 Mailbox full")  // a step
///     .expect(1..);                     // verified when the server is dropped
/// server.mount(full);
///
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"MAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@full.example>\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// assert!(said.contains("452 4.2.2 Mailbox full"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "a rule fires only when it is mounted"]
pub struct Rule<P, Of = Whole> {
    rule: rule::Rule,
    kind: PhantomData<(P, Of)>,
}

impl<P> Rule<P> {
    /// Adds an event.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).or(smtp::rset()).reply("421 4.3.2 Closing").close());
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"RSET\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.ends_with("421 4.3.2 Closing\r\n"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn or(mut self, point: Point<P>) -> Self {
        self.rule.on.push(point.on);
        self
    }

    /// Sets the name of the rule, in reports and for [`MailServer::rule`](crate::MailServer::rule). Default: its file
    /// and line in the test, as `tests/signup.rs:12`.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply("450 4.3.2 Busy").named("busy"));
    /// assert_eq!(server.fired("busy"), 0);
    /// ```
    pub fn named(mut self, id: &str) -> Self {
        self.rule.id = id.into();
        self
    }

    /// Adds a condition: this field of the event has this value. Fields and values are written as in scenario files:
    /// `("tls", "false")`, `("sent", ">=3")`, `("state.phase", "down")`. The manual's chapter on
    /// [scenarios](crate::manual::scenarios) lists the fields of each event.
    ///
    /// # Panics
    /// If no event has such a field, or the field cannot have such a value.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::mail()).when("tls", "false").reply("530 5.7.0 Must issue a STARTTLS command first"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"MAIL FROM:<ann@example.org>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("530 5.7.0"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn when(mut self, field: &str, value: &str) -> Self {
        self.rule.when.push(or_panic(fragments::condition(field, value)));
        self
    }

    /// Adds a condition: the session is logged in as this user, by a pattern.
    ///
    /// # Panics
    /// If the pattern is a regular expression that does not compile.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(imap::select()).user("bob@example.org").reply("NO [UNAVAILABLE] Try later"));
    ///
    /// let mut client = TcpStream::connect(server.imap().address())?;
    /// client.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc LOGOUT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("b NO [UNAVAILABLE] Try later"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn user(self, user: &str) -> Self {
        self.when("user", user)
    }

    /// Fires for the first `times` matches only. Default: for every match. [`per`](Self::per) sets what is counted.
    ///
    /// # Panics
    /// If `times` is 0.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).times(2).reply("450 4.3.2 Busy"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\nNOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("450 4.3.2 Busy").count(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn times(mut self, times: u64) -> Self {
        assert!(times > 0, "with `times(0)` the rule never fires");
        self.rule.nth = Some(Nth::first(times));
        self
    }

    /// Fires for the first match only: [`times(1)`](Self::times).
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).once().reply("450 4.3.2 Busy"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("450 4.3.2 Busy").count(), 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Fires for these matches only, counted from 1: `2`, `2-4`, `3+`, `every 5`, `1,4,9`, or `not` before one of them.
    ///
    /// # Panics
    /// If the text has none of these forms.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let second = server.mount(on(smtp::noop()).nth("every 2").reply("450 4.3.2 Busy"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(second.hits(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn nth(mut self, which: &str) -> Self {
        self.rule.nth = Some(or_panic(fragments::nth(which)));
        self
    }

    /// Counts matches separately for each of these: `server` (the default: one count), `conn`, `user`, `ip`,
    /// `listener`, or a key made of fields, such as `{ip} {from} {rcpt}`.
    ///
    /// # Panics
    /// If the text is none of these.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::rcpt()).per("{rcpt}").once().reply("450 4.2.0 Greylisted"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<x@b.example>\r\nRCPT TO:<y@b.example>\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("450 4.2.0 Greylisted").count(), 2);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn per(mut self, key: &str) -> Self {
        self.rule.per = or_panic(fragments::per(key));
        self
    }

    /// Fires with this probability, between 0 and 1. The draw depends only on the server's seed, the rule and the
    /// number of the match, so it is the same in every run.
    ///
    /// # Panics
    /// If the number is not a probability.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let flaky = server.mount(on(smtp::noop()).chance(0.5).reply("450 4.3.2 Busy"));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said.matches("450 4.3.2 Busy").count() as u64, flaky.hits());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    #[track_caller]
    pub fn chance(mut self, chance: f64) -> Self {
        assert!((0.0..=1.0).contains(&chance), "`{chance}` is not a probability between 0 and 1");
        self.rule.chance = Some(chance);
        self
    }

    /// How often the rule must have fired, with an effect, when the server is [verified](crate::MailServer::verify) or
    /// dropped. Default: any number of times.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply("450 4.3.2 Busy").expect(1..=3));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\nQUIT\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("450 4.3.2 Busy"));   // the expectation is met when the server is dropped
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn expect(mut self, times: impl Into<Times>) -> Self {
        self.rule.expect = Some(times.into());
        self
    }

    /// The rule as it is written in a scenario file. A file cannot contain closures: in place of a closure's steps, this
    /// says where it is, and conditions that are closures are left out.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let rule = on(smtp::noop()).reply("450 4.3.2 Busy").named("busy");
    /// assert!(rule.to_toml().contains(r#"on = "smtp.noop""#));
    /// ```
    pub fn to_toml(&self) -> String {
        crate::scenario::rule_as_toml(&self.rule)
    }
}

impl<P, Of> Rule<P, Of> {
    /// Delays the step that was added last by this much server time. The rule, the reply and the session continue
    /// meanwhile. Without a previous step, it does nothing.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.clock().pause();
    /// let rule = server.mount(on(smtp::noop()).pass().close().after(Duration::from_secs(60)));
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"NOOP\r\n")?;
    /// rule.wait(1).block();
    /// server.clock().advance(Duration::from_secs(60));
    /// assert!(read_to_string(client)?.contains("250 "));   // answered at once, closed a minute later
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn after(mut self, span: Duration) -> Self {
        if let Some(timed) = self.rule.steps.last_mut() {
            timed.after = Some(span);
        }
        self
    }

    fn push(mut self, step: impl Step + 'static) -> Self {
        self.rule.steps.push(Timed { step: Arc::new(step), after: None });
        self
    }
}

#[track_caller]
fn text(written: &str) -> Template {
    or_panic(Template::parse(written).map_err(|why| format!("{written}: {why}")))
}

#[track_caller]
fn pattern(fragments: &str) -> Pattern {
    or_panic(Pattern::parse(fragments))
}
