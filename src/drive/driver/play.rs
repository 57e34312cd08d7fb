//! Playing the cues of a turn on the wire.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::sleep;

use super::Driver;
use super::flush::{AHEAD, FULL};
use super::news::News;
use crate::drive::clock::Moment;
use crate::journal::{Ending, Less};
use crate::protocol::{Machine, Reply};
use crate::rule::{Cue, Pace, Plan};
use crate::world::{EndCommand, SessionCommand};

/// The time between two writes that must arrive as two segments.
const APART: Duration = Duration::from_millis(20);
/// How many octets of one reply are sent before other sessions run, if the client reads them at once.
const GIVEN: usize = 4 * FULL;

impl<M: Machine> Driver<M> {
    pub(super) async fn play(&mut self, mut plan: Plan, is_last_turn: bool, at_end: Ending) -> Result<(), Ending> {
        self.durable().await;
        if let Some(open) = self.open.last_mut() {
            open.ready = self.wire.pushed() + plan.octets();
        }
        while let Some(cue) = plan.next() {
            // The end of the reply is known with its last octets.
            if is_last_turn && !plan.says_more() && cue != Cue::Stall {
                self.complete(&cue);
            }
            match cue {
                Cue::Send { bytes, pace, apart } => {
                    match pace {
                        None => self.push(&bytes).await?,
                        Some(pace) => {
                            self.push_paced(&bytes.pieces().collect::<Vec<_>>().concat(), pace).await?;
                        }
                    }
                    if apart {
                        self.flush().await?;
                        if !plan.is_empty() {
                            sleep(APART).await;
                        }
                    }
                }
                Cue::Wait(span) => {
                    self.flush().await?;
                    self.pass_time(span).await?;
                }
                Cue::Layer(layer) => self.push_layer(layer).await?,
                Cue::Stall => {
                    self.flush().await?;
                    self.settle(Less::Stalled.into());
                    return Err(match self.drop_input().await {
                        Some(command) => self.end_by(command).await,
                        None => Ending::Ruled,
                    });
                }
                Cue::Read(reading) => self.reading = Some(reading),
                Cue::Close => {
                    self.flush().await?;
                    return Err(at_end);
                }
                Cue::End(end) => {
                    self.flush().await?;
                    self.close_mode = end;
                    return Err(Ending::Ruled);
                }
            }
        }
        if is_last_turn && let Some(open) = self.open.last_mut().filter(|open| open.end == u64::MAX) {
            // The reply is empty.
            open.end = self.wire.pushed();
        }
        Ok(())
    }

    /// Reads and drops input until the client ends it, or until a command ends the session, which is returned. Drops
    /// other commands.
    pub(super) async fn drop_input(&mut self) -> Option<EndCommand> {
        let handle = Arc::clone(&self.handle);
        let command = poll_fn(|cx| {
            while let Poll::Ready((command, by)) = handle.poll(cx) {
                if let SessionCommand::End(command) = command {
                    return Poll::Ready(Some(command));
                }
                if let Some(by) = by {
                    self.engine.update(|world, _| world.rulebook.missed_later(&by));
                }
            }
            loop {
                match self.wire.poll_drop_input(cx) {
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(_) => {
                        self.ended_input = true;
                        return Poll::Ready(None);
                    }
                    Poll::Pending => {
                        handle.rest(Moment::NEVER);
                        return Poll::Pending;
                    }
                }
            }
        })
        .await;
        handle.work();
        command
    }

    /// The client's next line, without its CRLF, without decoding it. Keeps a bare LF at its end.
    pub(super) async fn line(&mut self) -> Result<Vec<u8>, Ending> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.input) {
                let line = self.input.split_to(end + 1);
                return Ok(line.strip_suffix(b"\r\n").unwrap_or(&line).to_vec());
            }
            if self.ended_input {
                return Err(Ending::ClientClosed);
            }
            if self.input.len() > AHEAD {
                return Err(Ending::Broken);
            }
            // Without an interest: news is sent after the exchange, and would be reported repeatedly until then.
            match self.news(None).await? {
                News::Bytes | News::Push(_) => {}
                News::Lapse => return Err(Ending::Idle),
                News::Command(command) => Box::pin(self.obey(command)).await?,
            }
        }
    }

    /// Waits for this span of server time, or for a command that ends the session.
    pub(super) async fn pass_time(&mut self, span: Duration) -> Result<(), Ending> {
        let due = self.engine.clock().moment().plus(span);
        let (engine, handle, timer) = (&self.engine, &self.handle, &mut self.timer);
        let passed = poll_fn(|cx| {
            if let Poll::Ready(command) = handle.poll_end(cx) {
                return Poll::Ready(Err(command));
            }
            if timer.poll_reach(engine.clock(), due, cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            handle.rest(due);
            Poll::Pending
        });
        let passed = passed.await;
        self.handle.work();
        self.has_waited = true;
        // The client had to wait, so it was not silent.
        self.last_heard = None;
        match passed {
            Ok(()) => Ok(()),
            Err(command) => Err(Box::pin(self.end_by(command)).await),
        }
    }

    /// Pushes a reply. Sends the beginning of one that exceeds the pending limit.
    pub(super) async fn push(&mut self, reply: &Reply) -> Result<(), Ending> {
        let mut given = 0;
        for piece in reply.pieces() {
            if self.wire.waiting() + piece.len() < FULL {
                self.wire.push(piece);
                continue;
            }
            for chunk in piece.chunks(FULL) {
                if self.wire.waiting() >= FULL {
                    self.flush().await?;
                }
                if given >= GIVEN {
                    yield_now().await;
                    given = 0;
                }
                given += chunk.len();
                self.wire.push(chunk);
            }
        }
        Ok(())
    }

    /// Pushes octets in chunks with gaps between them. The last chunk is sent together with what follows.
    async fn push_paced(&mut self, bytes: &[u8], pace: Pace) -> Result<(), Ending> {
        for (i, chunk) in bytes.chunks(pace.chunk.max(1)).enumerate() {
            if i > 0 {
                self.flush().await?;
                self.pass_time(pace.gap).await?;
            }
            self.wire.push(chunk);
        }
        Ok(())
    }
}
