//! Downloads of a message and of its parts.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::super::blocking::run_blocking;
use super::super::params::Path;
use super::super::problem::Problem;
use super::super::target::Target;
use super::messages::find;
use super::missing;

/// The message as it was received.
pub(super) async fn download(Target(server): Target, Path(id): Path<String>) -> Result<Response, Problem> {
    let message = find(&server, &id)?.message;
    let headers = [
        (header::CONTENT_TYPE, "message/rfc822".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{}.eml\"", message.no())),
    ];
    Ok((headers, Body::from(message.raw().clone())).into_response())
}

/// The decoded octets of a part; `n` is its place in `MIME.Parts`, from 0.
pub(super) async fn part(Target(server): Target, Path((id, n)): Path<(String, String)>) -> Result<Response, Problem> {
    let message = find(&server, &id)?.message;
    run_blocking(move || {
        let root = message.root();
        let mut parts = root.children().filter(|_| root.is_multipart());
        let part = n.parse().ok().and_then(|n| parts.nth(n)).ok_or_else(|| missing("part", &n))?;
        let name = part.filename().filter(|name| name.bytes().all(|byte| matches!(byte, b' '..=b'~') && byte != b'"'));
        let name = name.unwrap_or_else(|| format!("{}-part-{n}", message.no()));
        let mut response = part.bytes().into_response();
        let headers = response.headers_mut();
        for (key, value) in [
            (header::CONTENT_TYPE, part.content_type().to_owned()),
            (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
        ] {
            let value = HeaderValue::try_from(value);
            headers.insert(key, value.unwrap_or(HeaderValue::from_static("application/octet-stream")));
        }
        Ok(response)
    })
    .await?
}
