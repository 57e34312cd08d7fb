//! `mailjig record`: stands between a client and a real server, and writes their sessions as scripts.

mod command;
mod conversation;
mod doubt;
mod layers;
mod literals;
mod relay;
mod said;
mod script;
#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clap::{Args, ValueEnum};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_rustls::TlsAcceptor;

use super::peer::{Peer, TlsPeer, Trust};
use super::start::{check_writable, write};
use super::stop::Stop;
use crate::drive::{runtime, spawn};
use crate::protocol::{Listener, Protocol};
use crate::server::OwnTls;
pub(super) use command::{Command, Kind, command};
use doubt::doubt;
pub(super) use literals::Literals;
use relay::{Roads, relay};
use said::Said;
use script::Writer;

#[derive(Args)]
pub(super) struct Record {
    /// The server to record.
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Peer,
    /// Its protocol: `smtp`, `lmtp`, `imap` or `pop3`.
    #[arg(long, value_name = "PROTOCOL", value_parser = protocol)]
    protocol: Protocol,
    /// Where TLS begins with the connection. STARTTLS needs no option: it is passed on, and both sides begin TLS.
    #[arg(long, value_enum, default_value_t = Tls::None)]
    tls: Tls,
    #[command(flatten)]
    trust: Trust,
    /// Where clients connect: `PORT` or `IP:PORT`; 0 is a free port.
    #[arg(long, value_name = "WHERE", default_value = "0", value_parser = listen)]
    listen: SocketAddr,
    /// The file for the first session. Later ones are written beside it, to `NAME-2.session` and so on. Files that exist
    /// are replaced.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Write the CA certificate that the client must trust for TLS to this file.
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Write passwords and other credentials as they are, instead of names for them.
    #[arg(long)]
    show_secrets: bool,
    /// End after this many sessions. SIGINT and SIGTERM end the recording too, and sessions that are open.
    #[arg(long, value_name = "N", value_parser = super::options::number::<usize>)]
    sessions: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Tls {
    /// No.
    None,
    /// To the server and to the client, as on ports 465, 993 and 995.
    Implicit,
    /// To the server only: the client connects without TLS.
    Upstream,
}

fn protocol(text: &str) -> Result<Protocol, String> {
    Protocol::parse(text).ok_or_else(|| "write `smtp`, `lmtp`, `imap` or `pop3`".to_owned())
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    let port = text.parse().map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port))).ok();
    port.or_else(|| text.parse().ok())
        .ok_or_else(|| "write a port such as `2143`, or an address such as `0.0.0.0:2143`".to_owned())
}

/// A session that has ended, by its number.
struct Recorded {
    number: usize,
    said: Vec<Said>,
    problem: Option<String>,
}

/// Records until a signal, or until enough sessions have ended. Fails if the listener, the upstream server or the file
/// cannot be used, or if a session ended with a problem.
pub(super) fn record(options: &Record) -> ExitCode {
    match runtime().block_on(options.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain!("mailjig: {error}");
            ExitCode::FAILURE
        }
    }
}

impl Record {
    async fn run(&self) -> Result<(), String> {
        let mut stop = Stop::listen().map_err(|error| error.to_string())?;
        check_writable(&self.output).map_err(|why| format!("`--output`: {why}"))?;
        let addresses = self.upstream.addresses()?;
        let own = OwnTls::new(&self.upstream.host);
        if let Some(path) = &self.ca_file {
            write(path, own.ca()).map_err(|why| format!("`--ca-file`: {why}"))?;
        }
        let roads = Arc::new(Roads {
            upstream_tls: self.tls != Tls::None,
            client_tls: self.tls == Tls::Implicit,
            acceptor: TlsAcceptor::from(own.config()),
            peer: TlsPeer::new(&self.upstream, &self.trust)?,
            stop: Semaphore::new(0),
            hidden: Mutex::default(),
        });
        let failed = |error: io::Error| format!("`--listen {}`: {error}", self.listen);
        let listener = TcpListener::bind(self.listen).await.map_err(failed)?;
        let place = listener.local_addr().map_err(failed)?;
        let _nobody_may_read =
            writeln!(io::stdout(), "recording {} of {} on {place}", self.protocol.name(), self.upstream);
        let (recorded, mut ended) = unbounded_channel();
        let (mut begun, mut written, mut problems) = (0, 0, 0);
        let mut most = self.sessions.unwrap_or(usize::MAX);
        while written < most {
            tokio::select! {
                accepted = listener.accept(), if begun < most => {
                    let Ok((client, _)) = accepted else { continue };
                    begun += 1;
                    self.begin(begun, client, &addresses, &roads, &recorded);
                }
                Some(session) = ended.recv() => {
                    written += 1;
                    problems += usize::from(session.problem.is_some());
                    self.write(&session)?;
                }
                // What was said so far is written; a second signal does not wait for that.
                () = stop.next() => {
                    if roads.stop.is_closed() {
                        break;
                    }
                    roads.stop.close();
                    most = begun;
                }
            }
        }
        match problems {
            0 => Ok(()),
            _ => Err(format!("{problems} of {written} sessions ended with a problem")),
        }
    }

    /// Relays one session in the background.
    fn begin(
        &self,
        number: usize,
        client: TcpStream,
        addresses: &[SocketAddr],
        roads: &Arc<Roads>,
        recorded: &UnboundedSender<Recorded>,
    ) {
        let (peer, addresses, protocol) = (self.upstream.clone(), addresses.to_vec(), self.protocol);
        let (roads, recorded) = (Arc::clone(roads), recorded.clone());
        spawn(async move {
            let (said, problem) = match peer.connect(&addresses).await {
                Ok(upstream) => relay(client, upstream, roads, protocol).await,
                Err(why) => (Vec::new(), Some(why)),
            };
            let _the_recording_may_be_over = recorded.send(Recorded { number, said, problem });
        });
    }

    fn write(&self, session: &Recorded) -> Result<(), String> {
        let path = numbered(&self.output, session.number);
        let has_tls = (self.tls != Tls::None, self.tls == Tls::Implicit);
        let wrong = session.problem.clone().or_else(|| doubt(self.protocol, has_tls, &session.said));
        if let Some(why) = wrong {
            complain!("mailjig: session {}: {why}", session.number);
        }
        if session.said.is_empty() {
            return Ok(());
        }
        let about = format!("recorded from {}", self.upstream);
        let script = Writer::new(self.protocol, self.show_secrets).script(about, self.listener(), &session.said);
        write(&path, &script.to_string()).map_err(|why| format!("`--output`: {why}"))?;
        let _nobody_may_read = writeln!(io::stdout(), "wrote {}", path.display());
        Ok(())
    }

    /// The listener of a session that begins with TLS.
    fn listener(&self) -> Option<Listener> {
        match self.protocol {
            _ if self.tls != Tls::Implicit => None,
            Protocol::Smtp | Protocol::Lmtp => Some(Listener::Smtps),
            Protocol::Imap => Some(Listener::Imaps),
            Protocol::Pop3 => Some(Listener::Pop3s),
        }
    }
}

/// The file for a session: the named one for the first.
fn numbered(path: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map(|its| format!(".{}", its.to_string_lossy())).unwrap_or_default();
    path.with_file_name(format!("{stem}-{number}{extension}"))
}
