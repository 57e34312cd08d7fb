//! What goes wrong on purpose.

use std::sync::Arc;

use clap::Args;

use super::value::number;
use crate::cli::scenarios::{find, pair};
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
}

impl Failing {
    /// Fails if the scenario is not valid.
    pub(super) fn apply(&self, settings: &mut Settings) -> Result<(), String> {
        settings.seed = self.seed.unwrap_or(1);
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
