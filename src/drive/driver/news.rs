//! Waiting for the next input, command, news or timeout.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use super::Driver;
use crate::drive::engine::Subscription;
use crate::drive::subscribers::{Interest, Topic};
use crate::journal::Ending;
use crate::protocol::{Decoded, Machine, Unfinished};
use crate::rule::Reading;
use crate::world::SessionCommand;

/// The interval between two reads when a rule slows input down.
const SLOWLY: Duration = Duration::from_millis(100);

/// What a session does next.
pub(super) enum News<R> {
    /// Octets arrived, or the client ended its input.
    Bytes,
    /// The client was silent for too long.
    Lapse,
    /// A command arrived from outside.
    Command(SessionCommand),
    /// There is news for the client.
    Push(Decoded<R>),
}

impl<M: Machine> Driver<M> {
    /// The topics of the news that the client waits for, if it waits.
    pub(super) fn interest(&self) -> Option<Interest> {
        let mailboxes = self.machine.interest();
        let topics = || mailboxes.iter().copied().map(Topic::Mailbox).collect::<Vec<_>>();
        (!mailboxes.is_empty()).then(|| Interest::of(topics()))
    }

    /// Waits for octets, for news of interest, for a command, or for the idle timeout. Other wake-ups do not extend the
    /// timeout.
    pub(super) async fn news(&mut self, mut interest: Option<Interest>) -> Result<News<M::Request>, Ending> {
        if self.machine.unfinished().octets == 0 {
            self.wire.rest(&mut self.input);
        }
        let last_heard = *self.last_heard.get_or_insert_with(|| self.engine.clock().moment());
        let deadline = last_heard.plus(self.machine.patience());
        let mut watch: Option<Subscription> = None;
        if self.reading == Some(Reading::Slow) {
            self.pass_time(SLOWLY).await?;
        }
        let news = poll_fn(|cx| {
            let filled = match self.reading {
                Some(Reading::Stop) => Poll::Pending,
                Some(Reading::Slow) | None => self.wire.poll_fill(cx, &mut self.input),
            };
            match filled {
                Poll::Ready(Ok(0)) => {
                    self.ended_input = true;
                    return Poll::Ready(Ok(News::Bytes));
                }
                Poll::Ready(Ok(_)) => return Poll::Ready(Ok(News::Bytes)),
                Poll::Ready(Err(_)) => {
                    // After a bad TLS record, an alert is pending (RFC 8446 §6.2).
                    let _the_client_may_be_gone = self.wire.poll_flush(cx);
                    return Poll::Ready(Err(Ending::Broken));
                }
                Poll::Pending => {}
            }
            // A client that wants to renegotiate gets an alert (RFC 5246 §7.2.2), although it sent no command.
            if !self.wire.is_idle()
                && let Poll::Ready(Err(_)) = self.wire.poll_flush(cx)
            {
                return Poll::Ready(Err(Ending::Broken));
            }
            if let Poll::Ready((command, _)) = self.handle.poll(cx) {
                return Poll::Ready(Ok(News::Command(command)));
            }
            // Subscribe before looking: a change in between is then seen twice instead of missed.
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
        if !matches!(news, News::Push(_) | News::Command(_)) {
            self.last_heard = None;
        }
        Ok(news)
    }

    /// The octets received of an incomplete request.
    pub(super) fn unfinished(&self) -> Unfinished {
        let Unfinished { within, octets } = self.machine.unfinished();
        Unfinished { within, octets: octets + self.input.len() as u64 }
    }

    /// Reports an incomplete request to the journal, for reports. Takes the lock only if it has changed.
    fn tell_unfinished(&mut self) {
        let unfinished = self.unfinished();
        if unfinished != self.reported {
            self.reported = unfinished;
            self.engine.update(|world, _| world.journal.set_unfinished(self.session, unfinished));
        }
    }
}
