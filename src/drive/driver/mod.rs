//! The one loop that owns a connection: decode while you can, play what was said, then wait for bytes, a command from
//! outside or the end of patience.

mod end;
mod handshake;
mod layer;
mod play;
mod read;

use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::clock::Moment;
use super::engine::{Engine, Watch};
use super::listen::TlsProvider;
use super::session_handle::SessionHandle;
use super::subscribers::{Interest, Topic};
use super::timer::Timer;
use super::wire::Wire;
use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{Ending, Left};
use crate::protocol::{Decoded, Event, Machine, Reply, Unfinished};
use crate::rule::{CloseMode, Hello, Reading};
use crate::world::{EndCommand, Rest, SessionCommand, Turn, World};

/// How much may wait to leave before the next turn of a long answer, and before the next pipelined request.
const FULL: usize = 64 << 10;
/// How long a long answer is worked on before others have their turn.
const SLICE: Duration = Duration::from_micros(500);
/// How many octets are read and worked on before others have their turn, where each request counts as so many octets
/// more.
const FLIGHT: usize = 16 << 10;
const EXCHANGE: usize = 256;
/// How far is read ahead while bytes go out, so that a pipelining client and the server never wait for each other.
const AHEAD: usize = 1 << 20;
/// Between two reads of what is read slowly.
const SLOWLY: Duration = Duration::from_millis(100);

pub(super) struct Driver<M: Machine> {
    engine: Arc<Engine>,
    session: SessionNo,
    machine: M,
    handle: Arc<SessionHandle>,
    tls_provider: TlsProvider,
    wire: Wire,
    input: BytesMut,
    ended_input: bool,
    /// Exchanges whose reply has not left, each with the place of its last octet among all that are sent.
    open: Vec<Open>,
    /// Something of what comes next was there before the last reply had left.
    came_early: bool,
    /// How a rule wants input to be read.
    reading: Option<Reading>,
    /// How the connection ends.
    close_mode: CloseMode,
    /// Nothing can be said: it would be in the clear, and TLS is not there yet.
    needs_tls: bool,
    /// When the client was last heard; none where something came since the clock was read.
    last_heard: Option<Moment>,
    timer: Timer,
    /// What was told of the request that is not complete.
    told: Unfinished,
    /// Its end is recorded.
    is_over: bool,
}

struct Open {
    exchange: Seq,
    start: u64,
    /// Where it ends as far as it is known.
    ready: u64,
    /// Where it ends; not yet known while more may follow.
    end: u64,
}

impl Open {
    fn new(exchange: Seq, start: u64) -> Self {
        Self { exchange, start, ready: start, end: u64::MAX }
    }
}

/// None if it panics, which ends it.
async fn caught<T>(work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Some),
        Err(_panic) => Poll::Ready(None),
    })
    .await
}

enum News<R> {
    Bytes,
    Lapse,
    Told(SessionCommand),
    Push(Decoded<R>),
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
            reading: None,
            close_mode: CloseMode::Fin,
            needs_tls: false,
            last_heard: None,
            timer: Timer::default(),
            told: Unfinished::default(),
            is_over: false,
        }
    }

    /// Drives the session to its end and records that. A panic is a bug of ours: it ends this session and no other.
    pub(super) async fn run(mut self, implicit_tls: bool) {
        self.needs_tls = implicit_tls;
        let ending = match caught(self.converse(implicit_tls)).await {
            Some(Ok(never)) => match never {},
            Some(Err(ending)) => ending,
            None => Ending::Bug,
        };
        if caught(self.leave(ending)).await.is_none() && !self.is_over {
            self.over(Ending::Bug, 0, &[]);
        }
    }

    async fn converse(&mut self, implicit_tls: bool) -> Result<std::convert::Infallible, Ending> {
        self.point(Event::TcpAccept, None).await?;
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
                // More was read while the answers left.
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
                News::Told(SessionCommand::End(EndCommand::Stop)) => {
                    let decoded = self.machine.stop();
                    self.exchange(decoded, Ending::ServerStopped).await?;
                    // Whatever rules make of the goodbye.
                    self.flush().await?;
                    return Err(Ending::ServerStopped);
                }
                News::Told(command) => self.obey(command).await?,
            }
        }
    }

    /// One exchange: its turns, and the playing of what they said. `at_end` is the ending if this is the last.
    async fn exchange(&mut self, decoded: Decoded<M::Request>, at_end: Ending) -> Result<(), Ending> {
        // The journal forgets it with this exchange.
        self.told = Unfinished::default();
        let is_early = self.came_early || !self.open.is_empty();
        self.came_early = false;
        let (decoded, answers) =
            if self.machine.reads(&decoded.request) { self.prepared(decoded).await? } else { (decoded, None) };
        let Turn { exchange, plan, mut rest, .. } = self
            .turn_knowing(answers, |world, machine, session, now| world.turn(session, machine, decoded, is_early, now));
        self.open.push(Open::new(exchange, self.wire.pushed()));
        self.play(plan, matches!(rest, Rest::Done), at_end).await?;
        if matches!(rest, Rest::Done) {
            return self.flush_full().await;
        }
        let mut began = Instant::now();
        loop {
            let turn = match rest {
                Rest::Done => break,
                Rest::Part(part, run) => {
                    self.flush_full().await?;
                    let item = self.machine.item(&part);
                    let (part, answers) = self.read(item, part).await?;
                    self.turn_knowing(answers, |world, machine, session, now| {
                        world.part(session, exchange, machine, part, run, now)
                    })
                }
                Rest::Line(awaiting) => {
                    self.flush().await?;
                    let line = self.line().await?;
                    let (decoded, run) = *awaiting;
                    let (decoded, answers) = match decoded {
                        Some(decoded) => {
                            let (decoded, answers) = self.prepared(decoded).await?;
                            (Some(decoded), answers)
                        }
                        None => (None, None),
                    };
                    self.turn_knowing(answers, |world, machine, session, now| {
                        world.line(session, exchange, machine, &line, (decoded, run), now)
                    })
                }
            };
            rest = turn.rest;
            self.play(turn.plan, matches!(rest, Rest::Done), at_end).await?;
            // A long answer holds up no other session.
            if began.elapsed() > SLICE {
                yield_now().await;
                began = Instant::now();
            }
        }
        self.flush_full().await
    }

    /// Lets leave what waits, where it is much.
    async fn flush_full(&mut self) -> Result<(), Ending> {
        if self.wire.waiting() >= FULL { self.flush().await } else { Ok(()) }
    }

    /// Something happened to the connection that no machine knows of.
    async fn point(&mut self, event: Event, sni: Option<&str>) -> Result<Option<Hello>, Ending> {
        let turn = self.turn(|world, _, session, now| world.point(session, event, sni, now));
        let Some(Turn { exchange, plan, hello, .. }) = turn else { return Ok(None) };
        self.open.push(Open::new(exchange, self.wire.pushed()));
        Box::pin(self.play(plan, true, Ending::Clean)).await?;
        self.close_left();
        Ok(hello)
    }

    /// What the session was told from outside.
    async fn obey(&mut self, command: SessionCommand) -> Result<(), Ending> {
        match command {
            SessionCommand::Say(reply) => self.say(reply).await,
            SessionCommand::CapabilityOverride(offer) => {
                if let Some(mask) = self.machine.mask() {
                    mask.change(&offer);
                }
                Ok(())
            }
            SessionCommand::End(command) => Err(self.end_by(command).await),
        }
    }

    /// Says what no request asked for.
    async fn say(&mut self, reply: Reply) -> Result<(), Ending> {
        let exchange = self.turn(|world, _, session, now| world.say(session, &reply, now));
        let start = self.wire.pushed();
        let end = start + reply.len() as u64;
        self.open.push(Open { ready: end, end, ..Open::new(exchange, start) });
        self.push(&reply).await?;
        self.flush().await
    }

    /// A turn under the lock.
    fn turn<T>(&mut self, turn: impl FnOnce(&mut World, &mut M, SessionNo, Timestamp) -> T) -> T {
        let (engine, machine, session) = (&self.engine, &mut self.machine, self.session);
        engine.update(|world, now| turn(world, machine, session, now))
    }

    /// Gives everything to the kernel, reading ahead meanwhile, and closes the exchanges whose reply has left.
    async fn flush(&mut self) -> Result<(), Ending> {
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

    /// Until `give` has given the kernel what it wants to. A client that does not read delays nobody who wants the
    /// session to end, and has so much patience.
    async fn give(
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
                _ => self.engine.clock().moment().plus(self.tls_provider.write),
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
            // A client that reads is there.
            self.last_heard = None;
        }
        match stopped {
            Ok(()) => Ok(()),
            Err(Ok(ending)) => Err(ending),
            Err(Err(command)) => Err(self.end_by(command).await),
        }
    }

    /// Closes the exchanges whose last octet has left.
    fn close_left(&mut self) {
        let sent = self.wire.sent();
        let left = self.open.iter().take_while(|open| open.end <= sent).count();
        if left > 0 {
            let session = self.session;
            self.told = self.unfinished();
            let (closed, unfinished) = (self.open.drain(..left), self.told);
            self.engine.update(|world, now| {
                closed.for_each(|open| world.close(session, open.exchange, Left::All, now));
                world.journal.came(session, unfinished);
            });
        }
    }

    /// What the client waits for, if it waits for news.
    fn interest(&self) -> Option<Interest> {
        let mailboxes = self.machine.interest();
        let topics = || mailboxes.iter().copied().map(Topic::Mailbox).collect::<Vec<_>>();
        (!mailboxes.is_empty()).then(|| Interest::of(topics()))
    }

    /// Waits for bytes, for news that are of interest, a command, or the end of patience; waking for anything else never
    /// prolongs that.
    async fn news(&mut self, mut interest: Option<Interest>) -> Result<News<M::Request>, Ending> {
        if self.machine.unfinished().octets == 0 {
            self.wire.rest(&mut self.input);
        }
        let last_heard = *self.last_heard.get_or_insert_with(|| self.engine.clock().moment());
        let deadline = last_heard.plus(self.machine.patience());
        let mut watch: Option<Watch> = None;
        if self.reading == Some(Reading::Slow) {
            self.pass_time(SLOWLY).await?;
        }
        let news = poll_fn(|cx| {
            let filled = match self.reading {
                Some(Reading::Stop) => Poll::Pending,
                _ => self.wire.poll_fill(cx, &mut self.input),
            };
            match filled {
                Poll::Ready(Ok(0)) => {
                    self.ended_input = true;
                    return Poll::Ready(Ok(News::Bytes));
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(News::Bytes)),
                Poll::Ready(Err(_)) => {
                    // Where a TLS record was wrong, an alert waits that says so (RFC 8446 §6.2).
                    let _the_client_may_be_gone = self.wire.poll_flush(cx);
                    return Poll::Ready(Err(Ending::Broken));
                }
                Poll::Pending => {}
            }
            // A client that wants to renegotiate is told that this is not done (RFC 5246 §7.2.2), without a command.
            if !self.wire.is_idle()
                && let Poll::Ready(Err(_)) = self.wire.poll_flush(cx)
            {
                return Poll::Ready(Err(Ending::Broken));
            }
            if let Poll::Ready((command, _)) = self.handle.poll(cx) {
                return Poll::Ready(Ok(News::Told(command)));
            }
            // Watched first, looked at then: what happens between is seen twice, and never missed.
            match &watch {
                Some(watch) => watch.rearm(cx.waker()),
                None => watch = interest.take().map(|interest| self.engine.watch(interest, cx.waker().clone())),
            }
            if watch.is_some()
                && let Some(decoded) = self.engine.read(|world| self.machine.notice(&world.mail.accounts))
            {
                return Poll::Ready(Ok(News::Push(decoded)));
            }
            self.tell_unfinished();
            self.handle.rest(deadline);
            self.timer.poll_reach(self.engine.clock(), deadline, cx).map(|()| Ok(News::Lapse))
        });
        let news = news.await?;
        self.handle.work();
        if !matches!(news, News::Push(_) | News::Told(_)) {
            self.last_heard = None;
        }
        Ok(news)
    }

    /// What has come of a request that is not complete.
    fn unfinished(&self) -> Unfinished {
        let Unfinished { within, octets } = self.machine.unfinished();
        Unfinished { within, octets: octets + self.input.len() as u64 }
    }

    /// A report says what a client is in the middle of. The lock is taken only where something was begun.
    fn tell_unfinished(&mut self) {
        let unfinished = self.unfinished();
        if unfinished != self.told {
            self.told = unfinished;
            self.engine.update(|world, _| world.journal.came(self.session, unfinished));
        }
    }
}

/// A flight of requests, or a large body, holds up no other session.
async fn let_others(spent: &mut usize) {
    if *spent > FLIGHT {
        yield_now().await;
        *spent = 0;
    }
}
