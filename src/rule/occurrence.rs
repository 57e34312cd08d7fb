//! An event with everything that is known about it, for code that decides outside of the lock.

use std::fmt;
use std::sync::Arc;

use super::condition::inserted;
use crate::base::SessionNo;
#[cfg(feature = "api")]
use crate::document::Tree;
use crate::mail::Message;
use crate::protocol::{Event, Listener, Value};

/// Maximum octets of a message in JSON, before base64.
#[cfg(feature = "api")]
const MOST_RAW: usize = 1 << 20;

/// Maximum number of values of one field, such as the recipients of a message.
const MOST_VALUES: usize = 1000;

/// An event that a rule asks about: its fields, its session, the last lines of the session's transcript, and the
/// message if there is one. Given to the closures of [`run`], [`reply_with`] and [`when_fn`].
///
/// It is a copy: it does not change, and reading it locks nothing.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::prelude::*;
/// use mailjig::rules::{smtp, steps};
///
/// let server = MailServer::start();
/// server.mount(on(smtp::rcpt()).run(|event| match event.field("rcpt") {
///     Some(rcpt) if rcpt.len() > 20 => steps().reply("553 5.1.3 The address is too long"),
///     _ => steps().pass(),
/// }));
///
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"MAIL FROM:<>\r\nRCPT TO:<somebody.else@example.org>\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// assert!(said.contains("553 5.1.3"));
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// [`run`]: crate::rules::Rule::run
/// [`reply_with`]: crate::rules::Rule::reply_with
/// [`when_fn`]: crate::rules::Rule::when_fn
#[derive(Clone)]
pub struct Occurrence {
    pub(crate) event: Event,
    pub(crate) rule: Arc<str>,
    pub(crate) session: Option<SessionNo>,
    pub(crate) listener: Option<Listener>,
    pub(crate) fields: Vec<(String, Value<'static>)>,
    pub(crate) transcript: String,
    pub(crate) message: Option<Message>,
}

impl Occurrence {
    /// The event.
    ///
    /// ```
    /// use mailjig::Event;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::any_protocol;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(any_protocol::greeting()).when_fn(|event| event.event() == Event::SmtpGreeting).stall());
    /// ```
    pub fn event(&self) -> Event {
        self.event
    }

    /// The name of the rule.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::noop()).reply_with(|event| format!("250 by {}", event.rule())).named("polite"));
    /// ```
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The session, if the event has one.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let is_later = |session: mailjig::SessionNo| session.number() > 1;
    /// server.mount(on(smtp::noop()).when_fn(move |event| event.session().is_some_and(is_later)).stall());
    /// ```
    pub fn session(&self) -> Option<SessionNo> {
        self.session
    }

    /// The listener of the session.
    ///
    /// ```
    /// use mailjig::Listener;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// server.mount(on(smtp::mail()).when_fn(|event| event.listener() == Some(Listener::Smtp)).pass());
    /// ```
    pub fn listener(&self) -> Option<Listener> {
        self.listener
    }

    /// A field of the event, as templates insert it, or a named group of the rule's patterns: `rcpt`, `param.SIZE`,
    /// `state.phase`. `None` if the event has no such field. The manual's chapter on
    /// [scenarios](crate::manual::scenarios) lists the fields of each event. A text is cut after 64 KiB. What
    /// the message contains is in [`message`](Self::message).
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::imap;
    ///
    /// let server = MailServer::start();
    /// let is_clear = on(imap::login()).when_fn(|event| event.field("tls").as_deref() == Some("false"));
    /// server.mount(is_clear.reply("NO Not here"));
    /// ```
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields.iter().find(|(its, _)| its == name).map(|(_, value)| inserted(value))
    }

    /// The last lines of the session's [transcript](crate::Transcript), up to 16 KiB; the last of them is the request.
    ///
    /// ```
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let is_rude = on(smtp::rcpt()).when_fn(|event| !event.transcript().contains("C: EHLO "));
    /// server.mount(is_rude.reply("503 5.5.1 EHLO first"));
    /// ```
    pub fn transcript(&self) -> &str {
        &self.transcript
    }

    /// The message that is accepted, appended, fetched or retrieved, if the event is about one message.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    /// use mailjig::rules::smtp;
    ///
    /// let server = MailServer::start();
    /// let is_empty = on(smtp::message()).when_fn(|event| event.message().is_some_and(|mail| mail.text().is_empty()));
    /// server.mount(is_empty.reply("554 5.6.0 Write something"));
    ///
    /// let mail = "HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: x\r\n\r\nhi\r\n.\r\nQUIT\r\n";
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(mail.as_bytes())?;
    /// let said = read_to_string(client)?;
    /// assert!(said.contains("queued as"));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// As JSON, for a server that is asked.
    #[cfg(feature = "api")]
    pub(crate) fn json(&self) -> serde_json::Value {
        let fields = self.fields.iter().map(|(name, value)| (name.clone(), tree(value)));
        let message = self.message.as_ref().map(|message| {
            let raw = message.raw();
            let kept = &raw[..raw.len().min(MOST_RAW)];
            Tree::table([
                ("size", Some(Tree::number(raw.len()))),
                ("raw", Some(Tree::Text(data_encoding::BASE64.encode(kept)))),
                ("truncated", Some(Tree::Truth(kept.len() < raw.len()))),
            ])
        });
        let lines = self.transcript.lines().map(Tree::text).collect();
        let tree = Tree::table([
            ("event", Some(Tree::text(self.event.name()))),
            ("rule", Some(Tree::text(&self.rule))),
            ("session", self.session.map(|session| Tree::Text(session.to_string()))),
            ("listener", self.listener.map(|listener| Tree::text(listener.name()))),
            ("fields", Some(Tree::Table(fields.collect()))),
            ("transcript", Some(Tree::List(lines))),
            ("message", message),
        ]);
        tree.json()
    }
}

impl fmt::Debug for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, rule, session, fields, .. } = self;
        f.debug_struct("Occurrence")
            .field("event", event)
            .field("rule", rule)
            .field("session", session)
            .field("fields", fields)
            .finish()
    }
}

/// A copy of a value, with its texts cut.
pub(super) fn owned(value: &Value<'_>) -> Value<'static> {
    match value {
        Value::Text(_) => Value::text(inserted(value)),
        Value::Number(number) => Value::Number(*number),
        Value::Truth(truth) => Value::Truth(*truth),
        Value::Several(values) => Value::Several(values.iter().take(MOST_VALUES).map(owned).collect()),
    }
}

#[cfg(feature = "api")]
fn tree(value: &Value<'_>) -> Tree {
    match value {
        Value::Text(text) => Tree::text(text),
        Value::Number(number) => Tree::number(*number),
        Value::Truth(truth) => Tree::Truth(*truth),
        Value::Several(values) => Tree::List(values.iter().map(tree).collect()),
    }
}
