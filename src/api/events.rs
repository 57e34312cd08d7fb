//! Answers as a stream of server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>).

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use tokio::task::yield_now;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};

use super::chunked::followed;
use super::feed::{Feed, FeedItem, Portion};
use super::params::{Given, Value};
use super::problem::Problem;
use crate::base::Seq;
use crate::drive::Engine;
use crate::server::{Server, Until};

/// A client that hears nothing for this long gets a comment, so that it and what is between it and the server know that
/// the connection is alive.
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// A client whose connection is lost waits so long before it connects again.
pub(super) const RETRY: &str = "retry: 500\n\n";

/// The name of the header with which a client resumes a stream.
const LAST_EVENT_ID: &str = "Last-Event-ID";

/// Whether the client asks for a stream, and where it resumes one.
pub(super) struct StreamHeaders {
    accepts_stream: bool,
    last_event_id: Option<Seq>,
}

impl<S: Send + Sync> axum::extract::FromRequestParts<S> for StreamHeaders {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let last_event_id = parts.headers.get(LAST_EVENT_ID).map(|id| {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            let wrong = || Problem::field(LAST_EVENT_ID, "write the id of an event of this stream, which is a number");
            id.map(Seq).ok_or_else(wrong)
        });
        Ok(Self { accepts_stream: accepts_stream(&parts.headers), last_event_id: last_event_id.transpose()? })
    }
}

impl IntoParams for StreamHeaders {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let id = ParameterBuilder::new().name(LAST_EVENT_ID).parameter_in(ParameterIn::Header);
        let id = id.description(Some("The id of the last event that a client has, which resumes a stream after it."));
        vec![id.schema(Some(Seq::schema())).build()]
    }
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = accepted.flat_map(|value| value.split(',')).filter_map(|its| its.split(';').next());
    types.any(|its| its.trim().eq_ignore_ascii_case("text/event-stream"))
}

impl StreamHeaders {
    /// Whether to answer with a stream. `asked` is the parameter `stream`, which decides if it is given.
    pub(super) fn wants_stream(&self, asked: Option<bool>) -> bool {
        asked.unwrap_or(self.accepts_stream)
    }

    /// Where the stream begins: the header counts more than the parameter `after`, because a client that reconnects
    /// sends both.
    pub(super) fn begin(&self, after: Option<Seq>) -> Option<Seq> {
        self.last_event_id.or(after)
    }
}

/// Refuses parameters that only a list has.
pub(super) fn refuse_useless(given: Given<'_>) -> Result<(), Problem> {
    match given.iter().find(|(_, is_given)| *is_given) {
        Some((name, _)) => Err(Problem::field(name, format!("a stream does not end, so it takes no `{name}`"))),
        None => Ok(()),
    }
}

/// Answers with everything that the feed reads, until the client disconnects or the server is removed.
pub(super) fn stream(server: Arc<Server>, feed: Feed) -> Response {
    let told = feed.cursor();
    event_stream(Follower { server, feed, told, first: Some(RETRY), keep_alive: KEEP_ALIVE }, Follower::next)
}

/// Answers with the events that `next` resolves to, one text after the other, until it resolves to `None`.
pub(super) fn event_stream<S, F>(state: S, next: fn(S) -> F) -> Response
where
    S: Send + Unpin + 'static,
    F: Future<Output = Option<(String, S)>> + Send + 'static,
{
    let head = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // Some proxies would collect the events before they pass them on.
        ("x-accel-buffering", "no"),
    ];
    (head, followed(state, next)).into_response()
}

struct Follower {
    server: Arc<Server>,
    feed: Feed,
    /// The last id that the client was told.
    told: Seq,
    first: Option<&'static str>,
    keep_alive: Duration,
}

impl Follower {
    /// The next text to send; `None` when the server was removed.
    async fn next(mut self) -> Option<(String, Self)> {
        if let Some(first) = self.first.take() {
            return Some((first.to_owned(), self));
        }
        let deadline = Instant::now() + self.keep_alive;
        loop {
            let within = deadline.saturating_duration_since(Instant::now());
            let interest = self.feed.interest();
            let check = |engine: &Engine| match self.feed.read(engine) {
                Some(portion) => Some(Some(portion)),
                None => engine.is_stopped().then_some(None),
            };
            let text = match Until::new(self.server.engine(), interest, within, check).await {
                Some(None) => return None,
                Some(Some(Portion::Items(items))) if items.is_empty() && !within.is_zero() => {
                    yield_now().await;
                    continue;
                }
                Some(Some(Portion::Items(items))) if !items.is_empty() => self.events(&items),
                Some(Some(Portion::Discarded { first })) => {
                    format!("event: gone\n{}data: {{\"first\":{first}}}\n\n", self.new_id())
                }
                Some(Some(Portion::Items(_))) | None => format!(": keep-alive\n{}\n", self.new_id()),
            };
            return Some((text, self));
        }
    }

    fn events(&mut self, items: &[FeedItem]) -> String {
        let mut text = String::new();
        for FeedItem { seq, kind, json } in items {
            text += &format!("id: {seq}\nevent: {kind}\ndata: {json}\n\n");
            self.told = *seq;
        }
        text
    }

    /// The position that was reached, unless the client knows it: a client that resumes there misses nothing, even if
    /// records that it did not ask for were discarded meanwhile.
    fn new_id(&mut self) -> String {
        let reached = self.feed.cursor();
        let is_known = std::mem::replace(&mut self.told, reached) == reached;
        if is_known { String::new() } else { format!("id: {reached}\n") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expect::matchers::to;
    use crate::server::{Settings, block_on};

    #[test]
    fn a_silent_stream_gets_comments_and_the_position() {
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        let feed = Feed::of_messages(None, to("bob@example.org"), server.engine());
        let (told, keep_alive) = (feed.cursor(), Duration::from_millis(1));
        let follower = Follower { server: Arc::clone(&server), feed, told, first: Some(RETRY), keep_alive };

        let (first, follower) = block_on(follower.next()).unwrap();
        let (silent, follower) = block_on(follower.next()).unwrap();
        server.deliver("", &["eve@example.org"], "Subject: hi\r\n\r\n".into()).unwrap();
        let tip = server.engine().read(|world| world.journal.tip());
        let (passed, follower) = block_on(follower.next()).unwrap();
        let (again, _) = block_on(follower.next()).unwrap();

        assert_eq!([&*first, &*silent, &*again], ["retry: 500\n\n", ": keep-alive\n\n", ": keep-alive\n\n"]);
        assert_eq!(passed, format!(": keep-alive\nid: {tip}\n\n"));
    }
}
