//! The message that a command examines: a captured one, or a file.

use std::fs;
use std::io::{self, Read};
use std::time::{SystemTime, UNIX_EPOCH};

use super::LATEST;
use super::failure::Failure;
use super::show::encoded;
use crate::base::{MessageNo, Timestamp};
use crate::mail::{Message, Origin};

/// The help of an argument that names one.
pub(super) const HELP: &str =
    "A captured message, as in `m1`, or `latest`; or a file, as in `./mail.eml`, or `-` for stdin";

pub(super) enum Subject {
    /// The path of a captured message in the API.
    Captured(String),
    File(Message),
}

impl Subject {
    /// `m1` and `latest` are captured messages, and all else is a file.
    pub(super) fn named(name: &str) -> Result<Self, Failure> {
        if name == LATEST || MessageNo::parse(name).is_some() {
            return Ok(Self::Captured(format!("/messages/{}", encoded(name))));
        }
        let mut raw = Vec::new();
        let read = match name {
            "-" => io::stdin().lock().read_to_end(&mut raw).map(drop),
            path => fs::read(path).map(|octets| raw = octets),
        };
        read.map_err(|error| Failure::unusable(format!("cannot read {name}: {error}")))?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp::from_micros(i64::try_from(now.as_micros()).unwrap_or(0));
        Ok(Self::File(Message::new(MessageNo(1), Origin::Delivered, now, None, with_crlf(raw).into())))
    }
}

/// The message as it is sent: the lines of a file may end with LF.
fn with_crlf(raw: Vec<u8>) -> Vec<u8> {
    if raw.contains(&b'\r') {
        return raw;
    }
    let mut out = Vec::with_capacity(raw.len() + raw.len() / 32);
    for octet in raw {
        if octet == b'\n' {
            out.push(b'\r');
        }
        out.push(octet);
    }
    out
}
