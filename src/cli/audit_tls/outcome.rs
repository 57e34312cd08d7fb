//! The outcome of a run, in words and as JSON.

use serde_json::{Value, json};

use super::attempt::Attempted;
use crate::server::{AuditProfile, Judged};

/// How many of the last lines of a command's output are shown.
const LINES: usize = 20;

pub(super) struct Outcome {
    pub(super) profile: AuditProfile,
    pub(super) judged: Judged,
    /// How the command ended, its last lines and the transcript.
    run: Option<(String, String, String)>,
}

impl Outcome {
    pub(super) fn new(profile: AuditProfile, judged: Judged, attempted: Attempted) -> Self {
        let Attempted { end, output, transcript, sessions: _ } = attempted;
        Self { profile, judged, run: Some((end.to_string(), last_lines(&output), transcript)) }
    }

    pub(super) fn skipped(profile: AuditProfile, why: &str) -> Self {
        Self { profile, judged: Judged::skipped(why), run: None }
    }

    /// Whether the client did what it must not do.
    pub(super) fn is_failure(&self) -> bool {
        self.judged.is_failure(self.profile)
    }

    pub(super) fn is_inconclusive(&self) -> bool {
        self.judged.is_inconclusive(self.profile)
    }

    /// The last lines of the output, and the transcript.
    pub(super) fn details(&self) -> Option<(&str, &str)> {
        self.run.as_ref().map(|(_, output, transcript)| (&**output, &**transcript))
    }

    pub(super) fn to_json(&self) -> Value {
        let Judged { verdict, leaks, why, note } = &self.judged;
        let leaks: Vec<&str> = leaks.iter().map(|leak| leak.name()).collect();
        let (end, output, transcript) = match &self.run {
            Some((end, output, transcript)) => (Some(end), Some(output), Some(transcript)),
            None => (None, None, None),
        };
        json!({
            "profile": self.profile.name(),
            "about": self.profile.about(),
            "verdict": verdict.name(),
            "failed": self.is_failure(),
            "leaks": leaks,
            "why": why,
            "note": note,
            "end": end,
            "output": output,
            "transcript": transcript,
        })
    }
}

pub(super) fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output.trim_end().lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}
