//! Findings that make a verification fail, each with its line of the transcript.

use std::collections::HashMap;
use std::fmt;

use super::window::{Line, lines};
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

impl FindingsReport {
    /// `None` without findings.
    pub(crate) fn of(findings: &[Finding], journal: &Journal) -> Option<Self> {
        let mut numbered: HashMap<SessionNo, Vec<Line>> = HashMap::new();
        let failed = findings.iter().map(|finding| {
            let all = numbered
                .entry(finding.session())
                .or_insert_with(|| journal.session(finding.session()).map_or_else(Vec::new, |log| lines(journal, log)));
            let own = all.iter().find(|line| line.exchange == finding.seq());
            // The end of a session, for example, has no line.
            let line = own.or_else(|| all.iter().rfind(|line| line.exchange <= finding.seq()));
            FailedFinding {
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
        });
        (!findings.is_empty()).then(|| Self(failed.collect()))
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
