//! `/view/{ID}.html` and `/view/{ID}.txt`: the texts of a message as pages.

use std::sync::LazyLock;

use axum::extract::{Path, Query as Params};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use regex::Regex;
use serde::Deserialize;

use super::super::blocking::run_blocking;
use super::super::mail_html::{pattern, with_part_urls};
use super::super::target::{Base, Target};
use super::found::{Latest, MessageId, find};
use super::{Refusal, summary};

/// No scripts, no redirects and nothing from elsewhere; pictures also from this server, which would refuse to send them to
/// a page of no origin. Links may open windows.
const POLICY: &str = "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                      style-src 'unsafe-inline'; img-src 'self' data:; font-src data:; base-uri 'none'; \
                      form-action 'none'";

static LINK: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<a(\s)"));

/// How to show HTML.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Embedding {
    /// `1` makes links open in a new window.
    embed: Option<String>,
}

/// The HTML of a message, with `cid:` URLs that point to its parts.
#[utoipa::path(get, path = "/view/{ID}.html", tag = "testing", operation_id = "GetMessageHTML",
    params(MessageId, Latest, Embedding),
    responses((status = 200, body = String, content_type = "text/html"), (status = 404, body = String)))]
pub(super) async fn html(
    target: Target,
    base: Base,
    id: &str,
    latest: Latest,
    embed: Embedding,
) -> Result<Response, Refusal> {
    let (Target(server), Base(base)) = (target, base);
    let message = find(&server, id, latest).await?;
    run_blocking(move || {
        let html = message.html().ok_or_else(|| Refusal::none("HTML part"))?;
        server.marks().set_read([message.no()], true);
        let parts = format!("{}/api/v1/message/{}/part", base.strip_suffix("/v1").unwrap_or(&base), message.no());
        let mut html = with_part_urls(&html, &message, |part| Some(format!("{parts}/{}", part.number())));
        if embed.embed.as_deref() == Some("1") {
            html = LINK.replace_all(&html, "<a target=\"_blank\" rel=\"noreferrer noopener\"$1").into_owned();
        }
        let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
        Ok((headers, html).into_response())
    })
    .await?
}

/// The plain text of a message.
#[utoipa::path(get, path = "/view/{ID}.txt", tag = "testing", operation_id = "GetMessageText",
    params(MessageId, Latest),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = String)))]
pub(super) async fn text(target: Target, id: &str, latest: Latest) -> Result<Response, Refusal> {
    let Target(server) = target;
    let message = find(&server, id, latest).await?;
    run_blocking(move || {
        server.marks().set_read([message.no()], true);
        summary::text(&message).into_response()
    })
    .await
    .map_err(Refusal::from)
}

/// Both pages: a route cannot have a parameter with something behind it.
pub(super) async fn page(
    target: Target,
    base: Base,
    Path(page): Path<String>,
    Params(latest): Params<Latest>,
    Params(embed): Params<Embedding>,
) -> Result<Response, Refusal> {
    match page.rsplit_once('.') {
        Some((id, "html")) => html(target, base, id, latest, embed).await,
        Some((id, "txt")) => text(target, id, latest).await,
        _ => Err(Refusal::none("Page")),
    }
}
