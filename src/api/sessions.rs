//! `/v1/sessions` and transcripts.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokio::task::block_in_place;
use utoipa::ToSchema;
use utoipa::openapi::schema::ObjectBuilder;

use super::body::NoBody;
use super::chunked::chunked;
use super::json::SessionJson;
use super::message_filters::listener;
use super::newest;
use super::params::{NoParams, Order, Path, Value, query};
use super::problem::Problem;
use super::target::Target;
use super::wait::{in_vain, wait_until};
use crate::base::{Pattern, Seq, SessionNo, Times, is_identifier};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::matchers::{any, session};
use crate::expect::{Matcher, Snapshot};
use crate::journal::{Session, Transcript};
use crate::server::{Server, sessions_that};
use crate::world::{Goodbye, World};

query! {
    /// Filters for sessions, all of which must match.
    pub(super) struct SessionFilters {
        /// The login; a pattern.
        user: Option<Pattern>,
        /// The listener, such as `imap`; a pattern.
        listener: Option<Pattern>,
        /// The selected mailbox; a pattern.
        mailbox: Option<Pattern>,
        /// Whether the client is in IDLE.
        idling: Option<bool>,
        /// Whether the session is open.
        open: Option<bool>,
        /// Whether it uses TLS.
        tls: Option<bool>,
        /// Whether TLS failed, in its handshake or after it.
        tls_failed: Option<bool>,
        /// The alert with which the client ended TLS, such as `unknown_ca`; a pattern.
        alert: Option<Pattern>,
        /// The server name that the client requested (SNI); a pattern.
        sni: Option<Pattern>,
        /// The certificate that the server presented, such as `expired`; a pattern.
        certificate: Option<Pattern>,
        /// A name in the client's certificate; a pattern.
        client_certificate: Option<Pattern>,
        /// Whether it resumed an earlier TLS session.
        resumed: Option<bool>,
    }
}

query! {
    /// The query of the list of sessions.
    pub(super) struct SessionsQuery {
        /// Filters.
        filters: SessionFilters,
        /// `newest` lists the newest first; default `oldest`.
        order: Option<Order>,
        /// With `order=newest`: only sessions that began before this one, the `older` of an earlier answer.
        before: Option<SessionNo>,
        /// The largest number of sessions in the answer; default: all.
        limit: Option<u64>,
        /// Wait so long for sessions that match, such as `5s`.
        wait: Option<Duration>,
        /// How many sessions to wait for; default 1. With 0, the request waits until none matches.
        count: Option<u64>,
    }
}

query! {
    /// How a session ends.
    pub(super) struct EndQuery {
        /// A line to send first, without CRLF, such as `421 4.3.2 Closing`, `* BYE Closing` or `-ERR [SYS/TEMP] Closing`;
        /// default: nothing.
        reply: Option<ReplyLine>,
    }
}

query! {
    /// Which sessions end, and how.
    pub(super) struct EndAllQuery {
        /// Filters.
        filters: SessionFilters,
        /// A line to send first, without CRLF, such as `421 4.3.2 Closing`; default: nothing.
        reply: Option<ReplyLine>,
    }
}

/// A line for a client.
pub(super) struct ReplyLine(String);

query! {
    /// The query of a transcript.
    pub(super) struct TranscriptQuery {
        /// Replace labels such as `<m1>` and `<caps>` by the octets.
        verbatim: Option<bool>,
    }
}

/// Sessions.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionList<'a> {
    pub(super) sessions: Vec<SessionJson<'a>>,
    /// With `order=newest`: the cursor for older sessions, as `before`; `null` if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(super) older: Option<Option<SessionNo>>,
}

/// List sessions, or wait for them.
#[utoipa::path(get, path = "/sessions", params(SessionsQuery), responses(
    (status = 200, description = "The sessions, in the order in which they began, or in the reverse order.",
        body = SessionList),
    (status = 409, description = "The wait was in vain. `detail` says which filters each session does not match."),
))]
pub(super) async fn list(Target(server): Target, query: SessionsQuery) -> Result<Response, Problem> {
    let SessionsQuery { filters, order, before, limit, wait, count } = query;
    let matcher = filters.matcher()?;
    let limit = limit.map_or(usize::MAX, |limit| limit as usize);
    if order == Some(Order::Newest) {
        newest::refuse_waiting(&[("wait", wait.is_some()), ("count", count.is_some())])?;
        return Ok(newest::sessions(&server, &matcher, before, limit));
    }
    newest::refuse_before(before.is_some())?;
    if wait.is_none() && count.is_some() {
        return Err(Problem::field("count", "`count` says how many to wait for, so it needs `wait`"));
    }
    let within = wait.unwrap_or_default();
    let times = match count {
        _ if wait.is_none() => Times::from(..),
        Some(0) => Times::from(0),
        count => Times::from(count.unwrap_or(1)..),
    };
    let interest = Interest::of([Topic::Everything]);
    let check = |engine: &Engine| {
        let sessions = sessions_that(engine, &matcher);
        times.contains(sessions.len() as u64).then_some(sessions)
    };
    let Some(mut sessions) = wait_until(&server, interest, within, check).await? else {
        let engine = server.engine();
        let failed = match count {
            Some(0) => matcher.remained(within, &engine.read(|world| Snapshot::of(&world.journal))),
            _ => matcher.did_not_come(within, &engine.read(World::sessions_seen)),
        };
        return Err(in_vain(&server, failed).await?);
    };
    sessions.truncate(limit);
    Ok(Json(SessionList::of(&sessions)).into_response())
}

impl<'a> SessionList<'a> {
    pub(super) fn of(sessions: &'a [Arc<Session>]) -> Self {
        Self { sessions: sessions.iter().map(|session| SessionJson::from(&**session)).collect(), older: None }
    }
}

impl SessionFilters {
    /// A matcher that requires every filter.
    fn matcher(self) -> Result<Matcher, Problem> {
        let mut clauses: Vec<Matcher> = Vec::new();
        clauses.extend(self.user.map(session::user));
        clauses.extend(listener(self.listener)?);
        clauses.extend(self.mailbox.map(session::mailbox));
        clauses.extend(self.alert.map(session::alert));
        clauses.extend(self.sni.map(session::sni));
        clauses.extend(
            self.certificate
                .map(Matcher::certificate)
                .transpose()
                .map_err(|why| Problem::field("certificate", &why))?,
        );
        clauses.extend(self.client_certificate.map(session::client_certificate));
        for (wanted, holds) in [
            (self.idling, session::idling as fn() -> Matcher),
            (self.open, session::open),
            (self.tls_failed, session::tls_failed),
            (self.resumed, session::resumed),
        ] {
            clauses.extend(wanted.map(|wanted| if wanted { holds() } else { holds().not() }));
        }
        clauses.extend(self.tls.map(session::tls));
        Ok(clauses.into_iter().reduce(|all, clause| all.and(clause)).unwrap_or_else(any))
    }
}

/// Get one session.
#[utoipa::path(get, path = "/sessions/{s}", params(("s" = String, Path, description = "The session, such as `s1`.")), responses(
    (status = 200, description = "The session.", body = SessionJson), (status = 404, description = "There is no such session."),
))]
pub(super) async fn one(Target(server): Target, Path(s): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let no = number(&s)?;
    let session = server.engine().read(|world| world.journal.session(no).map(|log| Arc::clone(log.facts())));
    let session = session.ok_or_else(|| Problem::none("session", &s))?;
    Ok(Json(SessionJson::from(&*session)).into_response())
}

/// End a session, after a reply of your choice.
#[utoipa::path(delete, path = "/sessions/{s}", params(("s" = String, Path, description = "The session, such as `s1`."), EndQuery), responses(
    (status = 204, description = "The session ends."), (status = 404, description = "There is no such session."),
    (status = 409, description = "It has already ended."),
))]
pub(super) async fn kick(
    Target(server): Target,
    Path(s): Path<String>,
    EndQuery { reply }: EndQuery,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    let no = number(&s)?;
    if server.end_session(no, goodbye(reply.as_ref())) {
        return Ok(StatusCode::NO_CONTENT);
    }
    match server.engine().read(|world| world.journal.session(no).is_some()) {
        true => Err(Problem::new(StatusCode::CONFLICT, format!("session {no} has ended"))),
        false => Err(Problem::none("session", &s)),
    }
}

/// End all sessions that match, after a reply of your choice.
#[utoipa::path(delete, path = "/sessions", params(EndAllQuery), responses(
    (status = 200, description = "The sessions that end.", body = SessionList),
))]
pub(super) async fn end_all(
    Target(server): Target,
    EndAllQuery { filters, reply }: EndAllQuery,
    _: NoBody,
) -> Result<Response, Problem> {
    let matcher = filters.matcher()?;
    let ended = server.end_sessions(|session| matcher.matches_session(session), goodbye(reply.as_ref()));
    Ok(Json(SessionList::of(&ended)).into_response())
}

fn goodbye(reply: Option<&ReplyLine>) -> Goodbye<'_> {
    reply.map_or(Goodbye::Silent, |ReplyLine(line)| Goodbye::Line(line))
}

impl Value for ReplyLine {
    fn read(text: &str) -> Result<Self, String> {
        match is_identifier(text) {
            true => Ok(Self(text.to_owned())),
            false => Err("write one line without CR and LF, such as `421 4.3.2 Closing`".to_owned()),
        }
    }

    fn schema() -> ObjectBuilder {
        String::schema().min_length(Some(1))
    }
}

/// Get the transcript of a session.
#[utoipa::path(get, path = "/sessions/{s}/transcript", params(("s" = String, Path, description = "The session, such as `s1`."), TranscriptQuery), responses(
    (status = 200, description = "The transcript.", body = String), (status = 404, description = "There is no such session."),
))]
pub(super) async fn transcript(
    Target(server): Target,
    Path(s): Path<String>,
    TranscriptQuery { verbatim }: TranscriptQuery,
) -> Result<Response, Problem> {
    let no = number(&s)?;
    if server.engine().read(|world| world.journal.session(no).is_none()) {
        return Err(Problem::none("session", &s));
    }
    Ok(text(server, vec![no], verbatim.unwrap_or(false)))
}

/// Get the transcripts of all sessions.
#[utoipa::path(get, path = "/transcript", params(TranscriptQuery), responses(
    (status = 200, description = "The transcripts, with headings if there are several.", body = String),
))]
pub(super) async fn transcripts(
    Target(server): Target,
    TranscriptQuery { verbatim }: TranscriptQuery,
) -> Result<Response, Problem> {
    let sessions = server.engine().read(|world| world.journal.sessions().map(|log| log.no).collect());
    Ok(text(server, sessions, verbatim.unwrap_or(false)))
}

/// The transcripts of these sessions, generated while they are sent, with headings if there are several. The response
/// ends with an error if records are discarded before they are read.
fn text(server: Arc<Server>, sessions: Vec<SessionNo>, verbatim: bool) -> Response {
    let with_headings = sessions.len() > 1;
    let mut gap = "";
    let mut sessions = sessions.into_iter();
    let mut at = None;
    let next = move || {
        let (session, from) = match at.take() {
            Some(at) => at,
            None => (sessions.next()?, Seq::default()),
        };
        let read = server.engine().read(|world| {
            let log = world.journal.session(session)?;
            let (portion, next) = Transcript::portion(&world.journal, log, from).ok()?;
            let heading = (with_headings && from == Seq::default()).then_some(log.facts().listener);
            Some((portion, next, heading))
        });
        let Some((portion, next, heading)) = read else {
            return Some(Err(io::Error::other(format!("records of {session} were discarded"))));
        };
        // Outside the lock, because bodies can be long.
        let heading = heading.map(|listener| format!("{}-- {session} {listener}\n", std::mem::replace(&mut gap, "\n")));
        at = next.map(|next| (session, next));
        Some(Ok(print(heading, &portion, verbatim)))
    };
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], chunked(next)).into_response()
}

/// The other tasks of this thread move to another thread meanwhile.
fn print(heading: Option<String>, transcript: &Transcript, verbatim: bool) -> String {
    block_in_place(|| {
        let text = if verbatim { transcript.verbatim() } else { transcript.to_string() };
        heading.map(|heading| heading + &text).unwrap_or(text)
    })
}

pub(super) fn number(s: &str) -> Result<SessionNo, Problem> {
    SessionNo::parse(s).ok_or_else(|| Problem::field("s", format!("`{s}` is not a session; write `s1`")))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use axum::body::{Body, Bytes, HttpBody};

    use super::*;
    use crate::journal::{CapturedMail, Opened};
    use crate::protocol::{Event, Input, Reply};
    use crate::server::{Settings, block_on};

    fn piece(body: &mut Body) -> Option<Result<Bytes, axum::Error>> {
        let frame = block_on(poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)));
        frame.map(|frame| frame.map(|frame| frame.into_data().unwrap()))
    }

    #[test]
    fn a_transcript_fails_if_records_are_discarded_before_they_are_read() {
        // The first piece contains 256 records of the session.
        for (floor, is_whole) in [(256, true), (257, false), (400, false)] {
            let server = Arc::new(Server::start(Settings::default()).unwrap());
            let peer = ([127, 0, 0, 1], 1).into();
            let session = server.engine().update(|world, now| {
                let session = world.open(
                    Opened { listener: crate::protocol::Listener::Smtp, peer, local: peer, offers_starttls: false },
                    now,
                );
                for n in 2..=400 {
                    let (line, reply) = (Input::Line(format!("NOOP {n}").into()), Reply::default().line(&["250 Ok"]));
                    world.journal.exchange(
                        now,
                        session,
                        (Event::SmtpNoop, false),
                        &line,
                        (&reply, None),
                        (None, CapturedMail::default()),
                    );
                }
                session
            });
            let mut body = text(Arc::clone(&server), vec![session], false).into_body();

            assert!(piece(&mut body).unwrap().unwrap().ends_with(b"C: NOOP 256\nS: 250 Ok\n"));
            server.engine().update(|world, _| world.journal.raise_floor(Seq(floor)));

            match piece(&mut body).unwrap() {
                Ok(rest) => assert!(is_whole && rest.ends_with(b"C: NOOP 400\nS: 250 Ok\n"), "{floor}"),
                Err(error) => {
                    assert!(!is_whole && error.to_string().contains("records of s1 were discarded"), "{error}")
                }
            }
        }
    }
}
