//! What goes wrong on purpose.

use std::sync::Arc;

use clap::Args;

use super::value::number;
use crate::cli::scenarios::{find, pair};
use crate::expect::FailingKinds;
use crate::server::Settings;

#[derive(Args)]
#[command(next_help_heading = "Scenario")]
pub(super) struct Failing {
    /// A scenario: the name of one that comes with mailjig, such as `smtp-greylist`, or a file.
    #[arg(long, value_name = "NAME|FILE", env = "MAILJIG_SCENARIO")]
    scenario: Option<String>,
    /// Sets a parameter of the scenario; may be repeated. The variable has one in each line.
    #[arg(long, value_name = "NAME=VALUE", env = "MAILJIG_SET", value_delimiter = '\n', value_parser = pair)]
    set: Vec<(String, String)>,
    /// Seed for `chance`, random waits and generated values [default: the scenario's seed, else 1].
    #[arg(long, value_name = "N", env = "MAILJIG_SEED", value_parser = number::<u32>)]
    seed: Option<u32>,
    /// Fail the verification if clients did what careful clients do not do: with any finding, or with one of these
    /// kinds, such as `missing-*,!missing-message-id`.
    #[arg(long, value_name = "KINDS", env = "MAILJIG_FAIL_ON_FINDINGS", num_args = 0..=1, require_equals = true,
        default_missing_value = "*")]
    fail_on_findings: Option<String>,
}

impl Failing {
    /// Fails if the scenario is not valid.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        settings.seed = self.seed.unwrap_or(1);
        let kinds = self.fail_on_findings.as_deref().map(|kinds| FailingKinds::parse(kinds.split(',').map(str::trim)));
        settings.failing = kinds.transpose().map_err(|error| format!("--fail-on-findings: {error}"))?;
        let Some(which) = &self.scenario else {
            let first = self.set.first().map(|(name, _)| name);
            return first.map_or(Ok(()), |name| Err(format!("`--set {name}=…` needs a scenario: add `--scenario`")));
        };
        let mut scenario = self.set.iter().fold(find(which), |its, (name, value)| its.set(name, value));
        if let Some(seed) = self.seed {
            scenario = scenario.seed(seed.into());
        }
        let loaded = scenario.load().map_err(|error| format!("the scenario is not valid\n{error}"))?;
        settings.scenario = Some(Arc::new(loaded));
        Ok(())
    }
}
