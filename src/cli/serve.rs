//! `mailjig serve`: starts a server, prints its endpoints and events, and stops at a signal.

use std::error::Error;
use std::fs;
use std::future::poll_fn;
use std::io::{self, Write};
use std::path::Path;
use std::process;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::file_limit::raise_file_limit;
use super::options::Serve;
use super::watch::watch;
use crate::api::{Api, EndpointsJson};
use crate::drive::{Engine, Interest, Topic, runtime, spawn};
use crate::server::{Host, Server, Until};

/// How long sessions may take to end when the server stops.
const FAREWELL: Duration = Duration::from_secs(2);

pub(super) fn serve(options: &Serve) -> Result<(), Box<dyn Error>> {
    raise_file_limit();
    let mut stop = Stop::listen()?;
    let server = Arc::new(Server::start(options.server.settings()?)?);
    let host = Host::new(Arc::clone(&server), options.server.host_limits());
    let api = options.server.http().map(|address| Api::start(&host, address)).transpose()?;
    if let Some(path) = options.server.ca_file() {
        write(path, server.ca())?;
    }
    let endpoints = EndpointsJson::local(&server, api.as_ref().map(Api::address));
    let endpoints = serde_json::to_string(&endpoints)?;
    if let Some(path) = &options.ready_file {
        write(path, &format!("{endpoints}\n"))?;
    }
    let mut out = io::stdout().lock();
    if options.json {
        writeln!(out, "{endpoints}")?;
    } else {
        introduce(&mut out, &server, api.as_ref(), options)?;
    }
    out.flush()?;
    drop(out);

    if !options.quiet {
        // On its own thread: if nobody reads the output, only the output blocks.
        let (server, as_json) = (Arc::clone(&server), options.json);
        thread::Builder::new().name("mailjig-watch".to_owned()).spawn(move || watch(&server, as_json))?;
    }
    runtime().block_on(stop.next());
    // A second signal ends the process without waiting for the sessions.
    spawn(async move {
        stop.next().await;
        process::exit(130);
    });
    drop(api);
    host.stop();
    let interest = Interest::of([Topic::Quiet]);
    let gone = |engine: &Engine| engine.read(|world| world.sessions() == 0).then_some(());
    let _or_long_enough = Until::new(server.engine(), interest, FAREWELL, gone).block();
    Ok(())
}

/// The signals that end a server.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Listens from now on, so that a signal during the start of the server is not missed.
    fn listen() -> io::Result<Self> {
        let _entered = runtime().enter();
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Resolves at the next SIGINT or SIGTERM.
    async fn next(&mut self) {
        poll_fn(|cx| match self.interrupt.poll_recv(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => self.terminate.poll_recv(cx).map(drop),
        })
        .await;
    }
}

fn introduce(out: &mut impl Write, server: &Server, api: Option<&Api>, options: &Serve) -> io::Result<()> {
    writeln!(out, "mailjig {}", env!("CARGO_PKG_VERSION"))?;
    for endpoint in server.endpoints() {
        writeln!(out, "  {:<11} {}", endpoint.listener().name(), endpoint.url())?;
    }
    if let Some(api) = api {
        writeln!(out, "  {:<11} {}", "http", api.url())?;
    }
    match (options.server.ca_file(), api) {
        (Some(path), _) => writeln!(out, "CA certificate for TLS clients: {}", path.display())?,
        (None, Some(api)) => writeln!(out, "CA certificate for TLS clients: {}/v1/tls/ca.pem", api.url())?,
        (None, None) => {}
    }
    if let Some(scenario) = &server.settings().scenario {
        writeln!(out, "scenario: {} — {}", scenario.name, scenario.about)?;
        scenario.warnings.iter().try_for_each(|warning| writeln!(out, "{warning}"))?;
    }
    if let Some(keep) = server.settings().keep {
        writeln!(out, "keeps the last {} messages, at most {} octets", keep.messages, keep.octets)?;
    }
    Ok(())
}

/// Writes a file atomically: readers never see a part of it.
fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: io::Error| format!("{} cannot be written: {error}", path.display());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file().set_permissions(fs::Permissions::from_mode(0o644)).map_err(failed)?;
    }
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}
