//! The wire of a session: a socket, and the layers on it. A layer is pushed in the middle of a session: TLS after
//! STARTTLS, say.

mod stack;
mod tls;

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};

use super::socket::Socket;
use stack::Layers;
pub(super) use stack::Transform;

/// What one read may bring: small while a client types commands, grown while it sends mail.
const LEAST_READ: usize = 4 << 10;
const MOST_READ: usize = 64 << 10;
/// When more than this came and went, buffers are given back in the next pause.
const KEPT: usize = 16 << 10;

/// Owns the socket and the layers. Octets to send are collected and leave in one write.
pub(super) struct Wire {
    socket: Socket,
    layers: Layers,
    outgoing: BytesMut,
    /// Octets of `outgoing` that wait in the layers, encoded.
    encoded: usize,
    /// Octets ever given to the kernel, counted above the layers.
    sent: u64,
    room: usize,
    /// Octets that came and went since buffers were given back.
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
            moved: 0,
        }
    }

    /// Octets that wait to leave go first.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.outgoing.extend_from_slice(bytes);
        self.moved += bytes.len();
    }

    /// From here on every octet goes through this layer, those included that came for it already. Everything that was
    /// pushed before must have left.
    pub(super) fn push_layer(&mut self, layer: Box<dyn Transform>, came: BytesMut) {
        debug_assert!(self.is_idle(), "what was pushed before leaves without the layer");
        self.layers.push(layer, came);
    }

    /// Whether there are no layers: octets leave as they are pushed.
    pub(super) fn is_bare(&self) -> bool {
        self.layers.is_empty()
    }

    /// Gives buffers back that have grown, `input` too; for a pause in which nothing is under way.
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

    /// How many octets were ever pushed.
    pub(super) fn pushed(&self) -> u64 {
        self.sent + self.outgoing.len() as u64
    }

    /// How many octets the kernel has taken, in whatever form.
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

    /// Reads what has come into `input`; 0 is the end of the client's input.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let before = input.len();
        loop {
            // What came is decoded before more is read: a layer that expands brings no more than is asked for.
            let has_ended = self.layers.decode(input)?;
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

    /// Gives everything pushed to the kernel.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.is_idle() {
            ready!(self.poll_write(cx))?;
        }
        Poll::Ready(Ok(()))
    }

    /// One write of what waits to leave; Ready when something left.
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

    /// So much of `outgoing` was taken by the kernel.
    fn taken(&mut self, octets: usize) {
        self.outgoing.advance(octets);
        self.sent += octets as u64;
    }

    /// Reads what the kernel has at this very moment, without waiting and without asking the reactor; counts it and
    /// forgets it. At most 1 MiB, so that a flood does not hold the caller.
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

    /// Says goodbye: each layer tells that nothing follows (close_notify in TLS), then FIN. What was pushed and is not
    /// encoded yet does not leave any more.
    pub(super) fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.layers.finish()?;
        while !self.layers.is_idle() {
            ready!(self.poll_write(cx))?;
        }
        self.poll_fin(cx)
    }

    /// FIN, and nothing before it: no layer tells the client.
    pub(super) fn poll_fin(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// Dropping the socket resets the connection from now on.
    pub(super) fn reset_at_drop(&self) {
        self.socket.reset_at_drop();
    }

    /// Reads and drops, below the layers; Ready with how much came, 0 at the end.
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
