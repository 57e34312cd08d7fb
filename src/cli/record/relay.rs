//! One recorded session: octets pass between the client and the upstream server, and TLS begins on both sides at once.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf, split};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::conversation::{Conversation, Then};
use super::said::Said;
use crate::cli::peer::{PATIENCE, Stream, TlsPeer};
use crate::protocol::Protocol;

/// How many octets may wait for a side that does not read before no more are read from the other.
const AHEAD: usize = 1 << 20;

/// How both sides use TLS.
pub(super) struct Roads {
    /// TLS to the upstream server from the first octet on.
    pub(super) upstream_tls: bool,
    /// TLS to the client from the first octet on.
    pub(super) client_tls: bool,
    pub(super) acceptor: TlsAcceptor,
    pub(super) peer: TlsPeer,
    /// Closed when the recording stops.
    pub(super) stop: Semaphore,
    /// What the server offers and clients do not see, because it cannot be recorded.
    pub(super) hidden: Mutex<HashSet<String>>,
}

impl Roads {
    /// Tells once that this is hidden from clients.
    fn hide(&self, name: String) {
        let mut hidden = self.hidden.lock().unwrap_or_else(PoisonError::into_inner);
        if !hidden.contains(&name) {
            complain!("mailjig: {name} is hidden from clients: a session that uses it cannot be recorded");
            hidden.insert(name);
        }
    }
}

/// One side of the session.
struct Side {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    /// What is to be written.
    pending: Vec<u8>,
    is_flushed: bool,
    has_ended: bool,
    was_shut: bool,
}

impl Side {
    fn new(stream: Box<dyn Stream>) -> Self {
        let (reader, writer) = split(stream);
        Self { reader, writer, pending: Vec::new(), is_flushed: true, has_ended: false, was_shut: false }
    }

    /// Writes all that is pending.
    async fn flush(&mut self) -> io::Result<()> {
        self.writer.write_all(&self.pending).await?;
        self.pending.clear();
        self.writer.flush().await
    }

    /// Whether something is to be written or flushed.
    fn is_busy(&self) -> bool {
        !self.pending.is_empty() || !self.is_flushed
    }

    /// These many octets were written; none were left if it was flushed.
    fn pushed(&mut self, pushed: io::Result<usize>) {
        let is_flushed = self.pending.is_empty();
        match pushed {
            Ok(written) => self.pending.drain(..written),
            // A side that does not read any more ends by its own end of input.
            Err(_) => self.pending.drain(..),
        };
        self.is_flushed = is_flushed;
    }

    /// Tells this side that the other one has ended.
    async fn shut(&mut self) {
        if !std::mem::replace(&mut self.was_shut, true) {
            let _it_may_be_gone = self.writer.shutdown().await;
        }
    }

    fn into_stream(self) -> Box<dyn Stream> {
        self.reader.unsplit(self.writer)
    }
}

/// Relays a session until both sides have ended, or the recording stops. Returns what was said, and why it ended early if it did.
pub(super) async fn relay(
    client: TcpStream,
    upstream: TcpStream,
    roads: Arc<Roads>,
    protocol: Protocol,
) -> (Vec<Said>, Option<String>) {
    let mut conversation = Conversation::new(protocol);
    let relayed = tokio::select! {
        relayed = run(client, upstream, &roads, &mut conversation) => relayed,
        _ = roads.stop.acquire() => Ok(()),
    };
    (conversation.finish(), relayed.err())
}

async fn run(
    client: TcpStream,
    upstream: TcpStream,
    roads: &Roads,
    conversation: &mut Conversation,
) -> Result<(), String> {
    let _it_only_delays = (client.set_nodelay(true), upstream.set_nodelay(true));
    let (mut client, mut upstream): (Box<dyn Stream>, Box<dyn Stream>) = (Box::new(client), Box::new(upstream));
    if roads.upstream_tls {
        upstream = roads.peer.secure(upstream).await?;
    }
    if roads.client_tls {
        client = accept(client, roads).await?;
    }
    let (mut client, mut upstream) = (Side::new(client), Side::new(upstream));
    loop {
        match pass(&mut client, &mut upstream, roads, conversation).await? {
            Passed::Ended => return Ok(()),
            Passed::Secures => {
                client.flush().await.map_err(|error| format!("the client was lost: {error}"))?;
                let secured = roads.peer.secure(upstream.into_stream()).await?;
                let accepted = accept(client.into_stream(), roads).await?;
                (client, upstream) = (Side::new(accepted), Side::new(secured));
                conversation.secured();
            }
        }
    }
}

/// Writes a part of what is pending; flushes if that is nothing. Can be dropped at any time: nothing is written twice.
async fn push(writer: &mut WriteHalf<Box<dyn Stream>>, pending: &[u8]) -> io::Result<usize> {
    match pending.is_empty() {
        true => writer.flush().await.map(|()| 0),
        false => writer.write(pending).await,
    }
}

enum Passed {
    Ended,
    /// STARTTLS was accepted, and the answer waits for the client.
    Secures,
}

/// Passes octets until both sides have ended, or until TLS begins.
async fn pass(
    client: &mut Side,
    upstream: &mut Side,
    roads: &Roads,
    conversation: &mut Conversation,
) -> Result<Passed, String> {
    let (mut from_client, mut from_upstream) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        if client.has_ended && !upstream.is_busy() {
            upstream.shut().await;
        }
        if upstream.has_ended && !client.is_busy() {
            client.shut().await;
        }
        let is_over = client.has_ended && upstream.has_ended;
        if is_over && !client.is_busy() && !upstream.is_busy() {
            return Ok(Passed::Ended);
        }
        let (client_reads, upstream_reads) =
            (!client.has_ended && upstream.pending.len() < AHEAD, !upstream.has_ended && client.pending.len() < AHEAD);
        let (client_writes, upstream_writes) = (client.is_busy(), upstream.is_busy());
        tokio::select! {
            read = upstream.reader.read(&mut from_upstream), if upstream_reads => {
                let octets = read.unwrap_or(0);
                if octets == 0 {
                    upstream.has_ended = true;
                    client.pending.extend(conversation.unfinished());
                    if !client.has_ended {
                        conversation.closed();
                    }
                    continue;
                }
                let then = conversation.server(&from_upstream[..octets], &mut client.pending);
                conversation.hidden.drain(..).for_each(|name| roads.hide(name));
                match then {
                    Then::Forward(octets) => upstream.pending.extend(octets),
                    Then::Secure => return Ok(Passed::Secures),
                    Then::Stop(why) => {
                        let _it_may_be_gone = client.flush().await;
                        return Err(why);
                    }
                }
            }
            read = client.reader.read(&mut from_client), if client_reads => {
                let octets = read.unwrap_or(0);
                client.has_ended = octets == 0;
                upstream.pending.extend(conversation.client(&from_client[..octets]));
            }
            pushed = push(&mut client.writer, &client.pending), if client_writes => client.pushed(pushed),
            pushed = push(&mut upstream.writer, &upstream.pending), if upstream_writes => upstream.pushed(pushed),
        }
    }
}

async fn accept(stream: Box<dyn Stream>, roads: &Roads) -> Result<Box<dyn Stream>, String> {
    match timeout(PATIENCE, roads.acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(format!("the TLS handshake with the client failed: {error}; does it trust the CA?")),
        Err(_elapsed) => Err("the client did not finish the TLS handshake".to_owned()),
    }
}
