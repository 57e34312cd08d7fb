//! How a session ends: its last reply, its last record, and the closing of the connection.

use std::future::poll_fn;
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::Driver;
use super::open_exchange::OpenExchange;
use crate::drive::tls::Reason;
use crate::journal::{Ending, Noted, RecordKind, TlsFailure, UNFINISHED_KEPT, Weight};
use crate::protocol::{Event, Machine, Unfinished};
use crate::rule::CloseMode;
use crate::world::EndCommand;

/// How long input is read after a FIN: unread input would turn the FIN into an RST.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_OCTETS: usize = 1 << 20;
/// The time before an RST, so that octets that were sent before it arrive.
const BEFORE_RESET: Duration = Duration::from_millis(10);

impl<M: Machine> Driver<M> {
    /// Closes the connection and records the end.
    pub(super) async fn leave(&mut self, ending: Ending) {
        self.handle.work();
        if ending == Ending::Broken && !self.wire.is_bare() {
            self.tell_tls_failure().await;
        }
        let over = self.engine.update(|world, now| world.point(self.session, Event::TcpClose, now));
        if let Some(turn) = over {
            let end = self.wire.pushed();
            self.open.push(OpenExchange { end, ..OpenExchange::new(turn.exchange, end) });
        }
        self.settle_open();
        let is_dead = matches!(ending, Ending::Broken | Ending::TlsFailed | Ending::ProxyFailed);
        if !is_dead {
            self.close_output().await;
        }
        if self.close_mode == CloseMode::Half
            && !is_dead
            && let Some(EndCommand::Close(CloseMode::Rst)) = self.drop_input().await
        {
            self.wire.reset_at_drop();
        }
        let unfinished = self.unfinished();
        let [start, more] = self.machine.unfinished_octets();
        let first = start.iter().chain(more).chain(&self.input[..]).take(UNFINISHED_KEPT);
        let first: Vec<u8> = first.copied().collect();
        self.over(ending, unfinished, &first);
        if !is_dead && self.close_mode != CloseMode::Rst && !self.ended_input {
            let _or_long_enough = timeout(LINGER, self.linger()).await;
        }
    }

    /// Records why TLS failed after its handshake, if that is how the connection broke.
    async fn tell_tls_failure(&mut self) {
        // A write may have failed before the client's alert was read.
        self.read_arrived().await;
        let Some(Reason { text, alert }) = self.wire.tls_failure() else { return };
        self.engine.update(|world, now| {
            let tls = world.journal.session(self.session).and_then(|log| log.facts().tls.as_ref());
            let certificate = tls.map(|tls| tls.certificate);
            let failure = TlsFailure { reason: text, after_handshake: true, alert, certificate, offered: None };
            world.note(self.session, RecordKind::Unsecured(Box::new(failure)), now);
        });
        let _the_session_ends = self.point(Event::TlsFailed).await;
    }

    /// Ends the output in the session's close mode.
    async fn close_output(&mut self) {
        match self.close_mode {
            CloseMode::Rst => {
                // What was given to the kernel must arrive before the RST.
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
    }

    /// Records the end. From here on the session takes no commands.
    pub(super) fn over(&mut self, ending: Ending, unfinished: Unfinished, first: &[u8]) {
        self.is_over = true;
        // Before the end is recorded: whoever sees the record must find no handle of the session.
        self.engine.dismiss(self.session, ending);
        let in_vain = self.handle.close();
        // The connection broke, or the client ended it, before the server did.
        let is_closed = !self.ended_input
            && !matches!(ending, Ending::Broken | Ending::TlsFailed | Ending::ProxyFailed | Ending::Bug);
        let close = is_closed.then(|| self.close_mode.name());
        self.engine.update(|world, now| {
            in_vain.iter().for_each(|by| world.rulebook.missed_later(by));
            world.journal.set_unfinished(self.session, unfinished);
            let has_failed = world.journal.session(self.session).is_some_and(|log| log.facts().tls_failure.is_some());
            // A rule ended the handshake, or the client TLS.
            let is_of_tls = has_failed && matches!(ending, Ending::Ruled | Ending::Broken);
            let ending = if is_of_tls { Ending::TlsFailed } else { ending };
            world.end(self.session, (ending, close), unfinished.octets, first, now);
        });
    }

    /// Ends the session as this command requires.
    pub(super) async fn end_by(&mut self, command: EndCommand) -> Ending {
        match command {
            EndCommand::Stop => Ending::ServerStopped,
            EndCommand::Close(end) => {
                self.close_mode = end;
                Ending::Ruled
            }
            EndCommand::Kick(goodbye) => {
                // The goodbye cannot be sent while the client leaves earlier octets unread.
                if !goodbye.is_empty() && self.wire.is_idle() && !self.needs_tls {
                    let _or_the_next_reason = timeout(LINGER, Box::pin(self.say(goodbye))).await;
                }
                Ending::Kicked
            }
            EndCommand::Flooded => {
                let text = "rules sent more commands to this session than it could take while it was busy".to_owned();
                let failure = RecordKind::Noted(Box::new(Noted { by: None, weight: Weight::Failure, text }));
                self.engine.update(|world, now| world.note(self.session, failure, now));
                Ending::Ruled
            }
        }
    }

    /// Reads and drops what the client still sends, up to a bound.
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
