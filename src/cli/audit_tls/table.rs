//! The table of verdicts.

use std::io::{self, Stdout, Write};

use anstream::AutoStream;
use anstyle::Style;
use serde_json::json;

use super::super::color::{Color, FAILURE, FAINT, MAIL, WARNING};
use super::attempt::Attempted;
use super::outcome::{Outcome, last_lines};
use crate::server::{AuditProfile, Control, TlsVerdict};

/// Width of the names.
const NAME: usize = 28;
/// Width of the verdicts.
const VERDICT: usize = 12;

/// Prints the outcomes, as lines at once or as JSON at the end.
pub(super) struct Table {
    out: AutoStream<Stdout>,
    is_json: bool,
    control: String,
    outcomes: Vec<Outcome>,
}

impl Table {
    pub(super) fn new(color: Color, is_json: bool) -> Self {
        Self { out: color.stream(io::stdout()), is_json, control: String::new(), outcomes: Vec::new() }
    }

    pub(super) fn outcomes(&self) -> &[Outcome] {
        &self.outcomes
    }

    pub(super) fn control(&mut self, control: &Control) {
        self.control = control.words();
        if !self.is_json {
            let words = self.control.clone();
            self.row("control", "ok", MAIL, &words);
        }
    }

    /// The control run proves nothing.
    pub(super) fn no_control(&mut self, attempted: &Attempted, why: &str) {
        let (end, output) = (attempted.end.to_string(), last_lines(&attempted.output));
        if self.is_json {
            let control = json!({ "why": why, "end": end, "output": output, "transcript": attempted.transcript });
            return self.print(&json!({ "control": control, "profiles": [] }).to_string());
        }
        self.row("control", "failed", FAILURE, &format!("{why} ({end})"));
        self.details("control", &output, &attempted.transcript);
    }

    pub(super) fn add(&mut self, outcome: Outcome) {
        if !self.is_json {
            let words = outcome.judged.words(outcome.profile);
            let style = match outcome.judged.verdict {
                _ if outcome.is_failure() => FAILURE,
                TlsVerdict::Refused => MAIL,
                TlsVerdict::Skipped => FAINT,
                TlsVerdict::Accepted | TlsVerdict::Hung | TlsVerdict::Crashed | TlsVerdict::NotReached => WARNING,
            };
            self.row(outcome.profile.name(), outcome.judged.verdict.name(), style, &words);
        }
        self.outcomes.push(outcome);
    }

    /// What explains the failures, and how many verdicts of each kind there were.
    pub(super) fn finish(&mut self) {
        if self.is_json {
            let profiles: Vec<_> = self.outcomes.iter().map(Outcome::to_json).collect();
            return self.print(&json!({ "control": { "words": self.control }, "profiles": profiles }).to_string());
        }
        for (names, output, transcript) in self.failures() {
            self.details(&names, &output, &transcript);
        }
        let counts = [
            TlsVerdict::Refused,
            TlsVerdict::Accepted,
            TlsVerdict::Hung,
            TlsVerdict::Crashed,
            TlsVerdict::NotReached,
            TlsVerdict::Skipped,
        ]
        .map(|verdict| (verdict, self.outcomes.iter().filter(|its| its.judged.verdict == verdict).count()));
        let counts = counts.iter().filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts.map(|(verdict, count)| format!("{count} {verdict}")).collect();
        self.print(&format!("\n{}", counts.join(", ")));
    }

    /// The names of the profiles that failed, with what explains them. Those that look the same are together.
    fn failures(&self) -> Vec<(String, String, String)> {
        let mut all: Vec<(String, String, String)> = Vec::new();
        for outcome in self.outcomes.iter().filter(|its| its.is_failure()) {
            let Some((output, transcript)) = outcome.details() else { continue };
            let name = outcome.profile.name();
            match all.iter_mut().find(|(_, its, said)| its == output && said == transcript) {
                Some((names, ..)) => *names = format!("{names}, {name}"),
                None => all.push((name.to_owned(), output.to_owned(), transcript.to_owned())),
            }
        }
        all
    }

    fn row(&mut self, name: &str, verdict: &str, style: Style, words: &str) {
        self.print(&format!("{name:NAME$} {style}{verdict:VERDICT$}{style:#} {words}"));
    }

    fn details(&mut self, name: &str, output: &str, transcript: &str) {
        let indented = |text: &str| text.lines().map(|line| format!("\n    {line}")).collect::<String>();
        if !output.is_empty() {
            self.print(&format!("\n{name}: the command wrote{}", indented(output)));
        }
        if !transcript.is_empty() {
            self.print(&format!("\n{name}: the server saw{}", indented(transcript)));
        }
    }

    fn print(&mut self, line: &str) {
        let _nobody_may_read = writeln!(self.out, "{line}");
    }
}

/// Prints the names of the profiles and what they are.
pub(super) fn list(color: Color) -> io::Result<()> {
    let mut out = color.stream(io::stdout());
    for profile in AuditProfile::all() {
        writeln!(out, "{:NAME$} {}", profile.name(), profile.about())?;
    }
    Ok(())
}
