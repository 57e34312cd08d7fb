//! `/api/events`: what happens to the mail, over a WebSocket.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message as Frame, WebSocket};
use axum::response::Response;
use serde_json::{Value, json};
use tokio::select;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::super::blocking::run_blocking;
use super::super::target::Target;
use super::super::web_socket::Upgrade;
use super::info;
use super::summary::Summary;
use super::tags::tag_new;
use crate::base::{MessageNo, Seq};
use crate::drive::{Engine, Interest, Topic};
use crate::journal::{Description, Journal, Record};
use crate::mail::Message;
use crate::protocol::{Protocol, Status};
use crate::server::{MarkChange, Server, Until};
use crate::world::World;

/// Records to read before the lock is released.
const PORTION: usize = 1000;

pub(super) async fn events(Target(server): Target, upgrade: Upgrade) -> Response {
    // What happens from now on is reported, even before the connection is a WebSocket.
    let feed = server.engine().read(|world| Feed::new(&server, world));
    let (engine, changes) = (Arc::clone(server.engine()), server.marks().changes());
    drop(server);
    upgrade.accept(move |socket| async move {
        let _the_client_broke_off = feed.send(socket, engine, changes).await;
    })
}

/// How often something is sent while nothing happens, to notice that the client is gone.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// What one client has been told. Does not keep the server running.
struct Feed {
    server: Weak<Server>,
    /// The last record that was reported.
    cursor: Seq,
    /// The messages that the client knows, and the records that captured them: numbers restart after a reset.
    known: BTreeMap<MessageNo, Seq>,
    /// Changes when messages are removed.
    removals: (u32, Seq),
}

/// What happened since the last time.
#[derive(Default)]
struct News {
    new: Vec<Message>,
    removed: Vec<MessageNo>,
    is_empty: bool,
    errors: Vec<Value>,
}

impl Feed {
    fn new(server: &Arc<Server>, world: &World) -> Self {
        let journal = &world.journal;
        let closed = journal.messages().iter().filter(|captured| captured.closed.is_some());
        Self {
            server: Arc::downgrade(server),
            cursor: journal.tip(),
            known: closed.map(|captured| (captured.message.no(), captured.seq)).collect(),
            removals: removals(journal),
        }
    }

    /// Reports until the client breaks off or the server stops.
    async fn send(
        mut self,
        mut socket: WebSocket,
        engine: Arc<Engine>,
        mut changes: Receiver<MarkChange>,
    ) -> Result<(), axum::Error> {
        loop {
            let check =
                |engine: &Engine| (engine.is_stopped() || engine.read(|world| self.has_news(world))).then_some(());
            let interest = Interest::of([Topic::Everything]);
            let (is_news, change) = select! {
                news = Until::new(&engine, interest, KEEPALIVE, check) => (news.is_some(), None),
                change = changes.recv() => (false, Some(change)),
                received = socket.recv() => match received {
                    Some(Ok(_)) => continue,
                    Some(Err(_)) | None => return Ok(()),
                },
            };
            let Some(server) = self.server.upgrade().filter(|_| !engine.is_stopped()) else { return Ok(()) };
            let is_quiet = !is_news && change.is_none();
            let told = run_blocking(move || {
                let events = match change {
                    Some(change) => vec![as_event(change), stats(&server)],
                    None if is_news => self.events(&server),
                    None => Vec::new(),
                };
                (self, events)
            });
            let Ok((feed, events)) = told.await else { return Ok(()) };
            self = feed;
            if is_quiet {
                socket.send(Frame::Ping(Bytes::new())).await?;
            }
            for event in events {
                socket.send(Frame::text(event.to_string())).await?;
            }
        }
    }

    fn has_news(&self, world: &World) -> bool {
        world.journal.tip() > self.cursor || removals(&world.journal) != self.removals
    }

    fn events(&mut self, server: &Server) -> Vec<Value> {
        let News { new, removed, is_empty, errors } = server.engine().read(|world| self.news(&world.journal));
        tag_new(server);
        let mut events = errors;
        let is_changed = !new.is_empty() || !removed.is_empty();
        match is_empty && !removed.is_empty() {
            true => events.push(event("truncate", Value::Null)),
            false => events.extend(removed.iter().map(|no| event("delete", json!({ "ID": no.to_string() })))),
        }
        events.extend(new.iter().map(|message| event("new", json!(Summary::of(server, message)))));
        events.extend(is_changed.then(|| stats(server)));
        events
    }

    /// Reads the next records.
    fn news(&mut self, journal: &Journal) -> News {
        let mut news = News { is_empty: journal.messages().is_empty(), ..News::default() };
        let before = self.cursor;
        match journal.since(before) {
            Ok(records) => {
                for (seq, record) in records.take(PORTION) {
                    self.cursor = seq;
                    news.errors.extend(error_in(journal, seq, record));
                }
            }
            // The records were discarded, with the messages or to make room.
            Err(_gone) => self.cursor = journal.tip(),
        }
        if removals(journal) != self.removals {
            self.removals = removals(journal);
            let is_there = |no: MessageNo, seq: Seq| journal.message(no).is_some_and(|captured| captured.seq == seq);
            self.known.retain(|no, seq| {
                let is_there = is_there(*no, *seq);
                news.removed.extend((!is_there).then_some(*no));
                is_there
            });
        }
        for captured in journal.closed_since(before, None).take_while(|its| its.closed <= Some(self.cursor)) {
            self.known.insert(captured.message.no(), captured.seq);
            news.new.push(captured.message.clone());
        }
        news
    }
}

fn stats(server: &Server) -> Value {
    let (total, unread) = info::count(server);
    event("stats", json!({ "Total": total, "Unread": unread, "Version": info::version() }))
}

/// How many messages were removed, and the last record that was discarded.
fn removals(journal: &Journal) -> (u32, Seq) {
    (journal.forgotten(), journal.floor())
}

fn event(kind: &str, data: Value) -> Value {
    json!({ "Type": kind, "Data": data })
}

/// A client that has fallen behind must look at everything again, as after `prune`.
fn as_event(change: Result<MarkChange, RecvError>) -> Value {
    match change {
        Ok(MarkChange::Read(no, read)) => event("update", json!({ "ID": no.to_string(), "Read": read })),
        Ok(MarkChange::Tagged(no, tags)) => event("update", json!({ "ID": no.to_string(), "Tags": tags })),
        Ok(MarkChange::Tags) | Err(RecvError::Lagged(_) | RecvError::Closed) => event("prune", Value::Null),
    }
}

/// The error that a client got in this record.
fn error_in(journal: &Journal, seq: Seq, record: &Record) -> Option<Value> {
    let session = journal.session(record.session?)?.facts();
    let Description::Turn(turn) = journal.describe(seq, record) else { return None };
    if turn.status != Some(Status::Negative) {
        return None;
    }
    let said = String::from_utf8_lossy(turn.said);
    let message = said.lines().next()?;
    let (kind, is_temporary) = match session.listener.protocol() {
        Protocol::Smtp | Protocol::Lmtp => ("smtpd", message.starts_with('4')),
        Protocol::Imap => ("imap", false),
        Protocol::Pop3 => ("pop3", false),
    };
    let level = if is_temporary { "warning" } else { "error" };
    let ip = session.peer.ip().to_string();
    Some(event("error", json!({ "Level": level, "Type": kind, "IP": ip, "Message": message })))
}
