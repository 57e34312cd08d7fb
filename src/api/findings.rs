//! `/v1/findings`: what clients did that careful clients do not do.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;

use super::blocking::run_blocking;
use super::cursor::{gone, refuse_unreached};
use super::message::latest_message;
use super::params::{self, query};
use super::problem::Problem;
use super::target::Target;
use crate::base::{MessageNo, Pattern, Seq, SessionNo, Timestamp, unknown};
use crate::expect::{Finding, FindingKind};
use crate::protocol::Listener;
use crate::server::FindingFilters;

query! {
    /// The query of the list of findings.
    pub(super) struct FindingsQuery {
        /// Only findings of records after this cursor, the `next` of an earlier answer.
        after: Option<Seq>,
        /// Only findings of this kind, such as `missing-date`; a pattern.
        kind: Option<KindPattern>,
        /// Only findings about this session.
        session: Option<SessionNo>,
        /// Only findings about the content of this message, such as `m1`, or of the last one, `latest`.
        message: Option<MessageName>,
        /// Only findings about sessions of this listener, such as `smtp`; a pattern.
        listener: Option<ListenerPattern>,
        /// The number of findings after which the answer ends; those of one record are not separated. Default: all.
        limit: Option<u64>,
    }
}

/// A message, or the last one of all.
pub(super) enum MessageName {
    Number(MessageNo),
    Latest,
}

/// A pattern that matches the name of at least one kind of finding.
pub(super) struct KindPattern(Pattern);

/// A pattern that matches the name of at least one listener.
pub(super) struct ListenerPattern(Pattern);

/// Findings.
#[derive(Serialize, ToSchema)]
pub(super) struct FindingList {
    findings: Vec<FindingJson>,
    /// The cursor for the next request, as `after`.
    #[schema(value_type = u64)]
    next: Seq,
}

/// Something that a client did and a careful client does not do.
#[derive(Serialize, ToSchema)]
struct FindingJson {
    /// The record of the journal in which the client did it.
    #[schema(value_type = u64)]
    seq: Seq,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Such as `missing-date`.
    #[schema(value_type = String)]
    kind: FindingKind,
    #[schema(value_type = String)]
    session: SessionNo,
    #[schema(value_type = String)]
    listener: Listener,
    /// `smtp`, `lmtp`, `imap` or `pop3`.
    protocol: &'static str,
    /// The message that it is about, if it is about one.
    #[schema(value_type = Option<String>)]
    message: Option<MessageNo>,
    /// What the client did.
    text: String,
    /// The section of a standard that says what a client does instead.
    reference: &'static str,
}

/// List what clients did that careful clients do not do.
///
/// Findings are derived from the journal, and are gone when their records are.
#[utoipa::path(get, path = "/findings", params(FindingsQuery), responses(
    (status = 200, description = "The findings, in the order of their records.", body = FindingList),
    (status = 404, description = "There is no message, so none is the `latest`."),
    (status = 410, description = "Records after the cursor were discarded. `first` is the first that still exists."),
))]
pub(super) async fn list(Target(server): Target, query: FindingsQuery) -> Result<Json<FindingList>, Problem> {
    let FindingsQuery { after, kind, session, message, listener, limit } = query;
    refuse_unreached(&server, after.unwrap_or_default())?;
    let message = match message {
        Some(MessageName::Latest) => Some(latest_message(&server)?.message.no()),
        Some(MessageName::Number(no)) => Some(no),
        None => None,
    };
    let kind = kind.map(|KindPattern(kind)| kind);
    let listener = listener.map(|ListenerPattern(listener)| listener);
    let filters = FindingFilters { after, message, session, listener, kind };
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    let found = run_blocking(move || server.findings(&filters, limit)).await?;
    let (found, next) = found.map_err(|why| gone(after.unwrap_or_default(), why))?;
    Ok(Json(FindingList { findings: found.iter().map(FindingJson::from).collect(), next }))
}

impl From<&Finding> for FindingJson {
    fn from(finding: &Finding) -> Self {
        Self {
            seq: finding.seq(),
            at: finding.at(),
            kind: finding.kind(),
            session: finding.session(),
            listener: finding.listener(),
            protocol: finding.listener().protocol().name(),
            message: finding.message(),
            text: finding.text().to_owned(),
            reference: finding.reference(),
        }
    }
}

impl params::Value for MessageName {
    fn read(text: &str) -> Result<Self, String> {
        let no = MessageNo::parse(text).map(Self::Number).or((text == "latest").then_some(Self::Latest));
        no.ok_or_else(|| format!("`{text}` is not a message; write `m1` or `latest`"))
    }

    fn schema() -> ObjectBuilder {
        String::schema().pattern(Some("^(m?[1-9][0-9]*|latest)$"))
    }
}

impl params::Value for KindPattern {
    fn read(text: &str) -> Result<Self, String> {
        known(text, "finding", &FindingKind::names()).map(Self)
    }

    fn schema() -> ObjectBuilder {
        Pattern::schema()
    }
}

impl params::Value for ListenerPattern {
    fn read(text: &str) -> Result<Self, String> {
        known(text, "listener", &Listener::names()).map(Self)
    }

    fn schema() -> ObjectBuilder {
        Pattern::schema()
    }
}

/// A pattern that matches at least one of these names.
fn known(text: &str, what: &str, names: &[&str]) -> Result<Pattern, String> {
    let pattern = <Pattern as params::Value>::read(text)?;
    match names.iter().any(|name| pattern.matches(name)) {
        true => Ok(pattern),
        false => Err(unknown(what, text, names)),
    }
}
