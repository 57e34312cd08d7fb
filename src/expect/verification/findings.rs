//! Findings that make a verification fail, each with its line of the transcript.

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
    sessions: Vec<SessionLines>,
}

/// The lines of a session up to its last finding.
struct SessionLines {
    session: SessionNo,
    /// The record to go on with, and the one after the last finding.
    next: Seq,
    end: Seq,
    lines: Vec<Line>,
}

impl FindingLines {
    pub(crate) fn of(findings: Vec<Finding>) -> Self {
        let mut sessions: Vec<SessionLines> = Vec::new();
        for finding in &findings {
            let (session, end) = (finding.session(), Seq(finding.seq().number() + 1));
            match sessions.iter_mut().find(|its| its.session == session) {
                Some(its) => its.end = its.end.max(end),
                None => sessions.push(SessionLines { session, next: Seq::default(), end, lines: Vec::new() }),
            }
        }
        Self { findings, sessions }
    }

    /// Reads some records. Returns whether all are read.
    pub(crate) fn read(&mut self, journal: &Journal) -> bool {
        match self.sessions.iter_mut().find(|its| its.next < its.end) {
            Some(session) => session.read(journal),
            None => return true,
        }
        false
    }

    /// The findings with their lines; `None` without findings.
    pub(crate) fn report(self) -> Option<FindingsReport> {
        let Self { findings, sessions } = self;
        let failed = findings.iter().map(|finding| {
            let lines = sessions.iter().find(|its| its.session == finding.session()).map_or(&[][..], |its| &its.lines);
            FailedFinding::new(finding, lines)
        });
        (!findings.is_empty()).then(|| FindingsReport(failed.collect()))
    }
}

impl SessionLines {
    fn read(&mut self, journal: &Journal) {
        let Self { session, next, end, lines } = self;
        let log = journal.session(*session);
        let records: Vec<Seq> =
            log.map_or_else(Vec::new, |log| log.records.between(*next, *end).take(PORTION).collect());
        for turn in journal.turns(records.iter().copied()) {
            log.into_iter().for_each(|log| push_turn(lines, journal, log, &turn));
        }
        let is_last = records.len() < PORTION;
        *next = records.last().filter(|_| !is_last).map_or(*end, |last| Seq(last.number() + 1));
    }
}

impl FailedFinding {
    fn new(finding: &Finding, lines: &[Line]) -> Self {
        let own = lines.iter().find(|line| line.exchange == finding.seq());
        // The end of a session, for example, has no line.
        let line = own.or_else(|| lines.iter().rfind(|line| line.exchange <= finding.seq()));
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
