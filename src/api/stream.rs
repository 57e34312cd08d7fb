//! A stream that yields to other tasks during a long response, and that fails a write if the peer reads nothing for too
//! long.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;
use tokio::time::{Sleep, sleep};

/// Octets that are written before the task yields.
const MOST: usize = 256 << 10;

pub(super) struct AnswerStream<S> {
    stream: S,
    /// Octets written since the task last yielded.
    written: usize,
    timeout: Duration,
    /// A timer that runs while a write waits for the peer.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncWrite + Unpin> AnswerStream<S> {
    /// `timeout` limits how long the peer may read nothing; it restarts with each octet read.
    pub(super) fn new(stream: S, timeout: Duration) -> Self {
        Self { stream, written: 0, timeout, timer: None }
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.written >= MOST {
            self.written = 0;
            // The runtime polls other sockets only occasionally after a task wakes itself; `yield_now` makes it poll
            // them at once.
            let yielded: Poll<()> = pin!(yield_now()).poll(cx);
            ready!(yielded);
        }
        if let Poll::Ready(written) = write(Pin::new(&mut self.stream), cx) {
            self.timer = None;
            self.written += written.as_ref().unwrap_or(&0);
            return Poll::Ready(written);
        }
        self.written = 0;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.timeout)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for AnswerStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let octets = &octets[..octets.len().min(MOST)];
        self.write(cx, |stream, cx| stream.poll_write(cx, octets))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if slices.iter().map(|slice| slice.len()).sum::<usize>() <= MOST {
            return self.write(cx, |stream, cx| stream.poll_write_vectored(cx, slices));
        }
        let first = slices.iter().find(|slice| !slice.is_empty()).map_or(&[][..], |slice| slice);
        self.poll_write(cx, first)
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

impl<S: AsyncRead + Unpin> AsyncRead for AnswerStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::{duplex, sink};

    use super::*;
    use crate::drive::runtime;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_long_response_is_written_in_pieces_and_wakes_itself() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        let (head, body) = (vec![b'h'; 100], vec![b'b'; 4 * MOST]);
        let mut stream = Box::pin(AnswerStream::new(sink(), Duration::MAX));
        let mut write = |sent: usize| match sent {
            0 => stream.as_mut().poll_write_vectored(cx, &[IoSlice::new(&head), IoSlice::new(&body)]),
            sent => stream.as_mut().poll_write(cx, &body[sent - head.len()..]),
        };

        let (mut sent, mut turns) = (0, 1);
        while sent < head.len() + body.len() {
            match write(sent) {
                Poll::Ready(written) => sent += written.unwrap(),
                Poll::Pending => turns += 1,
            }
        }

        assert_eq!(turns, 4);
        assert_eq!(woken.0.load(Ordering::Relaxed), turns - 1);
    }

    #[test]
    fn the_timeout_expires_if_nothing_is_read_and_restarts_on_progress() {
        let _entered = runtime().enter();
        let cx = &mut Context::from_waker(Waker::noop());
        let (stream, mut peer) = duplex(8);
        let mut stream = Box::pin(AnswerStream::new(stream, Duration::from_secs(3600)));
        assert!(stream.as_mut().poll_write(cx, b"8 octets").is_ready());
        assert!(stream.timer.is_none(), "nothing waits");

        assert!(stream.as_mut().poll_write(cx, b"more").is_pending());
        let deadline = stream.timer.as_ref().unwrap().deadline();
        assert!(stream.as_mut().poll_write(cx, b"more").is_pending());
        assert_eq!(stream.timer.as_ref().unwrap().deadline(), deadline, "polling again does not extend the deadline");

        let mut taken = [0; 2];
        assert!(Pin::new(&mut peer).poll_read(cx, &mut ReadBuf::new(&mut taken)).is_ready());
        assert!(matches!(stream.as_mut().poll_write(cx, b"more"), Poll::Ready(Ok(2))));
        assert!(stream.timer.is_none());

        // Simulates the end of the timeout.
        stream.timeout = Duration::ZERO;
        let late = runtime().block_on(std::future::poll_fn(|cx| stream.as_mut().poll_write(cx, b"re")));
        assert_eq!(late.map_err(|error| error.kind()), Err(io::ErrorKind::TimedOut));
    }
}
