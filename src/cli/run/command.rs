//! Running the command to its end.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::super::file_limit::raise_file_limit;
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

/// Runs a command with these variables, and without those. Its status is as a shell would have it.
pub(super) fn run(
    command: &[OsString],
    variables: &[(String, String)],
    absent: &[String],
    further: Vec<(String, String)>,
    signals: &Signals,
) -> io::Result<Ended> {
    let Some((program, arguments)) = command.split_first() else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut command = Command::new(program);
    for name in absent {
        command.env_remove(name);
    }
    command.args(arguments).envs(variables.iter().map(|(name, value)| (name, value))).envs(further);
    if let Some(signal) = signals.before() {
        return Ok(Ended { status: after_signal(signal.as_raw()), has_run: false });
    }
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => {
            let (status, help) = match &error {
                _ if error.kind() == io::ErrorKind::NotFound => (127, NOT_FOUND),
                _ if error.kind() == io::ErrorKind::PermissionDenied => (126, NOT_EXECUTABLE),
                _ => (126, ""),
            };
            say(format_args!("mailjig: the command `{}` cannot be executed: {error}{help}", program.display()));
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

/// Waits for the end, and reaps the command only when no signal is on its way to it.
fn wait(child: &mut Child, signals: &Signals) -> io::Result<ExitStatus> {
    let id = Pid::from_child(child);
    let without_reaping = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(id), without_reaping) {}
    signals.ended(|| child.wait())
}

fn after_signal(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}
