//! From the command line, the variables and the configuration file to the command with its options.

use std::env;
use std::path::PathBuf;
use std::process;

use clap::builder::{Resettable, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, value_parser};

use super::{Arguments, CliCommand, config, options};

/// The exit status for a wrong option, also of clap.
const WRONG_USE: i32 = 2;

/// The options of a server that `mailjig audit-tls` does not have.
const NOT_IN_AUDIT: [&str; 5] = ["ports", "ca_file", "scenario", "set", "fail_on_findings"];

/// The command in the arguments. Ends the process if they are wrong, or if they ask for help.
pub(super) fn parse() -> CliCommand {
    let matches = matches(command());
    let chosen = matches.subcommand().and_then(|(name, its)| Some((name, its, its.try_get_one("config").ok()??)));
    let matches = match chosen {
        None => matches,
        Some((name, its, path)) => {
            let path: &PathBuf = path;
            self::matches(config::with_file(command(), (name, its), path).unwrap_or_else(|error| {
                complain!("{error}");
                process::exit(WRONG_USE)
            }))
        }
    };
    Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command
}

fn matches(command: Command) -> ArgMatches {
    command.clone().try_get_matches().unwrap_or_else(|error| with_dashes(with_variable(error, command)).exit())
}

/// All commands with their options.
pub(super) fn command() -> Command {
    // The values of variables may be passwords, so the help does not show them.
    let command = Arguments::command().mut_subcommands(|its| its.mut_args(|arg| arg.hide_env_values(true)));
    let command = command.mut_subcommand("serve", of_server).mut_subcommand("run", of_server);
    let command = command.mut_subcommand("audit-tls", of_server);
    // What servers that run in parallel cannot share, and what the audit sets itself.
    let without = |its: Command| {
        NOT_IN_AUDIT.iter().fold(its, |its, id| its.mut_arg(*id, |arg| arg.hide(true).env(Resettable::Reset)))
    };
    let command = command.mut_subcommand("audit-tls", without);
    // The default ports may be taken by a server that runs all the time.
    command.mut_subcommand("run", |run| run.mut_arg("ports", |ports| ports.default_value("auto")))
}

/// A subcommand with the options of a server.
fn of_server(command: Command) -> Command {
    let config = Arg::new("config").long("config").value_name("FILE").env("MAILJIG_CONFIG");
    let config = config.value_parser(value_parser!(PathBuf)).hide_env_values(true);
    let help = "A TOML file with options: keys are the names of flags without `--`. Flags and variables override it.";
    command.mut_args(with_value).arg(config.help(help).display_order(0).help_heading(Resettable::Reset))
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

/// Says that `--` is missing before the command of `mailjig run` or `mailjig audit-tls`.
fn with_dashes(mut error: clap::Error) -> clap::Error {
    let name = env::args_os().nth(1).unwrap_or_default();
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return error };
    if (name == "run" || name == "audit-tls")
        && error.kind() == ErrorKind::UnknownArgument
        && !argument.starts_with('-')
    {
        let tip =
            StyledStr::from(format!("write `--` before the command, as in `mailjig {} -- {argument}`", name.display()));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// Names the variable that a wrong value comes from.
fn with_variable(mut error: clap::Error, mut commands: Command) -> clap::Error {
    commands.build();
    let text = |kind| error.get(kind).map(ToString::to_string);
    let (Some(option), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) else {
        return error;
    };
    let all = commands.get_subcommands().flat_map(Command::get_arguments);
    let is_flag = |arg: &Arg| {
        let flag = format!("--{}", arg.get_long().unwrap_or_default());
        let is_it = |argument: String| argument == flag || argument.starts_with(&format!("{flag}="));
        env::args_os().any(|argument| is_it(argument.to_string_lossy().into_owned()))
    };
    let mut variables = all.filter(|arg| arg.to_string() == option && !is_flag(arg)).filter_map(Arg::get_env);
    let is_source =
        |variable: &&std::ffi::OsStr| env::var_os(variable).is_some_and(|its| its.to_string_lossy().contains(&value));
    if let Some(variable) = variables.find(is_source) {
        let tip = StyledStr::from(format!("the value is from the variable {}", variable.to_string_lossy()));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_option_of_a_server_has_its_variable() {
        for name in ["serve", "run"] {
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
