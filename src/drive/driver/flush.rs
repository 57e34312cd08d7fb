//! Writing: how pending octets are given to the kernel.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use super::Driver;
use crate::journal::Ending;
use crate::protocol::Machine;

/// Maximum number of pending octets before the next turn of a long reply, and before the next pipelined request.
pub(super) const FULL: usize = 64 << 10;
/// How far the driver reads ahead while it writes, so that a pipelining client and the server never wait for each
/// other.
pub(super) const AHEAD: usize = 1 << 20;

impl<M: Machine> Driver<M> {
    /// Flushes if many octets are pending.
    pub(super) async fn flush_full(&mut self) -> Result<(), Ending> {
        if self.wire.waiting() >= FULL { self.flush().await } else { Ok(()) }
    }

    /// Gives everything to the kernel, reading ahead meanwhile, and closes the exchanges whose reply was sent.
    pub(super) async fn flush(&mut self) -> Result<(), Ending> {
        if !self.wire.is_idle() {
            self.give(|driver, cx| {
                if let Poll::Ready(flushed) = driver.wire.poll_flush(cx) {
                    return Poll::Ready(flushed);
                }
                while !driver.ended_input && driver.reading.is_none() && driver.input.len() < AHEAD {
                    match driver.wire.poll_fill(cx, &mut driver.input) {
                        Poll::Ready(Ok(0)) => driver.ended_input = true,
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                        Poll::Pending => break,
                    }
                }
                Poll::Pending
            })
            .await?;
            self.came_early = !self.input.is_empty();
        }
        self.close_left();
        Ok(())
    }

    /// Reads what has arrived, without waiting for more.
    pub(super) async fn read_arrived(&mut self) {
        if self.ended_input || self.reading.is_some() {
            return;
        }
        poll_fn(|cx| {
            if let Poll::Ready(Ok(0)) = self.wire.poll_fill(cx, &mut self.input) {
                self.ended_input = true;
            }
            Poll::Ready(())
        })
        .await;
    }

    /// Waits until `give` has given the kernel all its octets. A client that does not read ends the session after a
    /// time, and does not delay a command that ends the session.
    pub(super) async fn give(
        &mut self,
        mut give: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Result<(), Ending> {
        let mut blocked = None;
        let stopped = poll_fn(|cx| {
            if let Poll::Ready(given) = give(self, cx) {
                return Poll::Ready(given.map_err(|_| Ok(Ending::Broken)));
            }
            let progress = self.wire.progress();
            let deadline = match blocked {
                Some((at, deadline)) if at == progress => deadline,
                Some(_) | None => self.engine.clock().moment().plus(self.tls_provider.write),
            };
            blocked = Some((progress, deadline));
            self.handle.block(deadline);
            if let Poll::Ready(command) = self.handle.poll_end(cx) {
                return Poll::Ready(Err(Err(command)));
            }
            self.timer.poll_reach(self.engine.clock(), deadline, cx).map(|()| Err(Ok(Ending::NotReading)))
        });
        let stopped = stopped.await;
        if blocked.is_some() {
            self.handle.work();
            // A client that reads is not silent.
            self.last_heard = None;
        }
        match stopped {
            Ok(()) => Ok(()),
            Err(Ok(ending)) => Err(ending),
            Err(Err(command)) => Err(self.end_by(command).await),
        }
    }
}
