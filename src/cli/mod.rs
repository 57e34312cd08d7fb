//! The command line of the program `mailjig`.

mod client;
mod config;
mod file_limit;
mod options;
mod parse;
mod redact;
mod scenarios;
mod serve;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A mail server for tests: SMTP, IMAP and POP3, with faults on purpose and an HTTP API.
#[derive(Parser)]
#[command(name = "mailjig", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Start a server and run it until SIGINT or SIGTERM.
    Serve(Box<options::Serve>),
    /// Check scenario files and print their errors.
    Check(scenarios::Check),
    /// List the scenarios that come with mailjig, or print one.
    Scenarios(scenarios::List),
    #[command(flatten)]
    Client(client::ClientCommand),
}

/// Runs the command in the arguments.
pub fn main() -> ExitCode {
    match parse::parse() {
        CliCommand::Serve(options) => match serve::serve(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("mailjig: {error}");
                ExitCode::FAILURE
            }
        },
        CliCommand::Check(options) => scenarios::check(&options),
        CliCommand::Scenarios(options) => scenarios::list(&options),
        CliCommand::Client(command) => client::run(&command),
    }
}
