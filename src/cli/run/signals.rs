//! Passing signals to the command.

use std::fs;
use std::io;
use std::process;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;
use signal_hook::low_level::siginfo::{Cause, Origin};

/// SIGINT, SIGTERM and SIGHUP, which the command gets instead of this process.
pub(super) struct Signals {
    receiver: Arc<Mutex<Receiver>>,
}

/// Who gets a signal.
enum Receiver {
    /// The command has not started; with the first signal that came.
    Nobody(Option<Signal>),
    Command(Pid),
    /// The command has ended: this process ends.
    This,
}

impl Signals {
    /// Listens from now on.
    pub(super) fn listen() -> io::Result<Self> {
        let receiver = Arc::new(Mutex::new(Receiver::Nobody(None)));
        let its = Self { receiver: Arc::clone(&receiver) };
        let is_ignored = ignored();
        let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
        let mut signals = SignalsInfo::<WithOrigin>::new(heeded)?;
        let pass = move || signals.forever().for_each(|origin| its.pass(&origin));
        thread::Builder::new().name("mailjig-signals".to_owned()).spawn(pass)?;
        Ok(Self { receiver })
    }

    /// The signal that came before the command started.
    pub(super) fn before(&self) -> Option<Signal> {
        match *self.lock() {
            Receiver::Nobody(signal) => signal,
            Receiver::Command(_) | Receiver::This => None,
        }
    }

    /// From now on, the command gets the signals.
    pub(super) fn pass_to(&self, command: Pid) {
        let before = self.before();
        *self.lock() = Receiver::Command(command);
        if let Some(signal) = before {
            send(command, signal);
        }
    }

    /// Calls this when no signal can be on its way to the command: its number may then be used again.
    pub(super) fn ended<T>(&self, reap: impl FnOnce() -> T) -> T {
        let mut receiver = self.lock();
        *receiver = Receiver::This;
        reap()
    }

    fn pass(&self, origin: &Origin) {
        let signal = match origin.signal {
            SIGINT => Signal::INT,
            SIGHUP => Signal::HUP,
            _ => Signal::TERM,
        };
        // A terminal sends its signals to the command too; twice would mean "at once" to many programs.
        let is_from_terminal = matches!(origin.cause, Cause::Kernel);
        match &mut *self.lock() {
            Receiver::Nobody(first) => *first = first.or(Some(signal)),
            Receiver::Command(command) if !is_from_terminal => send(*command, signal),
            Receiver::Command(_) => {}
            Receiver::This => process::exit(128 + signal.as_raw()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Receiver> {
        self.receiver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether this process was started with a signal ignored, as `nohup` does with SIGHUP, and a shell with SIGINT for a
/// command in the background. Such a signal stays ignored, and the command inherits that. Nothing is known on systems
/// without this file.
pub(in crate::cli) fn ignored() -> impl Fn(i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    move |signal| mask & (1 << (signal - 1)) != 0
}

fn send(command: Pid, signal: Signal) {
    let _it_may_have_ended = kill_process(command, signal);
}
