//! Prints one line for each event while the server runs.

use std::io::{self, Write};
use std::time::Duration;

use serde_json::json;

use super::redact;
use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, Interest, Topic};
use crate::journal::{Description, Detail, Fired, Journal, Record, RecordedTurn};
use crate::mail::Message;
use crate::protocol::Status;
use crate::server::{Server, Until};

/// Number of records that are printed before the lock is taken again.
const PORTION: usize = 256;

/// An event that is printed as a line.
struct Event {
    name: &'static str,
    session: Option<SessionNo>,
    text: Text,
}

enum Text {
    Plain(String),
    /// Formatted outside the lock, because the header must be parsed.
    Message(Message),
}

/// Writes lines to standard output until writing fails.
pub(super) fn watch(server: &Server, as_json: bool) {
    let mut cursor = Seq::default();
    let mut evicted = 0;
    let interest = Interest::of([Topic::Everything]);
    loop {
        let look = |engine: &Engine| {
            let (events, moved) = engine.read(|world| {
                let before = cursor;
                cursor = cursor.max(world.journal.floor());
                let mut events = Vec::new();
                for (seq, record) in world.journal.since(cursor).ok()?.take(PORTION) {
                    cursor = seq;
                    events.extend(self::events(&world.journal, seq, record));
                }
                if world.evicted() > evicted {
                    let (name, session) = ("discarded", None);
                    let text =
                        Text::Plain(format!("{} messages so far, because of --keep or --keep-size", world.evicted()));
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
            Text::Message(message) => message.summary(),
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

/// The lines for a record, in order.
fn events(journal: &Journal, seq: Seq, record: &Record) -> Vec<Event> {
    let session = record.session;
    let event = |name, text| Event { name, session, text: Text::Plain(text) };
    let captured = |name, detail: &Detail| {
        let message = detail.captured.and_then(|no| journal.message(no)).map(|captured| captured.message.clone());
        message.map(|message| Event { name, session, text: Text::Message(message) }).into_iter().collect()
    };
    match journal.describe(seq, record) {
        Description::Opened(opened) => vec![event("opened", format!("{} from {}", opened.listener, opened.peer))],
        Description::Turn(turn) => {
            let mut events = fired(session, &turn);
            match turn.detail {
                Some(detail) if turn.captured().is_some() => events.append(&mut captured("captured", detail)),
                _ => events.extend(answered(journal, session, &turn).map(|(name, text)| event(name, text))),
            }
            events
        }
        Description::Outside(detail) => captured("delivered", detail),
        Description::Noted(noted) => {
            let by = noted.by.as_deref().unwrap_or("mailjig");
            vec![event(noted.weight.name(), format!("{by}: {}", noted.text))]
        }
        Description::Secured(tls) => vec![event("secured", format!("{} {}", tls.version, tls.cipher))],
        Description::Unsecured(reason) => vec![event("tls", format!("the TLS handshake failed: {reason}"))],
        Description::Dropped { octets } => {
            vec![event("dropped", format!("{octets} octets in cleartext after STARTTLS"))]
        }
        Description::Ended { ended, .. } => {
            let why = ended.ending.to_string();
            vec![event("ended", why.strip_prefix("ended ").unwrap_or(&why).to_owned())]
        }
        Description::Closed { .. } => Vec::new(),
    }
}

/// Lines for the rules that fired.
fn fired(session: Option<SessionNo>, turn: &RecordedTurn<'_>) -> Vec<Event> {
    let Some((event, trace)) = turn.event().zip(turn.trace()) else { return Vec::new() };
    let text = |fired: &Fired| Text::Plain(format!("{} at {event}, match {}", fired.rule, fired.n));
    trace.fired.iter().map(|fired| Event { name: "fired", session, text: text(fired) }).collect()
}

/// A line for a login and its result, or for a refused command.
fn answered(journal: &Journal, session: Option<SessionNo>, turn: &RecordedTurn<'_>) -> Option<(&'static str, String)> {
    let facts = turn.detail.and_then(|detail| detail.facts.as_ref());
    let (user, denied) = (facts.and_then(|its| its.user.as_ref()), facts.and_then(|its| its.denied.as_ref()));
    let (exchange, status) = (turn.first?, turn.status);
    let is_refused = status == Some(Status::Negative);
    if user.is_none() && denied.is_none() && !is_refused {
        return None;
    }
    let log = journal.session(session?)?;
    let is_hidden = journal.may_be_of_login(log, turn.exchange);
    let (heard, reply) = redact::exchange(exchange.event, log.heard(exchange.text), turn.said, is_hidden);
    match (user, denied, is_refused) {
        (Some(user), _, false) => Some(("login", format!("{user} accepted"))),
        // A rule changed the reply of a login.
        (Some(user), _, true) => Some(("login", format!("{user} accepted, and told: {reply}"))),
        (None, Some(user), _) => Some(("login", format!("{user} refused: {reply}"))),
        (None, None, true) => Some(("refused", format!("{heard} → {reply}"))),
        (None, None, false) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;
    use crate::journal::Opened;
    use crate::protocol::{self, ClientFacts, Input, Reply, TxnLog};

    /// The lines of an exchange and of a part of it.
    fn lines(
        event: protocol::Event,
        line: &'static str,
        part: (&str, Status),
        facts: Option<ClientFacts>,
    ) -> Vec<String> {
        let (mut journal, session, at) = (Journal::default(), SessionNo(1), Timestamp::from_micros(0));
        let peer = "127.0.0.1:1".parse().unwrap();
        journal.open_session(session, at, Opened { listener: protocol::Listener::Imap, peer, local: peer });
        let opened = journal.tip();
        let input = Input::Line(line.into());
        let exchange = journal.exchange(at, session, event, &input, (&Reply::default(), None), Default::default());
        let done = TxnLog { facts: facts.map(Box::new), ..TxnLog::default() };
        let (detail, came) = Detail::of(done);
        let detail = (Some(Box::new(detail)), came);
        let (text, status) = part;
        journal.part(at, session, exchange, None, (&Reply::default().line(&[text]), Some(status)), detail);
        let all = journal.since(opened).unwrap().flat_map(|(seq, record)| events(&journal, seq, record));
        let line = |event: Event| match event.text {
            Text::Plain(text) => format!("{} {text}", event.name),
            Text::Message(message) => message.summary(),
        };
        all.map(line).collect()
    }

    #[test]
    fn a_part_of_a_reply_prints_like_a_whole_reply() {
        let denied = ClientFacts { denied: Some("bob".into()), ..ClientFacts::default() };
        let user = ClientFacts { user: Some("bob".into()), ..ClientFacts::default() };
        let wrong = "535 5.7.8 Authentication credentials invalid";

        let event = protocol::Event::SmtpAuthStart;
        let line = "AUTH PLAIN";
        assert_eq!(
            lines(event, line, (wrong, Status::Negative), Some(denied)),
            ["login bob refused: 535 5.7.8 Authentication credentials invalid"]
        );
        assert_eq!(lines(event, line, ("235 2.7.0 Ok", Status::Positive), Some(user)), ["login bob accepted"]);
        let gone = "* 1 FETCH (FLAGS ())\r\na NO some are gone";
        assert_eq!(
            lines(protocol::Event::ImapFetch, "a FETCH 1:* FLAGS", (gone, Status::Negative), None),
            ["refused a FETCH 1:* FLAGS → a NO some are gone"]
        );
        assert!(lines(protocol::Event::ImapFetch, "a FETCH 1 FLAGS", ("a OK", Status::Positive), None).is_empty());
    }
}
