//! The bytes' road: a socket, and TLS on it once it is secured.

use std::future::Future;
use std::io::{self, BufRead, Write};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use rustls::ServerConnection;
use tokio::io::{AsyncReadExt, AsyncWrite};

use super::socket::Socket;

/// What one read may bring: small while a client types commands, grown while it sends mail.
const LEAST_READ: usize = 4 << 10;
const MOST_READ: usize = 64 << 10;
/// When more than this came and went, buffers are given back in the next pause.
const KEPT: usize = 16 << 10;

/// Owns the socket. Octets to send are collected and leave in one write.
pub(super) struct Wire {
    socket: Socket,
    tls: Option<Box<ServerConnection>>,
    /// Ciphertext that was read and not yet understood.
    sealed_in: BytesMut,
    outgoing: BytesMut,
    /// Ciphertext that has not yet left.
    sealed_out: Vec<u8>,
    sealed_sent: usize,
    /// Octets of `outgoing` that are in `sealed_out`.
    sealing: usize,
    /// Octets ever given to the kernel, counted before encryption.
    sent: u64,
    room: usize,
    /// Octets that came and went since buffers were given back.
    moved: usize,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            tls: None,
            sealed_in: BytesMut::new(),
            outgoing: BytesMut::new(),
            sealed_out: Vec::new(),
            sealed_sent: 0,
            sealing: 0,
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

    /// Gives buffers back that have grown, `input` too; for a pause in which nothing is under way.
    pub(super) fn rest(&mut self, input: &mut BytesMut) {
        if self.moved <= KEPT || !self.is_idle() || !input.is_empty() || !self.sealed_in.is_empty() {
            return;
        }
        self.moved = 0;
        self.room = LEAST_READ;
        self.outgoing = BytesMut::new();
        self.sealed_in = BytesMut::new();
        self.sealed_out = Vec::new();
        *input = BytesMut::new();
    }

    /// How many octets were ever pushed.
    pub(super) fn pushed(&self) -> u64 {
        self.sent + self.outgoing.len() as u64
    }

    /// How many octets the kernel has taken.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Changes whenever the kernel has taken something.
    pub(super) fn progress(&self) -> (u64, usize) {
        (self.sent, self.sealed_sent)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.outgoing.is_empty() && self.sealed_sent == self.sealed_out.len()
    }

    pub(super) fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    /// From here on every octet is TLS, those included that were read during the handshake.
    pub(super) fn secure(&mut self, tls: Box<ServerConnection>, sealed: BytesMut) {
        self.tls = Some(tls);
        self.sealed_in = sealed;
    }

    /// Reads what has come into `input`; 0 is the end of the client's input.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let before = input.len();
        loop {
            if self.unseal(input)? {
                return Poll::Ready(Ok(0));
            }
            if input.len() > before {
                return Poll::Ready(Ok(input.len() - before));
            }
            let target = if self.tls.is_some() { &mut self.sealed_in } else { &mut *input };
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
        loop {
            if self.tls.is_some() {
                ready!(self.poll_sealed(cx))?;
                if self.outgoing.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                self.seal()?;
            } else {
                if self.outgoing.is_empty() {
                    return Poll::Ready(Ok(()));
                }
                ready!(self.poll_write_some(cx))?;
            }
        }
    }

    /// One write of what is in the clear; Ready when something left.
    pub(super) fn poll_write_some(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let left = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.outgoing))?;
        self.outgoing.advance(left);
        self.sent += left as u64;
        if self.outgoing.is_empty() {
            self.outgoing.clear();
        }
        Poll::Ready(if left == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(()) })
    }

    /// Reads what the kernel has at this very moment, without waiting and without asking the reactor; counts it and
    /// forgets it. At most 1 MiB, so that a flood does not hold the caller.
    pub(super) fn drain_now(&mut self) -> u64 {
        let mut scratch = [0; 4096];
        let mut octets = 0;
        while octets < 1 << 20 {
            match self.socket.read_now(&mut scratch) {
                Ok(came) if came > 0 => octets += came as u64,
                _ => break,
            }
        }
        octets
    }

    /// Says goodbye: close_notify where there is TLS, then FIN.
    pub(super) fn poll_farewell(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if let Some(tls) = &mut self.tls {
            // Idempotent: a second call queues nothing.
            tls.send_close_notify();
            ready!(self.poll_flush(cx))?;
            self.write_records()?;
            ready!(self.poll_sealed(cx))?;
        }
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// FIN, and nothing before it: TLS is not told.
    pub(super) fn poll_fin(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }

    /// Dropping the socket resets the connection from now on.
    pub(super) fn reset_at_drop(&self) {
        self.socket.reset_at_drop();
    }

    /// Reads and drops; Ready with how much came, 0 at the end.
    pub(super) fn poll_drop_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.sealed_in.clear();
        self.sealed_in.reserve(LEAST_READ);
        pin!(self.socket.read_buf(&mut self.sealed_in)).poll(cx)
    }

    pub(super) fn socket(&mut self) -> &mut Socket {
        &mut self.socket
    }

    /// Decrypts what was read; true at the client's close_notify.
    fn unseal(&mut self, input: &mut BytesMut) -> io::Result<bool> {
        let Some(tls) = &mut self.tls else { return Ok(false) };
        loop {
            let understood = tls.read_tls(&mut &self.sealed_in[..]).unwrap_or(0);
            self.sealed_in.advance(understood);
            let state = tls.process_new_packets();
            // Alerts and key updates are due even where the packets were wrong.
            if tls.wants_write() {
                tls.write_tls(&mut self.sealed_out)?;
            }
            let state = state.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            let mut left = state.plaintext_bytes_to_read();
            let mut reader = tls.reader();
            while left > 0 {
                let chunk = reader.fill_buf()?;
                input.extend_from_slice(chunk);
                let taken = chunk.len();
                left -= taken;
                reader.consume(taken);
            }
            if state.peer_has_closed() {
                return Ok(true);
            }
            if understood == 0 || self.sealed_in.is_empty() {
                return Ok(false);
            }
        }
    }

    /// Encrypts as much of `outgoing` as the TLS buffer takes.
    fn seal(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            self.sealing = tls.writer().write(&self.outgoing)?;
        }
        self.write_records()
    }

    fn write_records(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.sealed_out)?;
            }
        }
        Ok(())
    }

    fn poll_sealed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sealed_sent < self.sealed_out.len() {
            let rest = &self.sealed_out[self.sealed_sent..];
            let left = ready!(Pin::new(&mut self.socket).poll_write(cx, rest))?;
            if left == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sealed_sent += left;
        }
        self.sealed_out.clear();
        self.sealed_sent = 0;
        self.outgoing.advance(self.sealing);
        self.sent += self.sealing as u64;
        self.sealing = 0;
        Poll::Ready(Ok(()))
    }
}
