//! Accepting connections: each becomes a session with a driver of its own.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};

use super::driver::Driver;
use super::engine::{Closed, Engine};
use super::port;
use super::runtime::spawn;
use super::socket::Socket;
use super::wire::Wire;
use crate::base::Live;
use crate::journal::Opened;
use crate::protocol::{Listener, Machine, StartTls};
use crate::rule::Profile;

/// The interval between two attempts.
const SOON: Duration = Duration::from_millis(20);

/// Returns the TLS configuration of a profile for a requested server name; created on first use.
pub(crate) type ConfigFor = dyn Fn(&Profile, Option<&str>) -> Result<Arc<ServerConfig>, String> + Send + Sync;

/// What a session needs for TLS, and its time limits.
#[derive(Clone)]
pub(crate) struct TlsProvider {
    pub(crate) config: Arc<ConfigFor>,
    /// Maximum duration of a handshake, in real time.
    pub(crate) handshake: Duration,
    /// How long a client may leave pending output unread, in server time.
    pub(crate) write: Duration,
}

/// The configuration of a listener.
pub(crate) struct ListenerConfig {
    pub(crate) listener: Listener,
    /// Whether TLS begins with the first octet.
    pub(crate) implicit_tls: Live<bool>,
    /// Whether every connection must begin with a header of the PROXY protocol.
    pub(crate) proxy: Live<bool>,
    /// `None` if the listener has no STARTTLS.
    pub(crate) starttls: Live<Option<StartTls>>,
    pub(crate) tls_provider: TlsProvider,
    /// Maximum number of sessions of this server at the same time.
    pub(crate) sessions: usize,
}

/// Accepts connections as long as it is polled. `machine` creates the machine of each; its arguments are whether TLS is
/// established before the greeting, and whether there are too many sessions.
pub(crate) async fn listen<M: Machine>(
    engine: Arc<Engine>,
    listener: TcpListener,
    config: ListenerConfig,
    machine: impl Fn(bool, bool) -> M,
) {
    let Ok(address) = listener.local_addr() else { return };
    let mut listener = Some(listener);
    loop {
        let Some(open) = &listener else { return };
        let came = {
            let (mut accepting, mut down) = (pin!(open.accept()), pin!(engine.down()));
            poll_fn(|cx| match down.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => accepting.as_mut().poll(cx).map(Some),
            })
            .await
        };
        match came {
            Some(Ok((socket, peer))) => accept(&engine, socket, peer, &config, &machine),
            // Most likely there are no file descriptors left. The connection stays queued until there are.
            Some(Err(_)) => tokio::time::sleep(SOON).await,
            None => {
                let mut closed = engine.close();
                drop(listener.take());
                // If another program was faster, `reopen` tells.
                let reserved = port::reserve(address).ok();
                engine.up().await;
                listener = Some(reopen(&engine, &config, address, reserved, &mut closed).await);
            }
        }
    }
}

/// Listens on the same address again: on the reserved port, or repeatedly while another program has it. Records the first
/// failure.
async fn reopen(
    engine: &Arc<Engine>,
    config: &ListenerConfig,
    address: SocketAddr,
    mut reserved: Option<socket2::Socket>,
    closed: &mut Closed<'_>,
) -> TcpListener {
    loop {
        let opened = reserved.take().map_or_else(|| port::bind(address), port::open);
        match opened.and_then(TcpListener::from_std) {
            Ok(listener) => return listener,
            Err(why) if closed.give_up() => {
                engine.update_alone(|world, now| world.note_closed(config.listener, address, &why, now));
            }
            Err(_) => {}
        }
        tokio::time::sleep(SOON).await;
    }
}

fn accept<M: Machine>(
    engine: &Arc<Engine>,
    socket: TcpStream,
    peer: SocketAddr,
    config: &ListenerConfig,
    machine: &impl Fn(bool, bool) -> M,
) {
    let local = socket.local_addr().unwrap_or(peer);
    let (session, handle, (machine, implicit_tls, has_proxy_header)) = engine.admit(|sessions| {
        let implicit_tls = config.implicit_tls.get();
        let offers_starttls = config.starttls.get().is_some_and(|its| its != StartTls::Never);
        let opened = Opened { listener: config.listener, peer, local, offers_starttls };
        (opened, (machine(implicit_tls, sessions > config.sessions), implicit_tls, config.proxy.get()))
    });
    let wire = Wire::new(Socket::new(socket));
    let driver = Driver::new(Arc::clone(engine), session, machine, handle, config.tls_provider.clone(), wire);
    spawn(driver.run(has_proxy_header, implicit_tls));
}
