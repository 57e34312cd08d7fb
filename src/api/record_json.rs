//! Records as JSON.

use data_encoding::BASE64;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::base::{Seq, SessionNo, Timestamp};
use crate::journal::{Abbreviated, Description, Left, Less, Record, RecordedTurn, Trace};

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

impl RecordJson {
    /// With or without what labels in the text stand for.
    pub(super) fn new(seq: Seq, record: &Record, description: &Description<'_>, with_labels: bool) -> Self {
        let facts = match description {
            Description::Opened(opened) => {
                json!({ "listener": opened.listener, "peer": opened.peer, "local": opened.local })
            }
            Description::Proxied(its) => {
                let tlvs =
                    its.tlvs.iter().map(|tlv| json!({ "type": tlv.kind, "name": tlv.name(), "value": tlv.text() }));
                let tlvs: Vec<Value> = tlvs.collect();
                json!({
                    "version": its.version,
                    "local": its.is_local,
                    "source": its.source,
                    "destination": its.destination,
                    "tlvs": tlvs,
                })
            }
            Description::Turn(turn) => turn_as_json(turn, with_labels),
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
            Description::Cleartext { octets, .. } => json!({ "octets": octets }),
            Description::Secured(tls) => json!(tls),
            Description::Unsecured(failure) => json!(failure),
            Description::Ended { ended, first } => {
                let mut facts = json!({ "ending": ended.ending, "unfinished": ended.unfinished });
                if ended.text.heard > 0 {
                    put(&mut facts, "heard", first);
                }
                facts
            }
            Description::OAuth(request) => json!(request),
            Description::Outside(detail) => json!({ "captured": detail.captured, "changes": detail.changes.len() }),
        };
        Self { seq, at: record.at, session: record.session, kind: description.name(), facts }
    }
}

fn turn_as_json(turn: &RecordedTurn<'_>, with_labels: bool) -> Value {
    let rules = turn.trace().map(|trace| rules(trace, turn.octets_heard()));
    let mut facts = json!({ "status": turn.status, "changes": turn.changes(), "rules": rules });
    if turn.is_first {
        facts["event"] = json!(turn.event());
        facts["early"] = json!(turn.is_early());
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
    if with_labels {
        facts["labels"] = labels(turn);
    }
    facts
}

/// Positions count the characters of the text as it is sent, whose octets that are not UTF-8 are replaced. Labels are in
/// order, so each is counted from the one before: a record may have thousands.
fn labels(turn: &RecordedTurn<'_>) -> Value {
    let mut reached = ("", 0, 0);
    let labels = turn.abbreviated().map(|Abbreviated { side, text, at, octets }| {
        let (_, octet, character) = if reached.0 == side { reached } else { (side, 0, 0) };
        let count = |octets: &[u8]| String::from_utf8_lossy(octets).chars().count();
        let start = character + count(&text[octet..at.start]);
        let end = start + count(&text[at.clone()]);
        reached = (side, at.end, end);
        let mut label = json!({ "side": side, "at": [start, end] });
        put(&mut label, "octets", octets);
        label
    });
    labels.collect()
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
        "cut": trace.is_cut,
        "stalled": trace.stalled.as_ref().map(|stalled| &*stalled.by),
    })
}
