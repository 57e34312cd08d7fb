//! The command line of the program `mailjig`.

/// Writes a line to stderr. Unlike `eprintln`, it does not panic if nobody reads it.
macro_rules! complain {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        let _nobody_may_read = writeln!(std::io::stderr(), $($text)*);
    }};
}

mod audit_tls;
mod client;
mod color;
mod config;
mod event;
mod examples;
mod file_limit;
mod hangups;
mod options;
mod pages;
mod parent;
mod parse;
mod peer;
mod record;
mod redact;
#[cfg(test)]
mod reference;
mod replay;
mod run;
mod scenarios;
mod serve;
mod start;
mod stop;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::scenario::SCHEMA;

/// A mail server for tests: SMTP, IMAP and POP3, with faults on purpose and an HTTP API.
#[derive(Parser)]
#[command(name = "mailjig", version, arg_required_else_help = true, after_help = examples::MAILJIG)]
struct Arguments {
    #[command(subcommand)]
    command: CliCommand,
}

#[derive(Subcommand)]
enum CliCommand {
    /// Start a server and run it until SIGINT or SIGTERM.
    #[command(after_help = examples::SERVE)]
    Serve(Box<options::Serve>),
    /// Run a command with a server for it, verify the server's rules, and end with the command's status.
    #[command(after_help = examples::RUN)]
    Run(Box<run::Run>),
    /// Run a command against servers with bad certificates and bad handshakes, and say which of them it accepts.
    #[command(after_help = examples::AUDIT_TLS)]
    AuditTls(Box<audit_tls::AuditTls>),
    /// Check scenario files and print their errors.
    #[command(after_help = examples::CHECK)]
    Check(scenarios::Check),
    /// List the scenarios that come with mailjig, or print one.
    #[command(after_help = examples::SCENARIOS)]
    Scenarios(scenarios::List),
    /// Stand between a client and a real server, and write their sessions as scripts.
    #[command(after_help = examples::RECORD)]
    Record(Box<record::Record>),
    /// Play the client's side of a script to a server, and report the first difference.
    #[command(after_help = examples::REPLAY)]
    Replay(Box<replay::Replay>),
    /// Print the JSON Schema of scenario files, for editors.
    #[command(after_help = examples::SCHEMA)]
    Schema,
    #[command(flatten)]
    Client(client::ClientCommand),
    Completions(pages::Completions),
    Man(pages::Page),
}

/// Runs the command in the arguments.
pub fn main() -> ExitCode {
    match parse::parse() {
        CliCommand::Serve(options) => match serve::serve(&options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                complain!("mailjig: {error}");
                ExitCode::FAILURE
            }
        },
        CliCommand::Run(options) => run::run(&options),
        CliCommand::AuditTls(options) => audit_tls::audit_tls(&options),
        CliCommand::Check(options) => scenarios::check(&options),
        CliCommand::Scenarios(options) => scenarios::list(&options),
        CliCommand::Record(options) => record::record(&options),
        CliCommand::Replay(options) => replay::replay(&options),
        CliCommand::Schema => scenarios::exit_code(scenarios::print(SCHEMA)),
        CliCommand::Completions(options) => pages::completions(&options),
        CliCommand::Man(options) => pages::page(&options),
        CliCommand::Client(command) => client::run(&command),
    }
}
