//! `/messages/{m}/display`: the HTML of a message for a frame of the page.

use std::sync::LazyLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use regex::{Captures, Regex};

use super::blocking::run_blocking;
use super::mail_html::{pattern, with_part_urls};
use super::message::find;
use super::params::{Path, query};
use super::problem::Problem;
use super::target::Target;
use crate::mail::Message;

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

/// Elements for which browsers open connections before they ask any policy: links (`rel=preconnect`), and documents in
/// frames. Nothing but these octets makes them (WHATWG HTML §13.2.5.8).
static CONNECTING: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)<(/?)(link|iframe|frame)([\s/>])"));

/// Octets of pictures in a document beyond twice the size of its message.
const SPARE: usize = 1 << 20;

query! {
    /// How to show the HTML of a message.
    pub(super) struct DisplayQuery {
        /// Load what the message refers to elsewhere; default `false`.
        remote: Option<bool>,
    }
}

/// The HTML of a message for a frame of the page.
pub(super) async fn display(
    Target(server): Target,
    Path(m): Path<String>,
    headers: HeaderMap,
    DisplayQuery { remote }: DisplayQuery,
) -> Result<Response, Problem> {
    let message = find(&server, &m)?.message;
    let is_remote = remote.unwrap_or(false) && is_wanted(&headers);
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

/// Whether the page or the person asks, not a link in a message or in a foreign page (Fetch Metadata).
fn is_wanted(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    matches!(site, None | Some(b"same-origin" | b"none"))
}

/// The HTML with the pictures of the message in it, and links that open windows.
fn for_display(html: &str, message: &Message, is_remote: bool) -> String {
    let mut left = message.raw().len() * 2 + SPARE;
    let html = with_part_urls(html, message, |part| {
        // One part may be referred to very often.
        left = left.checked_sub(part.raw_body().len())?;
        // A parameter or a quote in the type would end the URL.
        let media_type = part.content_type().chars().take_while(|c| c.is_ascii_alphanumeric() || "/+-.".contains(*c));
        Some(format!("data:{};base64,{}", media_type.collect::<String>(), BASE64.encode(&part.bytes())))
    });
    let html = if is_remote { html.into() } else { CONNECTING.replace_all(&html, harmless) };
    let prologue = PROLOGUE.find(&html).map_or(0, |found| found.end());
    format!("{}<base target=\"_blank\">{}", &html[..prologue], &html[prologue..])
}

/// The same tag of an element that is parsed alike and that browsers ignore, so that the document stays as it is.
fn harmless(tag: &Captures<'_>) -> String {
    let name = if tag[2].eq_ignore_ascii_case("iframe") { "noembed" } else { "bgsound" };
    format!("<{}{name}{}", &tag[1], &tag[3])
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
        let html = "<LINK rel=preconnect href=//a.example><iframe src=//a.example>x</IFRAME><frame/><linked>";

        let quiet = "<bgsound rel=preconnect href=//a.example><noembed src=//a.example>x</noembed><bgsound/><linked>";
        assert!(displayed(html, false).ends_with(quiet));
        assert!(displayed(html, true).ends_with(html));
    }

    #[test]
    fn a_picture_that_is_used_often_does_not_grow_without_bound() {
        let server = Server::start(Settings::default()).unwrap();
        let picture = "x".repeat(100_000);
        let mail = format!(
            "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
             {}\r\n--b\r\nContent-Type: image/png\r\nContent-ID: <dot>\r\n\r\n{picture}\r\n--b--\r\n",
            "<img src=cid:dot>".repeat(1000)
        );
        let message = server.deliver("", &["bob@example.org"], mail.into_bytes().into()).unwrap();

        let html = for_display(&message.html().unwrap(), &message, false);

        assert!(html.len() < 3_000_000, "{}", html.len());
        assert!(html.contains("src=data:image/png") && html.trim_end().ends_with("<img src=cid:dot>"));
    }

    #[test]
    fn remote_content_is_only_loaded_for_the_page_itself() {
        let site =
            |site: &'static str| HeaderMap::from_iter([("sec-fetch-site".parse().unwrap(), site.parse().unwrap())]);

        assert!(is_wanted(&HeaderMap::new()) && is_wanted(&site("same-origin")) && is_wanted(&site("none")));
        assert!(!is_wanted(&site("cross-site")) && !is_wanted(&site("same-site")));
    }
}
