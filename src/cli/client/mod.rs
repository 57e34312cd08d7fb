//! The commands that talk to a running server: over its HTTP API, and `send` over SMTP.

mod ca;
mod certs;
mod dkim;
mod failure;
mod filters;
mod findings;
mod follow;
mod lint;
mod messages;
mod output;
mod ready;
mod send;
mod show;
mod subject;
mod table;
mod target;
mod transcript;
mod wait;

use std::process::ExitCode;
use std::time::Duration;

use clap::Subcommand;

use crate::base::span;

/// The exit statuses of all commands that ask the HTTP API, for their help.
const STATUSES: &str = "\
Exit status:
  0  done
  1  the answer is no; stderr has the report or the reason
  2  the command line is wrong, or no server answers at the URL";

/// What the help says after the options.
fn after_help(examples: &str, statuses: &str) -> String {
    format!("{examples}\n\n{statuses}")
}

/// The name of the last message or session, in place of its number.
const LATEST: &str = "latest";

#[derive(Subcommand)]
pub(super) enum ClientCommand {
    Send(Box<send::Send>),
    Wait(Box<wait::Wait>),
    Ready(ready::Ready),
    Messages(Box<messages::Messages>),
    Show(Box<show::Show>),
    Dkim(Box<dkim::Dkim>),
    Lint(lint::Lint),
    Transcript(transcript::Transcript),
    Findings(findings::Findings),
    Follow(follow::Follow),
    Ca(ca::Ca),
    Certs(certs::Certs),
}

/// Runs a command.
pub(super) fn run(command: &ClientCommand) -> ExitCode {
    let (done, as_json) = match command {
        ClientCommand::Send(its) => (its.run(), its.json),
        ClientCommand::Wait(its) => (its.run(), its.json),
        ClientCommand::Ready(its) => (its.run(), its.json),
        ClientCommand::Messages(its) => (its.run(), its.json),
        ClientCommand::Show(its) => (its.run(), its.json),
        ClientCommand::Dkim(its) => (its.run(), its.json),
        ClientCommand::Lint(its) => (its.run(), its.json),
        ClientCommand::Transcript(its) => (its.run(), false),
        ClientCommand::Findings(its) => (its.run(), its.json),
        ClientCommand::Follow(its) => (its.run(), its.json),
        ClientCommand::Ca(its) => (its.run(), false),
        ClientCommand::Certs(its) => (its.run(), its.json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(as_json),
    }
}

/// A time of an option, such as `5s`.
pub(super) fn time(text: &str) -> Result<Duration, String> {
    let time = span(text).map(Duration::from_micros);
    time.ok_or_else(|| "write a time such as `500ms`, `5s` or `2m`".to_owned())
}
