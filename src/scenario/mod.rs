//! Scenario files: settings, accounts, mail, rules and expectations; loading them and reporting errors. Does not know
//! how a scenario is executed.

mod check;
mod error;
mod file;
pub(crate) mod fragments;
mod include;
mod keys;
mod print;
#[cfg(test)]
mod reference;
mod rules;
#[cfg(test)]
mod schema;
mod scripts;
mod shipped;
mod tables;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use error::ScenarioError;
pub(crate) use file::{RuleError, check_rule};
#[cfg(feature = "api")]
pub(crate) use print::rule_as_json;
pub(crate) use print::rule_as_toml;
#[cfg(feature = "api")]
pub(crate) use shipped::{SHIPPED, Shipped, find as shipped};

#[cfg(feature = "api")]
use crate::document::{Node, Problem};
use crate::expect::FailingKinds;
use crate::mail::Namespace;
use crate::protocol::pop3::{Expire, Policy, UniqueIds};
use crate::protocol::{CapabilityOverride, Leniencies, Listener, Protocol, StartTls};
use crate::rule::{Expect, ProfileEntry, Rule, VariableValue};

/// The JSON Schema of scenario files.
#[cfg(feature = "api")]
pub(crate) const SCHEMA: &str = include_str!("../../scenarios/mailjig.schema.json");

/// The faults of a server: a shipped scenario, a file, or a text, with its parameters and its seed. The manual's
/// chapter on [scenarios](crate::manual::scenarios) describes the language.
///
/// ```
/// use mailjig::Scenario;
///
/// let greylisting = Scenario::named("smtp-greylist").seed(7);
/// let full = Scenario::text("full.toml", r#"
///     mailjig = 1
///     [[rule]]
///     id = "full"
///     on = "smtp.rcpt"
///     when = { rcpt = "*@full.example" }
///     do = { reply = "452 4.2.2 Mailbox full" }
/// "#);
/// # greylisting.check().unwrap();
/// # full.check().unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct Scenario {
    source: Source,
    set: Vec<(String, String)>,
    seed: Option<u64>,
}

#[derive(Debug, Clone)]
enum Source {
    Named(String),
    File(PathBuf),
    Text {
        name: String,
        text: String,
    },
    Session {
        name: String,
        text: String,
    },
    #[cfg(feature = "api")]
    Json(serde_json::Value),
}

/// A scenario that was loaded and is valid.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) about: String,
    pub(crate) refs: Vec<String>,
    pub(crate) client_must: Vec<String>,
    /// Its parameters and their values, in the order of the file.
    pub(crate) params: Vec<(String, String)>,
    pub(crate) seed: Option<u64>,
    pub(crate) is_manual: bool,
    /// The findings that make the verification fail.
    pub(crate) failing: Option<FailingKinds>,
    pub(crate) capabilities: Vec<Announced>,
    pub(crate) server: ServerSettings,
    /// The error with which a server that has started refuses the scenario, if it has settings that only apply at the start.
    pub(crate) fixed: Option<ScenarioError>,
    pub(crate) profiles: Vec<ProfileEntry>,
    pub(crate) state: Vec<(Box<str>, VariableValue)>,
    pub(crate) users: Vec<User>,
    pub(crate) mailboxes: Vec<MailboxGiven>,
    pub(crate) messages: Vec<MessageGiven>,
    /// The outermost first.
    pub(crate) rules: Vec<Arc<Rule>>,
    pub(crate) expects: Vec<Arc<Expect>>,
    /// The warnings, formatted.
    pub(crate) warnings: Vec<String>,
}

/// Settings for the sessions that begin under the scenario; `None` leaves the server's own setting.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ServerSettings {
    /// The largest message in octets, over SMTP and over IMAP.
    pub(crate) smtp_size: Option<u64>,
    pub(crate) imap_size: Option<u64>,
    /// Whether submission refuses domains that are not fully qualified.
    pub(crate) submission_strict: Option<bool>,
    /// Whether IMAP refuses deviations from the grammar.
    pub(crate) imap_strict: Option<bool>,
    /// The delimiter and the namespace only apply at the start of a server: mailboxes have names with them.
    pub(crate) delimiter: Option<char>,
    pub(crate) namespace: Option<String>,
    /// By listener, the first that fits; without one for every listener that begins in the clear.
    pub(crate) starttls: Vec<(Option<Listener>, StartTls)>,
    /// Whether TLS begins with the first octet; like `starttls`.
    pub(crate) implicit_tls: Vec<(Option<Listener>, bool)>,
    pub(crate) pop3: Pop3Settings,
    /// The listeners whose connections begin with a header of the PROXY protocol.
    pub(crate) proxy_protocol: Vec<Listener>,
    pub(crate) lenient: Leniencies,
    /// The listeners whose clients may tell for whom they speak.
    pub(crate) xclient: Vec<Listener>,
}

/// Settings of POP3.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Pop3Settings {
    pub(crate) expire: Option<Expire>,
    pub(crate) expire_for: Vec<(String, Expire)>,
    pub(crate) login_delay: Option<Duration>,
    pub(crate) unique_ids: Option<UniqueIds>,
}

impl Pop3Settings {
    /// Applies them to the server's own.
    pub(crate) fn apply(&self, policy: &mut Policy) {
        policy.expire = self.expire.unwrap_or(policy.expire);
        self.expire_for.iter().for_each(|(login, expire)| policy.set_expire_for(login, *expire));
        policy.login_delay = self.login_delay.unwrap_or(policy.login_delay);
        if let Some(unique_ids) = &self.unique_ids {
            policy.unique_ids.clone_from(unique_ids);
        }
    }
}

/// The capabilities of a protocol, in cleartext and under TLS.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Announced {
    pub(crate) protocol: Protocol,
    pub(crate) clear: CapabilityOverride,
    pub(crate) under_tls: CapabilityOverride,
}

/// An account of the closed list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) password: String,
    pub(crate) tokens: Vec<String>,
    pub(crate) addresses: Vec<String>,
}

/// A mailbox that exists at the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailboxGiven {
    /// `None` means every account.
    pub(crate) user: Option<String>,
    pub(crate) name: String,
    pub(crate) uid_validity: Option<u32>,
    pub(crate) generate: u32,
}

/// A message that exists at the start, or that a rule delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MessageGiven {
    pub(crate) id: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) mailbox: String,
    /// `None` means that it is generated.
    pub(crate) raw: Option<Vec<u8>>,
    pub(crate) uidl: Option<String>,
    pub(crate) flags: Vec<Box<str>>,
    /// Whether a rule delivers it, so that it does not exist at the start.
    pub(crate) is_delivered: bool,
}

impl Scenario {
    /// A shipped scenario, by name; `mailjig scenarios` lists them. An unknown name is an error when the scenario is
    /// loaded or [checked](Self::check).
    ///
    /// ```
    /// use mailjig::Scenario;
    ///
    /// assert!(Scenario::named("smtp-greylist").check().is_ok());
    /// assert!(Scenario::named("smtp-graylist").check().unwrap_err().to_string().contains("smtp-greylist"));
    /// ```
    pub fn named(name: impl Into<String>) -> Self {
        Self::of(Source::Named(name.into()))
    }

    /// A scenario file, or a `.session` file with a [script](Self::session). It is read when the scenario is loaded or [checked](Self::check).
    ///
    /// ```
    /// use mailjig::Scenario;
    ///
    /// assert!(Scenario::file("no/such/file.toml").check().is_err());
    /// ```
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::of(Source::File(path.as_ref().to_owned()))
    }

    /// A scenario from a text in the form of a file; errors use this name.
    ///
    /// ```
    /// use mailjig::Scenario;
    ///
    /// let error = Scenario::text("mine.toml", "mailjig = 1\nclok = 1\n").check().unwrap_err();
    /// assert!(error.to_string().starts_with("mine.toml:2:1: "));
    /// ```
    pub fn text(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(Source::Text { name: name.into(), text: text.into() })
    }

    /// A scenario from the text of a `.session` file: a [script](crate::manual::scenarios) of one protocol, which is
    /// played in each of its sessions. The [verbatim transcript](crate::Transcript::verbatim) of a session is such a
    /// text.
    ///
    /// ```
    /// # use std::{io::{Write, read_to_string}, net::TcpStream};
    /// use mailjig::prelude::*;
    ///
    /// let busy = Scenario::session("busy.session", "\
    /// ## protocol = smtp
    /// ---
    /// S: 220 mx.example.org
    /// C: EHLO {host}
    /// S: 421 4.3.2 {host}, come back later
    /// X: fin
    /// ");
    /// let server = MailServer::builder().scenario(busy).start();
    ///
    /// let mut client = TcpStream::connect(server.smtp().address())?;
    /// client.write_all(b"EHLO client.example\r\n")?;
    /// let said = read_to_string(client)?;
    /// assert_eq!(said, "220 mx.example.org\r\n421 4.3.2 client.example, come back later\r\n");
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn session(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self::of(Source::Session { name: name.into(), text: text.into() })
    }

    /// A scenario from a JSON value.
    #[cfg(feature = "api")]
    pub(crate) fn json(value: serde_json::Value) -> Self {
        Self::of(Source::Json(value))
    }

    fn of(source: Source) -> Self {
        Self { source, set: Vec::new(), seed: None }
    }

    /// Sets a parameter of the scenario. Default: the value in its `[params]`.
    ///
    /// ```
    /// use mailjig::Scenario;
    ///
    /// let full = Scenario::text("full.toml", r#"
    ///     mailjig = 1
    ///     [params]
    ///     domain = "full.example"
    ///     [[rule]]
    ///     id = "full"
    ///     on = "smtp.rcpt"
    ///     when = { rcpt = "*@{domain}" }
    ///     do = { reply = "452 4.2.2 Mailbox full" }
    /// "#);
    /// assert!(full.set("domain", "other.example").check().is_ok());
    /// ```
    #[must_use]
    pub fn set(mut self, param: impl Into<String>, value: impl ToString) -> Self {
        self.set.push((param.into(), value.to_string()));
        self
    }

    /// The seed of `chance` and of random waits. Default: the seed in the file, otherwise that of the server, which is 1.
    ///
    /// ```
    /// use mailjig::Scenario;
    ///
    /// assert!(Scenario::named("smtp-greylist").seed(7).check().is_ok());
    /// ```
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Reads it without using it. Returns the warnings: what is allowed but probably a mistake.
    ///
    /// # Errors
    /// [`ScenarioError`] with all errors.
    ///
    /// ```
    /// use mailjig::Scenario;
    ///
    /// assert!(Scenario::named("smtp-greylist").check().unwrap().is_empty());
    /// ```
    pub fn check(&self) -> Result<Vec<String>, ScenarioError> {
        self.load().map(|loaded| loaded.warnings)
    }

    pub(crate) fn load(&self) -> Result<Loaded, ScenarioError> {
        let mut loaded = match &self.source {
            Source::Named(name) => file::named(name, &self.set),
            Source::File(path) => file::path(path, &self.set),
            Source::Text { name, text } => file::text(name, text, None, &self.set),
            Source::Session { name, text } => file::session(name, text, &self.set),
            #[cfg(feature = "api")]
            Source::Json(value) => file::json(value, &self.set),
        }?;
        loaded.seed = self.seed.or(loaded.seed);
        Ok(loaded)
    }
}

/// What is in force in a server, as far as a rule that is mounted at run time can refer to it.
#[derive(Debug)]
pub(crate) struct InForce {
    pub(crate) namespace: Namespace,
    /// The ids of the messages of the scenario.
    pub(crate) messages: Vec<String>,
}

/// A rule that was read, and whether it has a name.
#[cfg(feature = "api")]
pub(crate) struct NewRule {
    pub(crate) rule: Rule,
    pub(crate) has_id: bool,
}

/// Reads one rule from JSON. Fails with its errors, each with a JSON pointer.
#[cfg(feature = "api")]
pub(crate) fn rule_from_json(
    value: &serde_json::Value,
    origin: &str,
    in_force: &InForce,
) -> Result<NewRule, ScenarioError> {
    NewRule::read(&Node::json(value, ""), "", origin, in_force)
}

/// Reads the text of one `[[rule]]`. Fails with its errors, each with a place in the text.
#[cfg(feature = "api")]
pub(crate) fn rule_from_toml(text: &str, origin: &str, in_force: &InForce) -> Result<NewRule, ScenarioError> {
    NewRule::read(&file::only_rule(text)?, text, origin, in_force)
}

#[cfg(feature = "api")]
impl NewRule {
    fn read(node: &Node, text: &str, origin: &str, in_force: &InForce) -> Result<Self, ScenarioError> {
        let has_id = node.entries().unwrap_or_default().iter().any(|entry| entry.key == "id");
        file::rule(node, text, origin, in_force).map(|rule| Self { rule, has_id })
    }
}

/// All that is found in the text of a scenario.
#[cfg(feature = "api")]
pub(crate) struct Checked {
    /// Errors and warnings, in the order of the text.
    pub(crate) problems: Vec<Problem>,
    /// The names of the rules that could be read, the outermost first.
    pub(crate) rules: Vec<Arc<str>>,
}

/// Reads the text of a scenario without using it.
#[cfg(feature = "api")]
pub(crate) fn check_text(text: &str) -> Checked {
    file::checked(text)
}
