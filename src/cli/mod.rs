//! The command line of the program `mailjig`.

mod client;
mod options;
mod redact;
mod scenarios;
mod serve;
mod watch;

use std::process::ExitCode;

use clap::{Arg, ArgAction, Command, CommandFactory, FromArgMatches, Parser, Subcommand};

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
    let matches = command().get_matches();
    match Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command {
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

/// All commands with their options.
fn command() -> Command {
    // The values of variables may be passwords, so the help does not show them.
    let command = Arguments::command().mut_subcommands(|its| its.mut_args(|arg| arg.hide_env_values(true)));
    command.mut_subcommand("serve", |serve| serve.mut_args(with_value))
}

/// Lets a switch take `=true` or `=false`, so that a flag can turn off what a variable or the configuration file turned
/// on.
fn with_value(arg: Arg) -> Arg {
    if !matches!(arg.get_action(), ArgAction::SetTrue) {
        return arg;
    }
    let switch = arg.action(ArgAction::Set).value_parser(options::truth).value_name("BOOL");
    let switch = switch.num_args(0..=1).require_equals(true).default_value("false").default_missing_value("true");
    switch.hide_default_value(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_of_a_server_has_its_variable() {
        for name in ["serve"] {
            let mut all = command();
            let subcommand = all.find_subcommand_mut(name).unwrap();
            subcommand.build();
            let options = subcommand.get_arguments().filter_map(|arg| Some((arg, arg.get_long()?)));
            let options = options.filter(|(_, long)| !["help", "version"].contains(long));
            for (arg, long) in options {
                let variable = format!("MAILJIG_{}", long.replace('-', "_").to_uppercase());
                assert_eq!(arg.get_env(), Some(variable.as_ref()), "--{long} of `mailjig {name}`");
            }
        }
    }
}
