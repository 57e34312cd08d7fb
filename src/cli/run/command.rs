//! Running the command to its end.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::super::file_limit::raise_file_limit;
use super::environment::Environment;
use super::say;
use super::signals::Signals;

const NOT_FOUND: &str = "; programs are searched in PATH, and an alias or a built-in of a shell needs `sh -c`";
const NOT_EXECUTABLE: &str = "; is it a program, with the permission to execute it?";

/// How a command ended.
pub(super) struct Ended {
    pub(super) status: u8,
    /// Whether it was executed at all.
    pub(super) has_run: bool,
}

/// Runs a command. Its status is as a shell would have it.
pub(super) fn run(
    command: &[OsString],
    environment: &Environment,
    further: Vec<(String, String)>,
    signals: &Signals,
) -> io::Result<Ended> {
    let Some(mut command) = prepared(command, environment, further) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    if let Some(signal) = signals.before() {
        return Ok(Ended { status: after_signal(signal.as_raw()), has_run: false });
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let (status, why) = not_executed(&command, &error);
            say(format_args!("mailjig: {why}"));
            return Ok(Ended { status, has_run: false });
        }
    };
    signals.pass_to(Pid::from_child(&child));
    // Only now: the command has the limit that it would have without this process, for programs that use `select`.
    raise_file_limit();
    let status = wait(&mut child, signals)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(Ended { status: code.unwrap_or_else(|| after_signal(status.signal().unwrap_or_default())), has_run: true })
}

/// A command with the variables of its server. `None` if there is none.
pub(in crate::cli) fn prepared(
    command: &[OsString],
    environment: &Environment,
    further: Vec<(String, String)>,
) -> Option<Command> {
    let (program, arguments) = command.split_first()?;
    let mut command = Command::new(program);
    for name in environment.absent() {
        command.env_remove(name);
    }
    let variables = environment.variables().iter().map(|(name, value)| (name, value));
    command.args(arguments).envs(variables).envs(further);
    Some(command)
}

/// The exit status for a command that cannot be executed, and why it cannot.
pub(in crate::cli) fn not_executed(command: &Command, error: &io::Error) -> (u8, String) {
    let (status, help) = match error {
        _ if error.kind() == io::ErrorKind::NotFound => (127, NOT_FOUND),
        _ if error.kind() == io::ErrorKind::PermissionDenied => (126, NOT_EXECUTABLE),
        _ => (126, ""),
    };
    (status, format!("the command `{}` cannot be executed: {error}{help}", command.get_program().display()))
}

/// Waits for the end, and reaps the command only when no signal is on its way to it.
fn wait(child: &mut Child, signals: &Signals) -> io::Result<ExitStatus> {
    wait_for_end(Pid::from_child(child));
    signals.ended(|| child.wait())
}

/// Waits for the end of a process, and does not reap it.
pub(in crate::cli) fn wait_for_end(id: Pid) {
    let without_reaping = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(id), without_reaping) {}
}

pub(in crate::cli) fn after_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
