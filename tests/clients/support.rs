//! What the tests with real clients share: the roads to the server, and how a client is looked for and run.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

/// How a client shall reach the server.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Road {
    Plain,
    Starttls,
    Implicit,
}

pub(crate) const ROADS: [Road; 3] = [Road::Plain, Road::Starttls, Road::Implicit];

impl Road {
    /// Its name, for scripts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Road::Plain => "plain",
            Road::Starttls => "starttls",
            Road::Implicit => "implicit",
        }
    }
}

/// Whether there is such a command; says so if not.
pub(crate) fn is_there(client: &str) -> bool {
    told(client, status(Command::new(client).arg("--version")).is_ok())
}

/// Says of a client that was not found that it is skipped, or must not be.
pub(crate) fn told(client: &str, found: bool) -> bool {
    assert!(found || std::env::var_os("MAILJIG_ALL_CLIENTS").is_none(), "{client} is not installed");
    if !found {
        eprintln!("{client} is not installed: skipped");
    }
    found
}

/// Runs a command in silence.
pub(crate) fn status(command: &mut Command) -> std::io::Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let (mut child, _deadline) = start(command)?;
    child.wait()
}

/// Runs a command that must succeed; gives what it prints.
pub(crate) fn run(command: &mut Command, input: &str) -> String {
    let output = output(command, input);
    succeeded(command, &output)
}

/// Runs a command to its end.
pub(crate) fn output(command: &mut Command, input: &str) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, _deadline) = start(command).unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    let mut stdin = child.stdin.take().expect("it is piped");
    // A client that fails early does not read all of it; its status tells.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

/// While this lives, a command that takes too long is killed, with all that it started.
pub(crate) struct Deadline {
    _over: Sender<()>,
}

/// Starts a command that has two minutes: a client that hangs is a failure, not a test that never ends.
pub(crate) fn start(command: &mut Command) -> std::io::Result<(Child, Deadline)> {
    let child = command.process_group(0).spawn()?;
    let group = format!("-{}", child.id());
    let (over, is_over) = mpsc::channel::<()>();
    thread::spawn(move || {
        if is_over.recv_timeout(Duration::from_secs(120)) == Err(RecvTimeoutError::Timeout) {
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        }
    });
    Ok((child, Deadline { _over: over }))
}

/// What a command printed, which must have succeeded.
pub(crate) fn succeeded(command: &Command, output: &Output) -> String {
    let (printed, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed: {}\n{printed}\n{complaint}", output.status);
    printed.into_owned()
}
