//! What the sessions of a server show of the client, read from the journal.

use super::judge::Leak;
use crate::base::Certificate;
use crate::journal::{Ending, Journal, RecordKind, SessionLog};
use crate::protocol::{Event, Listener};

/// A session, as far as the verdict depends on it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SeenSession {
    pub(super) listener: Listener,
    /// The certificate of the last handshake that was completed.
    pub(super) tls: Option<Certificate>,
    /// Why a handshake failed.
    pub(super) failed: Option<String>,
    /// Whether TLS began with STARTTLS, or was to.
    pub(super) asked_starttls: bool,
    pub(super) requests: Vec<Request>,
    pub(super) ending: Option<Ending>,
}

/// A request of the client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Request {
    pub(super) event: Event,
    pub(super) is_under_tls: bool,
    /// It came before the reply to the request before was sent.
    pub(super) is_early: bool,
    pub(super) leak: Option<Leak>,
}

/// The sessions, in the order in which they began.
pub(crate) fn sessions_of(journal: &Journal) -> Vec<SeenSession> {
    journal.sessions().map(|log| session(journal, log)).collect()
}

fn session(journal: &Journal, log: &SessionLog) -> SeenSession {
    let ending = log.facts().ended.map(|(_, ending)| ending);
    let mut seen = SeenSession {
        listener: log.facts().listener,
        tls: None,
        failed: None,
        asked_starttls: false,
        requests: Vec::new(),
        ending,
    };
    for seq in log.records.iter() {
        let Some(record) = journal.get(seq) else { continue };
        match &record.kind {
            RecordKind::Secured(tls) => seen.tls = Some(tls.certificate),
            RecordKind::Unsecured(failure) => seen.failed = Some(failure.reason.clone()),
            RecordKind::Exchange(exchange) if !exchange.event.is_unasked() => {
                seen.asked_starttls |= is_starttls(exchange.event);
                let of_login = journal.may_be_of_login(log, seq).then_some(Leak::Credentials);
                seen.requests.push(Request {
                    event: exchange.event,
                    is_under_tls: seen.tls.is_some(),
                    is_early: exchange.is_early,
                    leak: leak(exchange.event).or(of_login),
                });
            }
            RecordKind::Exchange(_)
            | RecordKind::Opened(_)
            | RecordKind::Proxied(_)
            | RecordKind::Part(_)
            | RecordKind::Closed { .. }
            | RecordKind::Cleartext { .. }
            | RecordKind::Ended(_)
            | RecordKind::Outside(_)
            | RecordKind::OAuth(_)
            | RecordKind::Noted(_) => {}
        }
    }
    seen
}

pub(super) fn is_starttls(event: Event) -> bool {
    matches!(event.as_smtp(), Event::SmtpStarttls | Event::ImapStarttls | Event::Pop3Stls)
}

/// What a request tells the server.
fn leak(event: Event) -> Option<Leak> {
    let event = event.as_smtp();
    let is_step = matches!(event, Event::SmtpAuthStep | Event::ImapAuthStep | Event::Pop3AuthStep);
    let is_body = matches!(event, Event::SmtpMessage | Event::SmtpBdat | Event::ImapAppend);
    let kinds = [
        (Leak::Credentials, is_step || event.ends_login()),
        (Leak::Envelope, matches!(event, Event::SmtpMail | Event::SmtpRcpt)),
        (Leak::Body, is_body),
    ];
    kinds.into_iter().find(|(_, is_it)| *is_it).map(|(leak, _)| leak)
}
