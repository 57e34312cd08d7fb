//! Ending sessions from outside, and the reset, which ends them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot::{Receiver, channel};

use super::{Server, Until};
use crate::base::{SessionNo, is_login};
use crate::drive::{Engine, Interest, Topic, spawn};
use crate::journal::Session;
use crate::world::{Goodbye, Kept, World};

/// How long a reset waits, in real time, until the sessions that it ends are over.
const PATIENCE: Duration = Duration::from_secs(5);

impl Server {
    /// Ends a session. Returns false if it has already ended or never existed.
    pub(crate) fn end_session(&self, no: SessionNo, goodbye: Goodbye<'_>) -> bool {
        !self.end_sessions(|session| session.no == no, goodbye).is_empty()
    }

    /// Ends the open sessions that are meant. Returns them as they are now.
    pub(crate) fn end_sessions(&self, is_meant: impl Fn(&Session) -> bool, goodbye: Goodbye<'_>) -> Vec<Arc<Session>> {
        self.engine.update(|world, _| world.end_sessions(is_meant, goodbye))
    }

    /// Removes an account with its mail, and ends its sessions. Returns whether there was one.
    pub(crate) fn delete_account(&self, login: &str) -> bool {
        let is_its = is_login(login);
        let is_of = |session: &Session| session.user.as_deref().is_some_and(&is_its);
        self.engine.update(|world, now| {
            world.end_sessions(is_of, Goodbye::Because("The account was deleted"));
            world.delete_account(login, now)
        })
    }

    /// Ends all sessions, and resets the server, except what is kept. Resolves when the listeners that rules closed are
    /// open again, to the sessions that were open; to an error only after a bug. It goes on even if nobody awaits it.
    pub(crate) fn reset(self: &Arc<Self>, kept: &[Kept]) -> Receiver<Vec<Arc<Session>>> {
        let (done, result) = channel();
        let (server, kept) = (Arc::clone(self), kept.to_vec());
        spawn(async move {
            let open = match kept.contains(&Kept::Sessions) {
                true => server.open_sessions(),
                false => server.end_all().await,
            };
            #[cfg(feature = "api")]
            server.webhooks.reset();
            // Dropped without the lock, because that may run code of the test.
            drop(server.engine.update(|world, _| std::mem::take(&mut world.expectations)));
            let reset = server.engine.reset(&kept, |scenario| {
                server.in_force.set(server.settings.under(scenario));
                server.is_clock_manual_under(scenario)
            });
            // The numbers of messages have begun again, even before the listeners are open.
            #[cfg(feature = "api")]
            server.marks.clear();
            if reset.await.is_ok() {
                let _or_nobody_waits = done.send(open);
            }
        });
        result
    }

    fn open_sessions(&self) -> Vec<Arc<Session>> {
        let seen = self.engine.read(World::sessions_seen);
        seen.into_iter().filter(|session| session.ended.is_none()).collect()
    }

    /// Ends all sessions, and waits until they are over: their ends belong to the time before the reset.
    async fn end_all(&self) -> Vec<Arc<Session>> {
        let open = self.end_sessions(|_| true, Goodbye::Because("The server was reset"));
        let numbers: Vec<SessionNo> = open.iter().map(|session| session.no).collect();
        let are_over = |engine: &Engine| {
            engine.read(|world| {
                let is_over = |no: &SessionNo| world.journal.session(*no).is_none_or(|log| log.facts().ended.is_some());
                numbers.iter().all(is_over).then_some(())
            })
        };
        let _over_or_stuck = Until::new(&self.engine, Interest::of([Topic::Quiet]), PATIENCE, are_over).await;
        open
    }
}
