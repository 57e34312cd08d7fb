//! Reading messages before the turn that needs them: the text of RETR and TOP, and the hashes of UIDL.

use md5::{Digest, Md5};

use super::maildrop::Maildrop;
use crate::mail::{Message, Part};
use crate::protocol::Reply;
use crate::protocol::reply::push_stuffed;

/// What RETR or TOP sends of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// The header and this many lines of the body; `None` for the whole message.
    pub(super) lines: Option<u32>,
    /// Whether its headers may have UTF-8.
    pub(super) may_have_utf8: bool,
}

/// The progress of reading messages.
#[derive(Debug, Default)]
pub(super) enum Read {
    #[default]
    Nothing,
    Gathered(Message, Extent),
    /// Read: the text to send, or why it cannot be sent.
    Text(Result<Reply, String>),
    /// To be hashed: messages with their numbers.
    Unhashed(Vec<(u32, Message)>),
    Hashed(Vec<(u32, [u8; 16])>),
}

impl Read {
    /// Reads what was gathered.
    pub(super) fn compute(&mut self) {
        *self = match std::mem::take(self) {
            Self::Gathered(message, extent) => Self::Text(text(&message, extent)),
            Self::Unhashed(messages) => {
                let hashed = messages.iter().map(|(number, message)| (*number, Md5::digest(message.raw()).into()));
                Self::Hashed(hashed.collect())
            }
            other @ (Self::Nothing | Self::Text(_) | Self::Hashed(_)) => other,
        };
    }

    /// The text to send. It is made now if the message was not read before.
    pub(super) fn text(self, message: &Message, extent: Extent) -> Result<Reply, String> {
        match self {
            Self::Text(text) => text,
            Self::Nothing | Self::Gathered(..) | Self::Unhashed(_) | Self::Hashed(_) => text(message, extent),
        }
    }

    /// Keeps the hashes for unique ids.
    pub(super) fn keep_hashes(self, maildrop: &mut Maildrop) {
        if let Self::Hashed(hashes) = self {
            hashes.into_iter().for_each(|(number, hash)| maildrop.set_hash(number, hash));
        }
    }
}

/// Fails if the message is internationalized and the client did not say that it can read that (RFC 6856 §2.1): a
/// surrogate, the other possibility, would change the octets that a test looks for.
fn text(message: &Message, Extent { lines, may_have_utf8 }: Extent) -> Result<Reply, String> {
    if !may_have_utf8 && is_utf8(message.root(), message.raw()) {
        return Err("[UTF8] the message has UTF-8 in its header; use the command UTF8 before the login".to_owned());
    }
    let mut out = Reply::default();
    match lines {
        None => push_stuffed(message.no().to_string(), message.raw().clone(), &mut out),
        Some(lines) => top(message, lines, &mut out),
    }
    out.push(".\r\n");
    Ok(out)
}

/// Whether the header of a part, or of a part in it, has UTF-8 (RFC 6532 §3).
fn is_utf8(part: Part<'_>, raw: &[u8]) -> bool {
    let header = &raw[part.header_range()];
    !header.is_ascii() && std::str::from_utf8(header).is_ok() || part.children().any(|its| is_utf8(its, raw))
}

/// Writes the header, the blank line and this many lines of the body (RFC 1939 §7).
fn top(message: &Message, lines: u32, out: &mut Reply) {
    let raw = message.raw();
    let body = message.root().body_range().start;
    let ends = memchr::memchr_iter(b'\n', &raw[body..]).map(|at| body + at + 1);
    let end = match lines {
        0 => body,
        lines => ends.take(lines as usize).enumerate().last().map_or(raw.len(), |(i, end)| {
            // If there are fewer lines, all are sent, including a last line without CRLF.
            if i + 1 < lines as usize { raw.len() } else { end }
        }),
    };
    push_stuffed(format!("{} and {lines} lines", message.no()), raw.slice(..end), out);
}
