//! The TLS handshake of a session.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, timeout_at};

use super::Driver;
use crate::drive::clock::Moment;
use crate::drive::socket::Socket;
use crate::drive::tls::{Failed, Handshake, Offer, Reason, Secured, hello, reaction, read};
use crate::journal::{Ending, Noted, RecordKind, TlsFailure, Weight};
use crate::protocol::{Event, Machine};
use crate::rule::{Given, Hello};

/// Why a handshake failed whose client is not there any more.
const GONE: &str = "the client closed the connection";
/// Why a handshake failed that a rule ended.
const RULED: &str = "a rule ended the connection during the handshake";
/// Why a handshake failed that a rule kept from going on.
const KEPT: &str = "a rule kept the handshake from going on; the client closed the connection";

/// A handshake that is not over.
#[derive(Default)]
pub(super) struct Attempt {
    said: Option<crate::drive::tls::Hello>,
    offer: Option<Offer>,
    /// What rules chose to answer.
    pub(super) hello: Option<Hello>,
    handshake: Option<Handshake>,
    /// How many octets were given to the kernel when it has taken the last flight, if rules change the handshake.
    flight_end: Option<u64>,
    /// How long the server still waits for the client, if rules change the handshake.
    left: Duration,
    /// Why there is no handshake.
    reason: Option<Reason>,
}

impl<M: Machine> Driver<M> {
    pub(super) async fn handshake(&mut self) -> Result<(), Ending> {
        debug_assert!(self.wire.is_bare(), "the handshake is made on the socket, so TLS is the lowest layer");
        self.needs_tls = true;
        let mut attempt = Attempt { left: self.tls_provider.handshake, ..Attempt::default() };
        let ended = Box::pin(self.attempt(&mut attempt)).await.err();
        self.note_sent(&mut attempt);
        let Attempt { handshake, reason, offer, .. } = attempt;
        let outcome = match (handshake, ended) {
            (Some(handshake), None) => handshake.finish(),
            (handshake, Some(Ending::Ruled)) => {
                let text = if self.ended_input { KEPT } else { RULED };
                Err(Failed { reason: text.into(), certificate: handshake.and_then(|its| its.presented()) })
            }
            // The client may have said why before the connection broke.
            (Some(mut handshake), Some(Ending::Broken | Ending::NotReading)) => {
                self.read_arrived().await;
                handshake.proceed(self.input.split());
                handshake.fail(GONE);
                handshake.finish()
            }
            (None, Some(Ending::Broken | Ending::NotReading)) => Err(Failed { reason: GONE.into(), certificate: None }),
            (_, Some(ending)) => return Err(ending),
            (None, None) => Err(Failed { reason: reason.unwrap_or_default(), certificate: None }),
        };
        match outcome {
            Ok(Secured { connection, mut rest, facts, channel }) => {
                // What came while rules were still sending is under TLS.
                rest.unsplit(self.input.split());
                self.machine.bind(channel);
                self.wire.push_layer(connection, rest);
                self.needs_tls = false;
                self.last_heard = None;
                self.engine.update(|world, now| world.note(self.session, RecordKind::Secured(Box::new(facts)), now));
                self.point(Event::TlsDone).await
            }
            Err(Failed { reason: Reason { text, alert }, certificate }) => {
                let offered = offer.map(|offer| offer.named());
                let failure = TlsFailure { reason: text, after_handshake: false, alert, certificate, offered };
                let record = RecordKind::Unsecured(Box::new(failure));
                self.engine.update(|world, now| world.note(self.session, record, now));
                self.point(Event::TlsFailed).await?;
                Err(ended.unwrap_or(Ending::TlsFailed))
            }
        }
    }

    /// Waits for a ClientHello and answers it, as rules say.
    async fn attempt(&mut self, attempt: &mut Attempt) -> Result<(), Ending> {
        let deadline = self.deadline();
        let mut records = Vec::new();
        let said = self.with_deadline(deadline, async |socket| hello(socket, &mut records).await).await?;
        let (said, offer) = match said {
            Ok(said) => said,
            Err(reason) => {
                attempt.offer = Offer::of_unread(records);
                attempt.reason = Some(reason);
                return Ok(());
            }
        };
        let offer = attempt.offer.insert(offer);
        attempt.said = Some(said);
        let session = self.session;
        let turn = self.engine.update(|world, now| {
            if world.rulebook.concerns(Event::TlsHello) {
                world.journal.set_offered(session, offer.named());
            }
            world.point(session, Event::TlsHello, now)
        });
        let Some(turn) = turn else {
            self.begin(attempt);
            return self.go_through(attempt, deadline).await;
        };
        self.take_point(turn, attempt).await?;
        if attempt.handshake.is_none() && attempt.reason.is_none() {
            attempt.reason = Some(match &attempt.hello {
                Some(Hello::Alert(alert)) => {
                    format!("a rule answered the ClientHello with the alert {}", alert.name).into()
                }
                Some(Hello::Profile(_)) | None => {
                    let Reason { text, alert } = self.reaction().await?;
                    let text = format!("a rule answered the ClientHello without a handshake; {text}");
                    Reason { text, alert }
                }
            });
        }
        Ok(())
    }

    /// Begins the handshake with the profile that rules chose.
    fn begin(&self, attempt: &mut Attempt) {
        let (Some(said), Some(offer)) = (attempt.said.take(), &attempt.offer) else { return };
        let (session, sni) = (self.session, offer.sni.as_deref());
        let (profile, protocol) = self.engine.update(|world, _| {
            if let Some(Hello::Profile(profile)) = attempt.hello.take() {
                world.chosen.insert(session, *profile);
            }
            (world.profile_of(session, sni), world.protocol_of(session))
        });
        match (self.tls_provider.config)(&profile, sni) {
            Ok(config) => attempt.handshake = Some(Handshake::begin(said, offer, config, &profile, protocol)),
            Err(wrong) => {
                let text = format!("the server cannot answer a ClientHello: {wrong}");
                let failure = Noted { by: None, weight: Weight::Failure, text: text.clone() };
                self.engine.update(|world, now| world.note(session, RecordKind::Noted(Box::new(failure)), now));
                attempt.reason = Some(text.into());
            }
        }
    }

    /// Completes a handshake that no rule changes.
    async fn go_through(&mut self, attempt: &mut Attempt, deadline: Instant) -> Result<(), Ending> {
        let Some(handshake) = &mut attempt.handshake else { return Ok(()) };
        let done = self.with_deadline(deadline, async |socket| {
            loop {
                let sent = socket.write_all(&handshake.output()).await;
                if sent.is_ok() {
                    handshake.note_sent();
                }
                if !handshake.is_going() {
                    return sent.map_err(|_| GONE.to_owned());
                }
                // If the connection is broken, the client may have said why.
                let mut sealed = BytesMut::new();
                read(socket, &mut sealed).await?;
                handshake.proceed(sealed);
            }
        });
        if let Err(reason) = done.await? {
            handshake.fail(reason);
        }
        Ok(())
    }

    /// Tells the handshake that its last flight was sent, if it was.
    fn note_sent(&self, attempt: &mut Attempt) {
        let is_sent = attempt.flight_end.is_some_and(|end| self.wire.sent() >= end);
        if let Some(handshake) = attempt.handshake.as_mut().filter(|_| is_sent) {
            handshake.note_sent();
        }
    }

    /// The next flight of a handshake whose output goes through rules.
    pub(super) async fn flight(&mut self, attempt: &mut Attempt) -> Result<Given, Ending> {
        self.note_sent(attempt);
        match &mut attempt.handshake {
            None => self.begin(attempt),
            Some(handshake) => {
                // What came while the last flight was sent.
                let sealed = self.input.split();
                handshake.proceed(sealed);
                let began = Instant::now();
                while handshake.is_going() && !handshake.has_output() {
                    if self.ended_input {
                        handshake.fail(GONE);
                        break;
                    }
                    let mut sealed = BytesMut::new();
                    let came = self.with_deadline(began + attempt.left, async |socket| read(socket, &mut sealed).await);
                    match came.await? {
                        Ok(()) => handshake.proceed(sealed),
                        Err(reason) => handshake.fail(reason),
                    }
                }
                attempt.left = attempt.left.saturating_sub(began.elapsed());
            }
        }
        let flight = attempt.handshake.as_mut().map(|handshake| (handshake.output(), !handshake.is_going()));
        let (octets, is_last) = flight.unwrap_or((Vec::new(), true));
        if !octets.is_empty() {
            attempt.flight_end = Some(self.wire.pushed() + octets.len() as u64);
        }
        Ok(Given::Flight(octets.into(), is_last))
    }

    /// What the client does after an answer that is not a handshake, as text.
    async fn reaction(&mut self) -> Result<Reason, Ending> {
        let deadline = self.deadline();
        let protocol = self.engine.read(|world| world.protocol_of(self.session));
        let mut heard = self.input.split();
        loop {
            if let Some(reaction) = reaction(&heard, protocol) {
                return Ok(reaction);
            }
            if self.ended_input {
                return Ok(GONE.into());
            }
            let more = self.with_deadline(deadline, async |socket| read(socket, &mut heard).await);
            if let Err(reason) = more.await? {
                return Ok(Reason::from(reason));
            }
        }
    }

    fn deadline(&self) -> Instant {
        Instant::now() + self.tls_provider.handshake
    }

    /// Runs a part of a handshake, or the reading of the header of the PROXY protocol, until its deadline, or until a command ends the session.
    pub(super) async fn with_deadline<T, E: From<String>>(
        &mut self,
        deadline: Instant,
        part: impl AsyncFnOnce(&mut Socket) -> Result<T, E>,
    ) -> Result<Result<T, E>, Ending> {
        let limit = self.tls_provider.handshake.as_secs_f32();
        let (socket, handle) = (self.wire.socket(), &self.handle);
        let either = {
            let mut attempt = pin!(timeout_at(deadline, part(socket)));
            let either = poll_fn(|cx| match attempt.as_mut().poll(cx) {
                Poll::Ready(result) => Poll::Ready(Ok(result)),
                Poll::Pending => {
                    // Handshakes use real time, so advancing the server's clock does not wait for them.
                    handle.rest(Moment::NEVER);
                    handle.poll_end(cx).map(Err)
                }
            });
            either.await
        };
        self.handle.work();
        match either {
            Ok(outcome) => Ok(outcome.unwrap_or_else(|_elapsed| Err(format!("not finished within {limit} s").into()))),
            Err(command) => Err(self.end_by(command).await),
        }
    }
}
