//! `/v1/updates`: events that say what has changed, for pages that show the state. However much happens, there are few.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use serde::Serialize;
use tokio::task::yield_now;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::events::{KEEP_ALIVE, RETRY, StreamHeaders, event_stream};
use super::params::NoParams;
use super::problem::Problem;
use super::target::Target;
use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, Interest, Topic};
use crate::journal::{Journal, Record, RecordKind, Weight};
use crate::server::{Server, Until};

/// After a change, further changes are collected for this long, and told with it.
const COLLECTED: Duration = Duration::from_millis(100);
/// Number of records that are looked at before the lock is released.
const PORTION: usize = 1024;
/// Number of sessions that an event names.
const MOST_SESSIONS: usize = 100;

/// What has changed since the event before.
#[derive(Debug, Default, PartialEq, Serialize, ToSchema)]
pub(super) struct UpdateJson {
    /// The last record of the journal.
    #[schema(value_type = u64)]
    seq: Seq,
    /// Messages were captured or removed, or their replies were sent.
    messages: bool,
    /// Messages were removed, or records, or sessions that have ended.
    removed: bool,
    /// The sessions that began, continued or ended; `null` if there are more than 100.
    #[schema(value_type = Option<Vec<String>>)]
    sessions: Option<BTreeSet<SessionNo>>,
    /// Accounts, mailboxes or their entries changed.
    mailboxes: bool,
    /// Rules were added, removed, enabled or disabled, or fired; a rule or the server noted something, except about
    /// webhooks; a variable changed; or the clock was set.
    rules: bool,
    /// Everything may have changed: the server was reset, or the client has connected again.
    reset: bool,
}

/// Follow what changes: events for pages that show the state.
///
/// The first event, which is sent at once, says where the journal is. Each later one says what has changed since the one
/// before; there is at most one in 100 ms. A client that reconnects with the header `Last-Event-ID` is told that
/// everything may have changed.
#[utoipa::path(get, path = "/updates", params(StreamHeaders), responses(
    (status = 200, description = "Events `update`.", body = UpdateJson, content_type = "text/event-stream"),
))]
pub(super) async fn updates(Target(server): Target, headers: StreamHeaders, _: NoParams) -> Result<Response, Problem> {
    let told = Told::now(server.engine());
    let first = match headers.begin(None) {
        Some(_) => UpdateJson::of_everything(told.seq),
        None => UpdateJson::of_nothing(told.seq),
    };
    Ok(event_stream(Updates { server, told, first: Some(first), keep_alive: KEEP_ALIVE }, Updates::next))
}

/// A stream of updates.
struct Updates {
    server: Arc<Server>,
    told: Told,
    first: Option<UpdateJson>,
    keep_alive: Duration,
}

/// What the client was told of.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Told {
    seq: Seq,
    removals: u64,
    forgotten: u32,
    resets: u64,
    rules: u64,
    clock: u64,
}

impl Updates {
    /// The next text to send; `None` when the server was removed.
    async fn next(mut self) -> Option<(String, Self)> {
        if let Some(first) = self.first.take() {
            return Some((format!("{RETRY}{}", first.event()), self));
        }
        let interest = Interest::of([Topic::Everything, Topic::Rules]);
        let told = self.told;
        let has_changed = |engine: &Engine| (engine.is_stopped() || Told::now(engine) != told).then_some(());
        if Until::new(self.server.engine(), interest, self.keep_alive, has_changed).await.is_none() {
            return Some((": keep-alive\n\n".to_owned(), self));
        }
        if !self.server.engine().is_stopped() {
            // Nobody is subscribed meanwhile, so what happens now costs nothing.
            sleep(COLLECTED).await;
        }
        if self.server.engine().is_stopped() {
            return None;
        }
        let update = self.told.update(self.server.engine()).await;
        Some((update.event(), self))
    }
}

impl Told {
    fn now(engine: &Engine) -> Self {
        engine.read(|world| {
            let journal = &world.journal;
            Self {
                seq: journal.tip(),
                removals: journal.removals(),
                forgotten: journal.forgotten(),
                resets: journal.resets(),
                rules: world.rulebook.changes(),
                clock: engine.clock().settings(),
            }
        })
    }

    /// What has changed since then, up to now.
    async fn update(&mut self, engine: &Engine) -> UpdateJson {
        let now = Self::now(engine);
        let before = std::mem::replace(self, now);
        if now.resets > before.resets {
            return UpdateJson::of_everything(now.seq);
        }
        let mut update = UpdateJson::of_nothing(now.seq);
        let mut cursor = before.seq;
        while cursor < now.seq {
            engine.read(|world| update.look(&world.journal, &mut cursor, now.seq));
            yield_now().await;
        }
        update.removed |= now.removals > before.removals;
        update.messages |= now.forgotten > before.forgotten;
        update.rules |= now.rules > before.rules || now.clock > before.clock;
        update
    }
}

impl UpdateJson {
    fn of_nothing(seq: Seq) -> Self {
        Self { seq, sessions: Some(BTreeSet::new()), ..Self::default() }
    }

    fn of_everything(seq: Seq) -> Self {
        Self { seq, messages: true, removed: true, sessions: None, mailboxes: true, rules: true, reset: true }
    }

    /// Adds a portion of the records after the cursor, up to `last`, and moves the cursor.
    fn look(&mut self, journal: &Journal, cursor: &mut Seq, last: Seq) {
        let Ok(records) = journal.since(*cursor) else {
            // Some were discarded before they were read: anything may have been in them.
            *self = Self { reset: self.reset, ..Self::of_everything(self.seq) };
            *cursor = last;
            return;
        };
        for (seq, record) in records.take(PORTION).take_while(|(seq, _)| *seq <= last) {
            *cursor = seq;
            self.add(journal, seq, record);
        }
    }

    fn add(&mut self, journal: &Journal, seq: Seq, record: &Record) {
        if let (Some(sessions), Some(session)) = (&mut self.sessions, record.session) {
            sessions.insert(session);
            self.sessions.take_if(|sessions| sessions.len() > MOST_SESSIONS);
        }
        self.mailboxes |= !record.kind.changes().is_empty();
        match &record.kind {
            RecordKind::Exchange(_) | RecordKind::Part(_) | RecordKind::Outside(_) => {
                self.messages |= record.kind.captured().is_some();
            }
            RecordKind::Closed { .. } => self.messages = self.messages || journal.closed_at(seq).is_some(),
            RecordKind::Noted(noted) => self.rules |= noted.weight != Weight::Webhook,
            RecordKind::Opened(_)
            | RecordKind::Cleartext { .. }
            | RecordKind::Secured(_)
            | RecordKind::Proxied(_)
            | RecordKind::OAuth(_)
            | RecordKind::Unsecured(_)
            | RecordKind::Ended(_) => {}
        }
    }

    fn event(&self) -> String {
        let json = serde_json::to_string(self).unwrap_or_default();
        format!("id: {}\nevent: update\ndata: {json}\n\n", self.seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Opened;
    use crate::protocol::Listener;
    use crate::server::{Settings, block_on};

    fn connect(server: &Server, sessions: usize) {
        let peer = ([127, 0, 0, 1], 1).into();
        server.engine().update(|world, now| {
            (0..sessions).for_each(|_| {
                _ = world.open(Opened { listener: Listener::Smtp, peer, local: peer, offers_starttls: false }, now)
            });
        });
    }

    #[test]
    fn an_update_names_the_sessions_unless_there_are_too_many() {
        let server = Server::start(Settings::default()).unwrap();
        let mut told = Told::now(server.engine());
        for (sessions, named) in [(MOST_SESSIONS, Some(MOST_SESSIONS)), (2000, None), (1, Some(1))] {
            connect(&server, sessions);

            let update = block_on(told.update(server.engine()));

            assert_eq!(update.sessions.as_ref().map(BTreeSet::len), named);
            let nothing = UpdateJson::of_nothing(told.seq);
            assert_eq!(UpdateJson { sessions: nothing.sessions.clone(), ..update }, nothing);
        }
    }

    #[test]
    fn records_that_were_discarded_before_they_were_read_may_have_changed_everything() {
        let server = Server::start(Settings::default()).unwrap();
        let mut told = Told::now(server.engine());
        connect(&server, 3);
        server.engine().update(|world, _| world.journal.raise_floor(world.journal.tip()));

        let update = block_on(told.update(server.engine()));

        assert_eq!(update, UpdateJson { reset: false, ..UpdateJson::of_everything(told.seq) });
    }

    #[test]
    fn a_silent_stream_of_updates_gets_comments() {
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        let told = Told::now(server.engine());
        let updates = Updates { server, told, first: None, keep_alive: Duration::from_millis(1) };

        let (text, _) = block_on(updates.next()).unwrap();

        assert_eq!(text, ": keep-alive\n\n");
    }
}
