//! `/v1/journal`: all records, in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::chunked::chunked;
use super::cursor::{gone, refuse_unreached};
use super::events::{self, StreamHeaders, refuse_useless};
use super::feed::Feed;
use super::params::query;
use super::problem::Problem;
use super::record_filters::RecordFilters;
use super::record_json::RecordJson;
use super::target::Target;
use super::wait::{in_vain, wait_until};
use crate::base::Seq;
use crate::drive::{Engine, Interest, Topic};
use crate::expect::FailedWait;
use crate::journal::Gone;
use crate::server::Server;

const DEFAULT_LIMIT: u64 = 1000;
/// Number of records that are read before the lock is released.
const PORTION: usize = 256;

#[derive(Serialize, ToSchema)]
pub(super) struct RecordList {
    records: Vec<RecordJson>,
    /// The cursor for the next request, as `after`.
    #[schema(value_type = u64)]
    next: Seq,
}

/// The query parameters of a list.
struct RecordSelection {
    after: Seq,
    filters: RecordFilters,
    labels: bool,
    limit: usize,
}

query! {
    /// The query of the list of records.
    pub(super) struct JournalQuery {
        /// Only records after this cursor, the `next` of an earlier answer.
        after: Option<Seq>,
        /// Filters.
        filters: RecordFilters,
        /// Add to exchanges and parts what labels in the text such as `<caps>` stand for, as `labels`. A label of a
        /// message, such as `<m1>`, stands for octets of `/v1/messages/m1/raw`.
        labels: Option<bool>,
        /// Answer with a stream of server-sent events; default if `Accept` has `text/event-stream`.
        stream: Option<bool>,
        /// The largest number of records in the answer; default 1000.
        limit: Option<u64>,
        /// Wait so long for records, such as `5s`.
        wait: Option<Duration>,
        /// How many records to wait for; default 1.
        count: Option<u64>,
    }
}

/// List the records of the journal, wait for them, or follow them.
///
/// A stream sends each record as an event. It has the number of the record as `id`, its kind as `event`, and the record
/// as `data`. If records were discarded before they were sent, an event `gone` says so.
#[utoipa::path(get, path = "/journal", params(JournalQuery, StreamHeaders), responses(
    (status = 200, description = "The records, in order.",
        content((RecordList = "application/json"), (Object = "text/event-stream"))),
    (status = 409, description = "They were not appended in time."),
    (status = 410, description = "Records after the cursor were discarded. `first` is the first that still exists."),
))]
pub(super) async fn list(
    Target(server): Target,
    headers: StreamHeaders,
    query: JournalQuery,
) -> Result<Response, Problem> {
    let JournalQuery { after, filters, labels, stream, limit, wait, count } = query;
    let labels = labels.unwrap_or(false);
    if headers.wants_stream(stream) {
        refuse_useless(&[("limit", limit.is_some()), ("wait", wait.is_some()), ("count", count.is_some())])?;
        return follow(server, headers.begin(after), filters, labels);
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let selection = RecordSelection { after: after.unwrap_or_default(), filters, labels, limit };
    if wait.is_none() && count.is_some() {
        return Err(Problem::field("count", "`count` says how many to wait for, so it needs `wait`"));
    }
    if count == Some(0) {
        return Err(Problem::field("count", "records cannot be waited away: wait for 1 or more"));
    }
    refuse_unreached(&server, after.unwrap_or_default())?;
    // Without a cursor the list begins at the first record that exists; a cursor before it has missed records.
    let begin = after.unwrap_or_else(|| server.engine().read(|world| world.journal.floor()));
    let (mut next, mut records) = (begin, Vec::new());
    let Some(within) = wait else {
        let first = selection.read(server.engine(), &mut next, &mut records, 1).map_err(|gone| selection.gone(gone))?;
        return Ok(in_pieces(server, selection, records, next, first));
    };
    // Look for as many records as the request waits for, even if `limit` is smaller.
    let wanted = count.unwrap_or(1) as usize;
    let awaited = RecordSelection { limit: limit.max(wanted), ..selection };
    let interest = Interest::of([Topic::Everything]).in_session(awaited.filters.session);
    let check = |engine: &Engine| match awaited.read(engine, &mut next, &mut records, usize::MAX) {
        Err(gone) => Some(Err(gone)),
        Ok(_) => (records.len() >= wanted).then_some(Ok(())),
    };
    match wait_until(&server, interest, within, check).await? {
        Some(Err(gone)) => return Err(awaited.gone(gone)),
        Some(Ok(())) => {}
        None => {
            let failure = format!("{} records were appended; the request waited for {wanted}", records.len());
            return Err(in_vain(&server, FailedWait::new(failure)).await?);
        }
    }
    if records.len() > limit {
        records.truncate(limit);
        next = records.last().map_or(begin, |last| last.seq);
    }
    Ok(Json(RecordList { records, next }).into_response())
}

/// A stream of the records after a cursor; without a cursor, of all that exist.
fn follow(server: Arc<Server>, after: Option<Seq>, filters: RecordFilters, labels: bool) -> Result<Response, Problem> {
    let floor = server.engine().read(|world| world.journal.floor());
    let after = after.unwrap_or(floor);
    if after < floor {
        return Err(gone(after, Gone { first: Seq(floor.0 + 1) }));
    }
    refuse_unreached(&server, after)?;
    Ok(events::stream(server, Feed::of_records(after, filters, labels)))
}

/// A list that is generated while it is sent. It ends with an error if records are discarded before they are read.
fn in_pieces(
    server: Arc<Server>,
    mut selection: RecordSelection,
    records: Vec<RecordJson>,
    next: Seq,
    is_all: bool,
) -> Response {
    let mut state = Some((records, next, is_all));
    let mut begin = "{\"records\":[";
    let piece = move || {
        let (records, mut next, is_all) = state.take()?;
        selection.limit -= records.len();
        let mut text = String::new();
        for record in &records {
            text += std::mem::replace(&mut begin, ",");
            text += &serde_json::to_string(record).unwrap_or_default();
        }
        if is_all {
            // Without any record, the list begins here.
            let begin = if begin == "," { "" } else { begin };
            text += &format!("{begin}],\"next\":{next}}}");
            return Some(Ok(text));
        }
        let mut records = Vec::new();
        match selection.read(server.engine(), &mut next, &mut records, 1) {
            Ok(is_all) => state = Some((records, next, is_all)),
            Err(Gone { first }) => {
                return Some(Err(io::Error::other(format!("records before {first} were discarded"))));
            }
        }
        Some(Ok(text))
    };
    ([(header::CONTENT_TYPE, "application/json")], chunked(piece)).into_response()
}

impl RecordSelection {
    /// Reads from `next`, at most this many portions, up to the limit. Returns whether it has read everything.
    fn read(
        &self,
        engine: &Engine,
        next: &mut Seq,
        found: &mut Vec<RecordJson>,
        portions: usize,
    ) -> Result<bool, Gone> {
        for _ in 0..portions {
            let is_done = engine.read(|world| {
                let journal = &world.journal;
                for (looked_at, (seq, record)) in journal.since_in(self.filters.session, *next)?.enumerate() {
                    if found.len() >= self.limit {
                        return Ok(true);
                    }
                    if looked_at == PORTION {
                        return Ok(false);
                    }
                    *next = seq;
                    let description = journal.describe(seq, record);
                    if self.filters.holds(journal, record.session, &description) {
                        found.push(RecordJson::new(seq, record, &description, self.labels));
                    }
                }
                *next = journal.tip().max(*next);
                Ok(true)
            })?;
            if is_done {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn gone(&self, why: Gone) -> Problem {
        gone(self.after, why)
    }
}
