//! Why a wait or an expectation failed: what was expected, the reasons, and what was captured.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::matcher::{Clause, Evidence, Matcher, nearness};
use crate::base::Times;
use crate::journal::{Captured, Journal, Refused, Session};
use crate::mail::Message;
use crate::protocol::Unfinished;

/// Maximum number of messages, sessions and refusals that a text lists; earlier ones are only counted.
const SHOWN: usize = 10;
/// Maximum number of near misses that a text lists.
const NEAR: usize = 3;

/// What was expected, and where in the test.
#[derive(Clone)]
pub(crate) struct Question {
    pub(crate) matcher: Matcher,
    pub(crate) times: Times,
    /// The line of the test, if the test is in Rust.
    pub(crate) location: Option<&'static Location<'static>>,
}

/// The messages and sessions at one time, copied from the journal.
#[derive(Default)]
pub(crate) struct Snapshot {
    messages: Vec<Message>,
    /// In the order of their numbers.
    sessions: Vec<SessionSnapshot>,
    /// How many messages do not count because they came before the wait's cursor.
    earlier: usize,
    forgotten: u32,
    is_settled: bool,
}

struct SessionSnapshot {
    facts: Arc<Session>,
    refused: Vec<Refused>,
    owes_reply: bool,
    unfinished: Option<Unfinished>,
}

/// How the expectation failed.
pub(crate) enum FailureKind {
    /// No match within this time.
    Late(String),
    /// The number of matching messages was wrong.
    Miscounted,
    /// Exchanges or sessions were still active.
    NotSettled,
}

/// Why a wait or an expectation failed: what was expected, the nearest misses, what came instead. Its text is for
/// people and the same in every run; its JSON (feature `serde`) is for programs.
///
/// The JSON's keys: `expectation`, `at`, `failure`, `expected`, `got`, `near_misses` (each `message` and `clauses` of
/// `clause`, `wanted`, `got`, `matched`), `captured`, `refused`, `sessions`.
///
/// ```
/// # use std::time::Duration;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// # futures_lite::future::block_on(async {
/// server.deliver("bob@example.org", "Subject: Wellcome\r\n\r\n");
/// let wait = server.wait_for(subject("Welcome")).within(Duration::from_millis(5));
/// let report = wait.outcome().await.unwrap_err();
/// assert!(report.to_string().contains("wanted \"Welcome\", got \"Wellcome\""));
/// # });
/// ```
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Report {
    expectation: String,
    at: Option<String>,
    failure: String,
    expected: String,
    got: usize,
    near_misses: Vec<NearMiss>,
    captured: Vec<String>,
    refused: Vec<String>,
    sessions: Vec<String>,
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct NearMiss {
    message: String,
    clauses: Vec<Clause>,
}

impl Snapshot {
    pub(crate) fn of(journal: &Journal) -> Self {
        let sessions = journal.sessions().map(|log| SessionSnapshot {
            facts: Arc::clone(log.facts()),
            refused: journal.refused(log),
            owes_reply: log.owes_reply(),
            unfinished: log.unfinished(),
        });
        Self {
            messages: journal.messages().iter().map(|captured| captured.message.clone()).collect(),
            sessions: sessions.collect(),
            earlier: 0,
            forgotten: journal.forgotten(),
            is_settled: journal.is_settled(),
        }
    }

    /// Of a wait that counts only some messages, those after a cursor.
    pub(crate) fn of_later(journal: &Journal, is_later: impl Fn(&Captured) -> bool) -> Self {
        let mut snapshot = Self::of(journal);
        let all = snapshot.messages.len();
        let later = journal.messages().iter().filter(|captured| is_later(captured));
        snapshot.messages = later.map(|captured| captured.message.clone()).collect();
        snapshot.earlier = all - snapshot.messages.len();
        snapshot
    }

    /// The messages that match.
    pub(crate) fn find(&self, matcher: &Matcher) -> Vec<Message> {
        self.messages.iter().filter(|message| matcher.matches(&self.evidence(message))).cloned().collect()
    }

    /// The sessions that match, each in a line.
    pub(super) fn sessions_that(&self, matcher: &Matcher) -> Vec<String> {
        let matching = self.sessions.iter().filter(|session| matcher.matches_session(&session.facts));
        matching.map(SessionSnapshot::line).collect()
    }

    fn evidence<'a>(&'a self, message: &'a Message) -> Evidence<'a> {
        let session = message.session().and_then(|no| {
            let at = self.sessions.binary_search_by_key(&no, |session| session.facts.no).ok()?;
            self.sessions.get(at)
        });
        Evidence { message: Some(message), session: session.map(|session| &*session.facts) }
    }
}

impl Report {
    pub(crate) fn new(question: &Question, verdict: FailureKind, snapshot: &Snapshot) -> Self {
        let is_matching = |message: &&Message| question.matcher.matches(&snapshot.evidence(message));
        let (matched, missed): (Vec<&Message>, Vec<&Message>) = snapshot.messages.iter().partition(is_matching);
        let later = if snapshot.earlier > 0 { "later " } else { "" };
        let plural = if matched.len() == 1 { "" } else { "s" };
        let counted = format!("{} {later}message{plural} matched", matched.len());
        let failure = match verdict {
            FailureKind::Late(within) if matched.is_empty() => format!("no {later}message matched within {within}"),
            FailureKind::Late(within) => format!("{counted} within {within}, expected {}", question.times),
            FailureKind::Miscounted => format!("{counted}, expected {}", question.times),
            FailureKind::NotSettled => "the server did not settle".to_owned(),
        };
        let explained = |message| (message, question.matcher.explain(&snapshot.evidence(message)));
        let mut misses: Vec<(&Message, Vec<Clause>)> = missed.into_iter().map(explained).collect();
        misses.sort_by_key(|(_, clauses)| nearness(clauses));
        let near = misses.into_iter().take(NEAR);
        let near_misses = near.map(|(message, clauses)| NearMiss { message: message.summary(), clauses });
        let refused = snapshot.sessions.iter().flat_map(|session| {
            let no = session.facts.no;
            session.refused.iter().map(move |refused| format!("{no} {} → {}", refused.line, refused.reply))
        });
        let mut captured: Vec<String> = snapshot.messages.iter().map(Message::summary).collect();
        match snapshot.earlier {
            0 => {}
            1 => captured.insert(0, "(1 earlier message does not count)".to_owned()),
            count => captured.insert(0, format!("({count} earlier messages do not count)")),
        }
        if snapshot.forgotten > 0 {
            captured.insert(0, format!("({} earlier messages were cleared or discarded)", snapshot.forgotten));
        }
        Self {
            expectation: question.matcher.to_string(),
            at: question.location.map(|at| format!("{}:{}:{}", at.file(), at.line(), at.column())),
            failure,
            expected: question.times.to_string(),
            got: matched.len(),
            near_misses: near_misses.collect(),
            captured,
            refused: refused.collect(),
            sessions: snapshot.sessions.iter().map(SessionSnapshot::line).collect(),
        }
    }
}

/// Verifies expectations against a snapshot; fails with a report on those that are not met. `is_at_end` is whether the
/// server is being dropped, so that nothing was awaited.
pub(crate) fn verify_expectations(
    expectations: &[Question],
    snapshot: &Snapshot,
    is_at_end: bool,
) -> Result<(), UnmetExpectations> {
    let is_unmet = |question: &&Question| !question.times.contains(snapshot.find(&question.matcher).len() as u64);
    let unmet = expectations.iter().filter(is_unmet);
    let reports: Vec<Report> = unmet.map(|question| Report::new(question, FailureKind::Miscounted, snapshot)).collect();
    if reports.is_empty() {
        return Ok(());
    }
    Err(UnmetExpectations { reports, of: expectations.len(), is_early: is_at_end && !snapshot.is_settled })
}

/// The expectations that are not met.
#[derive(Debug)]
pub(crate) struct UnmetExpectations {
    pub(crate) reports: Vec<Report>,
    /// How many expectations there are.
    of: usize,
    /// Nothing was awaited, and sessions are still active.
    is_early: bool,
}

impl fmt::Display for UnmetExpectations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let early = match self.is_early {
            true => ", but sessions are still active; call `verify()` to wait for them",
            false => "",
        };
        write!(f, "{} of {} expectations failed{early}\n\n{}", self.reports.len(), self.of, Together(&self.reports))
    }
}

/// Reports on one snapshot; messages and sessions are listed once.
struct Together<'r>(&'r [Report]);

impl fmt::Display for Together<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reports) = self;
        for (i, report) in reports.iter().enumerate() {
            write!(f, "{}{}", if i == 0 { "" } else { "\n" }, Reasons(report))?;
        }
        let Some(Report { captured, refused, sessions, .. }) = reports.first() else { return Ok(()) };
        if captured.is_empty() {
            writeln!(f, "\nnothing was captured")?;
        }
        list(f, "captured", captured)?;
        list(f, "refused", refused)?;
        list(f, "sessions", sessions)
    }
}

impl SessionSnapshot {
    fn line(&self) -> String {
        let facts = &self.facts;
        let mut line = format!("{} {}", facts.no, facts.listener);
        if let Some(helo) = &facts.helo {
            line += &format!(", calls itself {helo}");
        }
        if let Some(tls) = &facts.tls {
            line += &format!(", {}", tls.version);
        }
        if let Some(user) = &facts.user {
            line += &format!(", logged in as {user}");
        }
        line += &match facts.messages {
            1 => ", 1 message".to_owned(),
            count => format!(", {count} messages"),
        };
        line += &match facts.ended {
            Some((_, ending)) => format!("; {ending}"),
            None if self.owes_reply => "; the server owes a reply".to_owned(),
            None => match self.unfinished {
                Some(unfinished) => format!("; the server waits for the client, {unfinished}"),
                None => "; the server waits for the client".to_owned(),
            },
        };
        line
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Together(std::slice::from_ref(self)).fmt(f)
    }
}

/// What was expected, and why that failed.
struct Reasons<'r>(&'r Report);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(report) = self;
        if let Some(at) = &report.at {
            write!(f, "{at}: ")?;
        }
        writeln!(f, "{}\n  wanted: {}", report.failure, report.expectation)?;
        let misses = report.near_misses.iter().filter(|miss| !miss.clauses.is_empty());
        for (miss, heading) in misses.zip(["the nearest miss:", "then:", "then:"]) {
            writeln!(f, "\n{heading}\n  {}", miss.message)?;
            let width = miss.clauses.iter().map(|clause| clause.clause.chars().count()).max().unwrap_or(0);
            for Clause { clause, wanted, got, matched, .. } in &miss.clauses {
                let got = if got.is_empty() { "nothing" } else { got };
                if *matched {
                    writeln!(f, "    ✓ {clause:width$}  {got}")?;
                } else {
                    writeln!(f, "    ✗ {clause:width$}  wanted {wanted}, got {got}")?;
                }
            }
        }
        Ok(())
    }
}

fn list(f: &mut fmt::Formatter<'_>, heading: &str, lines: &[String]) -> fmt::Result {
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{heading}:")?;
    // The last lines are the most useful ones.
    let hidden = lines.len().saturating_sub(SHOWN);
    if hidden > 0 {
        writeln!(f, "  … {hidden} earlier")?;
    }
    lines[hidden..].iter().try_for_each(|line| writeln!(f, "  {line}"))
}

#[cfg(test)]
mod tests {
    use super::super::matchers::any;
    use super::*;

    #[test]
    fn verification_without_waiting_warns_of_active_sessions() {
        let question = Question { matcher: any(), times: Times::from(1), location: None };
        let settled = Snapshot { is_settled: true, ..Snapshot::default() };

        let failure = |snapshot: &Snapshot, is_at_end| {
            verify_expectations(std::slice::from_ref(&question), snapshot, is_at_end).unwrap_err().to_string()
        };

        let early = failure(&Snapshot::default(), true);
        assert!(early.contains("but sessions are still active; call `verify()` to wait for them"), "{early}");
        assert!(!failure(&settled, true).contains("verify()"));
        assert!(!failure(&Snapshot::default(), false).contains("verify()"), "after waiting there is no warning");
    }
}
