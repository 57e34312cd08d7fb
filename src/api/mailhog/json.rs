//! Messages as MailHog shows them: header fields by name, undecoded bodies, MIME parts, envelope.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::base::Timestamp;
use crate::journal::{Captured, Session};
use crate::mail::{Message, Part};
use crate::world::World;

/// A message, and the session that it came in.
pub(super) struct Received {
    pub(super) message: Message,
    session: Option<Arc<Session>>,
}

impl Received {
    pub(super) fn of(captured: &Captured, world: &World) -> Self {
        let session = captured.message.session().and_then(|session| world.journal.session(session));
        Self { message: captured.message.clone(), session: session.map(|log| Arc::clone(log.facts())) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ReceivedJson {
    #[serde(rename = "ID")]
    id: String,
    from: PathJson,
    to: Vec<PathJson>,
    content: ContentJson,
    created: Timestamp,
    #[serde(rename = "MIME")]
    mime: Option<MimeJson>,
    raw: RawJson,
}

/// An address of the envelope.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PathJson {
    /// The hosts of a source route; always null.
    relays: Option<Vec<String>>,
    mailbox: String,
    domain: String,
    /// Always empty.
    params: &'static str,
}

/// A message or a part: its header, and its body in its transfer encoding.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContentJson {
    headers: BTreeMap<String, Vec<String>>,
    body: String,
    size: usize,
    #[serde(rename = "MIME")]
    mime: Option<MimeJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MimeJson {
    parts: Vec<ContentJson>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RawJson {
    from: String,
    to: Vec<String>,
    data: String,
    helo: String,
}

impl From<&Received> for ReceivedJson {
    fn from(Received { message, session }: &Received) -> Self {
        let envelope = message.envelope();
        let helo = session.as_ref().and_then(|session| session.helo.as_deref()).unwrap_or_default();
        let root = message.root();
        // MailHog does not count the CRLF before the dot that ends the message.
        let data = &message.raw()[..without_crlf(message.raw())];
        let body = &data[root.body_range().start.min(data.len())..];
        let mut headers = headers(&root);
        add_trace(&mut headers, message, helo);
        Self {
            id: message.no().to_string(),
            from: envelope.sender().address().into(),
            to: envelope.accepted().map(PathJson::from).collect(),
            content: ContentJson { headers, body: text(body), size: data.len(), mime: None },
            created: message.received(),
            mime: root.is_multipart().then(|| MimeJson::of(&root)),
            raw: RawJson {
                from: envelope.sender().address().to_owned(),
                to: envelope.accepted().map(str::to_owned).collect(),
                data: text(data),
                helo: helo.to_owned(),
            },
        }
    }
}

impl From<&str> for PathJson {
    fn from(address: &str) -> Self {
        let (mailbox, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        Self { relays: None, mailbox: mailbox.to_owned(), domain: domain.to_owned(), params: "" }
    }
}

impl MimeJson {
    fn of(part: &Part<'_>) -> Self {
        Self { parts: part.children().map(|child| ContentJson::from(&child)).collect() }
    }
}

impl From<&Part<'_>> for ContentJson {
    fn from(part: &Part<'_>) -> Self {
        let body = text(part.raw_body());
        let body = body.trim_matches(['\r', '\n']);
        Self {
            headers: headers(part),
            body: body.to_owned(),
            size: part.header_range().len() + body.len(),
            mime: part.is_multipart().then(|| MimeJson::of(part)),
        }
    }
}

/// The fields by their names as sent, unfolded but not decoded.
fn headers(part: &Part<'_>) -> BTreeMap<String, Vec<String>> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in part.raw_headers() {
        headers.entry(text(name)).or_default().push(text(value).replace(['\r', '\n'], "").trim_start().to_owned());
    }
    headers
}

/// Adds the fields that MailHog adds to every message.
fn add_trace(headers: &mut BTreeMap<String, Vec<String>>, message: &Message, helo: &str) {
    let id = message.no();
    let message_id = field(headers, "Message-ID");
    if message_id.is_empty() {
        message_id.push(id.to_string());
    }
    field(headers, "Received").push(format!("from {helo} by mailjig id {id}; {}", message.received()));
    field(headers, "Return-Path").push(format!("<{}>", message.envelope().sender().address()));
}

/// The values of a field, whatever the case of its name; none if there is no such field yet.
fn field<'h>(headers: &'h mut BTreeMap<String, Vec<String>>, name: &str) -> &'h mut Vec<String> {
    let known = headers.keys().find(|its| its.eq_ignore_ascii_case(name)).cloned();
    headers.entry(known.unwrap_or_else(|| name.to_owned())).or_default()
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}

fn without_crlf(raw: &[u8]) -> usize {
    raw.len() - if raw.ends_with(b"\r\n") { 2 } else { 0 }
}
