//! The turns of an exchange.

use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::Instant;

use super::Driver;
use super::handshake::Attempt;
use super::open_exchange::OpenExchange;
use crate::base::{SessionNo, Timestamp};
use crate::drive::clock::Moment;
use crate::journal::Ending;
use crate::protocol::{Decoded, Event, Machine, Reply, Unfinished};
use crate::rule::{Given, Need, Playing};
use crate::world::{Rest, Turn, World};

/// How long a session works on a long reply before it yields.
const SLICE: Duration = Duration::from_micros(500);

impl<M: Machine> Driver<M> {
    /// Runs one exchange: takes its turns and plays the output of each. `at_end` is the ending if this is the last
    /// exchange.
    pub(super) async fn exchange(&mut self, decoded: Decoded<M::Request>, at_end: Ending) -> Result<(), Ending> {
        // With this exchange the journal forgets the incomplete request.
        self.reported = Unfinished::default();
        let is_early = self.came_early || !self.open.is_empty();
        self.came_early = false;
        self.has_waited = false;
        let decoded = if self.machine.reads(&decoded.request) { self.prepared(decoded).await? } else { decoded };
        let turn =
            self.turn_knowing(|world, machine, session, now| world.turn(session, machine, decoded, is_early, now));
        match self.take_turns(turn, at_end).await? {
            Some(script) => Box::pin(self.play_script(script)).await,
            None => self.flush_full().await,
        }
    }

    /// Plays the output of the first turn of an exchange, and takes its other turns. Returns the script to which a rule
    /// handed the connection over.
    pub(super) async fn take_turns(
        &mut self,
        turn: Turn<M::Request>,
        at_end: Ending,
    ) -> Result<Option<Box<Playing>>, Ending> {
        let Turn { exchange, plan, mut rest, mut script, .. } = turn;
        self.open.push(OpenExchange::new(exchange, self.wire.pushed()));
        self.play(plan, matches!(rest, Rest::Done), at_end).await?;
        if self.has_waited && !self.wire.is_idle() {
            // A client that did not wait for a late reply has spoken before it.
            self.read_arrived().await;
        }
        if matches!(rest, Rest::Done) {
            return Ok(script);
        }
        let mut began = Instant::now();
        loop {
            let turn = match rest {
                Rest::Done => break,
                Rest::Part(part, run) => {
                    self.flush_full().await?;
                    let item = self.machine.item(&part);
                    let part = self.read(item, part).await?;
                    self.turn_knowing(|world, machine, session, now| {
                        world.part(session, exchange, machine, part, run, now)
                    })
                }
                Rest::Outside(need, mut suspended) => {
                    self.flush().await?;
                    let given = match need {
                        Need::Line => Given::Line(self.line().await?),
                        Need::Answer(inquiry) => self.ask(*inquiry).await?,
                        Need::Flight => unreachable!("a handshake is an event of the connection"),
                    };
                    if let Some(decoded) = suspended.decoded.take() {
                        suspended.decoded = Some(self.prepared(decoded).await?);
                    }
                    self.turn_knowing(|world, machine, session, now| {
                        world.resume(session, exchange, machine, &given, *suspended, now)
                    })
                }
            };
            rest = turn.rest;
            script = script.or(turn.script);
            self.play(turn.plan, matches!(rest, Rest::Done), at_end).await?;
            // A long reply must not delay other sessions.
            if began.elapsed() > SLICE {
                yield_now().await;
                began = Instant::now();
            }
        }
        Ok(script)
    }

    /// Handles an event of the connection, which machines do not know.
    pub(super) async fn point(&mut self, event: Event) -> Result<(), Ending> {
        let (turn, _) = self.turn(|world, _, session, now| world.point(session, event, now));
        match turn {
            Some(turn) => self.take_point(turn, &mut Attempt::default()).await,
            None => Ok(()),
        }
    }

    /// Plays the output of the first turn of such an event, and takes its other turns; at a ClientHello with the flights of
    /// this handshake.
    pub(super) async fn take_point(&mut self, mut turn: Turn<()>, attempt: &mut Attempt) -> Result<(), Ending> {
        let exchange = turn.exchange;
        self.open.push(OpenExchange::new(exchange, self.wire.pushed()));
        while let Rest::Outside(need, suspended) = turn.rest {
            Box::pin(self.play(turn.plan, false, Ending::Clean)).await?;
            self.flush().await?;
            attempt.hello = turn.hello;
            let given = match need {
                Need::Answer(inquiry) => Box::pin(self.ask(*inquiry)).await?,
                Need::Flight => Box::pin(self.flight(attempt)).await?,
                Need::Line => unreachable!("there are no lines at an event of the connection"),
            };
            (turn, _) =
                self.turn(|world, _, session, now| world.resume_point(session, exchange, &given, *suspended, now));
        }
        attempt.hello = turn.hello;
        Box::pin(self.play(turn.plan, true, Ending::Clean)).await?;
        self.flush().await?;
        self.close_left();
        Ok(())
    }

    /// Sends a reply without a request.
    pub(super) async fn say(&mut self, reply: Reply) -> Result<(), Ending> {
        let (exchange, _) = self.turn(|world, _, session, now| world.say(session, &reply, now));
        let start = self.wire.pushed();
        let end = start + reply.len() as u64;
        self.open.push(OpenExchange { ready: end, end, ..OpenExchange::new(exchange, start) });
        self.durable().await;
        self.push(&reply).await?;
        self.flush().await
    }

    /// Takes a turn under the lock, with the answers that were read for it; keeps them for the next part of the reply.
    pub(super) fn turn_knowing(
        &mut self,
        turn: impl FnOnce(&mut World, &mut M, SessionNo, Timestamp) -> Turn<M::Request>,
    ) -> Turn<M::Request> {
        let answers = self.answers.take();
        let knowing = |world: &mut World, machine: &mut M, session: SessionNo, now: Timestamp| {
            world.knowing(answers, |world| turn(world, machine, session, now))
        };
        let ((result, answers), moment) = self.turn(knowing);
        self.answers = answers;
        if !matches!(result.rest, Rest::Part(..)) {
            self.free_answers();
        }
        // The client sent something just before this turn, unless the clock was read since.
        self.last_heard.get_or_insert(moment);
        result
    }

    /// Takes a turn under the lock, and returns its moment too. Its output may be sent when it is
    /// [durable](Self::durable).
    fn turn<T>(&mut self, turn: impl FnOnce(&mut World, &mut M, SessionNo, Timestamp) -> T) -> (T, Moment) {
        let (engine, machine, session) = (&self.engine, &mut self.machine, self.session);
        engine.update(|world, now| (turn(world, machine, session, now), engine.clock().moment_of(now)))
    }

    /// Resolves when everything recorded is stored as durably as the server promises: a reply is sent only after what
    /// it acknowledges is stored. The journal is in memory, so this does not wait.
    pub(super) async fn durable(&mut self) {}
}
