//! `mailjig findings`.

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::filters::after_long_help;
use super::output::print_json_lines;
use super::table::{Column, print_table};
use super::target::Target;
use super::{STATUSES, after_help};
use crate::cli::examples;

/// List what clients did that careful clients do not do, such as a message without Date.
#[derive(Args)]
#[command(after_help = after_help(examples::FINDINGS, STATUSES), after_long_help = after_long_help(examples::FINDINGS))]
pub(in crate::cli) struct Findings {
    /// Kind of finding, as in `missing-date`.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    kind: Option<String>,
    /// The session, as in `s1`.
    #[arg(long, value_name = "SESSION", help_heading = "Filters")]
    session: Option<String>,
    /// Listener of the session, as in `smtp`.
    #[arg(long, value_name = "PATTERN", help_heading = "Filters")]
    listener: Option<String>,
    /// Fail if there is a finding.
    #[arg(long)]
    none: bool,
    /// Print a line of JSON for each finding.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

impl Findings {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let filters = [("kind", &self.kind), ("session", &self.session), ("listener", &self.listener)];
        let query = filters.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let list = self.target.json("/findings", query.collect())?;
        let findings = &list["findings"];
        match self.json {
            true => print_json_lines(findings)?,
            false => print_findings(findings)?,
        }
        match findings.as_array().map_or(0, Vec::len) {
            0 => Ok(()),
            _ if !self.none => Ok(()),
            1 => Err(Failure::unmet("there is 1 finding")),
            count => Err(Failure::unmet(format!("there are {count} findings"))),
        }
    }
}

fn print_findings(findings: &Value) -> Result<(), Failure> {
    let columns = [
        Column::fixed("session"),
        Column::fixed("listener"),
        Column::fixed("message"),
        Column::fixed("kind"),
        Column::text("text"),
        Column::fixed("reference"),
    ];
    let rows = findings.as_array().into_iter().flatten().map(|finding| {
        let names = ["session", "listener", "message", "kind", "text", "reference"];
        names.map(|name| finding[name].as_str().unwrap_or_default().to_owned())
    });
    print_table(columns, rows.collect())
}
