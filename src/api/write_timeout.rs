//! A stream on which writing fails when the peer takes nothing for too long.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

pub(super) struct WriteTimeout<S> {
    stream: S,
    timeout: Duration,
    /// Runs while a write waits for the peer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> WriteTimeout<S> {
    /// Any octet that is taken gives the peer the whole time again.
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self { stream, timeout, timer: None }
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let written = write(Pin::new(&mut self.stream), cx);
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.timeout)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteTimeout<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write(cx, octets))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.write(cx, |stream, cx| stream.poll_write_vectored(cx, pieces))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteTimeout<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::io::duplex;

    use super::*;
    use crate::drive::runtime;

    #[test]
    fn the_time_is_over_where_nothing_is_taken_and_begins_again_where_something_is() {
        let _entered = runtime().enter();
        let cx = &mut Context::from_waker(Waker::noop());
        let (stream, mut peer) = duplex(8);
        let mut stream = Box::pin(WriteTimeout::new(stream, Duration::from_secs(3600)));
        assert!(stream.as_mut().poll_write(cx, b"8 octets").is_ready());
        assert!(stream.timer.is_none(), "nothing waits");

        assert!(stream.as_mut().poll_write(cx, b"more").is_pending());
        let deadline = stream.timer.as_ref().unwrap().deadline();
        assert!(stream.as_mut().poll_write(cx, b"more").is_pending());
        assert_eq!(stream.timer.as_ref().unwrap().deadline(), deadline, "asking again gives no more time");

        let mut taken = [0; 2];
        assert!(Pin::new(&mut peer).poll_read(cx, &mut ReadBuf::new(&mut taken)).is_ready());
        assert!(matches!(stream.as_mut().poll_write(cx, b"more"), Poll::Ready(Ok(2))));
        assert!(stream.timer.is_none());

        // As if the time had passed.
        stream.timeout = Duration::ZERO;
        let late = runtime().block_on(std::future::poll_fn(|cx| stream.as_mut().poll_write(cx, b"re")));
        assert_eq!(late.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }
}
