//! Starting a server with its HTTP API from the options, and stopping it.

use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::options::ServerOptions;
use crate::api::{Api, send_all_messages};
use crate::drive::{Engine, Interest, Topic};
use crate::server::{Host, Server, Settings, StartError, Until};

/// How long sessions may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// The servers of this process, and the HTTP API unless it is off.
pub(super) struct Started {
    pub(super) host: Arc<Host>,
    pub(super) api: Option<Api>,
}

impl Started {
    /// Binds every listener. Fails if an option is wrong or a port is taken.
    pub(super) fn new(options: &ServerOptions) -> Result<Self, Box<dyn Error>> {
        Self::with(options, options.settings()?, options.http())
    }

    /// The same with these settings, and the HTTP API there.
    pub(super) fn with(
        options: &ServerOptions,
        settings: Settings,
        http: Option<SocketAddr>,
    ) -> Result<Self, Box<dyn Error>> {
        let server = Arc::new(Server::start(settings).map_err(with_flags)?);
        for url in options.webhooks() {
            send_all_messages(&server, url).map_err(|why| format!("`--webhook`: {why}"))?;
        }
        let host = Host::new(server, options.host_limits());
        let api = http.map(|address| Api::start(&host, address)).transpose().map_err(with_flags)?;
        if let Some(path) = options.ca_file() {
            write(path, host.main().ca()).map_err(|why| format!("`--ca-file`: {why}"))?;
        }
        Ok(Self { host, api })
    }

    pub(super) fn server(&self) -> &Arc<Server> {
        self.host.main()
    }

    /// Stops the servers, and waits a moment for the end of the main server's sessions.
    pub(super) fn stop(self) {
        drop(self.api);
        self.host.stop();
        let interest = Interest::of([Topic::Quiet]);
        let gone = |engine: &Engine| engine.read(|world| world.sessions() == 0).then_some(());
        let _or_long_enough = Until::new(self.host.main().engine(), interest, FAREWELL, gone).block();
    }
}

/// Adds the flags that help.
fn with_flags(error: StartError) -> String {
    match &error {
        StartError::Address { listener, source, .. } if source.kind() == io::ErrorKind::AddrNotAvailable => format!(
            "{error}\n  `--bind IP` sets the address of all listeners, and `--{listener} IP:PORT` that of this one"
        ),
        StartError::Address { listener, .. } => format!(
            "{error}\n  `--{listener} PORT` sets another port, `--{listener} off` turns the listener off, and `--ports auto` takes \
             free ports for all listeners without a port of their own"
        ),
        StartError::Name(_) => format!("`--host` or `--san`: {error}"),
        StartError::Certificate(_) => format!("`--tls-cert` and `--tls-key`: {error}"),
    }
}

/// Writes a file atomically: readers never see a part of it.
pub(super) fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error| cannot_be_written(path, &error);
    let mut file = temporary(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Whether a file can be written there, before there is something to write.
pub(super) fn check_writable(path: &Path) -> Result<(), String> {
    match path.is_dir() {
        true => Err(cannot_be_written(path, &io::ErrorKind::IsADirectory.into())),
        false => temporary(path).map(drop).map_err(|error| cannot_be_written(path, &error)),
    }
}

/// A file in the folder of this one.
fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
}

fn cannot_be_written(path: &Path, error: &io::Error) -> String {
    let error = error.to_string();
    // Without the name of the temporary file, which says nothing to a user.
    let why = error.split_once(" at path ").map_or(&*error, |(why, _)| why);
    format!("{} cannot be written: {why}", path.display())
}
