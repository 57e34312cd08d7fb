//! One live line for each event.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::redact;
use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, Interest, Matter};
use crate::journal::{Detail, Exchange, Fired, Journal, Kind, Record, Weight};
use crate::mail::Message;
use crate::protocol::{self, Status};
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
                    events.extend(self::events(&world.journal, record));
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

/// The lines that a record is worth, in their order.
fn events(journal: &Journal, record: &Record) -> Vec<Event> {
    let session = record.session;
    let event = |name, text| Event { name, session, text: Text::Plain(text) };
    let captured = |name, detail: &Detail| {
        let message = detail.captured.and_then(|no| journal.message(no)).map(|captured| captured.message.clone());
        message.map(|message| Event { name, session, text: Text::Message(message) }).into_iter().collect()
    };
    match &record.kind {
        Kind::Opened(opened) => vec![event("opened", format!("{} from {}", opened.listener, opened.peer))],
        Kind::Exchange(exchange) => {
            let mut events = match &exchange.detail {
                Some(detail) => fired(session, exchange.event, detail),
                None => Vec::new(),
            };
            match &exchange.detail {
                Some(detail) if detail.captured.is_some() => events.append(&mut captured("captured", detail)),
                _ => events.extend(answered(journal, session, exchange).map(|(name, text)| event(name, text))),
            }
            events
        }
        Kind::Part { exchange, detail: Some(detail), .. } => match journal.get(*exchange).map(|record| &record.kind) {
            Some(Kind::Exchange(exchange)) => fired(session, exchange.event, detail),
            _ => Vec::new(),
        },
        Kind::Outside(detail) => captured("delivered", detail),
        Kind::Noted(noted) => {
            let by = noted.by.as_deref().unwrap_or("mailjig");
            let name = match noted.weight {
                Weight::Note => "note",
                Weight::State => "state",
                Weight::Failure => "failure",
            };
            vec![event(name, format!("{by}: {}", noted.text))]
        }
        Kind::Secured(tls) => vec![event("secured", format!("{} {}", tls.version, tls.cipher))],
        Kind::Unsecured(reason) => vec![event("tls", format!("the handshake failed: {reason}"))],
        Kind::Dropped { octets } => vec![event("dropped", format!("{octets} octets in the clear behind STARTTLS"))],
        Kind::Ended { ending, .. } => {
            let why = ending.to_string();
            vec![event("ended", why.strip_prefix("ended ").unwrap_or(&why).to_owned())]
        }
        Kind::Part { detail: None, .. } | Kind::Closed { .. } => Vec::new(),
    }
}

/// The rules that fired.
fn fired(session: Option<SessionNo>, event: protocol::Event, detail: &Detail) -> Vec<Event> {
    let all = detail.trace.iter().flat_map(|trace| &trace.fired);
    let text = |fired: &Fired| Text::Plain(format!("{} at {event}, time {}", fired.rule, fired.n));
    all.map(|fired| Event { name: "fired", session, text: text(fired) }).collect()
}

/// A login with its verdict, or what was refused.
fn answered(journal: &Journal, session: Option<SessionNo>, exchange: &Exchange) -> Option<(&'static str, String)> {
    let log = journal.session(session?)?;
    let said = log.text(exchange.start.wrapping_add(exchange.heard), exchange.said);
    let facts = exchange.detail.as_ref().and_then(|detail| detail.done.facts.as_ref());
    let (user, denied) = (facts.and_then(|its| its.user.as_ref()), facts.and_then(|its| its.denied.as_ref()));
    let reply = redact::said(exchange.event, said);
    let is_refused = exchange.status == Some(Status::Negative);
    match (user, denied, is_refused) {
        (Some(user), _, false) => Some(("login", format!("{user} accepted"))),
        // A rule says something else than what was done.
        (Some(user), _, true) => Some(("login", format!("{user} accepted, and told: {reply}"))),
        (None, Some(user), _) => Some(("login", format!("{user} refused: {reply}"))),
        (None, None, true) => {
            let heard = redact::heard(exchange.event, log.text(exchange.start, exchange.heard));
            Some(("refused", format!("{heard} → {reply}")))
        }
        (None, None, false) => None,
    }
}

fn describe(message: &Message) -> String {
    let envelope = message.envelope();
    let to: Vec<String> = envelope.accepted().map(|address| format!("<{address}>")).collect();
    let (from, size) = (envelope.sender().address(), message.raw().len());
    format!("{} <{from}> → {} {:?} ({size} octets)", message.no(), to.join(" "), message.subject())
}
