//! The binary: arguments in, endpoints out.

mod options;
mod redact;
mod scenarios;
mod serve;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// A mail server for tests: it captures what your code sends, and answers questions.
#[derive(Parser)]
#[command(name = "mailjig", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Start a server and keep it running until it is told to stop.
    Serve(Box<options::Serve>),
    /// Read scenario files, and say what is wrong with them.
    Check(scenarios::Check),
    /// List the scenarios that are shipped, or print one.
    Scenarios(scenarios::List),
}

/// Does what the arguments say.
pub fn main() -> ExitCode {
    match Arguments::parse().command {
        CliCommand::Serve(options) => match serve::serve(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("mailjig: {error}");
                ExitCode::FAILURE
            }
        },
        CliCommand::Check(options) => scenarios::check(&options),
        CliCommand::Scenarios(options) => scenarios::list(&options),
    }
}
