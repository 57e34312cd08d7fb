//! The records of one session, their text, and the state of the session that is computed from them.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::open_exchange::{OpenExchange, is_challenge};
use super::text::Text;
use super::{Detail, Left, Opened, RecordKind, SeqList, Session, TextPlace, TlsOffer};
use crate::base::{Seq, SessionNo, Timestamp};
use crate::protocol::{ClientFacts, Status, ToldClient, Unfinished};

/// How many octets of a session's text are kept. If there was more, the transcript says so.
const TEXT_LIMIT: usize = 64 << 20;

/// A repeated text is stored once: the last `RECENT` texts are compared, up to `REACH` octets back.
const RECENT: usize = 4;
const REACH: usize = 4096;

/// A session with the text of its records.
#[derive(Debug)]
pub(crate) struct SessionLog {
    pub(crate) no: SessionNo,
    pub(crate) records: SeqList,
    /// What the client offered in its ClientHello, if rules act on it.
    pub(crate) offered: Option<Box<TlsOffer>>,
    pub(crate) offers_starttls: bool,
    facts: Arc<Session>,
    /// The rules of the facts, to find one fast.
    rules: BTreeSet<Arc<str>>,
    /// The number of its first record, which may be evicted.
    pub(super) began: Seq,
    text: Text,
    /// The positions and lengths of the recent texts.
    recent: [(u32, usize); RECENT],
    is_full: bool,
    leaving: bool,
    /// The time of the last record.
    latest: Timestamp,
    /// How many requests the client made; evicted records count too.
    requests: u64,
    /// Exchanges whose reply was neither sent nor lost yet.
    open: VecDeque<OpenExchange>,
    /// What has been received of the next request.
    unfinished: Unfinished,
    /// Whether the last reply was the error about a token, which the client has to answer.
    is_token_refused: bool,
}

impl SessionLog {
    pub(super) fn new(no: SessionNo, began: Seq, at: Timestamp, opened: &Opened) -> Self {
        let facts = Session {
            no,
            listener: opened.listener,
            peer: opened.peer,
            proxy: None,
            proxied: None,
            opened: at,
            tls: None,
            tls_failure: None,
            helo: None,
            user: None,
            mechanism: None,
            mailbox: None,
            idling: false,
            messages: 0,
            refused: 0,
            rules: Vec::new(),
            #[cfg(feature = "api")]
            records: 0,
            #[cfg(feature = "api")]
            unfinished: None,
            ended: None,
        };
        Self {
            no,
            records: SeqList::default(),
            offered: None,
            offers_starttls: opened.offers_starttls,
            facts: Arc::new(facts),
            rules: BTreeSet::new(),
            began,
            text: Text::default(),
            recent: [(0, 0); RECENT],
            is_full: false,
            leaving: false,
            latest: at,
            requests: 0,
            open: VecDeque::new(),
            unfinished: Unfinished::default(),
            is_token_refused: false,
        }
    }

    /// What is known of the session now; a copy that is kept does not change.
    pub(crate) fn facts(&self) -> &Arc<Session> {
        &self.facts
    }

    /// The number of its first record.
    pub(crate) fn began(&self) -> Seq {
        self.began
    }

    /// Whether the reply to a request was not sent yet.
    pub(crate) fn owes_reply(&self) -> bool {
        !self.open.is_empty()
    }

    /// How many requests the client made.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// How many of them were refused.
    pub(crate) fn refusals(&self) -> u64 {
        self.facts.refused
    }

    /// The time of the last record.
    pub(crate) fn latest(&self) -> Timestamp {
        self.latest
    }

    /// Updates the session with a record and its text, and sets the text's position in the record.
    pub(super) fn record(&mut self, seq: Seq, at: Timestamp, kind: &mut RecordKind, (heard, said): (&[u8], &[u8])) {
        match kind {
            RecordKind::Exchange(exchange) => {
                exchange.text = self.write(heard, said);
                let mut open = OpenExchange::new(seq, exchange.event);
                // The answer to the error about a token: the login was counted with the error (RFC 7628 §3.2.3).
                open.is_counted = !mem::take(&mut self.is_token_refused) || !exchange.event.is_login();
                self.is_token_refused = exchange.status == Some(Status::Negative) && is_challenge(said);
                open.say(said.len(), exchange.status, exchange.detail.as_deref());
                self.owe(open);
                self.learn(exchange.detail.as_deref());
            }
            RecordKind::Part(part) => {
                self.is_token_refused |= part.status == Some(Status::Negative) && is_challenge(said);
                self.say(part.exchange, said.len(), part.status, part.detail.as_deref());
                part.text = self.write(heard, said);
                self.learn(part.detail.as_deref());
            }
            RecordKind::Closed { exchange, .. } => self.open.retain(|open| open.exchange != *exchange),
            RecordKind::Secured(tls) => {
                let facts = Arc::make_mut(&mut self.facts);
                facts.tls = Some((**tls).clone());
                // Discard what was learned in cleartext (RFC 3207 §4.2).
                facts.helo = None;
            }
            RecordKind::Unsecured(failure) => {
                Arc::make_mut(&mut self.facts).tls_failure = Some(failure.clone());
            }
            RecordKind::Ended(ended) => {
                if !heard.is_empty() {
                    ended.text = self.write(heard, said);
                }
                #[cfg(feature = "api")]
                let unfinished = self.unfinished();
                let facts = Arc::make_mut(&mut self.facts);
                facts.ended = Some((at, ended.ending));
                #[cfg(feature = "api")]
                {
                    facts.unfinished = unfinished;
                }
                facts.idling = false;
                self.text.shrink_to_fit();
                self.records.shrink_to_fit();
                self.open.shrink_to_fit();
            }
            RecordKind::Proxied(header) => {
                if let Some(source) = header.source {
                    self.peer_is(source);
                }
                Arc::make_mut(&mut self.facts).proxied = header.client().map(Box::new);
            }
            RecordKind::Opened(_)
            | RecordKind::Cleartext { .. }
            | RecordKind::Outside(_)
            | RecordKind::OAuth(_)
            | RecordKind::Noted(_) => {}
        }
        self.records.push(seq);
        self.latest = at;
        self.learn_rules(kind);
        #[cfg(feature = "api")]
        self.count_records();
    }

    /// Moves the session's times back, as server time was.
    pub(super) fn set_back(&mut self, by: Duration) {
        let before = |at: Timestamp| Timestamp::from_micros(at.as_micros() - by.as_micros() as i64);
        let facts = Arc::make_mut(&mut self.facts);
        facts.opened = before(facts.opened);
        self.latest = before(self.latest);
    }

    fn owe(&mut self, open: OpenExchange) {
        self.requests += u64::from(open.is_asked());
        self.count_refused(false, open.counts_as_refused());
        self.open.push_back(open);
        self.unfinished = Unfinished::default();
    }

    pub(super) fn set_unfinished(&mut self, unfinished: Unfinished) {
        self.unfinished = unfinished;
    }

    /// What has been received of an incomplete request.
    pub(crate) fn unfinished(&self) -> Option<Unfinished> {
        Some(self.unfinished).filter(|its| *its != Unfinished::default())
    }

    /// Adds a part of the reply of an open exchange.
    fn say(&mut self, exchange: Seq, octets: usize, status: Option<Status>, detail: Option<&Detail>) {
        if let Some(open) = self.open.iter_mut().rfind(|open| open.exchange == exchange) {
            let before = open.counts_as_refused();
            open.say(octets, status, detail);
            let is_refused = open.counts_as_refused();
            self.count_refused(before, is_refused);
        }
    }

    /// The status of a reply changed, or is there.
    fn count_refused(&mut self, before: bool, is_refused: bool) {
        if before != is_refused {
            let facts = Arc::make_mut(&mut self.facts);
            facts.refused = facts.refused + u64::from(is_refused) - u64::from(before);
        }
    }

    /// Whether the reply of this exchange was neither sent nor lost yet.
    #[cfg(all(test, feature = "serde"))]
    pub(super) fn is_open(&self, exchange: Seq) -> bool {
        self.open.iter().any(|open| open.exchange == exchange)
    }

    /// The outcome of an open exchange, if this much of its reply was sent.
    pub(super) fn outcome(&self, exchange: Seq, left: &Left) -> Option<&'static str> {
        self.open.iter().find(|open| open.exchange == exchange).map(|open| open.outcome(left))
    }

    /// Whether the session sent QUIT or LOGOUT and has not ended yet.
    pub(super) fn is_leaving(&self) -> bool {
        self.leaving && self.facts.ended.is_none()
    }

    /// Whether text was not kept because there was too much of it.
    pub(crate) fn is_full(&self) -> bool {
        self.is_full
    }

    /// What the client sent in a record of this session; empty if it was not kept.
    pub(crate) fn heard(&self, place: TextPlace) -> &[u8] {
        self.text.get(place.start, place.heard as usize).unwrap_or_default()
    }

    /// What the server replied in a record of this session; empty if it was not kept.
    pub(crate) fn said(&self, place: TextPlace) -> &[u8] {
        self.text.get(place.start.wrapping_add(place.heard), place.said as usize).unwrap_or_default()
    }

    /// Stores text, and returns its position.
    fn write(&mut self, heard: &[u8], said: &[u8]) -> TextPlace {
        let start = self.write_text(heard, said);
        TextPlace { start, heard: heard.len() as u32, said: said.len() as u32 }
    }

    fn write_text(&mut self, heard: &[u8], said: &[u8]) -> u32 {
        let octets = heard.len() + said.len();
        self.is_full |= self.text.len() + octets > TEXT_LIMIT;
        if self.is_full {
            return self.text.end();
        }
        let said_before = self.recent.iter().position(|(start, before)| {
            let is_near = self.text.end().wrapping_sub(*start) as usize <= REACH;
            let is_same = |text: &[u8]| text.starts_with(heard) && text.ends_with(said);
            *before == octets && is_near && self.text.get(*start, octets).is_some_and(is_same)
        });
        if let Some(at) = said_before {
            self.recent[..=at].rotate_right(1);
            return self.recent[0].0;
        }
        let start = self.text.push(heard, said);
        self.recent.rotate_right(1);
        self.recent[0] = (start, octets);
        start
    }

    /// Removes the text before this place, except what later records may repeat; all text if no record has any.
    pub(super) fn drop_text(&mut self, first: Option<TextPlace>) {
        let before = |start: u32| (start.wrapping_sub(self.text.first()) as usize).min(self.text.len());
        self.text.drop_front(first.map_or(self.text.len(), |first| before(first.start).saturating_sub(REACH)));
    }

    /// Updates the session with what an exchange reveals about the client.
    fn learn(&mut self, detail: Option<&Detail>) {
        let Some(Detail { facts, last, captured, .. }) = detail else { return };
        if let Some(facts) = facts {
            self.learn_facts(facts);
        }
        if captured.is_some() {
            Arc::make_mut(&mut self.facts).messages += 1;
        }
        self.leaving |= *last;
    }

    fn learn_facts(&mut self, ClientFacts { user, mechanism, helo, told, selected, idling, denied: _ }: &ClientFacts) {
        if let Some(told) = told {
            self.learn_told(told);
        }
        let known = Arc::make_mut(&mut self.facts);
        if let Some(helo) = helo {
            known.helo = Some(helo.clone());
        }
        if let Some(user) = user {
            known.user = user.clone();
            known.mechanism = mechanism.clone();
        }
        if let Some(mailbox) = selected {
            known.mailbox = mailbox.clone();
        }
        known.idling = idling.unwrap_or(known.idling);
    }

    /// Updates the session with what XCLIENT tells. What it does not name stays as it was.
    fn learn_told(&mut self, told: &ToldClient) {
        if told.address.is_some() || told.port.is_some() {
            let known = self.facts.peer;
            // The port of another address is unknown.
            let other = told.address.map_or(known.port(), |_| 0);
            self.peer_is((told.address.unwrap_or(known.ip()), told.port.unwrap_or(other)).into());
        }
        let ToldClient { address: _, port: _, name, protocol, destination, destination_port } = told;
        if name.is_some() || protocol.is_some() || destination.is_some() || destination_port.is_some() {
            let known = Arc::make_mut(&mut self.facts).proxied.get_or_insert_default();
            known.name = name.clone().or(known.name.take());
            known.protocol = protocol.clone().or(known.protocol.take());
            known.destination = destination.or(known.destination);
            known.destination_port = destination_port.or(known.destination_port);
        }
    }

    /// A proxy tells the client's address.
    fn peer_is(&mut self, client: SocketAddr) {
        let facts = Arc::make_mut(&mut self.facts);
        facts.proxy.get_or_insert(facts.peer);
        facts.peer = client;
    }

    /// Adds the rules that fired in a record.
    fn learn_rules(&mut self, kind: &RecordKind) {
        let noted = match kind {
            RecordKind::Noted(noted) => noted.by.as_ref(),
            RecordKind::Opened(_)
            | RecordKind::Exchange(_)
            | RecordKind::Part(_)
            | RecordKind::Closed { .. }
            | RecordKind::Cleartext { .. }
            | RecordKind::Secured(_)
            | RecordKind::Proxied(_)
            | RecordKind::Unsecured(_)
            | RecordKind::Ended(_)
            | RecordKind::OAuth(_)
            | RecordKind::Outside(_) => None,
        };
        let trace = kind.detail().and_then(|detail| detail.trace.as_ref());
        let fired = trace.into_iter().flat_map(|trace| trace.fired.iter().map(|fired| &fired.rule));
        for rule in fired.chain(noted) {
            if !self.rules.contains(rule) {
                self.rules.insert(Arc::clone(rule));
                Arc::make_mut(&mut self.facts).rules.push(rule.as_ref().to_owned());
            }
        }
    }

    #[cfg(feature = "api")]
    fn count_records(&mut self) {
        let records = self.records.iter().len();
        if self.facts.records != records {
            Arc::make_mut(&mut self.facts).records = records;
        }
    }

    /// Removes the numbers of evicted records. Returns false if the session has ended and none of its records is kept.
    pub(super) fn raise_floor(&mut self, floor: Seq) -> bool {
        self.records.drop_below(Seq(floor.0 + 1));
        #[cfg(feature = "api")]
        self.count_records();
        !(self.records.is_empty() && self.facts.ended.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Listener;

    #[test]
    fn text_that_is_not_kept_is_not_shown() {
        let peer = ([127, 0, 0, 1], 1).into();
        let opened = Opened { listener: Listener::Smtp, peer, local: peer, offers_starttls: false };
        let mut log = SessionLog::new(SessionNo(1), Seq(1), Timestamp::from_micros(0), &opened);
        let much = vec![b'x'; TEXT_LIMIT / 4];
        let kept = log.write(b"NOOP", &much);
        (0..4).for_each(|_| _ = log.write(&much, b""));

        let lost = log.write(b"NOOP x", b"250 Ok");

        assert!(log.is_full());
        assert_eq!(log.heard(kept), b"NOOP");
        assert_eq!((log.heard(lost), log.said(lost)), (&b""[..], &b""[..]));
    }
}
