//! `/v1/messages`: lists, waits, and the parts of one message.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Shared;
use super::blocking::{blocking_if_long, run_blocking};
use super::json::{MessageJson, PartJson};
use super::params::{NoParams, Params, Path};
use super::problem::Problem;
use crate::base::{MessageNo, Seq, Times};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::matchers::{any, attachment, body, from, header as field, session, subject, to};
use crate::expect::{Evidence, FailureKind, Matcher, Question, Report, Snapshot};
use crate::journal::Captured;
use crate::mail::Message;
use crate::server::{MailCursor, Server, Until};
use crate::world::World;

const DEFAULT_LIMIT: u64 = 100;
/// Messages that are looked at before the lock is taken again for more.
const PORTION: usize = 256;

#[derive(Serialize)]
pub(super) struct List {
    messages: Vec<MessageJson>,
    /// What to ask for next, as `after`.
    next: Seq,
}

/// What a list is asked for.
struct Filter {
    matcher: Option<Matcher>,
    after: Option<Seq>,
    limit: usize,
}

pub(super) async fn list(State(server): Shared, mut params: Params) -> Result<Response, Problem> {
    let filter = Filter {
        matcher: matcher(&mut params)?,
        after: params.cursor("after")?,
        limit: params.number("limit")?.unwrap_or(DEFAULT_LIMIT) as usize,
    };
    let wait = params.duration("wait")?;
    let count = params.number("count")?;
    params.finish()?;
    let evicted_to = server.engine().read(World::evicted_to);
    if let Some(after) = filter.after.filter(|after| *after < evicted_to) {
        let detail = format!("mail that came behind {after} was evicted; behind {evicted_to} nothing is missing");
        return Err(Problem::new(StatusCode::GONE, detail).with("first", evicted_to));
    }
    match (wait, count) {
        (None, Some(_)) => Err(Problem::field("count", "`count` says how many to wait for; it goes with `wait`")),
        (None, None) => run_blocking(move || filter.find(server.engine()).into_response()).await,
        (Some(within), count) => {
            let count = count.unwrap_or(1).max(1);
            let matcher = filter.matcher.clone().unwrap_or_else(any);
            let topic = matcher.recipient().map_or(Topic::Mail, |address| Topic::MailTo(address.to_owned()));
            let interest = Interest::of([topic]);
            let mut cursor = MailCursor::after(filter.after.unwrap_or_default());
            let mut found: Vec<Captured> = Vec::new();
            let check = |engine: &Engine| {
                let new = cursor.read(engine);
                let octets = octets(&new);
                let matching = new.into_iter().filter(|captured| holds(&matcher, &captured.message, engine));
                found.extend(blocking_if_long(octets, || matching.collect::<Vec<_>>()));
                (found.len() as u64 >= count).then(|| std::mem::take(&mut found))
            };
            match Until::new(server.engine(), interest, within, check).await {
                Some(mut found) => {
                    found.truncate(filter.limit);
                    let next = found.last().and_then(|last| last.closed).or(filter.after).unwrap_or_default();
                    Ok(blocking_if_long(octets(&found), || List::of(&found, next).into_response()))
                }
                None => Err(run_blocking(move || {
                    let times = Times::from(count..);
                    let question = Question { matcher, times, location: None };
                    let snapshot = server.engine().read(|world| Snapshot::of(&world.journal));
                    let report = Report::new(&question, FailureKind::Late(format!("{within:?}")), &snapshot);
                    Problem::new(StatusCode::CONFLICT, report.to_string()).with("report", report)
                })
                .await?),
            }
        }
    }
}

/// The filters that a query asks for, all of which must hold.
fn matcher(params: &mut Params) -> Result<Option<Matcher>, Problem> {
    let mut clauses: Vec<Matcher> = Vec::new();
    clauses.extend(params.pattern("to")?.map(to));
    clauses.extend(params.pattern("from")?.map(from));
    clauses.extend(params.pattern("subject")?.map(subject));
    clauses.extend(params.pattern("body")?.map(body));
    clauses.extend(params.pattern("attachment")?.map(attachment));
    clauses.extend(params.pattern("user")?.map(session::user));
    clauses.extend(params.listener()?);
    for header in params.take_all("header") {
        let Some((name, value)) = header.split_once(':') else {
            return Err(Problem::field("header", "write `header=Name:value`, the value as a pattern"));
        };
        let value = crate::base::Pattern::parse(value.trim_start());
        let value = value.map_err(|error| Problem::field("header", error.to_string()))?;
        clauses.push(field(name.trim(), value));
    }
    Ok(clauses.into_iter().reduce(|all, clause| all.and(clause)))
}

fn octets(mail: &[Captured]) -> usize {
    mail.iter().map(|captured| captured.message.raw().len()).sum()
}

fn holds(matcher: &Matcher, message: &Message, engine: &Engine) -> bool {
    let session = message.session();
    let facts = engine.read(|world| world.journal.session(session?).map(|log| Arc::clone(log.facts())));
    matcher.matches(&Evidence { message: Some(message), session: facts.as_deref() })
}

impl Filter {
    /// What was closed behind the cursor, in the order of closing: whatever is closed later is behind it. Without a
    /// cursor, what is not closed yet too, at the end.
    fn find(&self, engine: &Engine) -> List {
        let recipient = self.matcher.as_ref().and_then(Matcher::recipient);
        let matches =
            |captured: &Captured| self.matcher.as_ref().is_none_or(|matcher| holds(matcher, &captured.message, engine));
        let mut found = Vec::new();
        let mut next = self.after.unwrap_or_default();
        while found.len() < self.limit {
            let portion: Vec<Captured> =
                engine.read(|world| world.journal.closed_since(next, recipient).take(PORTION).cloned().collect());
            if portion.is_empty() {
                break;
            }
            for captured in portion {
                if found.len() == self.limit {
                    break;
                }
                next = captured.closed.unwrap_or(next);
                found.extend(Some(captured).filter(matches));
            }
        }
        if self.after.is_none() && found.len() < self.limit {
            let unclosed: Vec<Captured> = engine.read(|world| world.journal.unclosed().cloned().collect());
            found.extend(unclosed.into_iter().filter(matches).take(self.limit - found.len()));
        }
        List::of(&found, next)
    }
}

impl List {
    fn of<'c>(found: impl IntoIterator<Item = &'c Captured>, next: Seq) -> Self {
        Self { messages: found.into_iter().map(MessageJson::from).collect(), next }
    }

    /// Subjects may have megabytes: to be called where nobody waits meanwhile.
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

pub(super) async fn clear(State(server): Shared, _: NoParams) -> Result<Response, Problem> {
    run_blocking(move || {
        let (captured, next) = server.engine().update(|world, now| (world.clear(now), world.journal.tip()));
        List::of(&captured, next).into_response()
    })
    .await
}

pub(super) async fn one(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let found = find(&server, &m)?;
    run_blocking(move || Json(MessageJson::from(&found)).into_response()).await
}

/// The bytes as captured, not a copy of them.
pub(super) async fn raw(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let raw = find(&server, &m)?.message.raw().clone();
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], Body::from(raw)).into_response())
}

pub(super) async fn text(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || message.text().into_response()).await
}

/// The HTML as it is, in a frame that runs nothing and loads nothing.
pub(super) async fn html(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let html = run_blocking(move || message.html()).await?.ok_or_else(|| Problem::none("HTML text in", &m))?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
    ];
    Ok((headers, html).into_response())
}

pub(super) async fn headers(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Field {
        name: String,
        value: String,
    }
    let message = find(&server, &m)?.message;
    run_blocking(move || {
        let fields = message.headers().into_iter().map(|(name, value)| Field { name, value });
        Json(fields.collect::<Vec<Field>>()).into_response()
    })
    .await
}

pub(super) async fn links(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || Json(message.links()).into_response()).await
}

pub(super) async fn parts(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || {
        let parts: Vec<PartJson> = message.parts().iter().map(PartJson::from).collect();
        Json(parts).into_response()
    })
    .await
}

/// The decoded octets of a part, to be saved and not to be shown.
pub(super) async fn part(
    State(server): Shared,
    Path((m, n)): Path<(String, String)>,
    _: NoParams,
) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || {
        let parts = message.parts();
        let part = parts.iter().find(|part| part.number() == n).ok_or_else(|| Problem::none("part", &n))?;
        let octets = HeaderValue::from_static("application/octet-stream");
        let mut response = part.bytes().into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(part.content_type()).unwrap_or(octets));
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
        Ok(response)
    })
    .await?
}

fn find(server: &Arc<Server>, m: &str) -> Result<Captured, Problem> {
    let no = MessageNo::parse(m).ok_or_else(|| Problem::field("m", format!("`{m}` is no message; write `m1`")))?;
    let found = server.engine().read(|world| world.journal.message(no).cloned());
    found.ok_or_else(|| Problem::none("message", m))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use axum::body::{Bytes, HttpBody};

    use super::*;
    use crate::api::Api;
    use crate::base::{SessionNo, Timestamp};
    use crate::journal::{Detail, Left, Opened};
    use crate::mail::{Envelope, Origin, Parameters, Recipient, Sender, Verdict as Taken};
    use crate::protocol::{Event, Input, Reply, TxnLog};
    use crate::server::{Settings, block_on};
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

    /// The exchange of a mail whose reply has not left yet.
    fn capture(server: &Server, no: u32, to: &str) -> Seq {
        let message =
            Message::new(MessageNo(no), Origin::Delivered, Timestamp::from_micros(0), Some(envelope(to)), Bytes::new());
        let done = TxnLog { accepted: Some(message), ..TxnLog::default() };
        let (detail, came) = Detail::of(done);
        let detail = (Some(Box::new(detail)), came);
        let input = Input::Body { octets: 0, odd_dots: None };
        server.engine().update(|world, now| {
            world.journal.exchange(now, SessionNo(1), Event::SmtpMessage, &input, (&Reply::default(), None), detail)
        })
    }

    #[test]
    fn nothing_slips_past_a_cursor_in_whatever_order_exchanges_close() {
        for seed in 1..=200_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let server = Server::start(Settings::default()).unwrap();
            let peer = ([127, 0, 0, 1], 1).into();
            server.engine().update(|world, now| {
                world.open(Opened { listener: crate::protocol::Listener::Smtp, peer, local: peer }, now)
            });
            let to = ["ann@example.org", "bob@example.org"];
            let wanted = [None, Some("bob@example.org")][draw(&mut random, 2)];
            let limit = 1 + draw(&mut random, 4);
            let (mut open, mut sent, mut seen, mut after) = (Vec::new(), Vec::new(), Vec::new(), None);
            let mut look = |seen: &mut Vec<u32>| {
                let filter = Filter { matcher: wanted.map(crate::expect::matchers::to), after, limit };
                let list = filter.find(server.engine());
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
    fn a_cursor_in_front_of_mail_that_was_evicted_is_gone() {
        let mut settings = Settings::default();
        settings.keep = Some(Keep { messages: 2, octets: u64::MAX / 2, accounts: 100 });
        let server = Arc::new(Server::start(settings).unwrap());
        let api = Api::start(Arc::clone(&server), ([127, 0, 0, 1], 0).into()).unwrap();
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        let agent = config.timeout_global(Some(std::time::Duration::from_secs(20))).build().new_agent();
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

        // All of them are kept; then the first goes, which the cursor is behind; then one that it is in front of.
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

    #[test]
    fn the_bytes_that_are_sent_are_the_bytes_that_were_captured() {
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        let message = server.deliver("", &["bob@example.org"], vec![b'x'; 100_000].into()).unwrap();

        let response = block_on(raw(State(server), Path("m1".to_owned()), NoParams)).unwrap();

        let mut body = response.into_body();
        let frame = block_on(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).unwrap().unwrap();
        let sent = frame.into_data().unwrap();
        assert_eq!((sent.as_ptr(), sent.len()), (message.raw().as_ptr(), 100_000));
    }
}
