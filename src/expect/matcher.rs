//! The type of all matchers: how one is evaluated, and how it explains its answer.

use std::fmt;
use std::sync::Arc;

use super::words::Words;
use crate::base::{Certificate, Pattern, unknown};
use crate::journal::Session;
use crate::mail::Message;
use crate::protocol::Listener;

/// A test of a captured message or of a session. The functions of [`matchers`](crate::matchers) create matchers; a
/// closure over [`Message`] is a matcher too. Combine them with [`and`](Self::and), [`or`](Self::or) and
/// [`not`](Self::not). A wait or an expectation that fails explains every clause.
///
/// ```
/// use mailjig::Message;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.deliver("bob@example.org", "Subject: Welcome, Bob\r\n\r\nHello!");
///
/// let welcome = to("bob@example.org").and(subject("Welcome*"));
/// assert_eq!(server.find(welcome).len(), 1);
/// assert_eq!(server.find(|mail: &Message| mail.attachments().len() > 3).len(), 0);
/// ```
#[derive(Clone)]
pub struct Matcher(Arc<Node>);

/// Tests a message; fails with what was found instead.
pub(super) type CheckMessage = dyn Fn(&Message) -> Result<(), String> + Send + Sync;

pub(super) enum Node {
    Any,
    Text {
        what: Text,
        pattern: Pattern,
    },
    Search(Words),
    Fact {
        name: &'static str,
        holds: fn(&Session) -> bool,
        wanted: bool,
    },
    /// A test that gives the reason if it fails.
    Check {
        name: String,
        wanted: &'static str,
        check: Box<CheckMessage>,
    },
    And(Matcher, Matcher),
    Or(Matcher, Matcher),
    Not(Matcher),
}

/// A text of a message, or of its session.
pub(super) enum Text {
    To,
    From,
    Subject,
    Body,
    Header(String),
    Attachment,
    Link,
    Code,
    User,
    Helo,
    Listener,
    Mailbox,
    Alert,
    Sni,
    Certificate,
    ClientCertificate,
}

/// What a matcher is evaluated on.
#[derive(Clone, Copy)]
pub(crate) struct Evidence<'a> {
    /// `None` if the matcher is evaluated on a session.
    pub(crate) message: Option<&'a Message>,
    pub(crate) session: Option<&'a Session>,
}

/// One clause of a matcher and its result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct Clause {
    /// `subject`, `to` …
    pub(crate) clause: String,
    pub(crate) wanted: String,
    pub(crate) got: String,
    pub(crate) matched: bool,
    /// For clauses that did not match, how far the value is from the wanted one; 0 is near.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) distance: usize,
}

impl Matcher {
    /// Whether it matches everything, because it has no clauses.
    pub(super) fn is_any(&self) -> bool {
        matches!(&*self.0, Node::Any)
    }

    /// Matches the listener of a session; fails with the known names.
    pub(crate) fn listener(name: Pattern) -> Result<Self, String> {
        let names = Listener::names();
        if names.iter().any(|its| name.matches(its)) {
            return Ok(Self::text(Text::Listener, name));
        }
        Err(unknown("listener", name.written(), &names))
    }

    /// Matches the certificate that the server presented; fails with the known names.
    #[cfg(feature = "api")]
    pub(crate) fn certificate(name: Pattern) -> Result<Self, String> {
        let names: Vec<&str> = Certificate::ALL.iter().map(|its| its.name()).collect();
        if names.iter().any(|its| name.matches(its)) {
            return Ok(Self::text(Text::Certificate, name));
        }
        Err(unknown("certificate", name.written(), &names))
    }

    #[track_caller]
    pub(super) fn text(what: Text, pattern: impl Into<Pattern>) -> Self {
        Self::of(Node::Text { what, pattern: pattern.into() })
    }

    pub(super) fn of(node: Node) -> Self {
        Self(Arc::new(node))
    }

    /// Matches if both match.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
    /// assert_eq!(server.find(to("bob@example.org").and(subject("Welcome"))).len(), 1);
    /// ```
    pub fn and(self, other: impl Into<Matcher>) -> Matcher {
        Self(Arc::new(Node::And(self, other.into())))
    }

    /// Matches if at least one matches.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
    /// assert_eq!(server.find(to("ann@example.org").or(to("bob@example.org"))).len(), 1);
    /// ```
    pub fn or(self, other: impl Into<Matcher>) -> Matcher {
        Self(Arc::new(Node::Or(self, other.into())))
    }

    /// Matches if this does not.
    ///
    /// ```
    /// use mailjig::prelude::*;
    ///
    /// let server = MailServer::start();
    /// server.deliver("bob@example.org", "Subject: Welcome\r\n\r\n");
    /// assert_eq!(server.find(to("bob@example.org").not()).len(), 0);
    /// ```
    #[must_use]
    #[expect(clippy::should_implement_trait, reason = "the call reads as a sentence; `!` would not")]
    pub fn not(self) -> Matcher {
        Self(Arc::new(Node::Not(self)))
    }

    pub(crate) fn matches(&self, evidence: &Evidence<'_>) -> bool {
        match &*self.0 {
            Node::Any => true,
            Node::Text { what, pattern } => what.matches(pattern, evidence),
            Node::Search(words) => evidence.message.is_some_and(|message| words.missing(message).is_empty()),
            Node::Fact { holds, wanted, .. } => evidence.session.is_some_and(holds) == *wanted,
            Node::Check { check, .. } => evidence.message.is_some_and(|message| check(message).is_ok()),
            Node::And(one, two) => one.matches(evidence) && two.matches(evidence),
            Node::Or(one, two) => one.matches(evidence) || two.matches(evidence),
            Node::Not(inner) => !inner.matches(evidence),
        }
    }

    /// Every clause and its result.
    pub(crate) fn explain(&self, evidence: &Evidence<'_>) -> Vec<Clause> {
        match &*self.0 {
            Node::Any => Vec::new(),
            Node::Text { what, pattern } => {
                let matched = what.matches(pattern, evidence);
                let got = what.got(evidence);
                let distance = if matched { 0 } else { distance(&pattern.to_string(), &got) };
                vec![Clause {
                    clause: what.name(),
                    wanted: format!("{:?}", pattern.to_string()),
                    got: quoted(&got),
                    matched,
                    distance,
                }]
            }
            Node::Search(words) => {
                let missing = evidence.message.map(|message| words.missing(message));
                let matched = missing.as_ref().is_some_and(Vec::is_empty);
                let distance = missing.as_ref().map_or(0, Vec::len);
                let got = match missing {
                    None => "no message".to_owned(),
                    Some(_) if matched => "every word".to_owned(),
                    Some(missing) => format!("a message without {}", quoted(&missing)),
                };
                vec![Clause { clause: "search".into(), wanted: words.to_string(), got, matched, distance }]
            }
            Node::Fact { name, holds, wanted } => {
                let got = evidence.session.is_some_and(holds);
                vec![Clause {
                    clause: (*name).into(),
                    wanted: wanted.to_string(),
                    got: got.to_string(),
                    matched: got == *wanted,
                    distance: 1,
                }]
            }
            Node::Check { name, wanted, check } => {
                let result = evidence.message.map_or_else(|| Err("no message".to_owned()), check);
                let matched = result.is_ok();
                let got = result.err().unwrap_or_else(|| (*wanted).to_owned());
                vec![Clause { clause: name.clone(), wanted: (*wanted).to_owned(), got, matched, distance: 1 }]
            }
            Node::And(one, two) => [one.explain(evidence), two.explain(evidence)].concat(),
            Node::Or(one, two) => {
                // Of an `or`, the side that is nearer to matching is shown.
                let (one, two) = (one.explain(evidence), two.explain(evidence));
                if nearness(&two) < nearness(&one) { two } else { one }
            }
            Node::Not(inner) => {
                let matched = !inner.matches(evidence);
                let wanted = format!("not {inner}");
                let clauses = inner.explain(evidence);
                let got = clauses.iter().map(|clause| clause.got.clone()).collect::<Vec<_>>().join(", ");
                vec![Clause { clause: "not".into(), wanted, got, matched, distance: 1 }]
            }
        }
    }

    /// The address that every matching message must be accepted for, if there is one: a key for the search.
    pub(crate) fn recipient(&self) -> Option<&str> {
        match &*self.0 {
            Node::Text { what: Text::To, pattern } => pattern.exact(),
            Node::And(one, two) => one.recipient().or_else(|| two.recipient()),
            Node::Any
            | Node::Text { .. }
            | Node::Search(_)
            | Node::Fact { .. }
            | Node::Check { .. }
            | Node::Or(..)
            | Node::Not(_) => None,
        }
    }
}

/// A sort key: fewer failed clauses first, then smaller distances.
pub(super) fn nearness(clauses: &[Clause]) -> (usize, usize) {
    let failed = clauses.iter().filter(|clause| !clause.matched);
    (failed.clone().count(), failed.map(|clause| clause.distance).sum())
}

impl Text {
    fn name(&self) -> String {
        match self {
            Self::To => "to".to_owned(),
            Self::From => "from".to_owned(),
            Self::Subject => "subject".to_owned(),
            Self::Body => "body".to_owned(),
            Self::Header(name) => format!("header {name}"),
            Self::Attachment => "attachment".to_owned(),
            Self::Link => "link".to_owned(),
            Self::Code => "code".to_owned(),
            Self::User => "user".to_owned(),
            Self::Helo => "helo".to_owned(),
            Self::Listener => "listener".to_owned(),
            Self::Mailbox => "mailbox".to_owned(),
            Self::Alert => "alert".to_owned(),
            Self::Sni => "sni".to_owned(),
            Self::Certificate => "certificate".to_owned(),
            Self::ClientCertificate => "client certificate".to_owned(),
        }
    }

    fn matches(&self, pattern: &Pattern, evidence: &Evidence<'_>) -> bool {
        match self {
            Self::To | Self::From | Self::ClientCertificate => {
                self.got(evidence).iter().any(|address| pattern.matches_address(address))
            }
            Self::Sni => self.got(evidence).iter().any(|name| pattern.matches_word(name)),
            // The plain and the HTML text are one body, so a negated pattern must match neither.
            Self::Body => {
                let is_match = |text: &str| pattern.matches(text) != pattern.is_negated();
                let is_in = |body: &String| match pattern.plain() {
                    Some(text) => body.contains(text),
                    None => is_match(body) || body.lines().any(is_match),
                };
                self.got(evidence).iter().any(is_in) != pattern.is_negated()
            }
            Self::Subject
            | Self::Header(_)
            | Self::Attachment
            | Self::Link
            | Self::Code
            | Self::User
            | Self::Helo
            | Self::Listener
            | Self::Mailbox
            | Self::Alert
            | Self::Certificate => self.got(evidence).iter().any(|text| pattern.matches(text)),
        }
    }

    fn got(&self, evidence: &Evidence<'_>) -> Vec<String> {
        let fact =
            |fact: fn(&Session) -> Option<&str>| vec![evidence.session.and_then(fact).unwrap_or_default().to_owned()];
        match self {
            Self::User => return fact(|session| session.user.as_deref()),
            Self::Helo => return fact(|session| session.helo.as_deref()),
            Self::Listener => return fact(|session| Some(session.listener.name())),
            Self::Mailbox => return fact(|session| session.mailbox.as_deref()),
            Self::Alert => return fact(|session| session.tls_failure.as_ref()?.alert.as_deref()),
            Self::Sni => return fact(Session::sni),
            Self::Certificate => return fact(|session| session.certificate().map(Certificate::name)),
            Self::ClientCertificate => {
                let certificate = evidence.session.and_then(|its| its.tls.as_ref()?.client_certificate.as_ref());
                return certificate.map_or_else(|| vec![String::new()], |its| its.names.clone());
            }
            Self::To
            | Self::From
            | Self::Subject
            | Self::Body
            | Self::Header(_)
            | Self::Attachment
            | Self::Link
            | Self::Code => {}
        }
        let Some(message) = evidence.message else { return Vec::new() };
        match self {
            Self::To => message.envelope().accepted().map(str::to_owned).collect(),
            Self::From => vec![message.envelope().sender().address().to_owned()],
            Self::Subject => vec![message.subject()],
            Self::Body => [Some(message.text()), message.html()].into_iter().flatten().collect(),
            Self::Header(name) => {
                let fields = message.headers().into_iter();
                fields.filter(|(its, _)| its.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
            }
            Self::Attachment => message.attachments().iter().filter_map(|part| part.filename()).collect(),
            Self::Link => message.links(),
            Self::Code => message.codes(),
            Self::User
            | Self::Helo
            | Self::Listener
            | Self::Mailbox
            | Self::Alert
            | Self::Sni
            | Self::Certificate
            | Self::ClientCertificate => Vec::new(),
        }
    }
}

/// The number of edits between the wanted text and the nearest of the found ones.
fn distance(wanted: &str, got: &[String]) -> usize {
    let letters = |text: &str| text.chars().take(120).collect::<Vec<char>>();
    let wanted = letters(wanted);
    got.iter().map(|text| edits(&wanted, &letters(text))).min().unwrap_or(wanted.len() + 1)
}

fn edits(one: &[char], two: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in two.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[two.len()]
}

fn quoted(texts: &[impl AsRef<str>]) -> String {
    texts.iter().map(|text| format!("{:?}", shortened(text.as_ref()))).collect::<Vec<_>>().join(", ")
}

fn shortened(text: &str) -> String {
    let mut letters = text.trim_end().chars();
    let start: String = letters.by_ref().take(80).collect();
    if letters.next().is_some() { format!("{start}…") } else { start }
}

impl<F: Fn(&Message) -> bool + Send + Sync + 'static> From<F> for Matcher {
    fn from(holds: F) -> Self {
        super::matchers::matching("the closure", holds)
    }
}

impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Node::Any => f.write_str("any message"),
            Node::Text { what, pattern } => write!(f, "{} {:?}", what.name(), pattern.to_string()),
            Node::Search(words) => write!(f, "search {words}"),
            Node::Fact { name, wanted: true, .. } => f.write_str(name),
            Node::Fact { name, wanted: false, .. } => write!(f, "not {name}"),
            Node::Check { name, .. } => f.write_str(name),
            Node::And(one, two) => write!(f, "{one} and {two}"),
            Node::Or(one, two) => write!(f, "({one} or {two})"),
            Node::Not(inner) => write!(f, "not ({inner})"),
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Matcher({self})")
    }
}
