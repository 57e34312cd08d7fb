//! SASL (RFC 4422): mechanisms as pure state machines over octets. The input is a client's response; the output is a
//! challenge, or the verdict on a login. Mechanisms can only look up passwords and tokens of accounts.
//!
//! Does not know mail, protocols or sockets.

mod apop;
mod authentication;

pub(crate) use apop::apop;
pub(crate) use authentication::{Authentication, Progress, Rejection, initial_response};

/// Declares the mechanisms: each has a file with a `MECHANISM`.
macro_rules! mechanisms {
    ($($module:ident,)*) => {
        $(mod $module;)*

        /// All mechanisms, in the order in which they are announced.
        const MECHANISMS: &[&Mechanism] = &[$(&$module::MECHANISM,)*];
    };
}

mechanisms! {
    plain,
    login,
    xoauth2,
}

/// A mechanism: its name, and how its exchange begins.
#[derive(Debug)]
pub(crate) struct Mechanism {
    name: &'static str,
    /// Whether it requires channel binding to TLS (RFC 5056), as mechanisms with names in `-PLUS` do.
    needs_channel_binding: bool,
    /// Whether the client needs an access token instead of a password.
    needs_token: bool,
    begin: fn(&Context<'_>) -> Box<dyn SaslExchange>,
}

/// The server's data at the start of an exchange.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Context<'a> {
    /// The server's host name.
    pub(crate) host: &'a str,
    /// The number of the session, from 1; 0 without a session.
    pub(crate) session: u32,
    /// The seed for generated values, together with the session's number.
    pub(crate) seed: u32,
    /// The identity of the TLS connection (RFC 5929, RFC 9266); `None` in cleartext, or if it is not available.
    pub(crate) channel_binding: Option<&'a [u8]>,
}

/// An exchange at one of its steps. It is immutable: a response returns the next step.
pub(crate) trait SaslExchange: std::fmt::Debug + Send {
    /// The challenge before the client's next response; empty if the client begins.
    fn challenge(&self) -> Vec<u8>;

    /// Whether the client's next response completes its credentials.
    fn has_credentials_next(&self) -> bool {
        true
    }

    /// Whether the login has failed already, and the challenge says why.
    fn is_refused(&self) -> bool {
        false
    }

    /// The login, once a response contained it.
    fn login(&self) -> Option<&str> {
        None
    }

    /// Takes the client's next response.
    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep;
}

/// The result of a response.
#[derive(Debug)]
pub(crate) enum SaslStep {
    /// The next step, whose challenge is sent.
    Next(Box<dyn SaslExchange>),
    Verdict(LoginVerdict),
    /// The response violates the mechanism's grammar, for this reason.
    Malformed(&'static str),
}

/// The login that a client tried, and whether the client proved to be that user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginVerdict {
    pub(crate) login: String,
    /// The access token, if the client sent one instead of proving that it knows the password.
    pub(crate) token: Option<String>,
    pub(crate) is_proven: bool,
}

/// The accounts as mechanisms see them.
pub(crate) trait Credentials {
    /// The password of this login.
    fn password(&self, login: &str) -> Password<'_>;

    /// Whether this login may use this access token.
    fn accepts_token(&self, login: &str, token: &str) -> bool;
}

/// The password of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Password<'a> {
    /// Every password is accepted.
    Any,
    Is(&'a str),
    /// There is no such login.
    Unknown,
}

impl Mechanism {
    /// The mechanism of this name, compared case-insensitively.
    pub(crate) fn parse(name: &[u8]) -> Option<&'static Self> {
        MECHANISMS.iter().copied().find(|mechanism| mechanism.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The mechanisms for this connection, in the order in which they are announced.
    pub(crate) fn available(channel_binding: Option<&[u8]>) -> impl Iterator<Item = &'static Self> {
        let is_bound = channel_binding.is_some();
        MECHANISMS.iter().copied().filter(move |mechanism| is_bound || !mechanism.needs_channel_binding)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Whether the client needs an access token instead of a password.
    pub(crate) fn needs_token(&self) -> bool {
        self.needs_token
    }
}

impl PartialEq for Mechanism {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Mechanism {}

impl Context<'_> {
    /// A text that is unique to the session, in the form of a msg-id: APOP's timestamp (RFC 1939 §7), and the challenge
    /// of CRAM-MD5 (RFC 2195 §2).
    pub(crate) fn timestamp(&self) -> String {
        format!("<{}.{}@{}>", self.session, self.seed, self.host)
    }
}

impl LoginVerdict {
    /// The verdict on a login with a password.
    pub(crate) fn of_password(login: &str, password: &str, credentials: &dyn Credentials) -> Self {
        Self::of_proof(login, credentials, |its| its == password)
    }

    /// The verdict on a login without a password: `proves` tells whether the client knows the password.
    pub(crate) fn of_proof(login: &str, credentials: &dyn Credentials, proves: impl FnOnce(&str) -> bool) -> Self {
        let is_proven = match credentials.password(login) {
            Password::Any => true,
            Password::Is(password) => proves(password),
            Password::Unknown => false,
        };
        Self { login: login.to_owned(), token: None, is_proven }
    }

    /// The verdict on a login with an access token.
    fn of_token(login: &str, token: &str, credentials: &dyn Credentials) -> Self {
        let is_proven = credentials.accepts_token(login, token);
        Self { login: login.to_owned(), token: Some(token.to_owned()), is_proven }
    }

    /// Why the login failed, in a reply.
    pub(crate) fn failure(&self) -> &'static str {
        match self.token {
            None => "Authentication failed: the user name or the password is wrong",
            Some(_) => "Authentication failed: the user name or the token is wrong",
        }
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

    /// Every login but `nobody` has the password `secret` and the token `tok-1`.
    pub(super) struct Secret;

    impl Credentials for Secret {
        fn password(&self, login: &str) -> Password<'_> {
            if login == "nobody" { Password::Unknown } else { Password::Is("secret") }
        }

        fn accepts_token(&self, login: &str, token: &str) -> bool {
            login != "nobody" && token == "tok-1"
        }
    }

    pub(super) fn verdict(login: &str, is_proven: bool) -> LoginVerdict {
        LoginVerdict { login: login.to_owned(), token: None, is_proven }
    }

    #[test]
    fn mechanisms_with_channel_binding_are_available_only_with_it() {
        let names = |binding: Option<&[u8]>| Mechanism::available(binding).map(Mechanism::name).collect::<Vec<_>>();

        assert!(Mechanism::available(None).all(|mechanism| !mechanism.needs_channel_binding));
        assert_eq!(names(Some(b"exporter")), MECHANISMS.iter().map(|mechanism| mechanism.name).collect::<Vec<_>>());
    }

    #[test]
    fn a_password_is_valid_only_for_its_login() {
        assert_eq!(LoginVerdict::of_password("bob", "secret", &Secret), verdict("bob", true));
        assert_eq!(LoginVerdict::of_password("bob", "Secret", &Secret), verdict("bob", false));
        assert_eq!(LoginVerdict::of_password("nobody", "secret", &Secret), verdict("nobody", false));
    }

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
