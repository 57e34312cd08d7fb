//! The servers of one process: the main one, which lives as long as the process, and further ones, which are added and
//! removed while it runs. Knows no HTTP.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;

use super::{FreePorts, Server, Settings, StartError};
use crate::base::{Seq, is_identifier};
use crate::drive::spawn;

/// Number of expired servers that are remembered, so that a request for one of them can be told why it is gone.
const REMEMBERED: usize = 1000;

/// Limits for the further servers of a process.
#[derive(Debug, Clone)]
pub(crate) struct HostLimits {
    /// Maximum number of further servers at the same time.
    pub(crate) servers: usize,
    /// A further server that nobody has used for this long is removed, unless it has a time of its own.
    pub(crate) expiry: Duration,
    /// The ports of further servers; `None` means any that are free.
    pub(crate) ports: Option<Arc<FreePorts>>,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self { servers: 1000, expiry: Duration::from_secs(30 * 60), ports: None }
    }
}

/// The servers of one process. They share nothing that a client could observe.
pub(crate) struct Host {
    main: Arc<Server>,
    limits: HostLimits,
    further: Mutex<Further>,
}

#[derive(Default)]
struct Further {
    /// Each with the task that waits for its expiry.
    servers: BTreeMap<u32, (Arc<FurtherServer>, AbortHandle)>,
    last: u32,
    /// How many have expired.
    expired: u64,
    /// The last ones that have expired.
    remembered: VecDeque<Expired>,
}

struct Expired {
    no: u32,
    name: Option<Box<str>>,
    after: Duration,
}

/// A server that was added while the process ran.
pub(crate) struct FurtherServer {
    pub(crate) no: u32,
    /// Names it besides the number; no other running server has it.
    pub(crate) name: Option<Box<str>>,
    pub(crate) server: Arc<Server>,
    /// It is removed when it has been unused for this long.
    pub(crate) expiry: Duration,
    requests: AtomicU64,
}

/// What a client asks for.
pub(crate) struct NewServer {
    pub(crate) name: Option<Box<str>>,
    pub(crate) settings: Settings,
    /// `None` means the time of the host's limits.
    pub(crate) expiry: Option<Duration>,
}

/// Why no server was added.
#[derive(Debug)]
pub(crate) enum NoServer {
    /// There are already this many.
    TooMany(usize),
    /// A running server has this name.
    NameTaken(Box<str>),
    /// The name could be confused with a number, is empty or has control characters.
    Name(Box<str>),
    Start(StartError),
}

/// Why a server cannot be found.
#[derive(Debug)]
pub(crate) enum Missing {
    Unknown,
    /// It was unused for this long.
    Expired(Duration),
}

impl Host {
    pub(crate) fn new(main: Arc<Server>, limits: HostLimits) -> Arc<Self> {
        Arc::new(Self { main, limits, further: Mutex::default() })
    }

    /// The server that the process began with.
    pub(crate) fn main(&self) -> &Arc<Server> {
        &self.main
    }

    /// Reads the files of the certificates of all servers again. Fails with why the main server's cannot be used.
    #[cfg(feature = "cli")]
    pub(crate) fn reload_certificates(&self) -> Result<(), super::NotReloaded> {
        for further in self.further() {
            // They have the files of the main server, which says what is wrong with them.
            let _said_below = further.server.reload_certificate();
        }
        self.main.reload_certificate()
    }

    pub(crate) fn limits(&self) -> &HostLimits {
        &self.limits
    }

    /// The further servers, in the order of their numbers.
    pub(crate) fn further(&self) -> Vec<Arc<FurtherServer>> {
        self.lock().servers.values().map(|(further, _)| Arc::clone(further)).collect()
    }

    /// How many further servers have been removed because nobody used them.
    pub(crate) fn expired(&self) -> u64 {
        self.lock().expired
    }

    /// Starts a further server.
    pub(crate) fn add(self: &Arc<Self>, new: NewServer) -> Result<Arc<FurtherServer>, NoServer> {
        let NewServer { name, mut settings, expiry } = new;
        settings.free_ports.clone_from(&self.limits.ports);
        if let Some(name) = name.as_ref().filter(|name| !is_valid(name)) {
            return Err(NoServer::Name(name.clone()));
        }
        // The place is taken before the server starts, so that the limit and the names hold for requests at the same
        // time without a lock while sockets are bound.
        self.lock().admits(name.as_deref(), self.limits.servers)?;
        let server = Arc::new(Server::start(settings).map_err(NoServer::Start)?);
        let mut further = self.lock();
        further.admits(name.as_deref(), self.limits.servers)?;
        further.last += 1;
        let no = further.last;
        let expiry = expiry.unwrap_or(self.limits.expiry);
        let added = Arc::new(FurtherServer { no, name, server, expiry, requests: AtomicU64::new(0) });
        let expiring = spawn(expire_unused(Arc::downgrade(self), Arc::downgrade(&added)));
        further.servers.insert(no, (Arc::clone(&added), expiring.abort_handle()));
        Ok(added)
    }

    /// The server with this number or name, for a request.
    pub(crate) fn find(&self, id: &str) -> Result<Arc<FurtherServer>, Missing> {
        let further = self.lock();
        if let Some(found) = further.get(id) {
            found.requests.fetch_add(1, Ordering::Relaxed);
            return Ok(Arc::clone(found));
        }
        let expired = further.remembered.iter().rev().find(|its| is(id, its.no, its.name.as_deref()));
        Err(expired.map_or(Missing::Unknown, |its| Missing::Expired(its.after)))
    }

    /// Removes a server from the list; the caller stops it. Returns false if it is not on the list any more.
    pub(crate) fn remove(&self, no: u32) -> bool {
        let removed = self.lock().servers.remove(&no);
        removed.map(|(_, expiring)| expiring.abort()).is_some()
    }

    /// Stops all servers.
    pub(crate) fn stop(&self) {
        self.main.stop();
        self.further().iter().for_each(|further| further.server.stop());
    }

    fn lock(&self) -> MutexGuard<'_, Further> {
        self.further.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Further {
    /// Fails if there is no room for one more, or if its name is taken.
    fn admits(&self, name: Option<&str>, most: usize) -> Result<(), NoServer> {
        if self.servers.len() >= most {
            return Err(NoServer::TooMany(most));
        }
        match name.filter(|name| self.get(name).is_some()) {
            Some(name) => Err(NoServer::NameTaken(name.into())),
            None => Ok(()),
        }
    }

    /// Removes a server that nobody has used. Returns false if it is not on the list any more.
    fn expire(&mut self, server: &FurtherServer) -> bool {
        if self.servers.remove(&server.no).is_none() {
            return false;
        }
        self.expired += 1;
        self.remembered.push_back(Expired { no: server.no, name: server.name.clone(), after: server.expiry });
        if self.remembered.len() > REMEMBERED {
            self.remembered.pop_front();
        }
        true
    }

    fn get(&self, id: &str) -> Option<&Arc<FurtherServer>> {
        match id.parse() {
            Ok(no) => self.servers.get(&no).map(|(further, _)| further),
            Err(_) => self.servers.values().map(|(further, _)| further).find(|its| its.name.as_deref() == Some(id)),
        }
    }
}

impl FurtherServer {
    /// Its name, or its number if it has none.
    #[cfg(feature = "page")]
    pub(crate) fn title(&self) -> String {
        self.name.as_deref().map_or_else(|| self.no.to_string(), str::to_owned)
    }

    /// What changes with every use.
    fn usage(&self) -> (u64, Seq) {
        (self.requests.load(Ordering::Relaxed), self.server.engine().read(|world| world.journal.tip()))
    }

    /// Whether a request is being answered or a session is open.
    fn is_in_use(&self) -> bool {
        Arc::strong_count(&self.server) > 1 || self.server.engine().read(|world| world.sessions() > 0)
    }
}

/// Whether `id` is this number or this name.
fn is(id: &str, no: u32, name: Option<&str>) -> bool {
    name == Some(id) || id.parse() == Ok(no)
}

/// A name that cannot be confused with a number and fits into one line.
fn is_valid(name: &str) -> bool {
    is_identifier(name) && name.parse::<u64>().is_err()
}

/// Removes a server that has been unused for its time of expiry, within a quarter of that time.
async fn expire_unused(host: Weak<Host>, server: Weak<FurtherServer>) {
    let Some((mut usage, expiry)) = server.upgrade().map(|its| (its.usage(), its.expiry)) else { return };
    let mut unused_since = Instant::now();
    loop {
        tokio::time::sleep(expiry / 4).await;
        let (Some(host), Some(server)) = (host.upgrade(), server.upgrade()) else { return };
        let usage_before = std::mem::replace(&mut usage, server.usage());
        if usage != usage_before || server.is_in_use() {
            unused_since = Instant::now();
            continue;
        }
        if unused_since.elapsed() < expiry {
            continue;
        }
        // A request finds the server under this lock: it was counted before this second look, or gets 410.
        let mut further = host.lock();
        if server.usage() != usage || server.is_in_use() {
            continue;
        }
        if further.expire(&server) {
            drop(further);
            server.server.stop();
        }
        return;
    }
}

impl fmt::Display for NoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMany(most) => {
                let (are, s) = if *most == 1 { ("is", "") } else { ("are", "s") };
                let help = "delete those that are not needed, or raise the limit with `--max-servers`";
                write!(f, "there {are} already {most} further server{s}: {help}")
            }
            Self::NameTaken(name) => write!(f, "there is already a server named {name:?}"),
            Self::Name(name) => write!(
                f,
                "{name:?} is not a valid name: it must not be empty, consist of digits only or have control characters"
            ),
            Self::Start(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_removed_server_is_left() {
        let host = Host::new(Arc::new(Server::start(Settings::default()).unwrap()), HostLimits::default());
        let added = host.add(NewServer { name: None, settings: Settings::default(), expiry: None }).unwrap();
        assert_eq!(Arc::weak_count(&added), 1, "a task waits for its expiry");

        assert!(host.remove(added.no));

        let deadline = Instant::now() + Duration::from_secs(20);
        while Arc::weak_count(&added) > 0 {
            assert!(Instant::now() < deadline, "the task still waits");
            std::thread::yield_now();
        }
        assert!(!host.remove(added.no), "it is not there any more");
    }
}
