//! `mailjig follow`.

mod event;
mod line;
mod records;

use std::io;

use clap::Args;
use clap::builder::PossibleValuesParser;

use super::failure::Failure;
use super::output::{print_json, print_to};
use super::target::Target;
use super::{STATUSES, after_help};
use crate::cli::color::Color;
use crate::cli::examples;
use crate::cli::options::number;
use crate::journal::Description;
use records::Records;

/// Print what happens on the server, as it happens.
///
/// The command prints the records of the journal, first those that exist and then new ones: sessions, requests with
/// their replies and the rules that fired, mail. Passwords are not shown, except with `--json`. If the server cannot be
/// reached any more, the command waits until it can.
#[derive(Args)]
#[command(after_help = after_help(examples::FOLLOW, STATUSES))]
pub(in crate::cli) struct Follow {
    /// Only records of this session, as in `s1`.
    #[arg(long, value_name = "SESSION")]
    session: Option<String>,
    /// Only exchanges of this event, as in `smtp.rcpt`.
    #[arg(long, value_name = "EVENT")]
    event: Option<String>,
    /// Only records of this kind.
    #[arg(long, value_name = "KIND", value_parser = PossibleValuesParser::new(Description::NAMES))]
    kind: Option<String>,
    /// Only records after the one with this number.
    #[arg(long, value_name = "SEQ", value_parser = number::<u64>)]
    after: Option<u64>,
    /// Only records from now on.
    #[arg(long, conflicts_with = "after")]
    new: bool,
    /// Print each record as a line of JSON, as in `GET /v1/journal`.
    #[arg(long)]
    pub(super) json: bool,
    /// Colours in the lines.
    #[arg(long, value_enum, value_name = "WHEN", env = "MAILJIG_COLOR", default_value = "auto")]
    color: Color,
    #[command(flatten)]
    target: Target,
}

impl Follow {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let filters = [("session", &self.session), ("event", &self.event), ("kind", &self.kind)];
        let filters = filters.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        let after = if self.new { Some(records::last(&self.target)?) } else { self.after };
        let mut records = Records::new(&self.target, filters.collect(), after);
        let mut out = self.color.stream(io::stdout());
        loop {
            let Some(record) = records.next()? else { continue };
            match self.json {
                true => print_json(&record)?,
                false => line::line(&record).map_or(Ok(()), |line| print_to(&mut out, line.as_bytes()))?,
            }
        }
    }
}
