//! Verification: whether rules fired, expectations are met, and clients did nothing that must not be.

use std::fmt;

use super::{FindingFilters, Server, write_report};
use crate::expect::{
    FailingKinds, Finding, FindingKind, FindingLines, FindingsReport, Question, RulesReport, Snapshot,
    UnmetExpectations, verify_expectations,
};

/// What is not as expected: at least one of these.
#[derive(Debug)]
pub(crate) struct Unverified {
    rules: Option<RulesReport>,
    expectations: Option<UnmetExpectations>,
    findings: Option<FindingsReport>,
}

impl Server {
    /// Verifies rules, these expectations, and findings if the settings or the scenario ask for it. `is_at_end` is whether
    /// the server is being dropped, so that nothing was awaited. Reads messages without the lock, and writes the report to
    /// the folder for reports.
    pub(crate) fn verify(&self, expectations: &[Question], is_at_end: bool) -> Option<Unverified> {
        let (rules, snapshot) = self.engine.read(|world| {
            let snapshot = (!expectations.is_empty()).then(|| Snapshot::of(&world.journal));
            (world.rules_report(), snapshot)
        });
        let expectations = snapshot.and_then(|snapshot| verify_expectations(expectations, &snapshot, is_at_end).err());
        let mut findings = FindingLines::of(self.failing_findings());
        while !self.engine.read(|world| findings.read(&world.journal)) {}
        let findings = findings.report();
        if rules.is_none() && expectations.is_none() && findings.is_none() {
            return None;
        }
        let unverified = Unverified { rules, expectations, findings };
        write_report(&self.engine, &unverified);
        Some(unverified)
    }

    /// The findings since the scenario came into force that make the verification fail. An open session is one here.
    fn failing_findings(&self) -> Vec<Finding> {
        let of_scenario = self.engine.read(|world| world.scenario.as_ref().and_then(|loaded| loaded.failing.clone()));
        let all: Vec<&FailingKinds> = self.settings.failing.iter().chain(&of_scenario).collect();
        let fails = |kind: FindingKind| all.iter().any(|kinds| kinds.include(kind));
        if all.is_empty() {
            return Vec::new();
        }
        let (since, open) = self.engine.read(|world| {
            let open = world.journal.sessions().filter(|log| log.facts().ended.is_none());
            let open: Vec<Finding> = open.filter_map(Finding::left_open).collect();
            (world.rulebook.since().record.max(world.journal.floor()), open)
        });
        let filters = FindingFilters { after: Some(since), ..FindingFilters::default() };
        // Records may be discarded in between; their findings are gone.
        let found = self.findings(&filters, usize::MAX).map_or_else(|_gone| Vec::new(), |(found, _)| found);
        found.into_iter().chain(open).filter(|finding| fails(finding.kind())).collect()
    }
}

impl fmt::Display for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rules, expectations, findings } = self;
        let texts = [
            rules.as_ref().map(ToString::to_string),
            expectations.as_ref().map(ToString::to_string),
            findings.as_ref().map(ToString::to_string),
        ];
        f.write_str(&texts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }
}

/// The members of the report on rules, if there is one, the reports on expectations of messages, and the findings.
#[cfg(feature = "serde")]
impl serde::Serialize for Unverified {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Body<'u> {
            #[serde(flatten)]
            rules: Option<&'u RulesReport>,
            messages: &'u [crate::expect::Report],
            findings: Option<&'u FindingsReport>,
        }
        let messages = self.expectations.as_ref().map_or(&[][..], |unmet| &unmet.reports);
        Body { rules: self.rules.as_ref(), messages, findings: self.findings.as_ref() }.serialize(serializer)
    }
}
