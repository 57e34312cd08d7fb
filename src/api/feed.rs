//! Following messages or records with a cursor into the journal: what comes next is read when the reader is ready for
//! it, so nothing is queued for a slow reader, and what was discarded meanwhile is told.

use super::blocking::blocking_if_long;
use super::json::MessageJson;
use super::record_filters::RecordFilters;
use super::record_json::RecordJson;
use crate::base::Seq;
use crate::drive::{Engine, Interest, Topic};
use crate::expect::Matcher;
use crate::journal::{Description, Gone, Noted, Weight};
use crate::server::MailQuery;

/// Number of records that are read before the lock is released.
const PORTION: usize = 64;

/// A message or a record.
pub(super) struct FeedItem {
    pub(super) seq: Seq,
    /// `message`, or the kind of the record.
    pub(super) kind: &'static str,
    pub(super) json: String,
}

/// What was read.
pub(super) enum Portion {
    /// The items that match; possibly none.
    Items(Vec<FeedItem>),
    /// What came after the cursor was discarded before it was read. `first` is as in the answer 410 of the list.
    Discarded { first: Seq },
}

/// A reader of messages or of records.
pub(super) enum Feed {
    Messages(MailQuery),
    Records {
        filters: RecordFilters,
        /// Whether records say what labels in their text stand for.
        labels: bool,
        cursor: Seq,
        /// Leaves out the notes about webhooks: a webhook that is sent the note of its own failure would never finish.
        for_webhook: bool,
    },
}

impl Feed {
    /// Without a cursor, all messages that exist.
    pub(super) fn of_messages(after: Option<Seq>, matcher: Matcher, engine: &Engine) -> Self {
        Self::Messages(match after {
            Some(after) => MailQuery::after(after, matcher),
            None => MailQuery::of_kept(engine, matcher),
        })
    }

    pub(super) fn of_records(after: Seq, filters: RecordFilters, labels: bool) -> Self {
        Self::Records { filters, labels, cursor: after, for_webhook: false }
    }

    pub(super) fn of_records_for_webhook(after: Seq, filters: RecordFilters) -> Self {
        Self::Records { filters, labels: false, cursor: after, for_webhook: true }
    }

    /// What wakes a reader that has read everything.
    pub(super) fn interest(&self) -> Interest {
        match self {
            Self::Messages(query) => query.interest(),
            Self::Records { filters, .. } => Interest::of([Topic::Everything]).in_session(filters.session),
        }
    }

    /// The position up to which everything was read.
    pub(super) fn cursor(&self) -> Seq {
        match self {
            Self::Messages(query) => query.cursor(),
            Self::Records { cursor, .. } => *cursor,
        }
    }

    /// Reads what comes after the cursor, and moves the cursor. `None` if there is nothing.
    pub(super) fn read(&mut self, engine: &Engine) -> Option<Portion> {
        match self {
            Self::Messages(query) => messages(query, engine),
            Self::Records { filters, labels, cursor, for_webhook } => {
                records(filters, (*labels, *for_webhook), cursor, engine)
            }
        }
    }
}

fn messages(query: &mut MailQuery, engine: &Engine) -> Option<Portion> {
    let found = match query.follow(engine, |octets, look| blocking_if_long(octets, look)) {
        Ok(found) => found?,
        Err(first) => return Some(Portion::Discarded { first }),
    };
    let octets = found.iter().map(|captured| captured.message.raw().len()).sum();
    let item = |message: MessageJson| FeedItem {
        seq: message.seq.unwrap_or_default(),
        kind: "message",
        json: serde_json::to_string(&message).unwrap_or_default(),
    };
    Some(Portion::Items(blocking_if_long(octets, || found.iter().map(|its| item(MessageJson::from(its))).collect())))
}

fn records(
    filters: &RecordFilters,
    (labels, for_webhook): (bool, bool),
    cursor: &mut Seq,
    engine: &Engine,
) -> Option<Portion> {
    let before = *cursor;
    let found = engine.read(|world| {
        let journal = &world.journal;
        let (mut found, mut looked_at) = (Vec::new(), 0);
        for (seq, record) in journal.since_in(filters.session, *cursor)?.take(PORTION) {
            (*cursor, looked_at) = (seq, looked_at + 1);
            let description = journal.describe(seq, record);
            if for_webhook && is_about_webhook(&description) {
                continue;
            }
            if filters.holds(journal, record.session, &description) {
                found.push(RecordJson::new(seq, record, &description, labels));
            }
        }
        if looked_at < PORTION {
            *cursor = journal.tip().max(*cursor);
        }
        Ok(found)
    });
    let item = |record: &RecordJson| FeedItem {
        seq: record.seq,
        kind: record.kind,
        json: serde_json::to_string(record).unwrap_or_default(),
    };
    match found {
        Ok(found) => (*cursor > before).then(|| Portion::Items(found.iter().map(item).collect())),
        Err(Gone { first }) => {
            *cursor = Seq(first.0 - 1);
            Some(Portion::Discarded { first })
        }
    }
}

fn is_about_webhook(description: &Description<'_>) -> bool {
    matches!(description, Description::Noted(Noted { weight: Weight::Webhook, .. }))
}
