//! Access tokens as responses carry them (RFC 6750), and the error that the client has to answer after a token was
//! refused.

use super::{Credentials, Failure, LoginVerdict, SaslExchange, SaslStep};

/// Why a token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// The response violates the mechanism's grammar, for this reason.
    Malformed(&'static str),
    /// There is no such token, or no such user.
    Unknown,
    Expired,
    Revoked,
    /// Its scope does not include mail.
    InsufficientScope,
    /// It was issued to another user than the one whom the client names.
    OfAnother,
}

impl TokenError {
    /// The error code and the HTTP status that stand for it (RFC 6750 §3.1).
    pub(super) fn code(self) -> (&'static str, u16) {
        match self {
            Self::Malformed(_) => ("invalid_request", 400),
            Self::Unknown | Self::Expired | Self::Revoked | Self::OfAnother => ("invalid_token", 401),
            Self::InsufficientScope => ("insufficient_scope", 403),
        }
    }
}

/// A login that was refused. The client has to answer the error before the server ends the login.
#[derive(Debug)]
pub(super) struct Refused {
    verdict: LoginVerdict,
    /// The challenge, in JSON.
    error: String,
    /// Whether it differs from run to run.
    is_random: bool,
}

impl LoginVerdict {
    /// The verdict on a login with an access token, for the user whom the client names or for the token's own.
    pub(super) fn of_token(login: Option<&str>, token: &str, credentials: &dyn Credentials) -> Self {
        match credentials.token(login, token) {
            Ok(login) => Self { login, token: Some(token.to_owned()), failure: None },
            Err(error) => Self { token: Some(token.to_owned()), ..Self::refused(login.unwrap_or_default(), error) },
        }
    }

    /// The verdict on a login without a valid token.
    pub(super) fn refused(login: &str, error: TokenError) -> Self {
        Self::new(login, Some(Failure::Token(error)))
    }

    /// Ends the login, or sends the error that the client has to answer first.
    pub(super) fn concluded(self, is_random: bool, error: impl FnOnce(TokenError) -> String) -> SaslStep {
        match self.failure {
            None | Some(Failure::Password | Failure::Refused(_) | Failure::Unauthorized(_)) => SaslStep::Verdict(self),
            Some(Failure::Token(why)) => {
                SaslStep::Next(Box::new(Refused { verdict: self, error: error(why), is_random }))
            }
        }
    }
}

impl SaslExchange for Refused {
    fn challenge(&self) -> Vec<u8> {
        self.error.clone().into()
    }

    fn has_credentials_next(&self) -> bool {
        false
    }

    fn is_refused(&self) -> bool {
        true
    }

    fn is_random(&self) -> bool {
        self.is_random
    }

    fn login(&self) -> Option<&str> {
        Some(&self.verdict.login).filter(|login| !login.is_empty()).map(String::as_str)
    }

    /// The answer should be empty in XOAUTH2, and `^A` in OAUTHBEARER (RFC 7628 §3.2.3), but some clients send the token
    /// again. It changes nothing.
    fn step(&self, _response: &[u8], _credentials: &dyn Credentials) -> SaslStep {
        SaslStep::Verdict(self.verdict.clone())
    }
}

/// The token in `Bearer TOKEN`. The name of the scheme is case-insensitive (RFC 9110 §11.1).
pub(super) fn bearer<'a>(auth: &'a str, grammar: &'static str) -> Result<&'a str, &'static str> {
    let (scheme, token) = auth.split_once(' ').ok_or(grammar)?;
    match token {
        _ if !scheme.eq_ignore_ascii_case("Bearer") => Err(grammar),
        "" => Err("the token is empty"),
        token if !is_bearer_token(token) => Err("the token has characters that RFC 6750 does not allow"),
        token => Ok(token),
    }
}

/// Whether a text can be an access token (RFC 6750 §2.1, `b64token`).
pub(crate) fn is_bearer_token(text: &str) -> bool {
    let without_padding = text.trim_end_matches('=');
    let is_valid = |octet: u8| octet.is_ascii_alphanumeric() || b"-._~+/".contains(&octet);
    !without_padding.is_empty() && without_padding.bytes().all(is_valid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_the_characters_of_rfc_6750() {
        for (text, is_valid) in [
            ("tok-1", true),
            ("ya29.a0Af_ByC~+/9", true),
            ("dG9rZW4=", true),
            ("dG9rZW4==", true),
            ("", false),
            ("=", false),
            ("a=b", false),
            ("two words", false),
            ("ü", false),
        ] {
            assert_eq!(is_bearer_token(text), is_valid, "{text}");
        }
    }
}
