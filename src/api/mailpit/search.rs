//! `/api/v1/search`: Mailpit's search language. All terms must match; text matches anywhere, in any case of letters.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::extract::Query as Params;
use axum::response::Response;
use jiff::tz::TimeZone;
use serde::Deserialize;

use super::super::blocking::run_blocking;
use super::super::target::Target;
use super::list::{List, Page};
use super::{Refusal, date, newest_first, ok, summary};
use crate::base::{MessageNo, Timestamp};
use crate::mail::Message;
use crate::server::Server;

/// A search.
#[derive(Debug, Default)]
pub(super) struct Query {
    terms: Vec<Term>,
}

#[derive(Debug)]
struct Term {
    negated: bool,
    what: What,
}

/// What a term looks for. Texts are cleaned.
#[derive(Debug, PartialEq)]
enum What {
    /// An address or a name in one of these fields.
    Addressed(&'static [&'static str], String),
    Subject(String),
    MessageId(String),
    Tag(String),
    Read,
    Unread,
    Tagged,
    Attachment,
    Inline,
    After(Timestamp),
    Before(Timestamp),
    Larger(u64),
    Smaller(u64),
    Text(String),
}

/// The operators that look for addresses, and the fields in which they look.
const ADDRESSES: &[(&str, &[&str])] = &[
    ("to:", &["to"]),
    ("from:", &["from"]),
    ("cc:", &["cc"]),
    ("bcc:", &["bcc"]),
    ("reply-to:", &["reply-to"]),
    ("addressed:", &["to", "from", "cc", "bcc", "reply-to"]),
];

impl Query {
    /// Reads a search. Dates without an offset are in the time zone `tz`.
    pub(super) fn parse(text: &str, tz: Option<&str>) -> Result<Self, Refusal> {
        let zone = date::zone(tz)?;
        let terms: Result<Vec<Option<Term>>, Refusal> = words(text).map(|word| Term::parse(&word, &zone)).collect();
        Ok(Self { terms: terms?.into_iter().flatten().collect() })
    }

    pub(super) fn finds(&self, server: &Server, message: &Message) -> bool {
        self.terms.iter().all(|term| term.what.matches(server, message) != term.negated)
    }
}

impl Term {
    /// Reads a word; `None` if there is nothing to look for.
    fn parse(word: &str, zone: &TimeZone) -> Result<Option<Self>, Refusal> {
        let rest = word.strip_prefix(['-', '!']).filter(|rest| !rest.is_empty());
        let what = What::parse(rest.unwrap_or(word), zone)?;
        Ok(what.map(|what| Self { negated: rest.is_some(), what }))
    }
}

impl What {
    fn parse(word: &str, zone: &TimeZone) -> Result<Option<Self>, Refusal> {
        for (operator, fields) in ADDRESSES {
            if let Some(value) = after(word, operator) {
                return Ok(some(value, |value| Self::Addressed(fields, value)));
            }
        }
        if let Some(value) = after(word, "subject:") {
            return Ok(some(value, Self::Subject));
        }
        if let Some(value) = after(word, "message-id:") {
            return Ok(some(value, Self::MessageId));
        }
        if let Some(value) = after(word, "tag:") {
            return Ok(some(value, Self::Tag));
        }
        if let Some(value) = after(word, "after:").filter(|value| !value.is_empty()) {
            return date::parse(value, zone).map(|moment| Some(Self::After(moment)));
        }
        if let Some(value) = after(word, "before:").filter(|value| !value.is_empty()) {
            return date::parse(value, zone).map(|moment| Some(Self::Before(moment)));
        }
        if let Some(value) = after(word, "larger:") {
            return size(value).map(|size| Some(Self::Larger(size)));
        }
        if let Some(value) = after(word, "smaller:") {
            return size(value).map(|size| Some(Self::Smaller(size)));
        }
        Ok(match word.to_ascii_lowercase().as_str() {
            "is:read" => Some(Self::Read),
            "is:unread" => Some(Self::Unread),
            "is:tagged" => Some(Self::Tagged),
            "has:attachment" | "has:attachments" => Some(Self::Attachment),
            "has:inline" | "has:inlines" => Some(Self::Inline),
            _ => some(word, Self::Text),
        })
    }

    fn matches(&self, server: &Server, message: &Message) -> bool {
        let no = message.no();
        match self {
            Self::Addressed(fields, text) => fields.iter().any(|field| addresses(message, field).contains(text)),
            Self::Subject(text) => clean(&message.subject()).contains(text),
            Self::MessageId(text) => clean(&summary::message_id(message)).contains(text),
            Self::Tag(text) => server.marks().with(|marks| marks.tags(no).any(|tag| clean(tag) == *text)),
            Self::Read => server.marks().with(|marks| marks.is_read(no)),
            Self::Unread => !server.marks().with(|marks| marks.is_read(no)),
            Self::Tagged => server.marks().with(|marks| marks.tags(no).next().is_some()),
            Self::Attachment => !summary::attachments(message).is_empty(),
            Self::Inline => !summary::inline(message).is_empty(),
            Self::After(moment) => message.received() >= *moment,
            Self::Before(moment) => message.received() <= *moment,
            Self::Larger(size) => message.raw().len() as u64 > *size,
            Self::Smaller(size) => (message.raw().len() as u64) < *size,
            Self::Text(text) => searchable(message).contains(text),
        }
    }
}

/// The words of a search: blanks outside of quotes end a word, and quotes are removed.
fn words(text: &str) -> impl Iterator<Item = String> {
    let mut is_quoted = false;
    let ends = move |c: char| {
        is_quoted ^= c == '"';
        c.is_whitespace() && !is_quoted
    };
    let words = text.split(ends).map(|word| word.replace('"', ""));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().into_iter()
}

/// The value after an operator, which may be in any case of letters.
fn after<'w>(word: &'w str, operator: &str) -> Option<&'w str> {
    let is_it = word.get(..operator.len())?.eq_ignore_ascii_case(operator);
    is_it.then(|| word[operator.len()..].trim())
}

/// `None` if the cleaned text is empty.
fn some(text: &str, what: impl FnOnce(String) -> What) -> Option<What> {
    Some(clean(text)).filter(|text| !text.is_empty()).map(what)
}

/// Lower case, without punctuation that may stand around addresses, and with single blanks.
fn clean(text: &str) -> String {
    let is_dropped = |c: char| c.is_whitespace() || "<>\",;()\u{feff}".contains(c);
    let words: Vec<&str> = text.split(is_dropped).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// The names and addresses of a field, cleaned.
fn addresses(message: &Message, field: &str) -> String {
    let listed = match field {
        "bcc" => summary::bcc(message),
        "from" => vec![summary::from(message)],
        _ => summary::addresses(message, field),
    };
    clean(&listed.iter().map(|its| format!("{} {}", its.name, its.address)).collect::<Vec<_>>().join(" "))
}

/// Everything that free text is looked for in.
fn searchable(message: &Message) -> String {
    let mut all: Vec<String> =
        ["from", "subject", "to", "cc", "reply-to"].iter().filter_map(|name| message.header(name)).collect();
    all.extend(summary::bcc(message).into_iter().map(|its| format!("{} {}", its.name, its.address)));
    all.push(message.envelope().sender().address().to_owned());
    let html = message.html().map(|html| summary::text_of(&html)).filter(|text| !text.is_empty());
    all.push(html.unwrap_or_else(|| message.text()));
    all.extend(summary::attachments(message).iter().filter_map(|part| part.filename()));
    clean(&all.join(" "))
}

/// A size in octets, such as `500`, `2kb` or `1.5M`.
fn size(text: &str) -> Result<u64, Refusal> {
    let wrong = || Refusal::wrong(format!("{text:?} is not a size; write 500, 20kb or 1.5mb"));
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c.is_whitespace());
    let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
        "" => 1.0,
        "k" | "kb" => 1024.0,
        "m" | "mb" => 1024.0 * 1024.0,
        _ => return Err(wrong()),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = digits.parse::<f64>().ok().filter(|_| is_number).ok_or_else(wrong)?;
    Ok((number * unit) as u64)
}

/// The parameters of a search.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchParams {
    /// The search, such as `to:bob@example.org subject:"Reset your password"`.
    #[param(required)]
    query: Option<String>,
    /// The time zone of dates in the search, such as `Europe/Berlin`. Default: UTC.
    tz: Option<String>,
}

impl SearchParams {
    fn read(&self) -> Result<Query, Refusal> {
        let text = self.query.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let text = text.ok_or_else(|| Refusal::wrong("Error: no search query"))?;
        Query::parse(text, self.tz.as_deref())
    }
}

/// The messages that a search finds, the newest first.
#[utoipa::path(get, path = "/api/v1/search", tag = "messages", operation_id = "SearchMessages",
    params(SearchParams, Page), responses((status = 200, body = List), (status = 400, body = String)))]
pub(super) async fn search(
    Target(server): Target,
    Params(search): Params<SearchParams>,
    Params(page): Params<Page>,
) -> Result<Response, Refusal> {
    let query = search.read()?;
    let span = page.read()?;
    run_blocking(move || span.list(&server, Some(&query))).await.map_err(Refusal::from)
}

/// Deletes the messages that a search finds.
#[utoipa::path(delete, path = "/api/v1/search", tag = "messages", operation_id = "DeleteSearch",
    params(SearchParams), responses((status = 200, body = String), (status = 400, body = String)))]
pub(super) async fn delete(Target(server): Target, Params(search): Params<SearchParams>) -> Result<Response, Refusal> {
    let query = search.read()?;
    run_blocking(move || {
        let found: BTreeSet<MessageNo> = matching(&server, &query).iter().map(Message::no).collect();
        server.engine().update(|world, now| world.delete(|no| found.contains(&no), now))
    })
    .await?;
    Ok(ok())
}

/// The messages that a search finds, the newest first.
pub(super) fn matching(server: &Arc<Server>, query: &Query) -> Vec<Message> {
    newest_first(server).into_iter().filter(|message| query.finds(server, message)).collect()
}
