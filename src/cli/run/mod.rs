//! `mailjig run`: a server for one command, with its addresses in the command's environment.

mod command;
mod environment;
mod signals;
mod template;

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use clap::{ArgAction, Args};

use super::color::FAILURE;
use super::options::{ServerOptions, truth};
use super::scenarios::pair;
use super::start::{Started, write};
use super::watch::{Format, Watch};
use crate::drive::{Engine, Interest, Topic};
use crate::server::{Server, Until, Unverified};
use crate::world::World;
pub(super) use command::{after_signal, not_executed, prepared, wait_for_end};
pub(super) use environment::Environment;
use signals::Signals;
pub(super) use signals::ignored;

/// How long verification waits for the end of what the command began.
const SETTLE: Duration = Duration::from_secs(5);
/// The exit status if the server did not start, as `env` and `timeout` have for failures of their own.
pub(super) const NOT_STARTED: u8 = 125;
/// The exit status if the command succeeded and verification failed.
const NOT_VERIFIED: u8 = 1;

#[derive(Args)]
pub(super) struct Run {
    #[command(flatten)]
    server: ServerOptions,
    /// Set a further variable for the command: `{smtp.host}`, `{smtp.port}`, `{smtp.url}` and so on are replaced; may
    /// be repeated. The variable has one in each line.
    #[arg(long, value_name = "NAME=TEMPLATE", env = "MAILJIG_ENV", value_delimiter = '\n', value_parser = variable,
        help_heading = "Command")]
    env: Vec<(String, String)>,
    /// Verify rules and expectations after the command; the status is 1 if that fails and the command succeeded. On by
    /// default; `--verify=false` turns it off.
    #[arg(long, value_name = "BOOL", env = "MAILJIG_VERIFY", action = ArgAction::Set, num_args = 0..=1,
        require_equals = true, default_value = "true", default_missing_value = "true", hide_default_value = true,
        value_parser = truth, help_heading = "Command")]
    verify: bool,
    /// Write a line for each event to standard error, among the lines of the command.
    #[arg(long, short, env = "MAILJIG_VERBOSE", help_heading = "Output")]
    verbose: bool,
    /// The command and its arguments.
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// `NAME=TEMPLATE`.
pub(super) fn variable(text: &str) -> Result<(String, String), String> {
    pair(text).map_err(|_| "write a name and a template, as in `MAIL_HOST={smtp.host}`".to_owned())
}

/// Runs the command. The status is the command's own, 128 and the number of the signal that ended it, 127 if it does not
/// exist, 126 if it cannot be executed, 125 if the server does not start, or 1 if only verification failed.
pub(super) fn run(options: &Run) -> ExitCode {
    match run_command(options) {
        Ok(status) => status.into(),
        Err(error) => {
            say(format_args!("mailjig: {error}"));
            NOT_STARTED.into()
        }
    }
}

fn run_command(options: &Run) -> Result<u8, Box<dyn Error>> {
    // From now on, so that a signal during the start of the server is not missed.
    let signals = Signals::listen()?;
    let started = Started::new(&options.server)?;
    let folder = tempfile::tempdir()?;
    let ca_file = match options.server.ca_file() {
        Some(path) => std::path::absolute(path)?,
        None => ca_file(folder.path().join("ca.pem"), started.server())?,
    };
    let environment = Environment::of(&started, &ca_file, options.server.token());
    let further = environment.further(&options.env)?;
    let watch = match options.verbose {
        false => None,
        true => Some(Watch::start(started.server(), options.server.color().stream(io::stderr()), Format::Text)?),
    };

    let ended = command::run(&options.command, &environment, further, &signals)?;
    let reports = if options.verify && ended.has_run { reports(&started) } else { Vec::new() };
    let server = started.server().clone();
    started.stop();
    if let Some(watch) = watch {
        watch.finish(&server);
    }
    for (whose, report) in &reports {
        let mut out = options.server.color().stream(io::stderr());
        let _unread = writeln!(out, "{FAILURE}{whose}{report}{FAILURE:#}");
    }
    Ok(if ended.status == 0 && !reports.is_empty() { NOT_VERIFIED } else { ended.status })
}

pub(super) fn ca_file(path: PathBuf, server: &Server) -> Result<PathBuf, String> {
    write(&path, server.ca())?;
    Ok(path)
}

/// The reports of the servers whose rules or expectations are not met: of the main one, and of those that the command
/// added.
fn reports(started: &Started) -> Vec<(String, Unverified)> {
    let further = started.host.further();
    let further = further.iter().map(|its| (format!("server {}: ", its.no), &its.server));
    let all = [(String::new(), started.server())].into_iter().chain(further);
    all.filter_map(|(whose, server)| Some((whose, report(server)?))).collect()
}

/// Why rules or expectations are not met, once the server has settled.
fn report(server: &Server) -> Option<Unverified> {
    let is_settled = |engine: &Engine| engine.read(|world| world.journal.is_settled()).then_some(());
    let _settled_or_not = Until::new(server.engine(), Interest::of([Topic::Quiet]), SETTLE, is_settled).block();
    thread::sleep(server.engine().read(World::settle_time));
    let expectations = server.engine().read(|world| world.expectations.questions());
    server.verify(&expectations, false)
}

/// Writes a line to standard error, which may be closed.
fn say(line: impl std::fmt::Display) {
    let _unread = writeln!(io::stderr(), "{line}");
}
