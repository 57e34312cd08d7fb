//! The wire of a session: a socket, and the layers on it. A layer, such as TLS, can be added in the middle of a
//! session.

mod stack;
mod tls;

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::socket::Socket;
use super::tls::{Reason, reason};
use stack::Layers;
pub(super) use stack::Transform;

/// Minimum size of a read: small while a client sends commands; it grows while the client sends mail.
const LEAST_READ: usize = 4 << 10;
const MOST_READ: usize = 64 << 10;
/// When more octets than this were transferred, buffers are freed in the next pause.
const KEPT: usize = 16 << 10;

/// Owns the socket and the layers. Octets to send are collected and written together.
pub(super) struct Wire {
    socket: Socket,
    layers: Layers,
    outgoing: BytesMut,
    /// Octets of `outgoing` that wait in the layers, encoded.
    encoded: usize,
    /// Total octets given to the kernel, counted before encoding by the layers.
    sent: u64,
    room: usize,
    /// Why a layer could not decode what was received.
    failure: Option<io::Error>,
    /// Octets transferred since buffers were last freed.
    moved: usize,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            layers: Layers::default(),
            outgoing: BytesMut::new(),
            encoded: 0,
            sent: 0,
            room: LEAST_READ,
            failure: None,
            moved: 0,
        }
    }

    /// Appends to the pending octets.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
        self.moved += bytes.len();
    }

    /// From here on, every octet goes through this layer, including `came`, which was already received. Everything
    /// pushed before must have been sent.
    pub(super) fn push_layer(&mut self, layer: Box<dyn Transform>, came: BytesMut) {
        debug_assert!(self.is_idle(), "octets pushed before the layer must be sent first");
        self.layers.push(layer, came);
    }

    /// Whether there are no layers: octets are sent as they are pushed.
    pub(super) fn is_bare(&self) -> bool {
        self.layers.is_empty()
    }

    /// Frees buffers that have grown, `input` too, unless something is pending.
    pub(super) fn rest(&mut self, input: &mut BytesMut) {
        if self.moved <= KEPT || !self.is_idle() || !input.is_empty() || !self.layers.is_decoded() {
            return;
        }
        self.moved = 0;
        self.room = LEAST_READ;
        self.outgoing = BytesMut::new();
        self.layers.rest();
        *input = BytesMut::new();
    }

    /// Total octets pushed.
    pub(super) fn pushed(&self) -> u64 {
        self.sent + self.outgoing.len() as u64
    }

    /// Total octets taken by the kernel, counted before encoding.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Changes whenever the kernel has taken something.
    pub(super) fn progress(&self) -> (u64, usize) {
        (self.sent, self.layers.left())
    }

    pub(super) fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.layers.is_idle()
    }

    pub(super) fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    /// Reads into `input`; 0 means the end of the client's input.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let before = input.len();
        loop {
            // Decode what was read before reading more: a layer that expands must not add more than is asked for.
            let has_ended = match self.layers.decode(input) {
                Ok(has_ended) => has_ended,
                Err(error) => {
                    let kind = error.kind();
                    self.failure = Some(error);
                    return Poll::Ready(Err(kind.into()));
                }
            };
            if has_ended || input.len() > before {
                return Poll::Ready(Ok(input.len() - before));
            }
            let target = self.layers.incoming().unwrap_or(&mut *input);
            target.reserve(self.room);
            let room = target.capacity() - target.len();
            let came = ready!(pin!(self.socket.read_buf(target)).poll(cx))?;
            self.moved += came;
            if came == room {
                self.room = MOST_READ;
            } else if came < LEAST_READ {
                self.room = LEAST_READ;
            }
            if came == 0 {
                return Poll::Ready(Ok(0));
            }
        }
    }

    /// Why TLS failed after its handshake.
    pub(super) fn tls_failure(&self) -> Option<Reason> {
        self.failure.as_ref()?.get_ref()?.downcast_ref().map(reason)
    }

    /// Gives everything pushed to the kernel.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_idle() {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// One write of pending octets; Ready when something was sent.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.layers.is_empty() {
            let left = ready!(write(&mut self.socket, cx, &self.outgoing))?;
            self.taken(left);
            return Poll::Ready(Ok(()));
        }
        if self.layers.outgoing()?.is_empty() {
            self.encoded = self.layers.encode(&self.outgoing)?;
        }
        let left = ready!(write(&mut self.socket, cx, self.layers.outgoing()?))?;
        self.layers.advance(left);
        if self.layers.is_idle() {
            let encoded = std::mem::take(&mut self.encoded);
            self.taken(encoded);
        }
        Poll::Ready(Ok(()))
    }

    /// The kernel has taken this many octets of `outgoing`.
    fn taken(&mut self, octets: usize) {
        self.outgoing.advance(octets);
        self.sent += octets as u64;
    }

    /// Reads what the kernel has at this moment, without waiting and without the reactor; counts and drops it. At most
    /// 1 MiB, so that a flood does not hold the caller.
    pub(super) fn drain_now(&mut self) -> u64 {
        let mut scratch = [0; 4096];
        let mut octets = 0;
        while octets < 1 << 20 {
            match self.socket.read_now(&mut scratch) {
                Ok(came @ 1..) => octets += came as u64,
                Ok(0) | Err(_) => break,
            }
        }
        octets
    }

    /// Closes the output: each layer sends its end (close_notify in TLS), then FIN. Octets that are pushed but not
    /// encoded yet are lost.
    pub(super) fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.layers.finish()?;
        while !self.layers.is_idle() {
            ready!(self.poll_write(cx))?;
        }
        self.poll_fin(cx)
    }

    /// Sends FIN without the end of any layer.
    pub(super) fn poll_fin(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// From now on, dropping the socket resets the connection.
    pub(super) fn reset_at_drop(&self) {
        self.socket.reset_at_drop();
    }

    /// Reads and drops octets below the layers; Ready with their number, 0 at the end.
    pub(super) fn poll_drop_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [0; LEAST_READ];
        let mut scratch = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.socket).poll_read(cx, &mut scratch))?;
        Poll::Ready(Ok(scratch.filled().len()))
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }
}

fn write(socket: &mut Socket, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
    let left = ready!(Pin::new(socket).poll_write(cx, octets))?;
    Poll::Ready(if left == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(left) })
}
