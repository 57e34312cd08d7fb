//! `/v1/messages`: lists, waits, and the parts of one message.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::Shared;
use super::json::{MessageJson, PartJson};
use super::params::{NoParams, Params, Path};
use super::problem::Problem;
use crate::base::{MessageNo, Seq, Times};
use crate::drive::{Engine, Interest, Matter};
use crate::expect::{
    Evidence, Matcher, Question, Report, Scene, Verdict, any, attachment, body, from, header as field, session,
    subject, to,
};
use crate::journal::Captured;
use crate::mail::Message;
use crate::server::{MailCursor, Server, Until};

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

pub(super) async fn list(State(server): Shared, mut params: Params) -> Result<Json<List>, Problem> {
    let filter = Filter {
        matcher: matcher(&mut params)?,
        after: params.cursor("after")?,
        limit: params.number("limit")?.unwrap_or(DEFAULT_LIMIT) as usize,
    };
    let wait = params.duration("wait")?;
    let count = params.number("count")?;
    params.finish()?;
    match (wait, count) {
        (None, Some(_)) => Err(Problem::field("count", "`count` says how many to wait for; it goes with `wait`")),
        (None, None) => aside(move || filter.find(server.engine())).await,
        (Some(within), count) => {
            let count = count.unwrap_or(1).max(1);
            let matcher = filter.matcher.clone().unwrap_or_else(any);
            let matter = matcher.recipient().map_or(Matter::Mail, |address| Matter::MailTo(address.to_owned()));
            let interest = Interest { matter, session: None };
            let mut cursor = MailCursor::after(filter.after.unwrap_or_default());
            let mut found: Vec<Captured> = Vec::new();
            let check = |engine: &Engine| {
                let new = cursor.read(engine).into_iter();
                found.extend(new.filter(|captured| holds(&matcher, &captured.message, engine)));
                (found.len() as u64 >= count).then(|| std::mem::take(&mut found))
            };
            match Until::new(server.engine(), interest, within, check).await {
                Some(found) => Ok(Json(List::of(&found, filter.after.unwrap_or_default(), filter.limit))),
                None => {
                    let times = Times::from(count..);
                    let question = Question { matcher, times, location: None };
                    let scene = server.engine().look(|world| Scene::of(&world.journal));
                    let report = Report::new(&question, Verdict::Late(format!("{within:?}")), &scene);
                    let problem = Problem::new(StatusCode::CONFLICT, report.to_string());
                    Err(problem.with("report", report))
                }
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
    clauses.extend(params.pattern("listener")?.map(session::listener));
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

fn holds(matcher: &Matcher, message: &Message, engine: &Engine) -> bool {
    let session = message.session();
    let facts = engine.look(|world| world.journal.session(session?).map(|log| log.facts().clone()));
    matcher.matches(&Evidence { message: Some(message), session: facts.as_ref() })
}

impl Filter {
    /// Without `after` everything captured, in that order; with it what was closed behind it, in that order.
    fn find(&self, engine: &Engine) -> List {
        let mut found = Vec::new();
        let mut looked_at = 0;
        while found.len() < self.limit {
            let portion: Vec<Captured> = engine.look(|world| {
                let journal = &world.journal;
                let recipient = self.matcher.as_ref().and_then(Matcher::recipient);
                match (recipient, self.after) {
                    (Some(address), after) => journal
                        .messages_to(address)
                        .filter(|captured| after.is_none_or(|after| captured.closed.is_some_and(|at| at > after)))
                        .skip(looked_at)
                        .take(PORTION)
                        .cloned()
                        .collect(),
                    (None, Some(after)) => journal.closed_since(after).skip(looked_at).take(PORTION).cloned().collect(),
                    (None, None) => journal.messages().iter().skip(looked_at).take(PORTION).cloned().collect(),
                }
            });
            if portion.is_empty() {
                break;
            }
            looked_at += portion.len();
            let matched = portion.into_iter().filter(|captured| match &self.matcher {
                Some(matcher) => holds(matcher, &captured.message, engine),
                None => true,
            });
            found.extend(matched.take(self.limit - found.len()));
        }
        List::of(&found, self.after.unwrap_or_default(), self.limit)
    }
}

impl List {
    fn of(found: &[Captured], after: Seq, limit: usize) -> Self {
        let found = &found[..found.len().min(limit)];
        let next = found.iter().filter_map(|captured| captured.closed).max().unwrap_or(after);
        Self { messages: found.iter().map(MessageJson::from).collect(), next }
    }
}

pub(super) async fn clear(State(server): Shared, _: NoParams) -> Result<Json<List>, Problem> {
    aside(move || {
        let (messages, next) = server.engine().act(|world, now| {
            let messages: Vec<Captured> = world.journal.messages().iter().cloned().collect();
            world.clear(now);
            (messages, world.journal.tip())
        });
        List { messages: messages.iter().map(MessageJson::from).collect(), next }
    })
    .await
}

/// Reads whole messages elsewhere than on the threads that serve everybody.
async fn aside(work: impl FnOnce() -> List + Send + 'static) -> Result<Json<List>, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map(Json).map_err(|_| Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "a bug of mailjig; please report it"))
}

pub(super) async fn one(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    Ok(Json(MessageJson::from(&find(&server, &m)?)).into_response())
}

/// The bytes as captured, not a copy of them.
pub(super) async fn raw(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let raw = find(&server, &m)?.message.raw().clone();
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], Body::from(raw)).into_response())
}

pub(super) async fn text(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    Ok(find(&server, &m)?.message.text().into_response())
}

/// The HTML as it is, in a frame that runs nothing and loads nothing.
pub(super) async fn html(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let html = message.html().ok_or_else(|| Problem::none("HTML text in", &m))?;
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
    let fields = find(&server, &m)?.message.headers();
    let fields: Vec<Field> = fields.into_iter().map(|(name, value)| Field { name, value }).collect();
    Ok(Json(fields).into_response())
}

pub(super) async fn links(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    Ok(Json(find(&server, &m)?.message.links()).into_response())
}

pub(super) async fn parts(State(server): Shared, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let parts: Vec<PartJson> = message.parts().iter().map(PartJson::from).collect();
    Ok(Json(parts).into_response())
}

/// The decoded octets of a part, to be saved and not to be shown.
pub(super) async fn part(
    State(server): Shared,
    Path((m, n)): Path<(String, String)>,
    _: NoParams,
) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let parts = message.parts();
    let part = parts.iter().find(|part| part.number() == n).ok_or_else(|| Problem::none("part", &n))?;
    let octets = HeaderValue::from_static("application/octet-stream");
    let mut response = part.bytes().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(part.content_type()).unwrap_or(octets));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

fn find(server: &Arc<Server>, m: &str) -> Result<Captured, Problem> {
    let no = MessageNo::parse(m).ok_or_else(|| Problem::field("m", format!("`{m}` is no message; write `m1`")))?;
    let found = server.engine().look(|world| world.journal.message(no).cloned());
    found.ok_or_else(|| Problem::none("message", m))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use axum::body::HttpBody;

    use super::*;
    use crate::mail::{Envelope, Parameters, Recipient, Sender, Verdict as Taken};
    use crate::server::{Settings, block_on};

    #[test]
    fn the_bytes_that_are_sent_are_the_bytes_that_were_captured() {
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        let recipient = Recipient::new("bob@example.org", Parameters::default(), Taken::Accepted);
        let envelope = Envelope::new(Sender::new("", Parameters::default()), vec![recipient]).unwrap();
        let message = server.deliver(envelope, vec![b'x'; 100_000].into()).unwrap();

        let response = block_on(raw(State(server), Path("m1".to_owned()), NoParams)).unwrap();

        let mut body = response.into_body();
        let frame = block_on(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).unwrap().unwrap();
        let sent = frame.into_data().unwrap();
        assert_eq!((sent.as_ptr(), sent.len()), (message.raw().as_ptr(), 100_000));
    }
}
