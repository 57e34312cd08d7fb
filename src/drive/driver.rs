//! The one loop that owns a connection: decode while you can, play what was said, then wait for bytes, a knock or the
//! end of patience.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use tokio::task::yield_now;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::bell::{Interest, Matter};
use super::door::{Door, Order};
use super::engine::{Engine, Watch};
use super::listen::Tickets;
use super::tls::{Secured, handshake};
use super::wire::Wire;
use crate::base::{Seq, SessionNo};
use crate::journal::{Ending, Kind, Left};
use crate::protocol::{Heard, Machine, Reply};
use crate::rule::{Cue, Pace, Plan};
use crate::world::{Turn, World};

/// How much may wait to leave before the next turn of a long answer, and before the next pipelined request.
const FULL: usize = 64 << 10;
/// How long a long answer is worked on before others have their turn.
const SLICE: Duration = Duration::from_micros(500);
/// How far is read ahead while bytes go out, so that a pipelining client and the server never wait for each other.
const AHEAD: usize = 1 << 20;
/// How long, and how much, is read behind a FIN, so that unread input does not turn it into an RST.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_OCTETS: usize = 1 << 20;
/// A read buffer above this is given back when a session pauses between requests.
const IDLE_BUFFER: usize = 16 << 10;

pub(super) struct Driver<M: Machine> {
    engine: Arc<Engine>,
    session: SessionNo,
    machine: M,
    door: Arc<Door>,
    tickets: Tickets,
    wire: Wire,
    input: BytesMut,
    ended_input: bool,
    /// Exchanges whose reply has not left, each with the place of its last octet among all that are sent.
    open: Vec<Open>,
    /// When the client was last heard.
    heard: Instant,
    alarm: Option<Pin<Box<Sleep>>>,
}

struct Open {
    exchange: Seq,
    start: u64,
    end: u64,
}

enum News<R> {
    Bytes,
    Lapse,
    Knock(Order),
    Push(Heard<R>),
}

impl<M: Machine> Driver<M> {
    pub(super) fn new(
        engine: Arc<Engine>,
        session: SessionNo,
        machine: M,
        door: Arc<Door>,
        tickets: Tickets,
        wire: Wire,
    ) -> Self {
        Self {
            engine,
            session,
            machine,
            door,
            tickets,
            wire,
            input: BytesMut::new(),
            ended_input: false,
            open: Vec::new(),
            heard: Instant::now(),
            alarm: None,
        }
    }

    /// Drives the session to its end and records that.
    pub(super) async fn run(mut self, implicit_tls: bool) {
        let ending = match self.converse(implicit_tls).await {
            Ok(never) => match never {},
            Err(ending) => ending,
        };
        self.settle_open();
        let says_goodbye = !matches!(ending, Ending::Broken | Ending::TlsFailed);
        if says_goodbye {
            let farewell = poll_fn(|cx| self.wire.poll_farewell(cx));
            let _the_client_may_be_gone = timeout(LINGER, farewell).await;
        }
        let unfinished = self.machine.unfinished() + self.input.len() as u64;
        self.engine.act(|world, now| world.end(self.session, ending, unfinished, now));
        self.engine.dismiss(self.session);
        if says_goodbye && !self.ended_input {
            let _or_long_enough = timeout(LINGER, self.linger()).await;
        }
    }

    async fn converse(&mut self, implicit_tls: bool) -> Result<std::convert::Infallible, Ending> {
        if implicit_tls {
            self.handshake().await?;
        }
        loop {
            while let Some(heard) = self.machine.decode(&mut self.input) {
                self.exchange(heard, Ending::Clean).await?;
            }
            self.flush().await?;
            if self.ended_input {
                return Err(Ending::ClientClosed);
            }
            match self.news().await? {
                News::Bytes => {}
                News::Lapse => {
                    let heard = self.machine.lapse();
                    self.exchange(heard, Ending::Idle).await?;
                }
                News::Push(heard) => self.exchange(heard, Ending::Clean).await?,
                News::Knock(Order::Stop) => {
                    let heard = self.machine.stop();
                    self.exchange(heard, Ending::ServerStopped).await?;
                }
                News::Knock(order @ Order::Kick) => return Err(order.ending()),
            }
        }
    }

    /// One exchange: its turns, and the playing of what they said. `at_end` is the ending if this is the last.
    async fn exchange(&mut self, heard: Heard<M::Request>, at_end: Ending) -> Result<(), Ending> {
        let Turn { exchange, plan, mut more } =
            self.turn(|world, machine, session, now| world.turn(session, machine, heard, now))?;
        let start = self.wire.pushed();
        self.open.push(Open { exchange, start, end: u64::MAX });
        self.play(plan, more.is_none(), at_end).await?;
        let mut began = Instant::now();
        while let Some(rest) = more {
            if self.wire.waiting() >= FULL {
                self.flush().await?;
            }
            let turn = self.turn(|world, machine, session, now| world.part(session, exchange, machine, rest, now))?;
            more = turn.more;
            self.play(turn.plan, more.is_none(), at_end).await?;
            // A long answer holds up no other session.
            if began.elapsed() > SLICE {
                yield_now().await;
                began = Instant::now();
            }
        }
        if self.wire.waiting() >= FULL {
            self.flush().await?;
        }
        Ok(())
    }

    /// A turn under the lock. A panic in there is a bug of ours: it ends this session and no other.
    fn turn<T>(
        &mut self,
        turn: impl FnOnce(&mut World, &mut M, SessionNo, crate::base::Timestamp) -> T,
    ) -> Result<T, Ending> {
        let (engine, machine, session) = (&self.engine, &mut self.machine, self.session);
        let turn = AssertUnwindSafe(|| engine.act(|world, now| turn(world, machine, session, now)));
        catch_unwind(turn).map_err(|_panic| Ending::Bug)
    }

    async fn play(&mut self, plan: Plan, is_last_turn: bool, at_end: Ending) -> Result<(), Ending> {
        for cue in plan {
            if is_last_turn {
                self.complete(&cue);
            }
            match cue {
                Cue::Send { bytes, pace } => match pace {
                    None => self.push(&bytes).await?,
                    Some(pace) => self.push_paced(&bytes.pieces().collect::<Vec<_>>().concat(), pace).await?,
                },
                Cue::Secure => {
                    self.upgrade().await?;
                    self.machine.secured();
                }
                Cue::Close => {
                    self.flush().await?;
                    return Err(at_end);
                }
            }
        }
        if is_last_turn && let Some(open) = self.open.last_mut().filter(|open| open.end == u64::MAX) {
            // There was nothing to say.
            open.end = self.wire.pushed();
        }
        Ok(())
    }

    /// Where the reply of the exchange that is played will end is known now.
    fn complete(&mut self, cue: &Cue) {
        let more = match cue {
            Cue::Send { bytes, .. } => bytes.len() as u64,
            Cue::Secure | Cue::Close => 0,
        };
        if let Some(open) = self.open.last_mut().filter(|open| open.end == u64::MAX) {
            open.end = self.wire.pushed() + more;
        }
    }

    /// Pushes a reply; what is longer than may wait leaves meanwhile.
    async fn push(&mut self, reply: &Reply) -> Result<(), Ending> {
        for piece in reply.pieces() {
            if self.wire.waiting() + piece.len() < FULL {
                self.wire.push(piece);
                continue;
            }
            for chunk in piece.chunks(FULL) {
                if self.wire.waiting() >= FULL {
                    self.flush().await?;
                }
                self.wire.push(chunk);
            }
        }
        Ok(())
    }

    /// All but the last chunk leave one by one; the last waits for what follows it.
    async fn push_paced(&mut self, bytes: &[u8], pace: Pace) -> Result<(), Ending> {
        for (i, chunk) in bytes.chunks(pace.chunk.max(1)).enumerate() {
            if i > 0 {
                self.flush().await?;
                let mut gap = pin!(sleep(pace.gap));
                poll_fn(|cx| match gap.as_mut().poll(cx) {
                    Poll::Ready(()) => Poll::Ready(Ok(())),
                    Poll::Pending => self.door.poll(cx).map(|order| Err(order.ending())),
                })
                .await?;
            }
            self.wire.push(chunk);
        }
        Ok(())
    }

    /// Gives everything to the kernel, reading ahead meanwhile, and closes the exchanges whose reply has left.
    async fn flush(&mut self) -> Result<(), Ending> {
        if !self.wire.is_idle() {
            let flushed = poll_fn(|cx| {
                if let Poll::Ready(flushed) = self.wire.poll_flush(cx) {
                    return Poll::Ready(flushed.map_err(|_| Ending::Broken));
                }
                while !self.ended_input && self.input.len() < AHEAD {
                    match self.wire.poll_fill(cx, &mut self.input) {
                        Poll::Ready(Ok(0)) => self.ended_input = true,
                        Poll::Ready(Ok(_)) => {}
                        Poll::Ready(Err(_)) => return Poll::Ready(Err(Ending::Broken)),
                        Poll::Pending => break,
                    }
                }
                // A client that does not read delays nobody.
                self.door.poll(cx).map(|order| Err(order.ending()))
            });
            flushed.await?;
        }
        self.close_left();
        Ok(())
    }

    /// Closes the exchanges whose last octet has left.
    fn close_left(&mut self) {
        let sent = self.wire.sent();
        let left = self.open.iter().take_while(|open| open.end <= sent).count();
        if left > 0 {
            let session = self.session;
            let closed = self.open.drain(..left);
            self.engine.act(|world, now| closed.for_each(|open| world.close(session, open.exchange, Left::All, now)));
        }
    }

    /// At the session's end: what has not left never will.
    fn settle_open(&mut self) {
        self.close_left();
        let (session, sent, pushed) = (self.session, self.wire.sent(), self.wire.pushed());
        let lost = self.open.drain(..);
        if lost.len() > 0 {
            self.engine.act(|world, now| {
                for Open { exchange, start, end } in lost {
                    // Of an answer in parts that was never finished, what was ready counts.
                    let of = (if end == u64::MAX { pushed } else { end } - start) as u32;
                    let octets = sent.saturating_sub(start).min(u64::from(of)) as u32;
                    world.close(session, exchange, Left::Part { octets, of }, now);
                }
            });
        }
    }

    /// Waits for bytes, a knock, or the end of patience; waking for anything else never prolongs that.
    async fn news(&mut self) -> Result<News<M::Request>, Ending> {
        if self.input.is_empty() && self.input.capacity() > IDLE_BUFFER && self.machine.unfinished() == 0 {
            self.input = BytesMut::new();
        }
        let deadline = self.heard + self.machine.patience();
        let place = self.machine.interest();
        let mut watch: Option<Watch> = None;
        let news = poll_fn(|cx| {
            match self.wire.poll_fill(cx, &mut self.input) {
                Poll::Ready(Ok(0)) => {
                    self.ended_input = true;
                    return Poll::Ready(Ok(News::Bytes));
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(News::Bytes)),
                Poll::Ready(Err(_)) => return Poll::Ready(Err(Ending::Broken)),
                Poll::Pending => {}
            }
            if !self.wire.is_idle()
                && let Poll::Ready(Err(_)) = self.wire.poll_flush(cx)
            {
                return Poll::Ready(Err(Ending::Broken));
            }
            if let Poll::Ready(order) = self.door.poll(cx) {
                return Poll::Ready(Ok(News::Knock(order)));
            }
            if let Some(place) = place {
                // Watched first, looked at then: what happens between is seen twice, and never missed.
                match &watch {
                    Some(watch) => watch.rearm(cx.waker()),
                    None => {
                        let interest = Interest { matter: Matter::Mailbox(place), session: None };
                        watch = Some(self.engine.watch(interest, cx.waker().clone()));
                    }
                }
                if let Some(heard) = self.engine.look(|world| self.machine.notice(&world.mail.accounts)) {
                    return Poll::Ready(Ok(News::Push(heard)));
                }
            }
            // One timer a session: it is moved when it rings too early, not at every read.
            let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
            if alarm.deadline() > deadline {
                alarm.as_mut().reset(deadline);
            }
            while alarm.as_mut().poll(cx).is_ready() {
                if Instant::now() >= deadline {
                    return Poll::Ready(Ok(News::Lapse));
                }
                alarm.as_mut().reset(deadline);
            }
            Poll::Pending
        });
        let news = news.await?;
        if !matches!(news, News::Push(_)) {
            self.heard = Instant::now();
        }
        Ok(news)
    }

    /// The reply that invites the handshake leaves, then the handshake. What came in the clear behind the request is
    /// dropped and counted, up to the very write that gives the kernel the reply's last octet; after it nothing is
    /// read in the clear (RFC 3207 §4.2).
    async fn upgrade(&mut self) -> Result<(), Ending> {
        let mut octets = self.input.len() as u64;
        self.input.clear();
        let sent = poll_fn(|cx| {
            while !self.wire.is_idle() {
                octets += self.wire.drain_now();
                match self.wire.poll_write_some(cx) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(Ok(()))
        });
        sent.await.map_err(|_| Ending::Broken)?;
        self.close_left();
        if octets > 0 {
            self.engine.act(|world, now| world.note(self.session, Kind::Dropped { octets }, now));
        }
        self.handshake().await
    }

    async fn handshake(&mut self) -> Result<(), Ending> {
        let config = self.tickets.tls();
        let deadline = self.tickets.handshake;
        let result = {
            let (socket, door) = (self.wire.socket(), &self.door);
            let mut shaking = pin!(timeout(deadline, handshake(socket, config)));
            let either = poll_fn(|cx| match shaking.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(Ok(result)),
                Poll::Pending => door.poll(cx).map(Err),
            });
            either.await
        };
        let reason = match result {
            Ok(Ok(Ok(Secured { connection, rest, facts }))) => {
                self.wire.secure(connection, rest);
                self.heard = Instant::now();
                self.engine.act(|world, now| world.note(self.session, Kind::Secured(Box::new(facts)), now));
                return Ok(());
            }
            Ok(Ok(Err(reason))) => reason,
            Ok(Err(_elapsed)) => format!("not finished within {} s", deadline.as_secs_f32()),
            Err(order) => return Err(order.ending()),
        };
        self.engine.act(|world, now| world.note(self.session, Kind::Unsecured(reason.into()), now));
        Err(Ending::TlsFailed)
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
