//! `mailjig ready`.

use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::output::{print, print_json};
use super::target::{Query, Target};
use super::{after_help, time};
use crate::cli::examples;

/// Time between two attempts.
const PAUSE: Duration = Duration::from_millis(50);

const STATUSES: &str = "\
Exit status:
  0  every listener accepts connections
  1  not so, or no server answers; stderr says why
  2  the command line is wrong, or the server refuses to answer";

/// Ask whether the server accepts connections, or wait until it does.
#[derive(Args)]
#[command(after_help = after_help(examples::READY, STATUSES))]
pub(in crate::cli) struct Ready {
    /// Try again for this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    wait: Option<Duration>,
    /// Print the API's answer.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

impl Ready {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let began = Instant::now();
        let wait = self.wait.unwrap_or_default();
        loop {
            let failure = match self.target.json("/health", Query::new()) {
                Ok(health) => return self.print(&health),
                Err(failure) => failure,
            };
            match failure {
                Failure::Unmet(..) | Failure::Unreachable(_) if began.elapsed() < wait => thread::sleep(PAUSE),
                Failure::Unreachable(text) => return Err(Failure::unmet(text)),
                Failure::Unmet(..) | Failure::Unusable(..) | Failure::Undelivered(..) | Failure::OutputClosed => {
                    return Err(failure);
                }
            }
        }
    }

    fn print(&self, health: &Value) -> Result<(), Failure> {
        if self.json {
            return print_json(health);
        }
        let listeners = health["listeners"].as_array().into_iter().flatten().filter_map(Value::as_str);
        print(format!("ready: {}\n", listeners.collect::<Vec<_>>().join(", ")).as_bytes())
    }
}
