//! The process groups of the commands that run, which a signal ends.

use std::collections::BTreeSet;
use std::io;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::run::ignored;

#[derive(Clone, Default)]
pub(super) struct Groups(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    running: BTreeSet<i32>,
    /// The signal after which no command starts.
    signal: Option<i32>,
}

impl Groups {
    /// From now on, SIGINT, SIGTERM and SIGHUP end the commands, and no further ones start.
    pub(super) fn listen() -> io::Result<Self> {
        let its = Self::default();
        let (groups, is_ignored) = (its.clone(), ignored());
        let heeded = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal));
        let mut signals = Signals::new(heeded)?;
        let end = move || signals.forever().for_each(|signal| groups.end_all(signal));
        thread::Builder::new().name("mailjig-signals".to_owned()).spawn(end)?;
        Ok(its)
    }

    /// Starts a command as the leader of a group. `None` after a signal.
    pub(super) fn start(&self, command: &mut Command) -> io::Result<Option<Child>> {
        let mut state = self.lock();
        if state.signal.is_some() {
            return Ok(None);
        }
        let child = command.spawn()?;
        state.running.insert(Pid::from_child(&child).as_raw_pid());
        Ok(Some(child))
    }

    /// Kills what is left of the group of a command, which has not been reaped, so that its number is still its own.
    pub(super) fn end(&self, leader: Pid) {
        self.lock().running.remove(&leader.as_raw_pid());
        let _it_may_be_gone = kill_process_group(leader, Signal::KILL);
    }

    /// The signal that ended the commands.
    pub(super) fn signal(&self) -> Option<i32> {
        self.lock().signal
    }

    fn end_all(&self, signal: i32) {
        let mut state = self.lock();
        state.signal.get_or_insert(signal);
        for leader in state.running.iter().filter_map(|leader| Pid::from_raw(*leader)) {
            let _it_may_be_gone = kill_process_group(leader, Signal::KILL);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
