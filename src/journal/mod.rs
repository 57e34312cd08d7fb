//! What happened: an append-only list of records in one order, and the sessions, transcripts and captured messages that
//! are computed from it. Does not know who reads it.

mod append;
mod chunks;
mod credentials;
mod description;
mod ending;
mod forget;
#[cfg(all(test, feature = "serde"))]
mod log;
mod messages;
mod oauth_request;
mod open_exchange;
mod proxied;
mod proxied_client;
mod record;
mod records;
mod refusals;
mod seq_list;
mod session;
mod session_log;
mod session_logs;
#[cfg(test)]
mod tests;
mod text;
mod tls;
#[cfg(feature = "api")]
mod totals;
mod trace;
mod transcript;

use std::collections::VecDeque;

#[cfg(feature = "api")]
pub(crate) use description::Abbreviated;
pub(crate) use description::{Description, RecordedTurn};
pub use ending::Ending;
#[cfg(all(test, feature = "serde"))]
pub(crate) use log::{LogReader, LogWriter};
pub(crate) use messages::Captured;
use messages::Messages;
#[cfg_attr(not(feature = "api"), expect(unreachable_pub, reason = "the provider is a part of the HTTP API"))]
pub use oauth_request::OAuthRequest;
pub(crate) use proxied::{Proxied, Tlv, tlv_list};
pub use proxied_client::{ProxiedClient, ProxiedTls};
pub(crate) use record::{
    CapturedMail, Detail, Ended, Exchange, ExchangePart, Left, Less, Noted, Opened, Record, RecordKind, TextPlace,
    UNFINISHED_KEPT, Weight,
};
use records::Records;
pub(crate) use refusals::Refused;
pub(crate) use seq_list::SeqList;
pub use session::Session;
pub(crate) use session_log::SessionLog;
use session_logs::SessionLogs;
pub use tls::{ClientCertificate, Tls, TlsFailure, TlsOffer};
#[cfg(feature = "api")]
pub(crate) use totals::Totals;
pub(crate) use trace::{Fired, Stalled, Trace};
pub use transcript::Transcript;

use crate::base::{MessageNo, Seq, SessionNo};
use crate::mail::Message;

/// The records of one server, and the views folded from them as they are appended.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    records: Records,
    sessions: SessionLogs,
    messages: Messages,
    /// Exchanges whose reply was neither sent nor lost yet.
    open: usize,
    /// Sessions that sent QUIT or LOGOUT and whose end is not recorded yet.
    leaving: usize,
    /// How often records, messages or sessions were removed.
    removals: u64,
    /// How often messages were numbered from 1 again.
    resets: u64,
    #[cfg(feature = "api")]
    totals: Totals,
    #[cfg(all(test, feature = "serde"))]
    pub(crate) log: Option<LogWriter>,
}

/// A cursor points below the floor: the record after it was evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone {
    /// The first record that is kept.
    pub(crate) first: Seq,
}

impl Journal {
    /// The number of the last record.
    pub(crate) fn tip(&self) -> Seq {
        self.records.tip()
    }

    /// How many records are kept.
    pub(crate) fn len(&self) -> u64 {
        self.records.len()
    }

    /// The number of the last record that was evicted; 0 if none was.
    pub(crate) fn floor(&self) -> Seq {
        self.records.floor()
    }

    /// The records after a cursor, in order.
    pub(crate) fn since(&self, cursor: Seq) -> Result<impl Iterator<Item = (Seq, &Record)>, Gone> {
        self.records.since(cursor)
    }

    /// The records after a cursor, in order; with a session, only its own, without looking at the others.
    #[cfg(feature = "api")]
    pub(crate) fn since_in(
        &self,
        session: Option<SessionNo>,
        cursor: Seq,
    ) -> Result<impl Iterator<Item = (Seq, &Record)>, Gone> {
        let all = self.since(cursor)?;
        let log = session.and_then(|session| self.session(session));
        let own = log.map(|log| log.records.since(Seq(cursor.0.saturating_add(1))));
        let own = own.into_iter().flatten().filter_map(|seq| Some((seq, self.get(seq)?)));
        Ok(all.take_while(move |_| session.is_none()).chain(own))
    }

    /// What clients asked the OAuth 2.0 provider, in order.
    #[cfg(feature = "api")]
    pub(crate) fn oauth_requests(&self) -> impl Iterator<Item = &OAuthRequest> {
        let records = self.since(self.floor()).into_iter().flatten();
        records.filter_map(
            |(_, record)| if let RecordKind::OAuth(request) = &record.kind { Some(&**request) } else { None },
        )
    }

    pub(crate) fn get(&self, seq: Seq) -> Option<&Record> {
        self.records.get(seq)
    }

    /// Every session that is kept, in the order of acceptance.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = &SessionLog> {
        self.sessions.iter()
    }

    /// The sessions that are kept and began before this one, in the order of acceptance.
    #[cfg(feature = "api")]
    pub(crate) fn sessions_before(&self, no: SessionNo) -> impl DoubleEndedIterator<Item = &SessionLog> {
        self.sessions.before(no)
    }

    pub(crate) fn session(&self, no: SessionNo) -> Option<&SessionLog> {
        self.sessions.get(no)
    }

    /// Every captured message that is kept, in the order of capture.
    pub(crate) fn messages(&self) -> &VecDeque<Captured> {
        &self.messages.captured
    }

    pub(crate) fn message(&self, no: MessageNo) -> Option<&Captured> {
        self.messages.get(no)
    }

    /// The message of this number, captured or put into a mailbox.
    pub(crate) fn kept(&self, no: MessageNo) -> Option<&Message> {
        self.messages.any(no)
    }

    /// The messages whose exchange was closed after a cursor, in the order of closing; with an address, only those that
    /// were accepted for it.
    pub(crate) fn closed_since(
        &self,
        cursor: Seq,
        address: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = &Captured> {
        self.messages.closed_since(cursor, address)
    }

    /// Like `closed_since`, up to another cursor.
    #[cfg(feature = "api")]
    pub(crate) fn closed_between(
        &self,
        cursor: Seq,
        last: Seq,
        address: Option<&str>,
    ) -> impl DoubleEndedIterator<Item = &Captured> {
        self.messages.closed_between(cursor, last, address)
    }

    /// The message whose exchange this record closed.
    pub(crate) fn closed_at(&self, closed: Seq) -> Option<&Message> {
        self.messages.closed_at(closed)
    }

    /// The messages whose exchange is not closed yet, in the order of capture.
    pub(crate) fn unclosed(&self) -> impl DoubleEndedIterator<Item = &Captured> {
        self.messages.unclosed()
    }

    /// The record after which a wait for what comes after this message begins; also of a message that was removed.
    pub(crate) fn place_of(&self, no: MessageNo) -> Option<Seq> {
        self.messages.place_of(no)
    }

    /// How many captured messages were evicted or cleared.
    pub(crate) fn forgotten(&self) -> u32 {
        self.messages.forgotten
    }

    /// How often records, messages or sessions were removed. No record says so.
    pub(crate) fn removals(&self) -> u64 {
        self.removals
    }

    /// How often messages were numbered from 1 again.
    #[cfg(feature = "api")]
    pub(crate) fn resets(&self) -> u64 {
        self.resets
    }

    /// The messages to evict so that at most this much is kept, captured or put into mailboxes: the last number, and
    /// how many.
    pub(crate) fn excess(&self, messages: usize, octets: u64) -> Option<(MessageNo, usize)> {
        self.messages.excess(messages, octets)
    }

    /// Whether more messages or octets of messages are kept than these.
    pub(crate) fn exceeds(&self, messages: usize, octets: u64) -> bool {
        self.messages.len() > messages || self.messages.octets() > octets
    }

    /// About how many octets of memory the records take, with their text.
    pub(crate) fn octets(&self) -> u64 {
        self.records.octets()
    }

    #[cfg(feature = "api")]
    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// Octets of the messages that are kept.
    #[cfg(feature = "api")]
    pub(crate) fn octets_of_messages(&self) -> u64 {
        self.messages.octets()
    }

    /// Whether no exchange is open and every session that sent QUIT or LOGOUT has ended.
    pub(crate) fn is_settled(&self) -> bool {
        self.open == 0 && self.leaving == 0
    }

    /// Whether a session sent QUIT or LOGOUT and has not ended yet.
    pub(crate) fn is_leaving(&self) -> bool {
        self.leaving > 0
    }
}
