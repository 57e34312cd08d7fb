//! SASL (RFC 4422): mechanisms as pure state machines over octets. The input is a client's response; the output is a
//! challenge, or the verdict on a login. Mechanisms can only look up passwords and tokens of accounts.
//!
//! Does not know mail, protocols or sockets.

mod anonymous;
mod apop;
mod authentication;
mod bearer;
mod certificate;
mod channel;
mod cram_md5;
mod digest_md5;
mod external;
mod login;
mod ntlm;
mod oauthbearer;
mod plain;
mod scram;
mod text;
mod xoauth2;

pub(crate) use apop::apop;
pub(crate) use authentication::{Authentication, Progress, Rejection, initial_response};
pub(crate) use bearer::{TokenError, is_bearer_token};
pub(crate) use certificate::users;
pub(crate) use channel::Channel;
pub(crate) use text::{prepared, saslprep};

/// All mechanisms, in the order in which they are announced.
///
/// # Rationale
/// Some clients take the first mechanism that they know. Those that send the password come first, because every client
/// knows them and they need nothing of the server; a client that prefers others chooses them wherever they stand.
const MECHANISMS: &[&Mechanism] = &[
    &plain::MECHANISM,
    &login::MECHANISM,
    &cram_md5::MECHANISM,
    &scram::SHA_1,
    &scram::SHA_256,
    &scram::SHA_512,
    &scram::SHA_1_PLUS,
    &scram::SHA_256_PLUS,
    &scram::SHA_512_PLUS,
    &xoauth2::MECHANISM,
    &oauthbearer::MECHANISM,
    &digest_md5::MECHANISM,
    &ntlm::MECHANISM,
    &external::MECHANISM,
    &anonymous::MECHANISM,
];

/// A mechanism: its name, and how its exchange begins.
#[derive(Debug)]
pub(crate) struct Mechanism {
    name: &'static str,
    /// Whether it requires channel binding to TLS (RFC 5056), as mechanisms with names in `-PLUS` do.
    needs_channel_binding: bool,
    /// Whether it requires that the client has presented a certificate.
    needs_certificate: bool,
    secret: Secret,
    /// Whether the server sends the first message, so that there is no initial response.
    is_server_first: bool,
    /// Whether it is on only if a setting names it.
    is_optional: bool,
    begin: fn(&Context<'_>) -> Box<dyn SaslExchange>,
}

/// What a client sends in place of the account's secret, or the secret itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    Password,
    /// An access token.
    Token,
    /// A proof that it knows the password, which the server can check only if it knows the password too.
    Proof,
    Nothing,
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
    /// The TLS connection; `None` in cleartext.
    pub(crate) channel: Option<&'a Channel>,
    /// Whether the server announces mechanisms with channel binding.
    pub(crate) announces_channel_binding: bool,
    /// The URL of the metadata of the OAuth 2.0 provider that issues access tokens, if there is one.
    pub(crate) discovery: Option<&'a str>,
}

/// An exchange at one of its steps. It is immutable: a response returns the next step.
pub(crate) trait SaslExchange: std::fmt::Debug + Send {
    /// The challenge before the client's next response; empty if the client begins.
    fn challenge(&self) -> Vec<u8>;

    /// Whether the challenge differs from session to session.
    fn is_random(&self) -> bool {
        false
    }

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
    /// The server cannot check the response, for this reason.
    Impossible(&'static str),
}

/// The login that a client tried, and whether the client proved to be that user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoginVerdict {
    pub(crate) login: String,
    /// The access token, if the client sent one instead of proving that it knows the password.
    pub(crate) token: Option<String>,
    /// Why the login failed; `None` if the client proved to be that user.
    pub(crate) failure: Option<Failure>,
}

/// Why a login failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// There is no such user, or the password or the proof is wrong.
    Password,
    Token(TokenError),
    /// The mechanism refuses the login for this reason, whatever the password is.
    Refused(&'static str),
    /// The client proved who it is, but may not act as the user whom it names, for this reason.
    Unauthorized(&'static str),
}

/// The accounts as mechanisms see them.
pub(crate) trait Credentials {
    /// The password of this login.
    fn password(&self, login: &str) -> Password<'_>;

    /// The login that may use this access token: the one that the client names, or the one to which the token was issued
    /// if it names none.
    fn token(&self, login: Option<&str>, token: &str) -> Result<String, TokenError>;
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
    /// A mechanism in which the client sends the first message.
    const fn new(name: &'static str, secret: Secret, begin: fn(&Context<'_>) -> Box<dyn SaslExchange>) -> Self {
        Self {
            name,
            secret,
            needs_channel_binding: false,
            needs_certificate: false,
            is_server_first: false,
            is_optional: false,
            begin,
        }
    }

    /// The same mechanism with the server's message first.
    const fn server_first(self) -> Self {
        Self { is_server_first: true, ..self }
    }

    /// The same mechanism, on only if a setting names it.
    const fn optional(self) -> Self {
        Self { is_optional: true, ..self }
    }

    /// The same mechanism with channel binding.
    const fn bound(self) -> Self {
        Self { needs_channel_binding: true, ..self }
    }

    /// The same mechanism, for clients that have presented a certificate.
    const fn certified(self) -> Self {
        Self { needs_certificate: true, ..self }
    }

    /// The mechanism of this name, compared case-insensitively.
    pub(crate) fn parse(name: &[u8]) -> Option<&'static Self> {
        MECHANISMS.iter().copied().find(|mechanism| mechanism.name.as_bytes().eq_ignore_ascii_case(name))
    }

    /// The mechanisms of these names. Fails if the server does not speak one of them.
    pub(crate) fn parse_all<'n>(names: impl IntoIterator<Item = &'n str>) -> Result<Vec<&'static Self>, String> {
        let mut mechanisms = Vec::new();
        for name in names {
            let mechanism = Self::parse(name.as_bytes()).ok_or_else(|| {
                let known: Vec<&str> = Self::all().map(Self::name).collect();
                format!("the server does not speak the mechanism `{name}`; it speaks {}", known.join(", "))
            })?;
            if !mechanisms.contains(&mechanism) {
                mechanisms.push(mechanism);
            }
        }
        Ok(mechanisms)
    }

    /// All mechanisms, in the order in which they are announced.
    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        MECHANISMS.iter().copied()
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// What the client sends.
    pub(crate) fn secret(&self) -> Secret {
        self.secret
    }

    /// Whether it is on only if a setting names it.
    pub(crate) fn is_optional(&self) -> bool {
        self.is_optional
    }

    pub(crate) fn needs_channel_binding(&self) -> bool {
        self.needs_channel_binding
    }

    pub(crate) fn needs_certificate(&self) -> bool {
        self.needs_certificate
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
    /// The verdict on a login with a password. It is compared as it is, or in the form of SASLprep (RFC 4616 §2).
    pub(crate) fn of_password(login: &str, password: &str, credentials: &dyn Credentials) -> Self {
        Self::of_proof(login, credentials, |its| its == password || prepared(its) == prepared(password))
    }

    /// The verdict on a login without a password: `proves` tells whether the client knows the password.
    pub(crate) fn of_proof(login: &str, credentials: &dyn Credentials, proves: impl FnOnce(&str) -> bool) -> Self {
        let is_proven = match credentials.password(login) {
            Password::Any => true,
            Password::Is(password) => proves(password),
            Password::Unknown => false,
        };
        Self::new(login, (!is_proven).then_some(Failure::Password))
    }

    /// The verdict on a login without a token.
    pub(crate) fn new(login: &str, failure: Option<Failure>) -> Self {
        Self { login: login.to_owned(), token: None, failure }
    }

    /// Whether the client proved to be that user.
    pub(crate) fn is_proven(&self) -> bool {
        self.failure.is_none()
    }

    /// Why the login failed, in a reply.
    pub(crate) fn failure_text(&self) -> String {
        let why = match self.failure {
            None => "this user may not log in",
            Some(Failure::Password) => "the user name or the password is wrong",
            Some(Failure::Refused(why) | Failure::Unauthorized(why)) => why,
            Some(Failure::Token(TokenError::Malformed(why))) => {
                return format!("Authentication failed: the response is malformed: {why}");
            }
            Some(Failure::Token(TokenError::Unknown)) => "the user name or the token is wrong",
            Some(Failure::Token(TokenError::Expired)) => "the token has expired",
            Some(Failure::Token(TokenError::Revoked)) => "the token is revoked",
            Some(Failure::Token(TokenError::InsufficientScope)) => "the scope of the token does not include mail",
            Some(Failure::Token(TokenError::OfAnother)) => "the token belongs to another user",
        };
        format!("Authentication failed: {why}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every login but `nobody` and `prepared` has the password `secret` and the token `tok-1`, which was issued to `tim`.
    pub(super) struct Store;

    impl Credentials for Store {
        fn password(&self, login: &str) -> Password<'_> {
            match login {
                "nobody" => Password::Unknown,
                // SASLprep makes IX of it.
                "prepared" => Password::Is("\u{2168}"),
                _ => Password::Is("secret"),
            }
        }

        fn token(&self, login: Option<&str>, token: &str) -> Result<String, TokenError> {
            match token {
                "tok-1" if login != Some("nobody") => Ok(login.unwrap_or("tim").to_owned()),
                "narrow" => Err(TokenError::InsufficientScope),
                _ => Err(TokenError::Unknown),
            }
        }
    }

    pub(super) fn verdict(login: &str, is_proven: bool) -> LoginVerdict {
        LoginVerdict::new(login, (!is_proven).then_some(Failure::Password))
    }

    #[test]
    fn a_password_is_valid_only_for_its_login() {
        assert_eq!(LoginVerdict::of_password("bob", "secret", &Store), verdict("bob", true));
        assert_eq!(LoginVerdict::of_password("bob", "Secret", &Store), verdict("bob", false));
        // RFC 4616 §2: in the form of SASLprep, in which the soft hyphen vanishes.
        assert_eq!(LoginVerdict::of_password("bob", "sec\u{ad}ret", &Store), verdict("bob", true));
        assert_eq!(LoginVerdict::of_password("nobody", "secret", &Store), verdict("nobody", false));
    }
}
