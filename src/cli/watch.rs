//! Prints one line for each event while the server runs.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;

use super::event::{Kind, event_line};
use super::redact;
use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, Interest, Topic};
use crate::journal::{Description, Detail, Fired, Journal, Record, RecordedTurn};
use crate::mail::Message;
use crate::protocol::Status;
use crate::server::{Server, Until};

/// Number of records that are printed before the lock is taken again.
const PORTION: usize = 256;
/// How long the last lines may take if nobody reads the output.
const LAST_LINES: Duration = Duration::from_secs(1);

/// How the lines look.
#[derive(Clone, Copy)]
pub(super) enum Format {
    Text,
    Json,
}

/// A thread that prints the events of a server. If nobody reads the output, only the output blocks.
pub(super) struct Watch {
    printed: Arc<Printed>,
}

/// How far the journal has been printed.
#[derive(Default)]
struct Printed {
    to: Mutex<Seq>,
    more: Condvar,
}

/// An event that is printed as a line.
struct Event {
    kind: Kind,
    session: Option<SessionNo>,
    /// The rule that fired.
    rule: Option<Box<str>>,
    text: Text,
}

enum Text {
    Plain(String),
    /// Formatted outside the lock, because the header must be parsed.
    Message(Message),
}

impl Watch {
    /// Prints the events from now on, until writing fails.
    pub(super) fn start(server: &Arc<Server>, out: impl Write + Send + 'static, format: Format) -> io::Result<Self> {
        let (server, printed) = (Arc::clone(server), Arc::new(Printed::default()));
        let watch = Self { printed: Arc::clone(&printed) };
        let print = move || {
            let _nobody_reads = print_all(&server, out, format, &printed);
            printed.set(Seq(u64::MAX));
        };
        thread::Builder::new().name("mailjig-watch".to_owned()).spawn(print)?;
        Ok(watch)
    }

    /// Waits a moment until everything up to now is printed.
    pub(super) fn finish(self, server: &Server) {
        let tip = server.engine().read(|world| world.journal.tip());
        let printed = self.printed.to.lock().unwrap_or_else(PoisonError::into_inner);
        let _or_long_enough = self.printed.more.wait_timeout_while(printed, LAST_LINES, |to| *to < tip);
    }
}

impl Printed {
    fn set(&self, to: Seq) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = to;
        self.more.notify_all();
    }
}

fn print_all(server: &Server, mut out: impl Write, format: Format, printed: &Printed) -> io::Result<()> {
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
                    let text = format!("{} messages so far, because of --keep or --keep-size", world.evicted());
                    events.push(Event { kind: Kind::Discarded, session: None, rule: None, text: Text::Plain(text) });
                }
                evicted = world.evicted();
                Some((events, cursor > before))
            })?;
            moved.then_some((events, cursor))
        };
        let found = Until::new(server.engine(), interest.clone(), Duration::MAX, look).block();
        let Some((events, to)) = found else { continue };
        let lines: String = events.iter().map(|event| event.line(format)).collect();
        out.write_all(lines.as_bytes())?;
        out.flush()?;
        printed.set(to);
    }
}

impl Event {
    fn line(&self, format: Format) -> String {
        let text = match &self.text {
            Text::Plain(text) => text.clone(),
            Text::Message(message) => message.summary(),
        };
        let name = self.kind.name();
        match (format, &self.rule) {
            (Format::Json, None) => format!("{}\n", json!({ "event": name, "session": self.session, "text": text })),
            (Format::Json, Some(rule)) => {
                format!("{}\n", json!({ "event": name, "session": self.session, "rule": rule, "text": text }))
            }
            (Format::Text, _) => {
                let session = self.session.map(|session| session.to_string()).unwrap_or_default();
                event_line(&session, &format!("{name:<9}"), &text, self.kind.style())
            }
        }
    }
}

/// The lines for a record, in order.
fn events(journal: &Journal, seq: Seq, record: &Record) -> Vec<Event> {
    let session = record.session;
    let event = |kind, text| Event { kind, session, rule: None, text: Text::Plain(text) };
    let captured = |kind, detail: &Detail| {
        let message = detail.captured.and_then(|no| journal.message(no)).map(|captured| captured.message.clone());
        let event = |message| Event { kind, session, rule: None, text: Text::Message(message) };
        message.map(event).into_iter().collect()
    };
    match journal.describe(seq, record) {
        Description::Opened(opened) => {
            vec![event(Kind::Opened, format!("{} from {}", opened.listener, opened.peer))]
        }
        Description::Turn(turn) => {
            let mut events = fired(session, &turn);
            match turn.detail {
                Some(detail) if turn.captured().is_some() => events.append(&mut captured(Kind::Captured, detail)),
                _ => events.extend(answered(journal, session, &turn).map(|(kind, text)| event(kind, text))),
            }
            events
        }
        Description::Outside(detail) => captured(Kind::Delivered, detail),
        Description::Noted(noted) => {
            let by = noted.by.as_deref().unwrap_or("mailjig");
            vec![event(Kind::Noted(noted.weight), format!("{by}: {}", noted.text))]
        }
        Description::OAuth(request) => {
            vec![event(Kind::OAuth { is_refused: request.error.is_some() }, request.to_string())]
        }
        Description::Proxied(proxied) => vec![event(Kind::Proxied, proxied.to_string())],
        Description::Secured(tls) => vec![event(Kind::Secured, tls.to_string())],
        Description::Unsecured(failure) => vec![event(Kind::Unsecured, failure.to_string())],
        Description::Cleartext { octets, is_executed } => {
            let what = if is_executed { ", executed under TLS" } else { "" };
            vec![event(Kind::Dropped, format!("{octets} octets in cleartext after STARTTLS{what}"))]
        }
        Description::Ended { ended, .. } => {
            let why = ended.ending.to_string();
            vec![event(Kind::Ended, why.strip_prefix("ended ").unwrap_or(&why).to_owned())]
        }
        Description::Closed { .. } => Vec::new(),
    }
}

/// Lines for the rules that fired.
fn fired(session: Option<SessionNo>, turn: &RecordedTurn<'_>) -> Vec<Event> {
    let Some((event, trace)) = turn.event().zip(turn.trace()) else { return Vec::new() };
    let line = |fired: &Fired| {
        let text = Text::Plain(format!("{} at {event}, match {}", fired.rule, fired.n));
        Event { kind: Kind::Fired, session, rule: Some(fired.rule.as_ref().into()), text }
    };
    trace.fired.iter().map(line).collect()
}

/// A line for a login and its result, or for a refused command.
fn answered(journal: &Journal, session: Option<SessionNo>, turn: &RecordedTurn<'_>) -> Option<(Kind, String)> {
    let facts = turn.detail.and_then(|detail| detail.facts.as_ref());
    let user = facts.and_then(|its| its.user.as_ref()?.as_ref());
    let denied = facts.and_then(|its| its.denied.as_ref());
    let (exchange, status) = (turn.first?, turn.status);
    let is_refused = status == Some(Status::Negative);
    if user.is_none() && denied.is_none() && !is_refused {
        return None;
    }
    let log = journal.session(session?)?;
    let is_hidden = journal.may_be_of_login(log, turn.exchange);
    let (heard, reply) = redact::exchange(exchange.event, log.heard(exchange.text), turn.said, is_hidden);
    match (user, denied, is_refused) {
        (Some(user), _, false) => Some((Kind::Login { is_accepted: true }, format!("{user} accepted"))),
        // A rule changed the reply of a login.
        (Some(user), _, true) => {
            Some((Kind::Login { is_accepted: true }, format!("{user} accepted, and told: {reply}")))
        }
        (None, Some(user), _) => Some((Kind::Login { is_accepted: false }, format!("{user} refused: {reply}"))),
        (None, None, true) => Some((Kind::Refused, format!("{heard} → {reply}"))),
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
        journal.open_session(
            session,
            at,
            Opened { listener: protocol::Listener::Imap, peer, local: peer, offers_starttls: false },
        );
        let opened = journal.tip();
        let input = Input::Line(line.into());
        let exchange =
            journal.exchange(at, session, (event, false), &input, (&Reply::default(), None), Default::default());
        let done = TxnLog { facts: facts.map(Box::new), ..TxnLog::default() };
        let (detail, came) = Detail::of(done);
        let detail = (Some(Box::new(detail)), came);
        let (text, status) = part;
        journal.part(at, session, exchange, None, (&Reply::default().line(&[text]), Some(status)), detail);
        let all = journal.since(opened).unwrap().flat_map(|(seq, record)| events(&journal, seq, record));
        let line = |event: Event| match event.text {
            Text::Plain(text) => format!("{} {text}", event.kind.name()),
            Text::Message(message) => message.summary(),
        };
        all.map(line).collect()
    }

    #[test]
    fn a_part_of_a_reply_prints_like_a_whole_reply() {
        let denied = ClientFacts { denied: Some("bob".into()), ..ClientFacts::default() };
        let user = ClientFacts { user: Some(Some("bob".into())), ..ClientFacts::default() };
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
