//! `/v1/messages/{m}`: one message and its parts.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::blocking::run_blocking;
use super::body::NoBody;
use super::json::{MessageJson, PartJson};
use super::latest::newest;
use super::params::{NoParams, Path, query};
use super::problem::Problem;
use super::target::Target;
use crate::base::MessageNo;
use crate::journal::Captured;
use crate::mail::{Message, Part};
use crate::server::Server;

query! {
    /// Which parts to list.
    pub(super) struct PartsQuery {
        /// Also list multiparts, and the parts of attached messages, each after the part that contains it; default
        /// `false`.
        nested: Option<bool>,
    }
}

/// Get one message: envelope, size, session, subject and addresses.
#[utoipa::path(get, path = "/messages/{m}", params(("m" = String, Path, description = "The message, such as `m1` or `1`.")), responses(
    (status = 200, description = "The message without its bytes.", body = MessageJson), (status = 404, description = "There is no such message."),
))]
pub(super) async fn one(Target(server): Target, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let found = find(&server, &m)?;
    run_blocking(move || Json(MessageJson::from(&found)).into_response()).await
}

/// Delete one message, also from mailboxes.
#[utoipa::path(delete, path = "/messages/{m}", params(("m" = String, Path, description = "The message, such as `m1` or `1`.")), responses(
    (status = 204, description = "The message is deleted."), (status = 404, description = "There is no such message."),
))]
pub(super) async fn delete(
    Target(server): Target,
    Path(m): Path<String>,
    _: NoParams,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    let no = MessageNo::parse(&m).ok_or_else(|| wrong(&m, "`m1`"))?;
    let deleted = server.engine().update(|world, now| world.delete(|its| its == no, now));
    match deleted.is_empty() {
        true => Err(Problem::none("message", &m)),
        false => Ok(StatusCode::NO_CONTENT),
    }
}

/// Get the bytes of a message, as received.
#[utoipa::path(get, path = "/messages/{m}/raw", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The bytes as received.", body = String, content_type = "message/rfc822"), (status = 404, description = "There is no such message."),
))]
pub(super) async fn raw(Target(server): Target, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let raw = find(&server, &m)?.message.raw().clone();
    Ok(([(header::CONTENT_TYPE, "message/rfc822")], Body::from(raw)).into_response())
}

/// Get the plain text of a message, decoded.
#[utoipa::path(get, path = "/messages/{m}/text", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The text.", body = String), (status = 404, description = "There is no such message."),
))]
pub(super) async fn text(Target(server): Target, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || message.text().into_response()).await
}

/// Get the HTML of a message, decoded.
///
/// The answer has a content security policy that forbids scripts and external resources.
#[utoipa::path(get, path = "/messages/{m}/html", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The HTML.", body = String, content_type = "text/html"),
    (status = 404, description = "There is no such message, or it has no HTML."),
))]
pub(super) async fn html(Target(server): Target, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let html = run_blocking(move || message.html()).await?.ok_or_else(|| Problem::none("HTML text in", &m))?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"),
    ];
    Ok((headers, html).into_response())
}

/// Get the header fields of a message, decoded.
#[utoipa::path(get, path = "/messages/{m}/headers", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The header fields, in order.", body = Vec<HeaderJson>), (status = 404, description = "There is no such message."),
))]
pub(super) async fn headers(Target(server): Target, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || {
        let fields = message.headers().into_iter().map(|(name, value)| HeaderJson { name, value });
        Json(fields.collect::<Vec<HeaderJson>>()).into_response()
    })
    .await
}

/// Get the URLs in the text of a message.
#[utoipa::path(get, path = "/messages/{m}/links", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The URLs.", body = Vec<String>), (status = 404, description = "There is no such message."),
))]
pub(super) async fn links(Target(server): Target, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || Json(message.links()).into_response()).await
}

/// Get the one-time codes in a message.
#[utoipa::path(get, path = "/messages/{m}/codes", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`.")), responses(
    (status = 200, description = "The codes.", body = Vec<String>), (status = 404, description = "There is no such message."),
))]
pub(super) async fn codes(Target(server): Target, Path(m): Path<String>, _: NoParams) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || Json(message.codes()).into_response()).await
}

/// List the MIME parts of a message.
///
/// These are the parts that have no parts themselves; an attached message counts as one. With `nested=true`, all parts.
#[utoipa::path(get, path = "/messages/{m}/parts", params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`."), PartsQuery), responses(
    (status = 200, description = "The parts, in order.", body = Vec<PartJson>), (status = 404, description = "There is no such message."),
))]
pub(super) async fn parts(
    Target(server): Target,
    Path(m): Path<String>,
    PartsQuery { nested }: PartsQuery,
) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || {
        let parts = all_parts(&message);
        let wanted = parts.iter().filter(|its| nested == Some(true) || its.is_leaf());
        let parts: Vec<PartJson> = wanted.map(|its| PartJson::new(&its.part, its.depth)).collect();
        Json(parts).into_response()
    })
    .await
}

/// A part, and where it is in its message.
struct Placed<'a> {
    part: Part<'a>,
    /// How many parts contain it.
    depth: usize,
    is_in_message: bool,
}

impl Placed<'_> {
    /// Whether the message lists it as one of its parts: it has no parts itself, or is an attached message.
    fn is_leaf(&self) -> bool {
        !self.is_in_message && (self.part.is_message() || self.part.children().next().is_none())
    }
}

/// The message and all parts in it, each after the part that contains it.
fn all_parts(message: &Message) -> Vec<Placed<'_>> {
    let mut all = Vec::new();
    let mut rest = vec![Placed { part: message.root(), depth: 0, is_in_message: false }];
    while let Some(its) = rest.pop() {
        let is_in_message = its.is_in_message || its.part.is_message();
        let children = its.part.children().map(|part| Placed { part, depth: its.depth + 1, is_in_message });
        let mut children: Vec<Placed<'_>> = children.collect();
        children.reverse();
        rest.append(&mut children);
        all.push(its);
    }
    all
}

/// Get one part of a message, decoded, as a download.
///
/// Also a part of an attached message. If an attached message and the multipart in it have the same number, this is the
/// attached message.
#[utoipa::path(
    get, path = "/messages/{m}/parts/{n}",
    params(("m" = String, Path, description = "The message, such as `m1` or `1`, or `latest`."), ("n" = String, Path, description = "The number of the part, such as `1.2`.")),
    responses(
        (status = 200, description = "The octets of the part.", body = Vec<u8>, content_type = "*/*"),
        (status = 404, description = "There is no such message or part."),
    ),
)]
pub(super) async fn part(
    Target(server): Target,
    Path((m, n)): Path<(String, String)>,
    _: NoParams,
) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    run_blocking(move || {
        let parts = all_parts(&message);
        let its = parts.iter().find(|its| its.part.number() == n).ok_or_else(|| Problem::none("part", &n))?;
        let part = its.part;
        let octets = HeaderValue::from_static("application/octet-stream");
        let mut response = part.bytes().into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_str(part.content_type()).unwrap_or(octets));
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
        Ok(response)
    })
    .await?
}

/// A header field.
#[derive(Serialize, ToSchema)]
struct HeaderJson {
    name: String,
    value: String,
}

pub(super) fn find(server: &Arc<Server>, m: &str) -> Result<Captured, Problem> {
    if m == "latest" {
        return latest_message(server);
    }
    let no = MessageNo::parse(m).ok_or_else(|| wrong(m, "`m1` or `latest`"))?;
    let found = server.engine().read(|world| world.journal.message(no).cloned());
    found.ok_or_else(|| Problem::none("message", m))
}

/// The last message of all.
pub(super) fn latest_message(server: &Server) -> Result<Captured, Problem> {
    newest(server).ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "there is no message"))
}

fn wrong(m: &str, right: &str) -> Problem {
    Problem::field("m", format!("`{m}` is not a message; write {right}"))
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::Pin;

    use axum::body::HttpBody;

    use super::*;
    use crate::server::{Settings, block_on};

    #[test]
    fn the_raw_response_shares_the_bytes_of_the_captured_message() {
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        let message = server.deliver("", &["bob@example.org"], vec![b'x'; 100_000].into()).unwrap();

        let response = block_on(raw(Target(server), Path("m1".to_owned()), NoParams {})).unwrap();

        let mut body = response.into_body();
        let frame = block_on(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).unwrap().unwrap();
        let sent = frame.into_data().unwrap();
        assert_eq!((sent.as_ptr(), sent.len()), (message.raw().as_ptr(), 100_000));
    }
}
