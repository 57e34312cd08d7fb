//! `/api/v1/message/{ID}`: one message.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::Query as Params;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::blocking::run_blocking;
use super::found::{Found, Latest, MessageId};
use super::part::PartJson;
use super::summary::{self, AddressJson};
use super::tags::tag_new;
use super::{Refusal, body, date};
use crate::mail::Message;
use crate::server::Server;

/// A message with its text.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = Message)]
pub(super) struct MessageJson {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "MessageID")]
    message_id: String,
    /// Always true: asking for a message marks it as read.
    read: bool,
    from: AddressJson,
    to: Vec<AddressJson>,
    cc: Vec<AddressJson>,
    /// The addresses of Bcc, and the recipients of the envelope that no header field names.
    bcc: Vec<AddressJson>,
    reply_to: Vec<AddressJson>,
    /// The sender of the envelope; the address of From if that is empty.
    return_path: String,
    subject: String,
    list_unsubscribe: ListUnsubscribe,
    /// The header field Date, or when the message was received.
    #[schema(format = DateTime)]
    date: String,
    tags: Vec<String>,
    username: String,
    text: String,
    #[serde(rename = "HTML")]
    html: String,
    size: usize,
    inline: Vec<PartJson>,
    attachments: Vec<PartJson>,
}

/// The header field List-Unsubscribe (RFC 2369, RFC 8058).
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ListUnsubscribe {
    header: String,
    links: Vec<String>,
    /// What is wrong with it.
    errors: String,
    header_post: String,
}

impl MessageJson {
    fn of(server: &Server, message: &Message) -> Self {
        let from = summary::from(message);
        let sender = message.envelope().sender().address();
        let date = message.header("date").and_then(|date| date::of_header(&date));
        Self {
            id: message.no().to_string(),
            message_id: summary::message_id(message),
            read: true,
            return_path: if sender.is_empty() { from.address.clone() } else { sender.to_owned() },
            from,
            to: summary::addresses(message, "to"),
            cc: summary::addresses(message, "cc"),
            bcc: summary::bcc(message),
            reply_to: summary::addresses(message, "reply-to"),
            subject: message.subject(),
            list_unsubscribe: ListUnsubscribe::of(message),
            date: date.unwrap_or_else(|| message.received().to_string()),
            tags: server.marks().with(|marks| marks.tags(message.no()).map(str::to_owned).collect()),
            username: summary::username(server, message),
            text: summary::text(message),
            html: message.html().unwrap_or_default(),
            size: message.raw().len(),
            inline: summary::inline(message).iter().map(PartJson::of).collect(),
            attachments: summary::attachments(message).iter().map(PartJson::of).collect(),
        }
    }
}

impl ListUnsubscribe {
    fn of(message: &Message) -> Self {
        let Some(header) = message.header("list-unsubscribe") else { return Self::default() };
        let mut links: Vec<String> = Vec::new();
        let mut errors = Vec::new();
        for entry in header.split(',').map(str::trim) {
            let inner = entry.strip_prefix('<').and_then(|entry| entry.strip_suffix('>'));
            let scheme = |link: &str| link.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
            let kind = inner.and_then(scheme).map(|scheme| if scheme == "https" { "http".to_owned() } else { scheme });
            match (inner, kind.as_deref()) {
                (None, _) => errors.push(format!("{entry:?} is not enclosed in <>")),
                (Some(link), Some("http" | "mailto")) if link.contains(char::is_whitespace) => {
                    errors.push(format!("{link:?} contains a blank"));
                }
                (Some(link), Some(kind @ ("http" | "mailto"))) => {
                    if links.iter().any(|its| its.to_ascii_lowercase().starts_with(kind)) {
                        errors.push(format!("{link:?} is a second link of its kind"));
                    }
                    links.push(link.to_owned());
                }
                (Some(link), _) => errors.push(format!("{link:?} is neither http, https nor mailto")),
            }
        }
        let header_post = message.header("list-unsubscribe-post").unwrap_or_default();
        Self { header, links, errors: errors.join(", "), header_post }
    }
}

/// A message. Marks it as read.
#[utoipa::path(get, path = "/api/v1/message/{ID}", tag = "message", operation_id = "GetMessage",
    params(MessageId, Latest),
    responses((status = 200, body = MessageJson), (status = 404, body = String)))]
pub(super) async fn one(Found { server, message }: Found) -> Result<Response, Refusal> {
    run_blocking(move || {
        tag_new(&server);
        server.marks().set_read([message.no()], true);
        Json(MessageJson::of(&server, &message)).into_response()
    })
    .await
    .map_err(Refusal::from)
}

/// The header fields as sent, by name.
#[utoipa::path(get, path = "/api/v1/message/{ID}/headers", tag = "message", operation_id = "GetHeaders",
    params(MessageId, Latest),
    responses((status = 200, body = BTreeMap<String, Vec<String>>), (status = 404, body = String)))]
pub(super) async fn headers(Found { message, .. }: Found) -> Result<Json<BTreeMap<String, Vec<String>>>, Refusal> {
    run_blocking(move || {
        let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in message.root().raw_headers() {
            let value = String::from_utf8_lossy(value).replace(['\r', '\n'], "");
            fields.entry(canonical(&String::from_utf8_lossy(name))).or_default().push(value.trim().to_owned());
        }
        Json(fields)
    })
    .await
    .map_err(Refusal::from)
}

/// The name of a field in the form that clients of Mailpit expect: `Message-Id`.
fn canonical(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut word = word.to_ascii_lowercase();
        if let Some(first) = word.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        word
    });
    words.collect::<Vec<_>>().join("-")
}

/// Whether to download.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Download {
    /// `1` makes a browser save the message as a file.
    dl: Option<String>,
}

/// The message as received.
#[utoipa::path(get, path = "/api/v1/message/{ID}/raw", tag = "message", operation_id = "GetSource",
    params(MessageId, Latest, Download),
    responses((status = 200, body = String, content_type = "text/plain"), (status = 404, body = String)))]
pub(super) async fn raw(Found { message, .. }: Found, Params(download): Params<Download>) -> Result<Response, Refusal> {
    let mut response = Body::from(message.raw().clone()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if download.dl.as_deref() == Some("1") {
        let name = HeaderValue::from_str(&format!("attachment; filename=\"{}.eml\"", message.no()));
        name.into_iter().for_each(|name| drop(headers.insert(header::CONTENT_DISPOSITION, name)));
    }
    Ok(response)
}

/// To whom to send a message on.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(rename_all = "PascalCase")]
pub(super) struct Release {
    to: Vec<String>,
}

/// Sends a message on. Always fails: no relay is configured.
#[utoipa::path(post, path = "/api/v1/message/{ID}/release", tag = "message", operation_id = "ReleaseMessage",
    params(MessageId, Latest), request_body = Release,
    responses((status = 400, body = String), (status = 404, body = String)))]
pub(super) async fn release(_: Found, octets: Bytes) -> Result<Response, Refusal> {
    let Release { to } = body::read(&octets)?;
    if to.is_empty() {
        return Err(Refusal::wrong("No valid addresses found"));
    }
    Err(Refusal::wrong("SMTP error: no relay is configured: mailjig sends nothing on"))
}

/// The links of a message. None is followed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = LinkCheckResponse)]
pub(super) struct LinkCheck {
    errors: usize,
    links: Vec<LinkJson>,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "PascalCase")]
#[schema(as = Link)]
pub(super) struct LinkJson {
    #[serde(rename = "URL")]
    url: String,
    /// Always 0.
    status_code: u16,
    status: &'static str,
}

/// The links of a message. They are not checked, because mailjig makes no outgoing requests.
#[utoipa::path(get, path = "/api/v1/message/{ID}/link-check", tag = "other", operation_id = "LinkCheck",
    params(MessageId, Latest),
    responses((status = 200, body = LinkCheck), (status = 404, body = String)))]
pub(super) async fn links(Found { message, .. }: Found) -> Result<Json<LinkCheck>, Refusal> {
    run_blocking(move || {
        let links = message.links().into_iter().filter(|link| link.to_ascii_lowercase().starts_with("http"));
        let status = "Not checked: mailjig makes no outgoing requests";
        let links = links.map(|url| LinkJson { url, status_code: 0, status }).collect();
        Json(LinkCheck { errors: 0, links })
    })
    .await
    .map_err(Refusal::from)
}

/// `/api/v1/message/{ID}/html-check`.
pub(super) async fn html_check() -> Refusal {
    Refusal::new(
        StatusCode::NOT_IMPLEMENTED,
        "mailjig has no HTML check: it has no data on what mail clients support; check the HTML with Mailpit",
    )
}

/// `/api/v1/message/{ID}/sa-check`.
pub(super) async fn spam_check() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "mailjig has no spam check: SpamAssassin is not configured")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Settings;

    #[test]
    fn names_of_fields_are_canonical() {
        for (name, expected) in [("MESSAGE-ID", "Message-Id"), ("subject", "Subject"), ("x-ü-a", "X-ü-A"), ("-", "-")]
        {
            assert_eq!(canonical(name), expected);
        }
    }

    #[test]
    fn list_unsubscribe_is_checked() {
        let server = Server::start(Settings::default()).unwrap();
        for (value, links, errors) in [
            ("<https://x.example/u>, <mailto:u@x.example>", &["https://x.example/u", "mailto:u@x.example"][..], ""),
            ("https://x.example/u", &[], "\"https://x.example/u\" is not enclosed in <>"),
            ("<ftp://x>", &[], "\"ftp://x\" is neither http, https nor mailto"),
            ("<http://a>, <https://b>", &["http://a", "https://b"], "\"https://b\" is a second link of its kind"),
        ] {
            let raw = format!("List-Unsubscribe: {value}\r\n\r\n");
            let message = server.deliver("", &["bob@example.org"], raw.into()).unwrap();

            let found = ListUnsubscribe::of(&message);

            assert_eq!(
                (found.links.iter().map(String::as_str).collect::<Vec<_>>(), &*found.errors),
                (links.to_vec(), errors)
            );
        }
    }
}
