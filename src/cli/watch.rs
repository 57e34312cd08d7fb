//! One live line for each event.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, Interest, Matter};
use crate::journal::{Detail, Ending, Exchange, Journal, Kind, Record, Weight};
use crate::mail::Message;
use crate::protocol::Status;
use crate::server::{Server, Until};

/// Records that are told before the lock is taken again.
const PORTION: usize = 256;

/// What is worth a line.
struct Event {
    name: &'static str,
    session: Option<SessionNo>,
    text: Text,
}

enum Text {
    Plain(String),
    /// Described outside of the lock: its header has to be read for that.
    Message(Message),
}

/// Writes lines to standard output until nobody reads them.
pub(super) fn watch(server: &Server, as_json: bool) {
    let mut cursor = Seq::default();
    let mut evicted = 0;
    let interest = Interest { matter: Matter::Everything, session: None };
    loop {
        let look = |engine: &Engine| {
            let (events, moved) = engine.look(|world| {
                let before = cursor;
                cursor = cursor.max(world.journal.floor());
                let mut events = Vec::new();
                for (seq, record) in world.journal.since(cursor).ok()?.take(PORTION) {
                    cursor = seq;
                    events.extend(event(&world.journal, record));
                }
                if world.evicted() > evicted {
                    let (name, session) = ("evicted", None);
                    let text = Text::Plain(format!("{} messages so far, to keep the bounds", world.evicted()));
                    events.push(Event { name, session, text });
                }
                evicted = world.evicted();
                Some((events, cursor > before))
            })?;
            moved.then_some(events)
        };
        let Some(events) = Until::new(server.engine(), interest.clone(), Duration::MAX, look).block() else { continue };
        if tell(&events, as_json).is_err() {
            return;
        }
    }
}

fn tell(events: &[Event], as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Event { name, session, text } in events {
        let text = match text {
            Text::Plain(text) => text.clone(),
            Text::Message(message) => describe(message),
        };
        if as_json {
            writeln!(out, "{}", json!({ "event": name, "session": session, "text": text }))?;
        } else {
            let session = session.map(|session| session.to_string()).unwrap_or_default();
            writeln!(out, "{session:<5} {name:<9} {text}")?;
        }
    }
    out.flush()
}

fn event(journal: &Journal, record: &Record) -> Option<Event> {
    let session = record.session;
    let message = |name, detail: &Detail| {
        detail.done.captured.clone().map(|message| Event { name, session, text: Text::Message(message) })
    };
    let (name, text) = match &record.kind {
        Kind::Opened(opened) => ("opened", format!("{} from {}", opened.listener, opened.peer)),
        Kind::Exchange(Exchange { detail: Some(detail), .. }) if detail.done.captured.is_some() => {
            return message("captured", detail);
        }
        Kind::Outside(detail) => return message("delivered", detail),
        Kind::Exchange(exchange) if exchange.status == Some(Status::Negative) => {
            let log = journal.session(session?)?;
            let said = log.text(exchange.start.wrapping_add(exchange.heard), exchange.said);
            let heard = log.text(exchange.start, exchange.heard);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end().escape_debug().to_string();
            ("refused", format!("{} → {}", text(heard), text(said)))
        }
        Kind::Noted(noted) => {
            let by = noted.by.as_deref().unwrap_or("mailjig");
            let name = match noted.weight {
                Weight::Note => "note",
                Weight::State => "state",
                Weight::Failure => "failure",
            };
            (name, format!("{by}: {}", noted.text))
        }
        Kind::Secured(tls) => ("secured", format!("{} {}", tls.version, tls.cipher)),
        Kind::Unsecured(reason) => ("tls", format!("the handshake failed: {reason}")),
        Kind::Dropped { octets } => ("dropped", format!("{octets} octets in the clear behind STARTTLS")),
        Kind::Ended { ending: Ending::Clean, .. } | Kind::Part { .. } | Kind::Closed { .. } | Kind::Exchange(_) => {
            return None;
        }
        Kind::Ended { ending, .. } => ("ended", ending.to_string()),
    };
    Some(Event { name, session, text: Text::Plain(text) })
}

fn describe(message: &Message) -> String {
    let envelope = message.envelope();
    let to: Vec<String> = envelope.accepted().map(|address| format!("<{address}>")).collect();
    let (from, size) = (envelope.sender().address(), message.raw().len());
    format!("{} <{from}> → {} {:?} ({size} octets)", message.no(), to.join(" "), message.subject())
}
