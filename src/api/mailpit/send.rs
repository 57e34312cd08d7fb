//! `/api/v1/send`: makes a message and delivers it.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64;
use mail_builder::MessageBuilder;
use mail_builder::headers::address::Address;
use mail_builder::headers::content_type::ContentType;
use mail_builder::headers::text::Text;
use mail_builder::mime::MimePart;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::super::target::Target;
use super::{Refusal, body};
use crate::base::Timestamp;
use crate::server::{Server, Undeliverable};

/// Header fields that have their own members.
const RESERVED: &[&str] =
    &["to", "from", "cc", "bcc", "reply-to", "date", "subject", "content-type", "mime-version", "x-tags"];

/// A message to send.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = SendRequest, rename_all = "PascalCase")]
pub(super) struct Draft {
    from: Correspondent,
    to: Vec<Correspondent>,
    cc: Vec<Correspondent>,
    /// Addresses that the header does not show.
    bcc: Vec<String>,
    #[schema(rename = "ReplyTo")]
    replyto: Vec<Correspondent>,
    subject: String,
    text: String,
    #[schema(rename = "HTML")]
    html: String,
    attachments: Vec<Enclosure>,
    tags: Vec<String>,
    /// Further header fields.
    headers: BTreeMap<String, String>,
}

/// An address, and the name shown with it.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = SendAddress, rename_all = "PascalCase")]
pub(super) struct Correspondent {
    email: String,
    name: String,
}

/// An attachment; with a `ContentID`, an inline part.
#[derive(Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default)]
#[schema(as = SendAttachment, rename_all = "PascalCase")]
pub(super) struct Enclosure {
    /// In base64; a `data:` URL is allowed.
    content: String,
    filename: String,
    /// Default: found out by the content.
    #[schema(rename = "ContentType")]
    contenttype: String,
    #[schema(rename = "ContentID")]
    contentid: String,
}

/// The message that was sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SendResponse)]
pub(super) struct Sent {
    #[serde(rename = "ID")]
    id: String,
}

/// Makes a message and delivers it as an SMTP client would.
#[utoipa::path(post, path = "/api/v1/send", tag = "message", operation_id = "SendMessage", request_body = Draft,
    responses((status = 200, body = Sent), (status = 400, body = Object), (status = 413, body = Object)))]
pub(super) async fn send(Target(server): Target, octets: Bytes) -> Response {
    match deliver(&server, &octets) {
        Ok(sent) => Json(sent).into_response(),
        Err(Refusal { status, text }) => (status, Json(json!({ "Error": text }))).into_response(),
    }
}

fn deliver(server: &Server, octets: &[u8]) -> Result<Sent, Refusal> {
    let draft: Draft = body::read(octets)?;
    let recipients = draft.recipients()?;
    let from = draft.from.email.clone();
    let raw = draft.compose(server.engine().clock().now())?;
    let delivered = server.deliver(&from, &recipients, raw.into()).map_err(|why| match why {
        Undeliverable::TooLarge(..) => Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, why.to_string()),
        Undeliverable::NoRecipient
        | Undeliverable::Sender(_)
        | Undeliverable::Recipient(_)
        | Undeliverable::Stranger(_)
        | Undeliverable::TooMany(..) => Refusal::wrong(why.to_string()),
    })?;
    Ok(Sent { id: delivered.no().to_string() })
}

impl Draft {
    /// The addresses of the envelope; checks every address.
    fn recipients(&self) -> Result<Vec<String>, Refusal> {
        let check = |field: &str, address: &str| match is_address(address) {
            true => Ok(address.to_owned()),
            false => Err(Refusal::wrong(format!("invalid {field} address: {address}"))),
        };
        check("From", &self.from.email)?;
        self.replyto.iter().try_for_each(|its| check("Reply-To", &its.email).map(drop))?;
        let to = self.to.iter().map(|its| check("To", &its.email));
        let cc = self.cc.iter().map(|its| check("Cc", &its.email));
        to.chain(cc).chain(self.bcc.iter().map(|its| check("Bcc", its))).collect()
    }

    fn compose(self, now: Timestamp) -> Result<Vec<u8>, Refusal> {
        let list = |listed: Vec<Correspondent>| Address::new_list(listed.into_iter().map(Address::from).collect());
        let mut message = MessageBuilder::new()
            .from(Address::from(self.from))
            .subject(self.subject)
            .date(now.as_micros() / 1_000_000)
            .text_body(self.text);
        for (name, listed) in [("To", self.to), ("Cc", self.cc), ("Reply-To", self.replyto)] {
            if !listed.is_empty() {
                message = message.header(name, list(listed));
            }
        }
        if !self.tags.is_empty() {
            message = message.header("X-Tags", Text::new(self.tags.join(", ")));
        }
        for (name, value) in self.headers {
            check_field(&name, &value)?;
            // The builder adds a Message-ID unless it finds this spelling.
            let name = if name.eq_ignore_ascii_case("message-id") { "Message-ID".to_owned() } else { name };
            message = message.header(name, Text::new(value));
        }
        if !self.html.is_empty() {
            message = message.html_body(self.html);
        }
        let parts: Result<Vec<MimePart<'_>>, Refusal> = self.attachments.into_iter().map(Enclosure::part).collect();
        message.attachments = Some(parts?).filter(|parts| !parts.is_empty());
        message.write_to_vec().map_err(|error| Refusal::wrong(format!("error building message: {error}")))
    }
}

impl From<Correspondent> for Address<'_> {
    fn from(its: Correspondent) -> Self {
        Address::new_address(Some(its.name).filter(|name| !name.is_empty()), its.email)
    }
}

impl Enclosure {
    fn part(self) -> Result<MimePart<'static>, Refusal> {
        let Self { content, filename, contenttype, contentid } = self;
        let base64 = content.rsplit(',').next().unwrap_or_default();
        let octets = BASE64
            .decode(base64.trim().as_bytes())
            .map_err(|error| Refusal::wrong(format!("error decoding base64 attachment {filename:?}: {error}")))?;
        let content_type = if contenttype.is_empty() { sniffed(&octets).to_owned() } else { contenttype };
        check_field("ContentType", &content_type)?;
        check_field("ContentID", &contentid)?;
        let disposition = if contentid.is_empty() { "attachment" } else { "inline" };
        let disposition = ContentType::new(disposition).attribute("filename", filename);
        let part = MimePart::new(ContentType::new(content_type), octets).header("Content-Disposition", disposition);
        Ok(if contentid.is_empty() { part } else { part.cid(contentid) })
    }
}

/// The media type of content without one.
fn sniffed(octets: &[u8]) -> &'static str {
    match image::guess_format(octets) {
        Ok(format) => format.to_mime_type(),
        Err(_) if octets.starts_with(b"%PDF-") => "application/pdf",
        Err(_) if std::str::from_utf8(octets).is_ok_and(|text| !text.contains('\0')) => "text/plain; charset=utf-8",
        Err(_) => "application/octet-stream",
    }
}

/// `local@domain` without blanks, brackets and control characters.
fn is_address(address: &str) -> bool {
    let halves = address.rsplit_once('@').is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    halves && !address.contains(|c: char| c.is_whitespace() || c.is_control() || "<>,".contains(c))
}

/// A field's name must be one (RFC 5322 §3.6.8), and its value must not contain the end of a line.
fn check_field(name: &str, value: &str) -> Result<(), Refusal> {
    if RESERVED.contains(&name.to_ascii_lowercase().as_str()) {
        return Err(Refusal::wrong(format!("cannot overwrite header: {name:?}")));
    }
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':') {
        return Err(Refusal::wrong(format!("{name:?} is not the name of a header field")));
    }
    match value.contains(char::is_control) {
        true => Err(Refusal::wrong(format!("{name}: the value contains a control character"))),
        false => Ok(()),
    }
}
