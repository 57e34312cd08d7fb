//! Messages and sessions as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use crate::base::{MessageNo, Seq, SessionNo, Timestamp};
use crate::journal::{Captured, Ending, ProxiedClient, Session, Tls, TlsFailure};
use crate::mail::{Address, BodyType, Forwarded, Parameters, Part, Recipient, Ret, Sender, Verdict};
use crate::protocol::Listener;

/// A message without its bytes.
#[derive(Serialize, ToSchema)]
pub(super) struct MessageJson {
    /// Such as `m1`.
    #[schema(value_type = String)]
    pub(super) id: MessageNo,
    /// The cursor after this message; `None` until the reply was sent.
    #[schema(value_type = Option<u64>)]
    pub(super) seq: Option<Seq>,
    /// The session that sent it, such as `s1`.
    #[schema(value_type = Option<String>)]
    session: Option<SessionNo>,
    #[schema(value_type = String, format = DateTime)]
    received: Timestamp,
    /// In octets.
    size: usize,
    envelope: EnvelopeJson,
    subject: String,
    /// The addresses of the header field From.
    #[schema(value_type = Vec<Object>)]
    from: Vec<Address>,
    #[schema(value_type = Vec<Object>)]
    to: Vec<Address>,
    #[schema(value_type = Vec<Object>)]
    cc: Vec<Address>,
    message_id: Option<String>,
    /// How many attachments it has.
    attachments: usize,
}

#[derive(Serialize, ToSchema)]
struct EnvelopeJson {
    from: SenderJson,
    recipients: Vec<RecipientJson>,
    /// What XFORWARD told about the client from which the relay has the message: `name`, `address`, `port`, `protocol`,
    /// `helo`, `ident` and `source`.
    #[schema(value_type = Option<Object>)]
    #[serde(skip_serializing_if = "Option::is_none")]
    forwarded: Option<Forwarded>,
}

#[derive(Serialize, ToSchema)]
struct SenderJson {
    address: String,
    /// The parameters of MAIL, as sent.
    #[schema(value_type = Object)]
    parameters: Parameters,
    /// `7bit`, `8bitmime` or `binarymime`, if the client sent BODY (RFC 6152, RFC 3030).
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'static str>,
    /// AUTH, decoded (RFC 4954); empty for `<>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    /// BY (RFC 2852).
    #[serde(skip_serializing_if = "Option::is_none")]
    deliver_by: Option<DeliverByJson>,
    /// HOLDFOR (RFC 4865), in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_for: Option<u64>,
    /// HOLDUNTIL (RFC 4865).
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    hold_until: Option<Timestamp>,
    /// MT-PRIORITY (RFC 6710), from -9 to 9.
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<i8>,
    /// `full` or `hdrs`, if the client sent RET (RFC 3461).
    #[serde(skip_serializing_if = "Option::is_none")]
    ret: Option<&'static str>,
    /// ENVID, decoded (RFC 3461).
    #[serde(skip_serializing_if = "Option::is_none")]
    envid: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct RecipientJson {
    address: String,
    /// The parameters of RCPT, as sent.
    #[schema(value_type = Object)]
    parameters: Parameters,
    /// NOTIFY (RFC 3461): some of `success`, `failure` and `delay`, or only `never`.
    #[serde(skip_serializing_if = "Option::is_none")]
    notify: Option<Vec<&'static str>>,
    /// ORCPT, decoded (RFC 3461).
    #[serde(skip_serializing_if = "Option::is_none")]
    orcpt: Option<OriginalRecipientJson>,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct DeliverByJson {
    /// Negative for a time that has passed.
    seconds: i64,
    /// Whether the message shall be returned after this time; otherwise the sender is notified.
    returns: bool,
    trace: bool,
}

#[derive(Serialize, ToSchema)]
struct OriginalRecipientJson {
    /// The type of the address, such as `rfc822`.
    r#type: String,
    address: String,
}

impl From<&Sender> for SenderJson {
    fn from(sender: &Sender) -> Self {
        let parameters = sender.parameters().clone();
        Self {
            address: sender.address().to_owned(),
            auth: parameters.auth(),
            deliver_by: parameters.deliver_by().map(|by| DeliverByJson {
                seconds: by.seconds,
                returns: by.returns,
                trace: by.trace,
            }),
            hold_for: parameters.hold_for().map(|hold| hold.as_secs()),
            hold_until: parameters.hold_until(),
            priority: parameters.priority(),
            body: parameters.body().map(BodyType::name),
            ret: parameters.ret().map(Ret::name),
            envid: parameters.envelope_id(),
            parameters,
        }
    }
}

impl From<&Recipient> for RecipientJson {
    fn from(recipient: &Recipient) -> Self {
        let (verdict, reply) = match recipient.verdict() {
            Verdict::Accepted => ("accepted", None),
            Verdict::Refused(reply) => ("refused", Some(reply.to_string())),
        };
        let parameters = recipient.parameters().clone();
        let orcpt = parameters.original_recipient().map(|its| OriginalRecipientJson {
            r#type: its.address_type().to_owned(),
            address: its.address().to_owned(),
        });
        Self {
            address: recipient.address().to_owned(),
            notify: parameters.notify().map(|its| its.names().collect()),
            orcpt,
            parameters,
            verdict,
            reply,
        }
    }
}

impl From<&Captured> for MessageJson {
    fn from(captured: &Captured) -> Self {
        let message = &captured.message;
        let envelope = message.envelope();
        Self {
            id: message.no(),
            seq: captured.closed,
            session: message.session(),
            received: message.received(),
            size: message.raw().len(),
            envelope: EnvelopeJson {
                from: envelope.sender().into(),
                recipients: envelope.recipients().iter().map(RecipientJson::from).collect(),
                forwarded: envelope.forwarded().cloned(),
            },
            subject: message.subject(),
            from: message.from(),
            to: message.to(),
            cc: message.cc(),
            message_id: message.header("message-id"),
            attachments: message.attachments().len(),
        }
    }
}

/// A part without its bytes.
#[derive(Serialize, ToSchema)]
pub(super) struct PartJson {
    /// As in IMAP (RFC 3501 §6.4.5), such as `1.2`; empty for a message that is a multipart.
    number: String,
    /// How many parts contain it.
    depth: usize,
    content_type: String,
    filename: Option<String>,
    content_id: Option<String>,
    size: usize,
    attachment: bool,
}

impl PartJson {
    pub(super) fn new(part: &Part<'_>, depth: usize) -> Self {
        Self {
            number: part.number().to_owned(),
            depth,
            content_type: part.content_type().to_owned(),
            filename: part.filename(),
            content_id: part.content_id(),
            size: part.bytes().len(),
            attachment: part.is_attachment(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct SessionJson<'a> {
    /// Such as `s1`.
    #[schema(value_type = String)]
    id: SessionNo,
    #[schema(value_type = String)]
    listener: Listener,
    /// The client's address. If a proxy told it, the address that it told.
    peer: String,
    /// The proxy's own address, if it told the client's.
    proxy: Option<String>,
    /// What a proxy told of the client with the PROXY protocol or XCLIENT, besides its address, login and name in HELO:
    /// `destination`, `destination_port`, `name`, `protocol`, `authority`, and `tls` between client and proxy.
    #[schema(value_type = Option<Object>)]
    proxied: Option<&'a ProxiedClient>,
    #[schema(value_type = String, format = DateTime)]
    opened: Timestamp,
    /// What the last handshake negotiated; `null` in cleartext: `version`, `cipher`, `group`, `alpn`, `resumed`, `sni`, the
    /// server's `certificate` by its name, and the `client_certificate` with its `names`, whether the server has
    /// `verified` it, its `sha256` in hexadecimal, and its `der` in base64.
    #[schema(value_type = Option<Object>)]
    tls: Option<&'a Tls>,
    /// Why TLS failed, if it did: `reason`, the client's `alert`, the `certificate` that was presented, what the client
    /// `offered`, and whether it failed `after_handshake`.
    #[schema(value_type = Option<Object>)]
    tls_failure: Option<&'a TlsFailure>,
    helo: Option<&'a str>,
    user: Option<&'a str>,
    /// The SASL mechanism with which it logged in, or the command: `LOGIN` of IMAP, `USER` or `APOP` of POP3.
    mechanism: Option<&'a str>,
    mailbox: Option<&'a str>,
    idling: bool,
    messages: u32,
    /// How many requests were refused.
    refused: u64,
    /// The names of the rules that fired in its exchanges.
    rules: &'a [String],
    /// How many of its records the journal keeps.
    records: usize,
    ended: Option<EndedJson>,
}

#[derive(Serialize, ToSchema)]
struct EndedJson {
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    #[schema(value_type = Object)]
    ending: Ending,
    text: String,
    unfinished: Option<UnfinishedJson>,
}

/// What was received of an incomplete request when the session ended.
#[derive(Serialize, ToSchema)]
struct UnfinishedJson {
    /// What the octets belong to, such as `DATA`; `null` for a line.
    within: Option<&'static str>,
    octets: u64,
}

impl<'a> From<&'a Session> for SessionJson<'a> {
    fn from(session: &'a Session) -> Self {
        Self {
            id: session.no,
            listener: session.listener,
            peer: session.peer.to_string(),
            proxy: session.proxy.map(|its| its.to_string()),
            proxied: session.proxied.as_deref(),
            opened: session.opened,
            tls: session.tls.as_ref(),
            tls_failure: session.tls_failure.as_deref(),
            helo: session.helo.as_deref(),
            user: session.user.as_deref(),
            mechanism: session.mechanism.as_deref(),
            mailbox: session.mailbox.as_deref(),
            idling: session.idling,
            messages: session.messages,
            refused: session.refused,
            rules: &session.rules,
            records: session.records,
            ended: session.ended.map(|(at, ending)| EndedJson {
                at,
                ending,
                text: ending.to_string(),
                unfinished: session.unfinished.map(|its| UnfinishedJson { within: its.within, octets: its.octets }),
            }),
        }
    }
}
