//! `/v1/messages`: lists and waits.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking::{blocking_if_long, run_blocking};
use super::body::NoBody;
use super::cursor::{refuse_discarded, refuse_lost};
use super::events::{self, StreamHeaders, refuse_useless};
use super::feed::Feed;
use super::json::MessageJson;
use super::message_filters::MessageFilters;
use super::newest;
use super::params::{Order, query};
use super::problem::Problem;
use super::target::Target;
use super::wait::wait_until;
use crate::base::{MessageNo, Seq, Times};
use crate::drive::Engine;
use crate::expect::{FailureKind, Matcher, Question, Report, Snapshot};
use crate::journal::Captured;
use crate::server::{MailHistory, MailQuery, Server, write_report};
use crate::world::World;

const DEFAULT_LIMIT: u64 = 100;

#[derive(Serialize, ToSchema)]
pub(super) struct MessageList {
    pub(super) messages: Vec<MessageJson>,
    /// The cursor for the next request, as `after`.
    #[schema(value_type = u64)]
    pub(super) next: Seq,
    /// With `order=newest`: the cursor for older messages, as `before`; `null` if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<u64>)]
    pub(super) older: Option<Option<Seq>>,
}

/// The parameters of a list.
struct MessageSelection {
    matcher: Matcher,
    after: Option<Seq>,
    limit: usize,
}

query! {
    /// The query of the list of messages.
    pub(super) struct ListQuery {
        /// Filters.
        filters: MessageFilters,
        /// Only messages after this cursor, the `next` of an earlier answer.
        after: Option<Seq>,
        /// `newest` lists the newest first; default `oldest`.
        order: Option<Order>,
        /// With `order=newest`: only messages before this cursor, the `older` of an earlier answer.
        before: Option<Seq>,
        /// Answer with a stream of server-sent events; default if `Accept` has `text/event-stream`.
        stream: Option<bool>,
        /// The largest number of messages in the answer; default 100. With `order=newest`, those whose reply has not been
        /// sent yet do not count.
        limit: Option<u64>,
        /// Wait so long for messages that match, such as `5s`; 409 if they do not arrive in time.
        wait: Option<Duration>,
        /// How many messages to wait for; default 1.
        count: Option<u64>,
        /// Wait so long, such as `500ms`, and require that no message matches meanwhile or before; 409 as soon as one
        /// does.
        none_within: Option<Duration>,
    }
}

/// List messages, wait for them, or follow them.
///
/// A stream sends each message as an event `message`, after its reply was sent. It has the `seq` of the message as `id`,
/// and the message as `data`. If messages were discarded before they were sent, an event `gone` says so.
#[utoipa::path(get, path = "/messages", params(ListQuery, StreamHeaders), responses(
    (status = 200, description = "The messages, in the order in which clients received their replies, or in the reverse order.",
        content((MessageList = "application/json"), (Object = "text/event-stream"))),
    (status = 409, description = "They did not arrive in time. `report` says what came instead."),
    (status = 410, description = "Messages after the cursor were discarded. `first` is the earliest cursor without gaps."),
))]
pub(super) async fn list(
    Target(server): Target,
    headers: StreamHeaders,
    query: ListQuery,
) -> Result<Response, Problem> {
    let ListQuery { filters, after, order, before, stream, limit, wait, count, none_within } = query;
    let matcher = filters.matcher()?;
    if headers.wants_stream(stream) {
        refuse_useless(&[
            ("order", order.is_some()),
            ("before", before.is_some()),
            ("limit", limit.is_some()),
            ("wait", wait.is_some()),
            ("count", count.is_some()),
            ("none_within", none_within.is_some()),
        ])?;
        let after = headers.begin(after);
        refuse_lost(&server, after)?;
        let feed = Feed::of_messages(after, matcher, server.engine());
        return Ok(events::stream(server, feed));
    }
    if none_within.is_some() && (wait.is_some() || count.is_some()) {
        return Err(Problem::field("none_within", "`none_within` cannot be combined with `wait` and `count`"));
    }
    refuse_lost(&server, after)?;
    if order == Some(Order::Newest) {
        newest::refuse_waiting(&[
            ("wait", wait.is_some()),
            ("count", count.is_some()),
            ("none_within", none_within.is_some()),
        ])?;
        let history = MailHistory { matcher, after, before };
        return newest::list(server, history, limit.unwrap_or(DEFAULT_LIMIT) as usize).await;
    }
    newest::refuse_before(before.is_some())?;
    // Whoever waits for more messages than an answer has by default wants them all.
    let limit = limit.unwrap_or(DEFAULT_LIMIT.max(count.unwrap_or(0))) as usize;
    let selection = MessageSelection { matcher, after, limit };
    if let Some(within) = none_within {
        return selection.none(server, within).await;
    }
    match (wait, count) {
        (None, Some(_)) => Err(Problem::field("count", "`count` says how many to wait for, so it needs `wait`")),
        (None, None) => {
            let find = move || {
                let list = selection.find(server.engine());
                // Messages may have been discarded since the first look.
                refuse_discarded(&server, after)?;
                Ok(list.into_response())
            };
            run_blocking(find).await?
        }
        (Some(_), Some(0)) => Err(Problem::field("count", "to wait for the absence of messages, use `none_within`")),
        (Some(within), count) => selection.wait(server, within, count.unwrap_or(1)).await,
    }
}

impl MessageSelection {
    /// Messages whose exchange closed after the cursor, in the order of closing. Without a cursor, also messages whose
    /// exchange is still open, at the end.
    fn find(self, engine: &Engine) -> MessageList {
        let mut query = MailQuery::after(self.after.unwrap_or_default(), self.matcher);
        let mut found = query.find(engine, self.limit);
        if self.after.is_none() && found.len() < self.limit {
            found.extend(query.find_unclosed(engine, self.limit - found.len()));
        }
        MessageList::of(&found, query.cursor())
    }

    /// Like `find`, but waits until `count` messages have closed after the cursor.
    async fn wait(self, server: Arc<Server>, within: Duration, count: u64) -> Result<Response, Problem> {
        let Self { matcher, after, limit } = self;
        let mut query = MailQuery::after(after.unwrap_or_default(), matcher.clone());
        let interest = query.interest();
        let mut found: Vec<Captured> = Vec::new();
        let check = |engine: &Engine| {
            let look = |octets, look: &mut dyn FnMut()| blocking_if_long(octets, look);
            found.extend(query.find_with(engine, usize::MAX, look));
            (found.len() as u64 >= count).then(|| std::mem::take(&mut found))
        };
        if let Some(mut found) = wait_until(&server, interest, within, check).await? {
            found.truncate(limit);
            let next = found.last().and_then(|last| last.closed).or(after).unwrap_or_default();
            let octets = found.iter().map(|captured| captured.message.raw().len()).sum();
            return Ok(blocking_if_long(octets, || MessageList::of(&found, next).into_response()));
        }
        Err(late(server, matcher, after, count, within).await?)
    }

    /// Waits, and fails as soon as a message matches.
    async fn none(self, server: Arc<Server>, within: Duration) -> Result<Response, Problem> {
        let mut query = MailQuery::after(self.after.unwrap_or_default(), self.matcher.clone());
        let interest = query.interest();
        let check = |engine: &Engine| {
            let look = |octets, look: &mut dyn FnMut()| blocking_if_long(octets, look);
            Some(query.find_with(engine, usize::MAX, look)).filter(|found| !found.is_empty())
        };
        let found = wait_until(&server, interest, within, check).await?;
        run_blocking(move || {
            let Some(found) = found else {
                return Ok(MessageList { messages: Vec::new(), next: query.cursor(), older: None }.into_response());
            };
            let question = Question { matcher: self.matcher, times: Times::from(0), location: None };
            let report = Report::new(&question, FailureKind::Miscounted, &snapshot(server.engine(), self.after));
            write_report(server.engine(), &report);
            let messages: Vec<MessageJson> = found.iter().map(MessageJson::from).collect();
            let problem = Problem::new(StatusCode::CONFLICT, report.to_string());
            Err(problem.with("report", report).with("messages", messages))
        })
        .await?
    }
}

/// The answer to a wait that was in vain.
pub(super) async fn late(
    server: Arc<Server>,
    matcher: Matcher,
    after: Option<Seq>,
    count: u64,
    within: Duration,
) -> Result<Problem, Problem> {
    run_blocking(move || {
        let question = Question { matcher, times: Times::from(count..), location: None };
        let late = FailureKind::Late(format!("{within:?}"));
        let report = Report::new(&question, late, &snapshot(server.engine(), after));
        write_report(server.engine(), &report);
        Problem::new(StatusCode::CONFLICT, report.to_string()).with("report", report)
    })
    .await
}

/// What a report shows: only the messages after the cursor count.
fn snapshot(engine: &Engine, after: Option<Seq>) -> Snapshot {
    let after = after.unwrap_or_default();
    let is_later = |captured: &Captured| captured.closed.is_none_or(|closed| closed > after);
    engine.read(|world| Snapshot::of_later(&world.journal, is_later))
}

impl MessageList {
    pub(super) fn of<'c>(found: impl IntoIterator<Item = &'c Captured>, next: Seq) -> Self {
        Self { messages: found.into_iter().map(MessageJson::from).collect(), next, older: None }
    }

    /// Subjects can have megabytes: call this where blocking is allowed.
    pub(super) fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

/// Delete the captured messages that match, and return them.
///
/// They leave the mailboxes too. No message is lost between looking and deleting: just those in the answer are deleted.
/// Without filters, all captured messages are deleted, and also the journal, and the sessions that have ended with their
/// transcripts. Messages that were appended or put into a mailbox stay.
#[utoipa::path(delete, path = "/messages", params(MessageFilters), responses(
    (status = 200, description = "The deleted messages.", body = MessageList),
))]
pub(super) async fn clear(Target(server): Target, filters: MessageFilters, _: NoBody) -> Result<Response, Problem> {
    let matcher = filters.given()?;
    run_blocking(move || {
        let engine = server.engine();
        let (captured, next) = match matcher {
            None => engine.update(|world, now| (world.clear(now), world.journal.tip())),
            Some(matcher) => {
                let mut query = MailQuery::after(Seq::default(), matcher);
                let mut found = query.find(engine, usize::MAX);
                found.extend(query.find_unclosed(engine, usize::MAX));
                let numbers: HashSet<MessageNo> = found.iter().map(|captured| captured.message.no()).collect();
                let delete = |world: &mut World, now| world.delete(|no| numbers.contains(&no), now);
                (engine.update(delete), query.cursor())
            }
        };
        MessageList::of(&captured, next).into_response()
    })
    .await
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::api::Api;
    use crate::base::{SessionNo, Timestamp};
    use crate::expect::matchers;
    use crate::journal::{Detail, Left, Opened};
    use crate::mail::{Envelope, Message, Origin, Parameters, Recipient, Sender, Verdict as Taken};
    use crate::protocol::{Event, Input, Reply, TxnLog};
    use crate::server::{Host, HostLimits, Settings};
    use crate::world::Keep;

    fn envelope(to: &str) -> Envelope {
        let recipient = Recipient::new(to, Parameters::default(), Taken::Accepted);
        Envelope::new(Sender::new("", Parameters::default()), vec![recipient]).unwrap()
    }

    /// A pseudo-random number below `below`.
    fn draw(state: &mut u64, below: usize) -> usize {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        (*state % below as u64) as usize
    }

    /// The exchange of a message whose reply has not been sent yet.
    fn capture(server: &Server, no: u32, to: &str) -> Seq {
        let message =
            Message::new(MessageNo(no), Origin::Delivered, Timestamp::from_micros(0), Some(envelope(to)), Bytes::new());
        let done = TxnLog { accepted: Some(message), ..TxnLog::default() };
        let (detail, came) = Detail::of(done);
        let detail = (Some(Box::new(detail)), came);
        let input = Input::Body { octets: 0, odd_dots: None, ends_bare: false };
        server.engine().update(|world, now| {
            world.journal.exchange(
                now,
                SessionNo(1),
                (Event::SmtpMessage, false),
                &input,
                (&Reply::default(), None),
                detail,
            )
        })
    }

    #[test]
    fn a_cursor_misses_no_message_whatever_the_order_of_closing() {
        for seed in 1..=200_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let server = Server::start(Settings::default()).unwrap();
            let peer = ([127, 0, 0, 1], 1).into();
            server.engine().update(|world, now| {
                world.open(
                    Opened { listener: crate::protocol::Listener::Smtp, peer, local: peer, offers_starttls: false },
                    now,
                )
            });
            let to = ["ann@example.org", "bob@example.org"];
            let wanted = [None, Some("bob@example.org")][draw(&mut random, 2)];
            let limit = 1 + draw(&mut random, 4);
            let (mut open, mut sent, mut seen, mut after) = (Vec::new(), Vec::new(), Vec::new(), None);
            let mut look = |seen: &mut Vec<u32>| {
                let matcher = wanted.map_or_else(matchers::any, matchers::to);
                let list = MessageSelection { matcher, after, limit }.find(server.engine());
                let closed = list.messages.iter().filter(|message| message.seq.is_some());
                seen.extend(closed.map(|message| message.id.number()));
                after = Some(list.next);
                !list.messages.is_empty()
            };

            for no in 1..=30 {
                let to = to[draw(&mut random, 2)];
                open.push(capture(&server, no, to));
                sent.extend(wanted.is_none_or(|wanted| wanted == to).then_some(no));
                while !open.is_empty() && draw(&mut random, 3) > 0 {
                    let exchange = open.swap_remove(draw(&mut random, open.len()));
                    server.engine().update(|world, now| world.close(SessionNo(1), exchange, Left::All, now));
                }
                if draw(&mut random, 4) == 0 {
                    look(&mut seen);
                }
            }
            for exchange in open {
                server.engine().update(|world, now| world.close(SessionNo(1), exchange, Left::All, now));
            }
            while look(&mut seen) {}

            seen.sort_unstable();
            assert_eq!(seen, sent, "seed {seed}, limit {limit}");
        }
    }

    #[test]
    fn a_cursor_before_evicted_mail_is_gone() {
        let mut settings = Settings::default();
        settings.keep = Some(Keep { messages: 2, octets: u64::MAX / 2, accounts: 100 });
        let server = Arc::new(Server::start(settings).unwrap());
        let api =
            Api::start(&Host::new(Arc::clone(&server), HostLimits::default()), ([127, 0, 0, 1], 0).into()).unwrap();
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(Duration::from_secs(20))).build().new_agent();
        let get = |query: &str| {
            let mut answer = agent.get(format!("{}/v1/messages{query}", api.url())).call().unwrap();
            (answer.status().as_u16(), answer.body_mut().read_json::<serde_json::Value>().unwrap())
        };
        let deliver = || server.deliver("", &["bob@example.org"], Bytes::new()).unwrap();
        let ids = |list: &serde_json::Value| -> Vec<serde_json::Value> {
            list["messages"].as_array().unwrap().iter().map(|message| message["id"].clone()).collect()
        };
        deliver();
        let (_, first) = get("");
        let next = first["next"].as_u64().unwrap();

        // First all are kept; then a message before the cursor is discarded; then one after the cursor.
        deliver();
        assert_eq!(ids(&get(&format!("?after={next}")).1), ["m2"]);
        deliver();
        assert_eq!(ids(&get(&format!("?after={next}")).1), ["m2", "m3"]);
        deliver();

        for query in [format!("?after={next}"), format!("?after={next}&wait=1ms"), "?after=0".to_owned()] {
            let (status, problem) = get(&query);
            assert_eq!(status, 410, "{query}: {problem}");
            let (status, list) = get(&format!("?after={}", problem["first"]));
            assert_eq!((status, ids(&list)), (200, vec!["m3".into(), "m4".into()]));
        }
        assert_eq!(ids(&get("").1), ["m3", "m4"]);
    }
}
