//! `mailjig lint`.

use clap::Args;
use serde_json::{Value, json};

use super::failure::Failure;
use super::output::{harmless, print, print_json};
use super::subject::{self, Subject};
use super::target::{Query, Target};
use super::{STATUSES, after_help};
use crate::api::LintJson;
use crate::cli::examples;

/// Check messages against the standards, and fail if one has an error.
///
/// A line for each violation: the message, line and column, severity, code, what would be right, and the standard.
#[derive(Args)]
#[command(after_help = after_help(examples::LINT, STATUSES))]
pub(in crate::cli) struct Lint {
    #[arg(value_name = "MESSAGE", required = true, help = subject::HELP)]
    messages: Vec<String>,
    /// Also fail if there is a warning.
    #[arg(long)]
    strict: bool,
    /// Print the API's JSON, a line for each message.
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten)]
    target: Target,
}

impl Lint {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (mut errors, mut warnings) = (0, 0);
        for name in &self.messages {
            let found = match Subject::named(name)? {
                Subject::Captured(path) => self.target.json(&format!("{path}/lint"), Query::new())?,
                Subject::File(message) => json!(LintJson::of(&message)),
            };
            match self.json {
                true => print_json(&found)?,
                false => print_violations(name, &found["violations"])?,
            }
            errors += found["errors"].as_u64().unwrap_or(0);
            warnings += found["warnings"].as_u64().unwrap_or(0);
        }
        let told = format!("{} and {}", counted(errors, "error"), counted(warnings, "warning"));
        match errors > 0 || (self.strict && warnings > 0) {
            true => Err(Failure::unmet(told)),
            false => Ok(()),
        }
    }
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

fn print_violations(name: &str, violations: &Value) -> Result<(), Failure> {
    let lines = violations.as_array().into_iter().flatten().map(|its| {
        let text = |member: &str| its[member].as_str().unwrap_or_default().to_owned();
        let (line, column, severity, code) = (&its["line"], &its["column"], text("severity"), text("code"));
        let line = format!("{name}:{line}:{column}: {severity}: {code}: {} ({})", text("text"), text("reference"));
        harmless(&line, &[]) + "\n"
    });
    print(lines.collect::<String>().as_bytes())
}
