//! One run of the command with a server of its own.

use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::super::options::ServerOptions;
use super::super::run::{Environment, NOT_STARTED, after_signal, ca_file, not_executed, prepared, wait_for_end};
use super::super::start::Started;
use super::groups::Groups;
use super::not_started;
use crate::server::{AuditProfile, ClientEnd, SeenSession, Settings, seen_by};

/// How many octets of a command's output are read, from its end.
const OUTPUT_READ: u64 = 64 << 10;

/// What all runs have in common.
pub(super) struct Attempt<'o> {
    pub(super) server: &'o ServerOptions,
    pub(super) env: &'o [(String, String)],
    pub(super) command: &'o [OsString],
    pub(super) timeout: Duration,
    pub(super) groups: &'o Groups,
}

/// A run that is over.
pub(super) struct Attempted {
    pub(super) end: ClientEnd,
    pub(super) sessions: Vec<SeenSession>,
    /// The end of what the command wrote to stdout and stderr.
    pub(super) output: String,
    pub(super) transcript: String,
}

/// Why there was no run, and the exit status for it.
pub(super) struct NotRun {
    pub(super) status: u8,
    pub(super) why: String,
}

impl Attempt<'_> {
    pub(super) fn make(&self, profile: AuditProfile) -> Result<Attempted, NotRun> {
        let failed = |error: Box<dyn Error>| NotRun { status: NOT_STARTED, why: error.to_string() };
        let started = self.start(profile).map_err(failed)?;
        let folder = tempfile::tempdir().map_err(|error| not_started(&error))?;
        let ca_file = ca_file(folder.path().join("ca.pem"), started.server());
        let ca_file = ca_file.map_err(|why| NotRun { status: NOT_STARTED, why })?;
        let environment = Environment::of(&started, &ca_file, self.server.token());
        let further = environment.further(self.env).map_err(|why| NotRun { status: NOT_STARTED, why })?;
        let mut output = tempfile::tempfile().map_err(|error| not_started(&error))?;
        let mut command = prepared(self.command, &environment, further)
            .ok_or_else(|| not_started(&io::ErrorKind::InvalidInput.into()))?;
        self.connect(&mut command, &output).map_err(|error| not_started(&error))?;

        let child = self.groups.start(&mut command).map_err(|error| {
            let (status, why) = not_executed(&command, &error);
            NotRun { status, why }
        })?;
        let end = child.map(|child| self.wait(child)).transpose().map_err(|error| not_started(&error))?;
        if let Some(signal) = self.groups.signal() {
            return Err(NotRun { status: after_signal(signal), why: "ended by a signal".to_owned() });
        }
        let (sessions, transcript) = seen_by(started.server());
        started.stop();
        let output = end_of(&mut output).map_err(|error| not_started(&error))?;
        Ok(Attempted { end: end.unwrap_or(ClientEnd::TimedOut), sessions, output, transcript })
    }

    /// A server on free ports, because others run at the same time.
    fn start(&self, profile: AuditProfile) -> Result<Started, Box<dyn Error>> {
        let mut settings: Settings = self.server.settings()?;
        let free = |address: SocketAddr| SocketAddr::new(address.ip(), 0);
        let addresses: Vec<_> = settings.listeners().collect();
        for (listener, address) in addresses {
            settings.listen(listener, free(address));
        }
        profile.apply(&mut settings)?;
        Started::with(self.server, settings, self.server.http().map(free))
    }

    /// Lets the command write to a file, read nothing, and be the leader of a group.
    fn connect(&self, command: &mut Command, output: &File) -> io::Result<()> {
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output.try_clone()?).process_group(0);
        Ok(())
    }

    /// Waits for the end of the command, then ends what it left running.
    fn wait(&self, mut child: Child) -> io::Result<ClientEnd> {
        let leader = Pid::from_child(&child);
        let (ended, has_ended) = channel();
        let waiting = thread::Builder::new().name("mailjig-wait".to_owned()).spawn(move || {
            wait_for_end(leader);
            let _nobody_may_wait = ended.send(());
        })?;
        let in_time = has_ended.recv_timeout(self.timeout).is_ok();
        self.groups.end(leader);
        let _it_does_not_panic = waiting.join();
        let status = child.wait()?;
        Ok(if in_time { end(status) } else { ClientEnd::TimedOut })
    }
}

fn end(status: ExitStatus) -> ClientEnd {
    match (status.code(), status.signal()) {
        (Some(0), _) => ClientEnd::Succeeded,
        (Some(code), _) => ClientEnd::Failed(format!("status {code}")),
        (None, signal) => ClientEnd::Signal(format!("died of {}", signal_name(signal.unwrap_or_default()))),
    }
}

fn signal_name(number: i32) -> String {
    const NAMES: [(Signal, &str); 9] = [
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::ILL, "SIGILL"),
        (Signal::KILL, "SIGKILL"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::TERM, "SIGTERM"),
        (Signal::TRAP, "SIGTRAP"),
    ];
    let known = NAMES.iter().find(|(signal, _)| signal.as_raw() == number);
    known.map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

/// The last octets of a file, as text.
fn end_of(file: &mut File) -> io::Result<String> {
    let octets = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(octets.saturating_sub(OUTPUT_READ)))?;
    let mut read = Vec::new();
    file.read_to_end(&mut read)?;
    Ok(String::from_utf8_lossy(&read).into_owned())
}
