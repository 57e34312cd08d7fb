//! Exchanges whose reply is not completely sent.

use super::Driver;
use crate::base::Seq;
use crate::journal::{Left, Less};
use crate::protocol::Machine;
use crate::rule::Cue;

pub(super) struct OpenExchange {
    pub(super) exchange: Seq,
    /// Position of the start of its reply among all octets sent.
    pub(super) start: u64,
    /// Position of the end of the part that is known.
    pub(super) ready: u64,
    /// Position of the end; `u64::MAX` while more may follow.
    pub(super) end: u64,
}

impl OpenExchange {
    pub(super) fn new(exchange: Seq, start: u64) -> Self {
        Self { exchange, start, ready: start, end: u64::MAX }
    }
}

impl<M: Machine> Driver<M> {
    /// Called before the last cue of a reply: sets the end of the reply of the exchange being played.
    pub(super) fn complete(&mut self, cue: &Cue) {
        let more = match cue {
            Cue::Send { bytes, .. } => bytes.len() as u64,
            Cue::Wait(_) | Cue::Layer(_) | Cue::Stall | Cue::Read(_) | Cue::Close | Cue::End(_) => 0,
        };
        if let Some(open) = self.open.last_mut().filter(|open| open.end == u64::MAX) {
            open.end = self.wire.pushed() + more;
        }
    }

    /// Closes the exchanges whose last octet was sent.
    pub(super) fn close_left(&mut self) {
        let sent = self.wire.sent();
        let left = self.open.iter().take_while(|open| open.end <= sent).count();
        if left > 0 {
            let session = self.session;
            self.reported = self.unfinished();
            let (closed, unfinished) = (self.open.drain(..left), self.reported);
            self.engine.update(|world, now| {
                closed.for_each(|open| world.close(session, open.exchange, Left::All, now));
                world.journal.set_unfinished(session, unfinished);
            });
        }
    }

    /// Closes all exchanges at the end of the session: unsent octets are lost.
    pub(super) fn settle_open(&mut self) {
        self.close_left();
        let (session, sent) = (self.session, self.wire.sent());
        let mut lost = self.open.drain(..).peekable();
        if lost.len() > 0 {
            self.engine.update(|world, now| {
                while let Some(OpenExchange { exchange, start, ready, .. }) = lost.next() {
                    // Of an unfinished reply in parts, the parts that were ready count. Output in between belongs to
                    // another exchange.
                    let sent = lost.peek().map_or(sent, |next| sent.min(next.start));
                    let of = ready.saturating_sub(start) as u32;
                    let octets = sent.saturating_sub(start).min(u64::from(of)) as u32;
                    let left = if octets == of { Left::All } else { Less::Part { octets, of }.into() };
                    world.close(session, exchange, left, now);
                }
            });
        }
    }

    /// Closes all exchanges, because nothing more of their replies will be sent.
    pub(super) fn settle(&mut self, left: Left) {
        let (session, open) = (self.session, self.open.drain(..));
        self.engine.update(|world, now| open.for_each(|open| world.close(session, open.exchange, left.clone(), now)));
    }
}
