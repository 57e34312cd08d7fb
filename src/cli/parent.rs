//! `--exit-with-parent`: observes the process that the server belongs to.

use std::io;
use std::os::unix::process::parent_id;
use std::thread;

use rustix::process::Pid;
use tokio::sync::oneshot;

/// The value of `--exit-with-parent`.
#[derive(Clone, Copy)]
pub(super) enum ExitWithParent {
    Off,
    /// The process that started this one.
    Direct,
    /// The process with this number.
    Process(Pid),
}

/// Reads the value of `--exit-with-parent`.
pub(super) fn exit_with_parent(text: &str) -> Result<ExitWithParent, String> {
    let pid = text.parse().ok().filter(|pid| *pid > 1).and_then(Pid::from_raw).map(ExitWithParent::Process);
    match (pid, super::options::truth(text)) {
        (Some(process), _) => Ok(process),
        (None, Ok(true)) => Ok(ExitWithParent::Direct),
        (None, Ok(false)) => Ok(ExitWithParent::Off),
        (None, Err(_)) => Err("write `true`, `false` or the number of a process".to_owned()),
    }
}

impl ExitWithParent {
    /// Begins to observe the process. Fails if there is no such process.
    pub(super) fn find(self) -> Result<Option<Parent>, String> {
        let pid = match self {
            Self::Off => return Ok(None),
            Self::Direct => parent()?,
            Self::Process(pid) => pid,
        };
        let observed = Parent::observe(pid).map_err(|error| {
            format!(
                "`--exit-with-parent`: process {pid} cannot be observed: {error}\n  in a container, the processes outside \
                 of it have other numbers"
            )
        })?;
        // The number may already belong to another process if the parent has ended.
        if matches!(self, Self::Direct) && parent()? != pid {
            return Err(format!("`--exit-with-parent`: the parent, process {pid}, has already ended"));
        }
        Ok(Some(observed))
    }
}

fn parent() -> Result<Pid, String> {
    let pid = i32::try_from(parent_id()).ok().and_then(Pid::from_raw);
    pid.ok_or_else(|| {
        "`--exit-with-parent`: this process has no parent here; as the first process of a container, it ends with the \
         container"
            .to_owned()
    })
}

/// A process that is observed.
pub(super) struct Parent {
    pid: Pid,
    ended: oneshot::Receiver<()>,
}

impl Parent {
    fn observe(pid: Pid) -> io::Result<Self> {
        let process = Process::find(pid)?;
        let (has_ended, ended) = oneshot::channel();
        let wait = move || {
            process.wait();
            has_ended.send(())
        };
        thread::Builder::new().name("mailjig-parent".to_owned()).spawn(wait)?;
        Ok(Self { pid, ended })
    }

    pub(super) fn id(&self) -> Pid {
        self.pid
    }

    /// Resolves when the process has ended.
    pub(super) async fn ended(self) {
        let _nothing_else_is_sent = self.ended.await;
    }
}

/// # Rationale
/// A pidfd is not fooled when the number is used again, and sees the end of a process that nobody has waited for.
/// `PR_SET_PDEATHSIG` instead would fire when the *thread* ends that started this process.
#[cfg(target_os = "linux")]
struct Process(std::os::fd::OwnedFd);

#[cfg(target_os = "linux")]
impl Process {
    fn find(pid: Pid) -> io::Result<Self> {
        Ok(Self(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?))
    }

    /// Blocks until the process has ended.
    fn wait(&self) {
        use rustix::event::{PollFd, PollFlags, poll};
        while let Err(rustix::io::Errno::INTR) = poll(&mut [PollFd::new(&self.0, PollFlags::IN)], None) {}
    }
}

#[cfg(not(target_os = "linux"))]
struct Process(Pid);

#[cfg(not(target_os = "linux"))]
impl Process {
    fn find(pid: Pid) -> io::Result<Self> {
        match rustix::process::test_kill_process(pid) {
            Ok(()) | Err(rustix::io::Errno::PERM) => Ok(Self(pid)),
            Err(error) => Err(error.into()),
        }
    }

    /// Blocks until the process has ended.
    fn wait(&self) {
        while Self::find(self.0).is_ok() {
            thread::sleep(std::time::Duration::from_millis(200));
        }
    }
}
