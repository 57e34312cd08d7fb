//! `mailjig messages`.

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::filters::{Filters, after_long_help};
use super::output::print_json_lines;
use super::table::{Column, print_table};
use super::target::Target;
use super::{STATUSES, after_help};
use crate::cli::examples;
use crate::cli::options::number;

/// List the captured messages.
#[derive(Args)]
#[command(after_help = after_help(examples::MESSAGES, STATUSES), after_long_help = after_long_help(examples::MESSAGES))]
pub(in crate::cli) struct Messages {
    #[command(flatten)]
    filters: Filters,
    /// Maximum number of messages, the oldest first [default: all].
    #[arg(long, value_name = "N", value_parser = number::<u32>)]
    limit: Option<u32>,
    /// Only messages after this cursor: the `seq` of a message, or `next` of a list.
    #[arg(long, value_name = "SEQ", value_parser = number::<u64>)]
    after: Option<u64>,
    /// Print a line of JSON for each message.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

impl Messages {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut query = self.filters.query();
        query.push(("limit", self.limit.unwrap_or(u32::MAX).to_string()));
        query.extend(self.after.map(|after| ("after", after.to_string())));
        let list = self.target.json("/messages", query)?;
        print_messages(&list["messages"], self.json)
    }
}

/// Prints messages of the API: as a table, or each as a line of JSON.
pub(super) fn print_messages(messages: &Value, as_json: bool) -> Result<(), Failure> {
    if as_json {
        return print_json_lines(messages);
    }
    let columns = [
        Column::fixed("id"),
        Column::fixed("received"),
        Column::text("from"),
        Column::text("to"),
        Column::text("subject"),
        Column::number("size"),
    ];
    let rows = messages.as_array().into_iter().flatten().map(|message| {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let envelope = &message["envelope"];
        let recipients = envelope["recipients"].as_array().into_iter().flatten().map(recipient);
        [
            text(&message["id"]),
            seconds(&text(&message["received"])),
            text(&envelope["from"]["address"]),
            recipients.collect::<Vec<_>>().join(" "),
            text(&message["subject"]),
            message["size"].to_string(),
        ]
    });
    print_table(columns, rows.collect())
}

/// The address, and whether the server refused it.
pub(super) fn recipient(recipient: &Value) -> String {
    let address = recipient["address"].as_str().unwrap_or_default();
    let is_refused = recipient["verdict"] == "refused";
    format!("{address}{}", if is_refused { " (refused)" } else { "" })
}

/// A time of the API without the fraction of the second.
fn seconds(time: &str) -> String {
    time.split_once('.').map_or_else(|| time.to_owned(), |(seconds, _)| format!("{seconds}Z"))
}
