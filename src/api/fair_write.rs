//! A stream on which a long answer leaves in pieces, between which others have their turn.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::task::yield_now;

/// So many octets are written before others have their turn.
const MOST: usize = 256 << 10;

pub(super) struct FairWrite<S> {
    stream: S,
    /// Octets written since others had their turn.
    written: usize,
}

impl<S: AsyncWrite + Unpin> FairWrite<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, written: 0 }
    }

    fn write(
        &mut self,
        cx: &mut Context<'_>,
        write: impl FnOnce(Pin<&mut S>, &mut Context<'_>) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if self.written >= MOST {
            self.written = 0;
            // Where a task wakes itself, the runtime looks at other sockets only now and then; here it does at once.
            let yielded: Poll<()> = pin!(yield_now()).poll(cx);
            if yielded.is_pending() {
                return Poll::Pending;
            }
        }
        let written = write(Pin::new(&mut self.stream), cx);
        match &written {
            Poll::Ready(Ok(octets)) => self.written += octets,
            Poll::Ready(Err(_)) | Poll::Pending => self.written = 0,
        }
        written
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for FairWrite<S> {
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

impl<S: AsyncRead + Unpin> AsyncRead for FairWrite<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use tokio::io::sink;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_long_answer_is_written_in_pieces_and_goes_on_by_itself() {
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let cx = &mut Context::from_waker(&waker);
        let (head, body) = (vec![b'h'; 100], vec![b'b'; 4 * MOST]);
        let mut stream = Box::pin(FairWrite::new(sink()));
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
}
