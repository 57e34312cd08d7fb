//! One captured mail: its envelope, its bytes as they came, its session and its time.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::Envelope;
use super::mime::Mime;
use crate::base::{MessageNo, SessionNo, Timestamp};

/// One captured mail. Immutable, and cheap to clone: clones share the same bytes.
#[derive(Clone)]
pub struct Message(Arc<Captured>);

struct Captured {
    no: MessageNo,
    origin: Origin,
    at: Timestamp,
    envelope: Envelope,
    raw: Bytes,
    mime: OnceLock<Box<Mime>>,
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A client sent it in this session.
    Session(SessionNo),
    /// A test put it there.
    Delivered,
}

impl Message {
    pub(crate) fn new(no: MessageNo, origin: Origin, at: Timestamp, envelope: Envelope, raw: Bytes) -> Self {
        Self(Arc::new(Captured { no, origin, at, envelope, raw, mime: OnceLock::new() }))
    }

    /// Its number in its server: `m1`, `m2`…
    pub fn no(&self) -> MessageNo {
        self.0.no
    }

    /// The session it was sent in; none when the test delivered it.
    pub fn session(&self) -> Option<SessionNo> {
        match self.0.origin {
            Origin::Session(session) => Some(session),
            Origin::Delivered => None,
        }
    }

    /// When its last octet was taken, by server time.
    pub fn received(&self) -> Timestamp {
        self.0.at
    }

    /// Who it was really from and for.
    pub fn envelope(&self) -> &Envelope {
        &self.0.envelope
    }

    /// Its octets exactly as sent, after dot-unstuffing; a shared slice, not a copy.
    pub fn raw(&self) -> &Bytes {
        &self.0.raw
    }

    pub(crate) fn mime(&self) -> &Mime {
        self.0.mime.get_or_init(|| Box::new(Mime::parse(&self.0.raw)))
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Captured { no, origin, envelope, raw, .. } = &*self.0;
        write!(f, "{no} ({origin:?}, {} octets) {envelope:?}", raw.len())
    }
}
