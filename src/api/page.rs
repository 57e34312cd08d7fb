//! The web page over HTTP: its documents, its files, and the HTML of messages for display.

use std::sync::LazyLock;

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use data_encoding::BASE64;
use regex::Regex;
use tower_http::compression::CompressionLayer;

use super::Shared;
use super::blocking::run_blocking;
use super::mail_html::{pattern, with_part_urls};
use super::message::find;
use super::params::query;
use super::problem::Problem;
use super::target::{Base, Target};
use crate::mail::Message;
use crate::page::{File, Frame, View};

/// The documents load scripts and styles from this server only, none of them inline, and cannot turn text into HTML.
const DOCUMENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                               connect-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'none'; \
                               frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Mail has no scripts, no origin, no forms, and loads nothing: its own pictures are in the document. Links open windows.
const MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                           style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; base-uri 'none'; \
                           form-action 'none'; frame-ancestors 'self'";

/// The same with pictures, styles and fonts from anywhere.
const REMOTE_MAIL_POLICY: &str = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; \
                                  style-src 'unsafe-inline' http: https:; img-src data: http: https:; \
                                  font-src data: http: https:; media-src data: http: https:; base-uri 'none'; \
                                  form-action 'none'; frame-ancestors 'self'";

/// What stands before the elements of a document.
static PROLOGUE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^\s*<!doctype[^>]*>"));
/// Browsers open connections for some elements before any policy is asked: for links (`rel=preconnect`) and for documents
/// in frames. No other spelling makes these elements.
static CONNECTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<(link|i?frame)"));

query! {
    /// How to show the HTML of a message.
    pub(super) struct DisplayQuery {
        /// Load what the message refers to elsewhere; default `false`.
        remote: Option<bool>,
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/", get(messages))
        .route("/messages", get(messages))
        .route("/messages/{m}", get(messages))
        .route("/messages/{m}/display", get(display))
        .route("/sessions", get(sessions))
        .route("/sessions/{s}", get(sessions))
        .route("/sessions/{s}/compare/{t}", get(compare))
        .route("/rules", get(rules))
        .route("/rules/{r}", get(rules))
        .route("/mailboxes", get(mailboxes))
        .route("/mailboxes/{*place}", get(mailboxes))
        .route("/servers", get(servers))
        .route("/servers/{id}", get(servers))
        .route("/assets/{file}", get(file))
        .layer(CompressionLayer::new())
}

async fn messages(base: Base) -> Result<Response, Problem> {
    document(View::Messages, &base)
}

async fn sessions(base: Base) -> Result<Response, Problem> {
    document(View::Sessions, &base)
}

async fn compare(base: Base) -> Result<Response, Problem> {
    document(View::Compare, &base)
}

async fn rules(base: Base) -> Result<Response, Problem> {
    document(View::Rules, &base)
}

async fn mailboxes(base: Base) -> Result<Response, Problem> {
    document(View::Mailboxes, &base)
}

async fn servers(base: Base) -> Result<Response, Problem> {
    document(View::Servers, &base)
}

fn document(view: View, Base(base): &Base) -> Result<Response, Problem> {
    let prefix = base.strip_prefix("/v1").unwrap_or_default();
    let server = prefix.strip_prefix("/servers/");
    let html = view.render(Frame { prefix, base, server }).map_err(|_| Problem::bug())?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, DOCUMENT_POLICY),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ];
    Ok((headers, html).into_response())
}

/// A file of the page. Its validator lets browsers keep it.
async fn file(Path(name): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let file = File::named(&name).ok_or_else(|| Problem::none("file", &name))?;
    let etag = HeaderValue::from_str(&file.etag).map_err(|_| Problem::bug())?;
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let is_known = known.flat_map(|value| value.split(',')).any(|its| its.trim().trim_start_matches("W/") == file.etag);
    let cache = [(header::ETAG, etag), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    if is_known {
        return Ok((StatusCode::NOT_MODIFIED, cache).into_response());
    }
    Ok((cache, [(header::CONTENT_TYPE, file.media_type)], file.content).into_response())
}

/// The HTML of a message for a frame of the page.
async fn display(
    Target(server): Target,
    super::params::Path(m): super::params::Path<String>,
    DisplayQuery { remote }: DisplayQuery,
) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let is_remote = remote.unwrap_or(false);
    let html = run_blocking(move || message.html().map(|html| for_display(&html, &message, is_remote)));
    let html = html.await?.ok_or_else(|| Problem::none("HTML text in", &m))?;
    let policy = if is_remote { REMOTE_MAIL_POLICY } else { MAIL_POLICY };
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::CACHE_CONTROL, "no-cache"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-dns-prefetch-control"), "off"),
    ];
    Ok((headers, html).into_response())
}

/// The HTML with the pictures of the message in it, and links that open windows.
fn for_display(html: &str, message: &Message, is_remote: bool) -> String {
    let html = with_part_urls(html, message, |part| {
        // A parameter or a quote in the type would end the URL.
        let media_type = part.content_type().chars().take_while(|c| c.is_ascii_alphanumeric() || "/+-.".contains(*c));
        format!("data:{};base64,{}", media_type.collect::<String>(), BASE64.encode(&part.bytes()))
    });
    let html = if is_remote { html.into() } else { CONNECTS.replace_all(&html, "<x-$1") };
    let prologue = PROLOGUE.find(&html).map_or(0, |found| found.end());
    format!("{}<base target=\"_blank\">{}", &html[..prologue], &html[prologue..])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::{Server, Settings};

    fn displayed(html: &str, is_remote: bool) -> String {
        let server = Server::start(Settings::default()).unwrap();
        let mail = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n\
             --b\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{html}\r\n\
             --b\r\nContent-Type: image/png; name=\"'><script>\"\r\nContent-ID: <dot>\r\n\r\nPNG\r\n--b--\r\n"
        );
        let message = server.deliver("", &["bob@example.org"], mail.into_bytes().into()).unwrap();
        for_display(&message.html().unwrap(), &message, is_remote).trim_end().to_owned()
    }

    #[test]
    fn pictures_of_the_message_are_in_the_document() {
        assert_eq!(
            displayed("<img src='cid:dot'><img src=cid:other>", false),
            "<base target=\"_blank\"><img src='data:image/png;base64,UE5H'><img src=cid:other>"
        );
    }

    #[test]
    fn the_document_type_stays_first() {
        assert_eq!(
            displayed("\n<!DOCTYPE html><p>Hi</p>", false),
            "\n<!DOCTYPE html><base target=\"_blank\"><p>Hi</p>"
        );
    }

    #[test]
    fn elements_that_connect_are_renamed_unless_remote_content_is_wanted() {
        let html = "<LINK rel=preconnect href=//a.example><iframe src=//a.example></iframe>";

        let quiet = "<x-LINK rel=preconnect href=//a.example><x-iframe src=//a.example></iframe>";
        assert!(displayed(html, false).ends_with(quiet));
        assert!(displayed(html, true).ends_with(html));
    }
}
