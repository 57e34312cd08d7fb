//! Refusals: NO and BAD with their texts and response codes (RFC 3501 §7.1, RFC 5530).

use super::parser::SyntaxError;
use super::utf7;
use crate::mail::Flags;
use crate::sasl::{Failure, LoginVerdict, Rejection};

/// Why a command is not performed.
#[derive(Debug, Clone)]
pub(super) struct Refusal {
    pub(super) status: &'static str,
    pub(super) text: String,
}

impl Refusal {
    pub(super) fn no(text: impl Into<String>) -> Self {
        Self { status: "NO", text: text.into() }
    }

    pub(super) fn bad(text: impl Into<String>) -> Self {
        Self { status: "BAD", text: text.into() }
    }

    pub(super) fn syntax(SyntaxError { at, what }: SyntaxError) -> Self {
        Self::bad(format!("at octet {}: {what}", at + 1))
    }

    /// The codes are those of RFC 5530 §3.
    pub(super) fn failed_login(verdict: &LoginVerdict) -> Self {
        let code = match verdict.failure {
            Some(Failure::Unauthorized(_)) => "AUTHORIZATIONFAILED",
            None | Some(Failure::Password | Failure::Token(_) | Failure::Refused(_)) => "AUTHENTICATIONFAILED",
        };
        Self::no(format!("[{code}] {}", verdict.failure_text()))
    }

    /// RFC 3501 §6.2.2: BAD if the client cancels a login or sends what is not valid.
    pub(super) fn of_login(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Impossible(_) => Self::no(format!("[AUTHENTICATIONFAILED] {rejection}")),
            Rejection::Cancelled | Rejection::Unasked | Rejection::NotBase64 | Rejection::Malformed(_) => {
                Self::bad(rejection.to_string())
            }
        }
    }

    /// RFC 5530 §3.
    pub(super) fn starttls_first() -> Self {
        Self::no("[PRIVACYREQUIRED] STARTTLS is required first")
    }

    /// RFC 5530 §3: CANNOT is for what can never succeed, whatever the client does.
    pub(super) fn login_disabled() -> Self {
        Self::no("[CANNOT] LOGIN is disabled; log in with AUTHENTICATE")
    }

    pub(super) fn taken(name: &str) -> Self {
        Self::no(format!("[ALREADYEXISTS] the mailbox {} exists already", utf7::encode(name)))
    }

    pub(super) fn no_mailbox(name: &str) -> Self {
        if name.contains(char::REPLACEMENT_CHARACTER) {
            return Self::no("[NONEXISTENT] there is no such mailbox; the name is not modified UTF-7");
        }
        Self::no(format!("[NONEXISTENT] there is no mailbox {}", utf7::encode(name)))
    }

    /// RFC 3501 §6.3.11: the client can create the mailbox and try again.
    pub(super) fn try_create(name: &str) -> Self {
        Self::no(format!("[TRYCREATE] there is no mailbox {}", utf7::encode(name)))
    }

    pub(super) fn no_message(number: u32, count: usize) -> Self {
        Self::bad(format!("there is no message {number}; there are {count}"))
    }

    pub(super) fn unselected() -> Self {
        Self::bad("SELECT a mailbox first")
    }

    pub(super) fn keywords() -> Self {
        Self::no(format!("[LIMIT] a mailbox may have at most {} keywords", Flags::MOST_KEYWORDS))
    }
}
