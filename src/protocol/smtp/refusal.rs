//! Refusals, each with the code of RFC 5321 and the enhanced code of RFC 3463. Their texts begin with the wording of
//! the RFCs, because tools search for it.

use super::Request;
use crate::protocol::{Next, Outcome, Reply, Status};
use crate::sasl::Rejection;

/// The reply to a command that is not performed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal(String);

impl Refusal {
    /// `codes` has the form `501 5.5.4`.
    pub(super) fn new(codes: &str, text: &str) -> Self {
        Self(format!("{codes} {text}"))
    }

    pub(super) fn parameters(text: &str) -> Self {
        Self::new("501 5.5.4", text)
    }

    pub(super) fn syntax(text: &str) -> Self {
        Self::new("501 5.5.2", text)
    }

    pub(super) fn sequence(text: &str) -> Self {
        Self::new("503 5.5.1", &format!("Bad sequence of commands: {text}"))
    }

    /// RFC 3207 §4.
    pub(super) fn starttls_first() -> Self {
        Self::new("530 5.7.0", "Must issue a STARTTLS command first")
    }

    /// RFC 5321 §4.2.4.
    pub(super) fn not_implemented(what: &str) -> Self {
        Self::new("502 5.5.1", &format!("Command not implemented: {what}"))
    }

    /// RFC 4954 §4.
    pub(super) fn unknown_mechanism() -> Self {
        Self::new("504 5.5.4", "Unrecognized authentication type")
    }

    /// RFC 1870 §6.1.
    pub(super) fn too_large(limit: u64) -> Self {
        Self(format!("552 5.3.4 Message size exceeds fixed maximum message size of {limit} octets"))
    }

    /// RFC 5321 §4.1.1.11: unknown parameters.
    pub(super) fn unknown_parameters(keywords: &str) -> Self {
        Self(format!("555 5.5.4 MAIL FROM/RCPT TO parameters not recognized or not implemented: {}", visible(keywords)))
    }

    #[cfg(test)]
    pub(super) fn code(&self) -> &str {
        &self.0[..3]
    }

    /// The line, without CRLF.
    pub(super) fn line(&self) -> &str {
        &self.0
    }

    /// The same reply for each recipient (RFC 2033 §4.2).
    pub(super) fn to_each(&self, recipients: usize) -> Outcome<Request> {
        let mut reply = Reply::default();
        for _ in 0..recipients {
            reply.push(&self.0);
            reply.push("\r\n");
        }
        Outcome { reply, status: Some(Status::Negative), next: Next::Continue }
    }

    pub(super) fn reply(&self) -> Reply {
        Reply::default().line(&[&self.0])
    }
}

/// RFC 4954 §4, §6.
impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Cancelled => Self::new("501 5.7.0", "Authentication cancelled"),
            Rejection::Unasked | Rejection::NotBase64 | Rejection::Malformed(_) => Self::syntax(&rejection.to_string()),
            Rejection::Impossible(why) => Self::new("535 5.7.8", why),
        }
    }
}

/// Text of the client for a reply: shortened, and in the characters that a reply may contain (RFC 5321 §4.2).
pub(super) fn visible(text: &str) -> String {
    text.chars().take(64).map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
