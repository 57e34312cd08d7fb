//! Findings that make a verification fail, each with its line of the transcript.

use std::collections::HashMap;
use std::fmt;

use super::near_miss::PORTION;
use super::window::{Line, push_turn};
use crate::base::{MessageNo, Seq, SessionNo};
use crate::expect::{Finding, FindingKind};
use crate::journal::Journal;
use crate::protocol::Listener;

/// The findings that make a verification fail.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(transparent))]
pub(crate) struct FindingsReport(Vec<FailedFinding>);

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct FailedFinding {
    kind: FindingKind,
    session: SessionNo,
    listener: Listener,
    message: Option<MessageNo>,
    text: String,
    reference: &'static str,
    /// The record of the journal.
    record: Seq,
    /// The line of the session's transcript, from 1, and its text.
    line: Option<usize>,
    transcript: Option<String>,
}

/// The lines of the sessions that have findings, read some records at a time, so that the lock is released in between.
pub(crate) struct FindingLines {
    findings: Vec<Finding>,
    sessions: HashMap<SessionNo, SessionLines>,
    /// The sessions that are not read to the end.
    unread: Vec<SessionNo>,
}

/// The lines of a session up to its last finding.
#[derive(Default)]
struct SessionLines {
    /// The record to go on with, and the one after the last finding.
    next: Seq,
    end: Seq,
    lines: Vec<Line>,
    /// The index of the first line of each exchange that has lines.
    first: HashMap<Seq, usize>,
}

impl FindingLines {
    pub(crate) fn of(findings: Vec<Finding>) -> Self {
        let (mut sessions, mut unread) = (HashMap::new(), Vec::new());
        for finding in &findings {
            let (session, end) = (finding.session(), Seq(finding.seq().number() + 1));
            let lines: &mut SessionLines = sessions.entry(session).or_insert_with(|| {
                unread.push(session);
                SessionLines::default()
            });
            lines.end = lines.end.max(end);
        }
        Self { findings, sessions, unread }
    }

    /// Reads some records. Returns whether all are read.
    pub(crate) fn read(&mut self, journal: &Journal) -> bool {
        let Some(session) = self.unread.last().copied() else { return true };
        let lines = self.sessions.entry(session).or_default();
        if lines.read(session, journal) {
            self.unread.pop();
        }
        false
    }

    /// The findings with their lines; `None` without findings.
    pub(crate) fn report(self) -> Option<FindingsReport> {
        let Self { findings, sessions, .. } = self;
        let failed = findings.iter().map(|finding| {
            let line = sessions.get(&finding.session()).and_then(|lines| lines.at(finding.seq()));
            FailedFinding::new(finding, line)
        });
        (!findings.is_empty()).then(|| FindingsReport(failed.collect()))
    }
}

impl SessionLines {
    /// Reads some records. Returns whether all are read.
    fn read(&mut self, session: SessionNo, journal: &Journal) -> bool {
        let Some(log) = journal.session(session) else { return true };
        let records: Vec<Seq> = log.records.between(self.next, self.end).take(PORTION).collect();
        for turn in journal.turns(records.iter().copied()) {
            let before = self.lines.len();
            push_turn(&mut self.lines, journal, log, &turn);
            if self.lines.len() > before {
                self.first.entry(turn.exchange).or_insert(before);
            }
        }
        self.next = records.last().map_or(self.end, |last| Seq(last.number() + 1));
        records.len() < PORTION
    }

    /// The first line of an exchange, or the last one before this record: the end of a session, for example, has no line.
    fn at(&self, seq: Seq) -> Option<&Line> {
        let own = self.first.get(&seq).and_then(|at| self.lines.get(*at));
        own.or_else(|| self.lines.iter().rfind(|line| line.exchange <= seq))
    }
}

impl FailedFinding {
    fn new(finding: &Finding, line: Option<&Line>) -> Self {
        Self {
            kind: finding.kind(),
            session: finding.session(),
            listener: finding.listener(),
            message: finding.message(),
            text: finding.text().to_owned(),
            reference: finding.reference(),
            record: finding.seq(),
            line: line.map(|line| line.number),
            transcript: line.map(|line| format!("{}: {}", line.who, line.text)),
        }
    }
}

impl fmt::Display for FindingsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(all) = self;
        writeln!(f, "mailjig: {} finding{} that must not be", all.len(), if all.len() == 1 { "" } else { "s" })?;
        for FailedFinding { kind, session, listener, message, text, reference, line, transcript, .. } in all {
            let message = message.map_or_else(String::new, |no| format!(" {no}"));
            writeln!(f, "\n✗ {session} {listener}{message}: {kind}: {text} ({reference})")?;
            if let (Some(line), Some(transcript)) = (line, transcript) {
                writeln!(f, "    {line:>3}  {transcript}")?;
            }
        }
        Ok(())
    }
}
