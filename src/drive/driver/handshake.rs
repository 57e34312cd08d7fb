//! The TLS handshake of a session.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::time::{Instant, timeout_at};

use super::Driver;
use crate::drive::clock::Moment;
use crate::drive::socket::Socket;
use crate::drive::tls::{Secured, handshake, hello, send_alert};
use crate::journal::{Ending, RecordKind};
use crate::protocol::{Event, Machine};
use crate::rule::Hello;

impl<M: Machine> Driver<M> {
    pub(super) async fn handshake(&mut self) -> Result<(), Ending> {
        debug_assert!(self.wire.is_bare(), "the handshake is made on the socket, so TLS is the lowest layer");
        self.needs_tls = true;
        let deadline = Instant::now() + self.tls_provider.handshake;
        let outcome = match self.with_deadline(deadline, hello).await? {
            Err(reason) => Err(reason),
            Ok(said) => {
                let sni = said.sni();
                let answer = self.point(Event::TlsHello, sni.as_deref()).await?;
                match answer {
                    Some(Hello::Alert(alert)) => {
                        send_alert(self.wire.socket(), alert.number).await;
                        Err(format!("a rule answered the ClientHello with the alert {}", alert.name))
                    }
                    answer => {
                        let session = self.session;
                        let profile = self.engine.update(|world, _| {
                            if let Some(Hello::Profile(profile)) = answer {
                                world.presented.insert(session, profile);
                            }
                            world.profile_of(session)
                        });
                        let config = (self.tls_provider.config)(&profile, sni.as_deref());
                        self.with_deadline(deadline, async |socket| handshake(socket, said, config).await).await?
                    }
                }
            }
        };
        match outcome {
            Ok(Secured { connection, rest, facts, channel }) => {
                self.machine.bind(channel);
                self.wire.push_layer(connection, rest);
                self.needs_tls = false;
                self.last_heard = None;
                self.engine.update(|world, now| world.note(self.session, RecordKind::Secured(Box::new(facts)), now));
                self.point(Event::TlsDone, None).await?;
                Ok(())
            }
            Err(reason) => {
                self.engine.update(|world, now| world.note(self.session, RecordKind::Unsecured(reason.into()), now));
                self.point(Event::TlsFailed, None).await?;
                Err(Ending::TlsFailed)
            }
        }
    }

    /// Runs a part of a handshake, or the reading of the header of the PROXY protocol, until its deadline, or until a command ends the session.
    pub(super) async fn with_deadline<T>(
        &mut self,
        deadline: Instant,
        part: impl AsyncFnOnce(&mut Socket) -> Result<T, String>,
    ) -> Result<Result<T, String>, Ending> {
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
            Ok(outcome) => Ok(outcome.unwrap_or_else(|_elapsed| Err(format!("not finished within {limit} s")))),
            Err(command) => Err(self.end_by(command).await),
        }
    }
}
