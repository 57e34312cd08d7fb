//! `/v1/journal`: all records, in order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::chunked::chunked;
use super::cursor::{gone, refuse_unreached};
use super::events::{self, StreamHeaders, refuse_useless};
use super::feed::Feed;
use super::params::{self, query};
use super::problem::Problem;
use super::target::Target;
use super::wait::wait_until;
use crate::base::{Seq, SessionNo, Timestamp};
use crate::drive::{Engine, Interest, Topic};
use crate::journal::{Description, Gone, Journal, Left, Less, Record, RecordedTurn, Trace};
use crate::protocol::Event;
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

#[derive(Serialize, ToSchema)]
pub(super) struct RecordJson {
    #[schema(value_type = u64)]
    pub(super) seq: Seq,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(value_type = Option<String>)]
    session: Option<SessionNo>,
    pub(super) kind: &'static str,
    /// Further members, by kind.
    #[serde(flatten)]
    #[schema(value_type = Object, additional_properties)]
    facts: Value,
}

/// The query parameters of a list.
struct RecordSelection {
    after: Seq,
    filters: RecordFilters,
    limit: usize,
}

query! {
    /// Filters for records, all of which must match.
    #[derive(Clone, Copy)]
    pub(super) struct RecordFilters {
        /// Only records of this session.
        pub(super) session: Option<SessionNo>,
        /// Only records of exchanges with this event, such as `smtp.rcpt`.
        event: Option<Event>,
        /// Only records of this kind, such as `exchange`.
        kind: Option<RecordKindName>,
    }
}

/// The name of a kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordKindName(&'static str);

impl params::Value for RecordKindName {
    fn read(text: &str) -> Result<Self, String> {
        let known = Description::NAMES.iter().find(|name| **name == text);
        known.map(|name| Self(name)).ok_or_else(|| {
            let names: Vec<String> = Description::NAMES.iter().map(|name| format!("`{name}`")).collect();
            format!("`{text}` is not a kind of record; write one of {}", names.join(", "))
        })
    }

    fn schema() -> ObjectBuilder {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(Description::NAMES.iter().copied()))
    }
}

query! {
    /// The query of the list of records.
    pub(super) struct JournalQuery {
        /// Only records after this cursor, the `next` of an earlier answer.
        after: Option<Seq>,
        /// Filters.
        filters: RecordFilters,
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
    let JournalQuery { after, filters, stream, limit, wait, count } = query;
    if headers.wants_stream(stream) {
        refuse_useless(&[("limit", limit.is_some()), ("wait", wait.is_some()), ("count", count.is_some())])?;
        return follow(server, headers.begin(after), filters);
    }
    let limit = limit.unwrap_or(DEFAULT_LIMIT) as usize;
    let selection = RecordSelection { after: after.unwrap_or_default(), filters, limit };
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
    let awaited = RecordSelection { limit: selection.limit.max(wanted), ..selection };
    let interest = Interest::of([Topic::Everything]).in_session(selection.filters.session);
    let check = |engine: &Engine| match awaited.read(engine, &mut next, &mut records, usize::MAX) {
        Err(gone) => Some(Err(gone)),
        Ok(_) => (records.len() >= wanted).then_some(Ok(())),
    };
    match wait_until(&server, interest, within, check).await? {
        Some(Err(gone)) => return Err(awaited.gone(gone)),
        Some(Ok(())) => {}
        None => {
            let detail = format!("{} records were appended; the request waited for {wanted}", records.len());
            return Err(Problem::new(StatusCode::CONFLICT, detail));
        }
    }
    if records.len() > selection.limit {
        records.truncate(selection.limit);
        next = records.last().map_or(begin, |last| last.seq);
    }
    Ok(Json(RecordList { records, next }).into_response())
}

/// A stream of the records after a cursor; without a cursor, of all that exist.
fn follow(server: Arc<Server>, after: Option<Seq>, filters: RecordFilters) -> Result<Response, Problem> {
    let floor = server.engine().read(|world| world.journal.floor());
    let after = after.unwrap_or(floor);
    if after < floor {
        return Err(gone(after, Gone { first: Seq(floor.0 + 1) }));
    }
    refuse_unreached(&server, after)?;
    Ok(events::stream(server, Feed::of_records(after, filters)))
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
                for (looked_at, (seq, record)) in journal.since(*next)?.enumerate() {
                    if found.len() >= self.limit {
                        return Ok(true);
                    }
                    if looked_at == PORTION {
                        return Ok(false);
                    }
                    *next = seq;
                    let description = journal.describe(seq, record);
                    if self.filters.holds(journal, record.session, &description) {
                        found.push(RecordJson::new(seq, record, &description));
                    }
                }
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

impl RecordFilters {
    pub(super) fn holds(&self, journal: &Journal, session: Option<SessionNo>, description: &Description<'_>) -> bool {
        self.session.is_none_or(|wanted| session == Some(wanted))
            && self.event.is_none_or(|wanted| description.event(journal) == Some(wanted))
            && self.kind.is_none_or(|RecordKindName(wanted)| description.name() == wanted)
    }
}

impl RecordJson {
    pub(super) fn new(seq: Seq, record: &Record, description: &Description<'_>) -> Self {
        let facts = match description {
            Description::Opened(opened) => {
                json!({ "listener": opened.listener, "peer": opened.peer, "local": opened.local })
            }
            Description::Turn(turn) => turn_as_json(turn),
            Description::Closed { exchange, left } => match left {
                Left::All => json!({ "exchange": exchange, "left": "all" }),
                Left::Less(less) => match **less {
                    Less::Part { octets, of } => json!({ "exchange": exchange, "left": octets, "of": of }),
                    Less::Stalled => json!({ "exchange": exchange, "left": "stalled" }),
                },
            },
            Description::Noted(noted) => {
                json!({ "rule": noted.by.as_deref(), "weight": noted.weight.name(), "text": noted.text })
            }
            Description::Dropped { octets } => json!({ "octets": octets }),
            Description::Secured(tls) => json!(tls),
            Description::Unsecured(reason) => json!({ "reason": reason }),
            Description::Ended { ended, first } => {
                let mut facts = json!({ "ending": ended.ending, "unfinished": ended.unfinished });
                if ended.text.heard > 0 {
                    put(&mut facts, "heard", first);
                }
                facts
            }
            Description::Outside(detail) => json!({ "captured": detail.captured, "changes": detail.changes.len() }),
        };
        Self { seq, at: record.at, session: record.session, kind: description.name(), facts }
    }
}

fn turn_as_json(turn: &RecordedTurn<'_>) -> Value {
    let rules = turn.trace().map(|trace| rules(trace, turn.octets_heard()));
    let mut facts = json!({ "status": turn.status, "changes": turn.changes(), "rules": rules });
    if turn.is_first {
        facts["event"] = json!(turn.event());
        facts["octets"] = json!(turn.detail.and_then(|detail| detail.octets));
        facts["captured"] = json!(turn.captured());
    } else {
        facts["exchange"] = json!(turn.exchange);
        if let Some(captured) = turn.captured() {
            facts["captured"] = json!(captured);
        }
    }
    put(&mut facts, "heard", turn.heard);
    put(&mut facts, "said", turn.said);
    facts
}

/// Octets as text, and also in base64 if they are not UTF-8.
fn put(facts: &mut Value, name: &str, octets: &[u8]) {
    if std::str::from_utf8(octets).is_err() {
        facts[format!("{name}_base64")] = BASE64.encode(octets).into();
    }
    facts[name] = String::from_utf8_lossy(octets).into();
}

/// What rules did in a turn. `heard` is the length of the client's input in octets.
fn rules(trace: &Trace, heard: u32) -> Value {
    let fired = trace.fired.iter().map(|fired| json!({ "rule": &*fired.rule, "n": fired.n }));
    // Positions are relative to the server's output, which follows the client's input.
    let place = |at: u32| at.saturating_sub(heard);
    let written = trace
        .written
        .iter()
        .map(|its| json!({ "from": place(its.range.start), "to": place(its.range.end), "by": &*its.by }));
    let shaped = trace.shaped.iter().map(|(what, by)| json!({ "what": what, "by": &**by }));
    json!({
        "fired": fired.collect::<Vec<_>>(),
        "written": written.collect::<Vec<_>>(),
        "shaped": shaped.collect::<Vec<_>>(),
        "stalled": trace.stalled.as_ref().map(|stalled| &*stalled.by),
    })
}
