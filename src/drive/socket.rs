//! A TCP socket that acknowledges unanswered input at once.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Reads and writes without delay.
///
/// # Rationale
/// Linux delays an acknowledgement by 40 ms, so that a reply can carry it. A client with Nagle's algorithm on (RFC 9293
/// §3.7.4) that writes a body and its end separately keeps back the end until the body is acknowledged, and the server
/// has no reply before the end. So input is acknowledged when the server waits for more and has written nothing since.
/// A read that is answered at once needs no further system call.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    /// Something was read, and nothing was written since that carries the acknowledgement.
    owes_ack: bool,
}

impl Socket {
    pub(super) fn new(stream: TcpStream) -> Self {
        // If the socket is already dead, its first read fails too.
        let _or_slow = stream.set_nodelay(true);
        Self { stream, owes_ack: false }
    }

    /// Reads what the kernel has at this moment, without the reactor.
    pub(super) fn read_now(&self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut &*SockRef::from(&self.stream), buffer)
    }

    /// From now on, dropping the socket resets the connection.
    pub(super) fn reset_at_drop(&self) {
        // If this fails, the connection is already gone.
        let _gone = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }

    /// Acknowledges the received octets now.
    fn acknowledge(&self) {
        #[cfg(target_os = "linux")]
        // If this fails, the connection is already gone.
        let _gone = SockRef::from(&self.stream).set_tcp_quickack(true);
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        match &read {
            Poll::Pending if std::mem::take(&mut self.owes_ack) => self.acknowledge(),
            Poll::Pending => {}
            Poll::Ready(_) => self.owes_ack |= buffer.filled().len() > before,
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, octets);
        self.owes_ack &= !matches!(written, Poll::Ready(Ok(1..)));
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::drive::runtime;

    #[test]
    fn unanswered_input_is_acknowledged_at_once() {
        let work = async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let mut socket = Socket::new(listener.accept().await.unwrap().0);
            let is_quick = |socket: &Socket| SockRef::from(&socket.stream).tcp_quickack().unwrap();

            // After a dialogue the kernel delays acknowledgements.
            while is_quick(&socket) {
                client.write_all(b"question").await.unwrap();
                socket.read_exact(&mut [0; 8]).await.unwrap();
                socket.write_all(b"answer").await.unwrap();
                client.read_exact(&mut [0; 6]).await.unwrap();
                read_none(&mut socket).await;
            }
            client.write_all(b"the first part").await.unwrap();
            read_all(&mut socket).await;

            assert!(is_quick(&socket));
        };
        runtime()
            .block_on(async { timeout(Duration::from_secs(20), work).await })
            .expect("the client receives the acknowledgement");
    }

    /// Reads until a read would block.
    async fn read_all(socket: &mut Socket) {
        socket.stream.readable().await.unwrap();
        poll_fn(|cx| {
            let mut octets = [0; 16];
            while Pin::new(&mut *socket).poll_read(cx, &mut ReadBuf::new(&mut octets)).is_ready() {}
            Poll::Ready(())
        })
        .await;
    }

    /// Checks that nothing can be read.
    async fn read_none(socket: &mut Socket) {
        poll_fn(|cx| {
            let mut octets = [0; 16];
            assert!(Pin::new(&mut *socket).poll_read(cx, &mut ReadBuf::new(&mut octets)).is_pending());
            Poll::Ready(())
        })
        .await;
    }
}
