//! How a session ends: what is said and recorded then, and how the connection closes.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::{Driver, Open};
use crate::journal::{Ending, Left, Less, Noted, RecordKind, UNFINISHED_KEPT, Weight};
use crate::protocol::{Event, Machine};
use crate::rule::CloseMode;
use crate::world::EndCommand;

/// How long, and how much, is read behind a FIN, so that unread input does not turn it into an RST.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_OCTETS: usize = 1 << 20;
/// Before an RST, so that what was sent before it arrives.
const BEFORE_RESET: Duration = Duration::from_millis(10);

impl<M: Machine> Driver<M> {
    /// What there is to do at the end.
    pub(super) async fn leave(&mut self, ending: Ending) {
        self.handle.work();
        let over = self.engine.update(|world, now| world.point(self.session, Event::TcpClose, None, now));
        if let Some(turn) = over {
            let end = self.wire.pushed();
            self.open.push(Open { end, ..Open::new(turn.exchange, end) });
        }
        self.settle_open();
        let is_dead = matches!(ending, Ending::Broken | Ending::TlsFailed);
        match self.close_mode {
            _ if is_dead => {}
            CloseMode::Rst => {
                // What was given to the kernel shall arrive before the RST does.
                sleep(BEFORE_RESET).await;
                self.wire.reset_at_drop();
            }
            CloseMode::Half | CloseMode::TlsNoNotify => {
                let _the_client_may_be_gone = timeout(LINGER, poll_fn(|cx| self.wire.poll_fin(cx))).await;
            }
            CloseMode::Fin => {
                let farewell = poll_fn(|cx| self.wire.poll_farewell(cx));
                let _the_client_may_be_gone = timeout(LINGER, farewell).await;
            }
        }
        if self.close_mode == CloseMode::Half
            && !is_dead
            && let Some(EndCommand::Close(CloseMode::Rst)) = self.drop_input().await
        {
            self.wire.reset_at_drop();
        }
        let unfinished = self.unfinished().octets;
        let [start, more] = self.machine.unfinished_octets();
        let first = start.iter().chain(more).chain(&self.input[..]).take(UNFINISHED_KEPT);
        let first: Vec<u8> = first.copied().collect();
        self.over(ending, unfinished, &first);
        if !is_dead && self.close_mode != CloseMode::Rst && !self.ended_input {
            let _or_long_enough = timeout(LINGER, self.linger()).await;
        }
    }

    pub(super) fn over(&mut self, ending: Ending, unfinished: u64, first: &[u8]) {
        self.is_over = true;
        // From here on nobody can tell it anything; who sees that the session ended finds no door.
        self.engine.dismiss(self.session);
        let in_vain = self.handle.close();
        self.engine.update(|world, now| {
            in_vain.iter().for_each(|by| world.rulebook.missed_later(by));
            world.end(self.session, ending, unfinished, first, now);
        });
    }

    /// The session is told to end, whatever it was about to do.
    pub(super) async fn end_by(&mut self, command: EndCommand) -> Ending {
        match command {
            EndCommand::Stop => Ending::ServerStopped,
            EndCommand::Close(end) => {
                self.close_mode = end;
                Ending::Ruled
            }
            EndCommand::Kick(goodbye) => {
                // Behind what a client does not read it would not leave either.
                if !goodbye.is_empty() && self.wire.is_idle() && !self.needs_tls {
                    let _or_the_next_reason = timeout(LINGER, Box::pin(self.say(goodbye))).await;
                }
                Ending::Kicked
            }
            EndCommand::Flooded => {
                let text = "rules said more to this session than it could take while it was busy".to_owned();
                let failure = RecordKind::Noted(Box::new(Noted { by: None, weight: Weight::Failure, text }));
                self.engine.update(|world, now| world.note(self.session, failure, now));
                Ending::Ruled
            }
        }
    }

    /// At the session's end: what has not left never will.
    fn settle_open(&mut self) {
        self.close_left();
        let (session, sent) = (self.session, self.wire.sent());
        let mut lost = self.open.drain(..).peekable();
        if lost.len() > 0 {
            self.engine.update(|world, now| {
                while let Some(Open { exchange, start, ready, .. }) = lost.next() {
                    // Of an answer in parts that was never finished, what was ready counts. What was said meanwhile
                    // is an exchange of its own.
                    let sent = lost.peek().map_or(sent, |next| sent.min(next.start));
                    let of = ready.saturating_sub(start) as u32;
                    let octets = sent.saturating_sub(start).min(u64::from(of)) as u32;
                    let left = if octets == of { Left::All } else { Less::Part { octets, of }.into() };
                    world.close(session, exchange, left, now);
                }
            });
        }
    }

    /// What is open will never be answered.
    pub(super) fn settle(&mut self, left: Left) {
        let (session, open) = (self.session, self.open.drain(..));
        self.engine.update(|world, now| open.for_each(|open| world.close(session, open.exchange, left.clone(), now)));
    }

    async fn linger(&mut self) {
        let mut octets = 0;
        while let Ok(came @ 1..) = poll_fn(|cx| self.wire.poll_drop_input(cx)).await {
            octets += came;
            if octets > LINGER_OCTETS {
                return;
            }
        }
    }
}
