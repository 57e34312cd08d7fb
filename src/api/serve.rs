//! Accepting HTTP connections, with limits on their number and on their idle time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::stream::AnswerStream;

/// Limits for HTTP clients.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Maximum number of connections; a further one is answered with 503 and closed.
    pub(super) connections: usize,
    /// Time limit for each of: the next request's header, from accepting the connection or the last response; the
    /// request's body; and a pause in which the client reads nothing of a response. A request that waits for mail is
    /// not limited.
    pub(super) patience: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { connections: 4096, patience: Duration::from_secs(60) }
    }
}

const TOO_MANY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// A connection's share of the limit. In the extensions of its requests, for what goes on after HTTP.
pub(super) type Slot = Arc<OwnedSemaphorePermit>;

/// Serves all connections until the future is dropped, which also closes them, except WebSockets: these end when their
/// server stops.
///
/// The router is made for the first connection: that takes longer than everything else at the start of a server, and many
/// tests never use the API.
pub(super) async fn serve(listener: TcpListener, router: impl Fn() -> Router, bounds: Bounds) {
    let mut made = None;
    let slots = Arc::new(Semaphore::new(bounds.connections));
    let mut connections = JoinSet::new();
    loop {
        let socket = match listener.accept().await {
            Ok((socket, _)) => socket,
            Err(error) => {
                rest(&error).await;
                continue;
            }
        };
        while connections.try_join_next().is_some() {}
        match Arc::clone(&slots).try_acquire_owned() {
            Ok(slot) => {
                let router = made.get_or_insert_with(&router).clone();
                connections.spawn(converse(socket, router, bounds.patience, Arc::new(slot)));
            }
            Err(_no_slot) => turn_away(socket).await,
        }
    }
}

async fn converse(socket: TcpStream, router: Router, patience: Duration, slot: Slot) {
    let _slower_at_worst = socket.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(patience);
    let stream = TokioIo::new(AnswerStream::new(socket, patience));
    let router = TowerToHyperService::new(router);
    let answer = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&slot));
        router.call(request)
    });
    let _the_client_broke_off = http.serve_connection(stream, answer).with_upgrades().await;
}

async fn turn_away(mut socket: TcpStream) {
    // The send buffer of a new socket has room for this.
    let _the_client_may_be_gone = socket.write_all(TOO_MANY).await;
    let _the_client_may_be_gone = socket.shutdown().await;
}

/// For example, when out of file descriptors: an immediate retry would not help.
async fn rest(error: &io::Error) {
    let is_of_the_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !is_of_the_connection {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::time::Instant;

    use axum::extract::ws::{Message as Frame, WebSocket};
    use axum::routing::get;

    use super::*;
    use crate::api::web_socket::Upgrade;
    use crate::drive::runtime;

    /// The time after which a test stops waiting.
    const DEADLINE: Duration = Duration::from_secs(20);
    /// More than the socket buffers hold.
    const MUCH: usize = 64 << 20;

    /// Sends this and returns what the server sends until it closes.
    fn talk(address: SocketAddr, says: &str) -> String {
        let mut client = TcpStream::connect(address).unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.write_all(says.as_bytes()).unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        heard
    }

    /// Greets the client, and waits until it closes.
    async fn greet(mut socket: WebSocket) {
        socket.send(Frame::text("hi")).await.unwrap();
        while let Some(Ok(_)) = socket.recv().await {}
    }

    fn start(bounds: Bounds) -> SocketAddr {
        let router = Router::new().route("/", get(async || "hello")).route("/much", get(async || vec![b'x'; MUCH]));
        let router = router.route("/socket", get(async |upgrade: Upgrade| upgrade.accept(greet)));
        let listener = crate::drive::bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let _entered = runtime().enter();
        runtime().spawn(serve(TcpListener::from_std(listener).unwrap(), move || router.clone(), bounds));
        address
    }

    #[test]
    fn a_client_that_does_not_finish_a_header_is_disconnected() {
        let address = start(Bounds { patience: Duration::from_millis(20), ..Bounds::default() });

        assert_eq!(talk(address, "GET / HTTP/1.1\r\nHost: x\r\n"), "");
        assert_eq!(talk(address, ""), "");
    }

    #[test]
    fn a_client_that_is_silent_after_a_response_is_disconnected() {
        // Enough time for a request, also on a busy machine.
        let address = start(Bounds { patience: Duration::from_secs(2), ..Bounds::default() });

        assert!(talk(address, "GET / HTTP/1.1\r\nHost: x\r\n\r\n").ends_with("\r\n\r\nhello"));
    }

    #[test]
    fn a_client_that_does_not_read_a_response_is_disconnected() {
        // Enough time for a request, also on a busy machine.
        let address = start(Bounds { connections: 1, patience: Duration::from_secs(1) });
        let mut client = TcpStream::connect(address).unwrap();
        client.write_all(b"GET /much HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        client.set_read_timeout(Some(DEADLINE)).unwrap();
        client.read_exact(&mut [0; 15]).unwrap();

        // Its connection is the only one allowed; one more may be reset.
        let is_served = || {
            let mut other = TcpStream::connect(address)?;
            other.set_read_timeout(Some(DEADLINE))?;
            other.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
            let mut heard = String::new();
            other.read_to_string(&mut heard)?;
            Ok::<_, io::Error>(heard.ends_with("hello"))
        };
        let began = Instant::now();
        while !is_served().unwrap_or(false) {
            assert!(began.elapsed() < DEADLINE, "the client that does not read is still served");
        }
    }

    #[test]
    fn a_connection_beyond_the_limit_gets_503() {
        let address = start(Bounds { connections: 1, ..Bounds::default() });
        let mut first = TcpStream::connect(address).unwrap();
        first.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        first.set_read_timeout(Some(DEADLINE)).unwrap();
        first.read_exact(&mut [0; 15]).unwrap();

        assert!(talk(address, "").starts_with("HTTP/1.1 503 "));
    }

    #[test]
    fn a_web_socket_counts_for_the_limit() {
        let address = start(Bounds { connections: 1, ..Bounds::default() });
        let mut client = BufReader::new(TcpStream::connect(address).unwrap());
        client.get_ref().set_read_timeout(Some(DEADLINE)).unwrap();
        let handshake = "GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        client.get_mut().write_all(handshake.as_bytes()).unwrap();
        // The task of the connection ends with the upgrade, before anything comes over the WebSocket.
        let mut frame = [0; 4];
        client.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).for_each(drop);
        client.read_exact(&mut frame).unwrap();
        assert_eq!(&frame, b"\x81\x02hi");

        assert!(talk(address, "").starts_with("HTTP/1.1 503 "));
    }
}
