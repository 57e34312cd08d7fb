//! Reading the journal for findings.

use std::collections::HashMap;

use super::client::{Client, Place};
use super::{Finding, FindingPlace, mail};
use crate::base::{MessageNo, Seq, SessionNo};
use crate::journal::{Journal, RecordKind};
use crate::mail::Message;
use crate::protocol::Listener;

/// How many records are read in one portion.
const PORTION: usize = 256;

/// Reads the journal for findings, from the first record that is kept.
pub(crate) struct FindingScan {
    /// The last record that was read.
    cursor: Seq,
    /// Findings up to this record are left out.
    after: Seq,
    clients: HashMap<SessionNo, Client>,
}

/// A finding, or a message that may have some.
pub(crate) enum Observation {
    Finding(Finding),
    /// Its content is not read yet.
    Message(FindingPlace, Message),
}

impl FindingScan {
    /// The findings in the records after this one; those before are read too, because later findings depend on them.
    pub(crate) fn after(after: Seq) -> Self {
        Self { cursor: Seq::default(), after, clients: HashMap::new() }
    }

    /// The last record that was read.
    pub(crate) fn cursor(&self) -> Seq {
        self.cursor
    }

    /// Reads some records. `None` when all are read.
    pub(crate) fn read(&mut self, journal: &Journal) -> Option<Vec<Observation>> {
        // Records that were discarded have no findings any more.
        let before = self.cursor.max(journal.floor());
        self.cursor = before;
        let mut found = Vec::new();
        for (seq, record) in journal.since(before).ok()?.take(PORTION) {
            self.cursor = seq;
            let Some(log) = record.session.and_then(|session| journal.session(session)) else { continue };
            let listener = log.facts().listener;
            let client = self.clients.entry(log.no).or_insert_with(|| Client::of(log));
            let place = FindingPlace { seq, at: record.at, session: log.no, listener };
            let observed = client.observe(&Place { journal, log, place }, record);
            if matches!(record.kind, RecordKind::Ended(_)) {
                self.clients.remove(&log.no);
            }
            if seq > self.after {
                found.extend(observed);
            }
        }
        (self.cursor > before).then_some(found)
    }
}

impl Observation {
    /// A captured message whose record is kept.
    pub(crate) fn of_message(journal: &Journal, no: MessageNo) -> Option<Self> {
        let captured = journal.message(no)?;
        let log = journal.session(captured.message.session()?)?;
        // An exchange that is answered in parts captures its message in a later record.
        let mut records = log.records.since(captured.seq).filter_map(|seq| Some((seq, journal.get(seq)?)));
        let (seq, record) = records.find(|(_, record)| record.kind.captured() == Some(no))?;
        let place = FindingPlace { seq, at: record.at, session: log.no, listener: log.facts().listener };
        Some(Self::Message(place, captured.message.clone()))
    }

    /// Its record.
    pub(crate) fn seq(&self) -> Seq {
        let (Self::Finding(Finding { place, .. }) | Self::Message(place, _)) = self;
        place.seq
    }

    /// Whether its session is one of these.
    pub(crate) fn is_about(&self, is_wanted: impl Fn(SessionNo, Listener) -> bool) -> bool {
        let (Self::Finding(Finding { place, .. }) | Self::Message(place, _)) = self;
        is_wanted(place.session, place.listener)
    }

    /// The findings. Reads the whole message, if it is one.
    pub(crate) fn findings(self) -> Vec<Finding> {
        match self {
            Self::Finding(finding) => vec![finding],
            Self::Message(place, message) => mail::findings(place, &message),
        }
    }
}
