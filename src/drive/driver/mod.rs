//! The loop that owns a connection: decodes requests while there are any, plays the replies, then waits for octets, a
//! command from outside, or the idle timeout.

mod ask;
mod end;
mod flush;
mod handshake;
mod news;
mod open_exchange;
mod play;
mod proxy;
mod read;
mod script;
mod turn;
mod upgrade;

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::BytesMut;
use tokio::task::yield_now;

use super::clock::Moment;
use super::engine::Engine;
use super::listen::TlsProvider;
use super::session_handle::SessionHandle;
use super::timer::Timer;
use super::wire::Wire;
use crate::base::SessionNo;
use crate::journal::Ending;
use crate::protocol::{Event, Machine, Unfinished};
use crate::rule::{Answers, CloseMode, Reading};
use crate::world::{EndCommand, SessionCommand};
use news::News;
use open_exchange::OpenExchange;

/// How many octets a session decodes before it yields. Each request counts as `EXCHANGE` octets more.
const FLIGHT: usize = 16 << 10;
const EXCHANGE: usize = 256;

pub(super) struct Driver<M: Machine> {
    engine: Arc<Engine>,
    session: SessionNo,
    machine: M,
    handle: Arc<SessionHandle>,
    tls_provider: TlsProvider,
    wire: Wire,
    input: BytesMut,
    ended_input: bool,
    /// Exchanges whose reply is not completely sent, in order.
    open: Vec<OpenExchange>,
    /// A part of the next request arrived before the last reply was sent.
    came_early: bool,
    /// Whether a rule delayed the output of the current exchange.
    has_waited: bool,
    /// How a rule wants input to be read.
    reading: Option<Reading>,
    /// How the connection ends.
    close_mode: CloseMode,
    /// The server must send nothing before the TLS handshake: it would be in cleartext.
    needs_tls: bool,
    /// When the client last sent something; `None` if that was after the last reading of the clock.
    last_heard: Option<Moment>,
    timer: Timer,
    /// The incomplete request as the journal knows it.
    reported: Unfinished,
    /// The answers about mail for the next turn.
    answers: Option<Box<Answers>>,
    /// Whether the end of the session is recorded.
    is_over: bool,
}

/// Runs this to its end. `None` if it panics.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_panic) => Poll::Ready(None),
    })
    .await
}

impl<M: Machine> Driver<M> {
    pub(super) fn new(
        engine: Arc<Engine>,
        session: SessionNo,
        machine: M,
        handle: Arc<SessionHandle>,
        tls_provider: TlsProvider,
        wire: Wire,
    ) -> Self {
        Self {
            engine,
            session,
            machine,
            handle,
            tls_provider,
            wire,
            input: BytesMut::new(),
            ended_input: false,
            open: Vec::new(),
            came_early: false,
            has_waited: false,
            reading: None,
            close_mode: CloseMode::Fin,
            needs_tls: false,
            last_heard: None,
            timer: Timer::default(),
            reported: Unfinished::default(),
            answers: None,
            is_over: false,
        }
    }

    /// Drives the session to its end, and records the end. A panic is a bug in mailjig: it ends only this session.
    pub(super) async fn run(mut self, has_proxy: bool, implicit_tls: bool) {
        self.needs_tls = implicit_tls;
        let ending = match caught(self.converse(has_proxy, implicit_tls)).await {
            Some(Ok(never)) => match never {},
            Some(Err(ending)) => ending,
            None => Ending::Bug,
        };
        self.free_answers();
        if caught(self.leave(ending)).await.is_none() && !self.is_over {
            self.over(Ending::Bug, Unfinished::default(), &[]);
        }
    }

    async fn converse(&mut self, has_proxy: bool, implicit_tls: bool) -> Result<std::convert::Infallible, Ending> {
        if has_proxy {
            Box::pin(self.read_proxy_header()).await?;
        }
        self.point(Event::TcpAccept).await?;
        if implicit_tls {
            self.handshake().await?;
        }
        let mut spent = 0;
        loop {
            let mut before = self.input.len();
            while let Some(decoded) = self.machine.decode(&mut self.input) {
                self.exchange(decoded, Ending::Clean).await?;
                spent += EXCHANGE + before.saturating_sub(self.input.len());
                before = self.input.len();
                let_others(&mut spent).await;
            }
            let before = self.input.len();
            self.flush().await?;
            if self.input.len() > before {
                // More was read while the replies were sent.
                self.last_heard = None;
                continue;
            }
            if self.ended_input {
                return Err(Ending::ClientClosed);
            }
            match self.news(self.interest()).await? {
                News::Bytes => {
                    spent += self.input.len();
                    let_others(&mut spent).await;
                }
                News::Lapse => {
                    let decoded = self.machine.lapse();
                    self.exchange(decoded, Ending::Idle).await?;
                }
                News::Push(decoded) => self.exchange(decoded, Ending::Clean).await?,
                News::Command(SessionCommand::End(EndCommand::Stop)) => {
                    let decoded = self.machine.stop();
                    self.exchange(decoded, Ending::ServerStopped).await?;
                    // The session ends even if rules let the goodbye pass.
                    self.flush().await?;
                    return Err(Ending::ServerStopped);
                }
                News::Command(command) => self.obey(command).await?,
            }
        }
    }

    /// Executes a command from outside.
    async fn obey(&mut self, command: SessionCommand) -> Result<(), Ending> {
        match command {
            SessionCommand::Say(reply) => self.say(reply).await,
            SessionCommand::CapabilityOverride(change) => {
                if let Some(overrides) = self.machine.capability_overrides() {
                    overrides.change(&change);
                }
                Ok(())
            }
            SessionCommand::End(command) => Err(self.end_by(command).await),
        }
    }
}

/// Yields to other sessions after many requests or a large body.
async fn let_others(spent: &mut usize) {
    if *spent > FLIGHT {
        yield_now().await;
        *spent = 0;
    }
}
