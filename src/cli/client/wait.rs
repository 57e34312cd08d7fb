//! `mailjig wait`.

use std::time::Duration;

use clap::Args;

use super::failure::Failure;
use super::filters::{Filters, after_long_help};
use super::messages::print_messages;
use super::target::Target;
use super::{STATUSES, after_help, time};
use crate::base::short;
use crate::cli::examples;
use crate::cli::options::number;

/// Wait for messages, or make sure that none arrives.
///
/// The command prints the messages. If too few match in time, it prints a report that says which message came closest,
/// and fails.
#[derive(Args)]
#[command(after_help = after_help(examples::WAIT, STATUSES), after_long_help = after_long_help(examples::WAIT))]
pub(in crate::cli) struct Wait {
    #[command(flatten)]
    filters: Filters,
    /// Number of messages to wait for.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = at_least_one)]
    count: u32,
    /// How long to wait.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = time)]
    timeout: Duration,
    /// Succeed if no message matches for this time, and fail with a report as soon as one does.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["count", "timeout"])]
    none_within: Option<Duration>,
    /// Only messages after this cursor: the `seq` of a message, or `next` of a list.
    #[arg(long, value_name = "SEQ", value_parser = number::<u64>)]
    after: Option<u64>,
    /// Print a line of JSON for each message; a failure is a JSON document too.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

impl Wait {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut query = self.filters.query();
        query.extend(self.after.map(|after| ("after", after.to_string())));
        if let Some(within) = self.none_within {
            query.push(("none_within", short(within)));
            return self.target.json_within("/messages", query, within).map(drop);
        }
        query.push(("wait", short(self.timeout)));
        query.push(("count", self.count.to_string()));
        query.push(("limit", u32::MAX.to_string()));
        let list = self.target.json_within("/messages", query, self.timeout)?;
        print_messages(&list["messages"], self.json)
    }
}

fn at_least_one(text: &str) -> Result<u32, String> {
    match number(text) {
        Ok(0) => Err("write 1 or more; `--none-within 2s` makes sure that no message comes".to_owned()),
        count => count,
    }
}
