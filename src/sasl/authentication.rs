//! SASL exchanges as in SMTP, IMAP and POP3: responses and challenges in base64, `=` for an empty initial response, `*`
//! to cancel (RFC 4954 §4, RFC 3501 §6.2.2 and RFC 4959 §3, RFC 5034 §4).

use std::fmt;

use data_encoding::BASE64;

use super::{Channel, Context, Credentials, LoginVerdict, Mechanism, Password, SaslExchange, SaslStep, TokenError};

/// A login that waits for the client's next response.
#[derive(Debug)]
pub(crate) struct Authentication {
    mechanism: &'static Mechanism,
    exchange: Box<dyn SaslExchange>,
}

/// The result of a response.
#[derive(Debug)]
pub(crate) enum Progress {
    /// The server sends the challenge, and waits for the next response.
    Challenge(Authentication),
    Verdict(LoginVerdict),
}

/// Why a login ended without a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rejection {
    /// The client cancelled it.
    Cancelled,
    /// There is an initial response, but the mechanism begins with a challenge.
    Unasked,
    NotBase64,
    /// The response violates the mechanism's grammar, for this reason.
    Malformed(&'static str),
    /// The server cannot check the response, for this reason.
    Impossible(&'static str),
}

impl Authentication {
    /// Begins an exchange, with the client's initial response if there is one.
    pub(crate) fn begin(
        mechanism: &'static Mechanism,
        initial: Option<&[u8]>,
        context: &Context<'_>,
        credentials: &dyn Credentials,
    ) -> Result<Progress, Rejection> {
        if mechanism.is_server_first && initial.is_some() {
            return Err(Rejection::Unasked);
        }
        let first = Self { mechanism, exchange: (mechanism.begin)(context) };
        match initial {
            Some(response) => first.step(response, credentials),
            None => Ok(Progress::Challenge(first)),
        }
    }

    /// Takes a line of the client, without its CRLF.
    pub(crate) fn respond(&self, line: &[u8], credentials: &dyn Credentials) -> Result<Progress, Rejection> {
        if line == b"*" {
            return Err(Rejection::Cancelled);
        }
        let response = BASE64.decode(line).map_err(|_| Rejection::NotBase64)?;
        self.step(&response, credentials)
    }

    /// The challenge before the client's next response.
    pub(crate) fn challenge(&self) -> String {
        BASE64.encode(&self.exchange.challenge())
    }

    pub(crate) fn mechanism(&self) -> &'static Mechanism {
        self.mechanism
    }

    /// Whether the client's next response completes its credentials.
    pub(crate) fn has_credentials_next(&self) -> bool {
        self.exchange.has_credentials_next()
    }

    /// Whether the login has failed already, and the challenge says why.
    pub(crate) fn is_refused(&self) -> bool {
        self.exchange.is_refused()
    }

    /// Whether the challenge differs from session to session.
    pub(crate) fn is_random(&self) -> bool {
        self.exchange.is_random()
    }

    /// The login in the responses up to this line, as far as it is known.
    pub(crate) fn login(&self, line: &[u8]) -> Option<String> {
        self.known_login().map(str::to_owned).or_else(|| login(self.respond(line, &Everybody)))
    }

    /// The login in the responses so far.
    pub(crate) fn known_login(&self) -> Option<&str> {
        self.exchange.login()
    }

    /// The access token in this line, if it has one.
    pub(crate) fn token(&self, line: &[u8]) -> Option<String> {
        token(self.respond(line, &Everybody))
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> Result<Progress, Rejection> {
        match self.exchange.step(response, credentials) {
            SaslStep::Next(exchange) => Ok(Progress::Challenge(Self { mechanism: self.mechanism, exchange })),
            SaslStep::Verdict(verdict) => Ok(Progress::Verdict(verdict)),
            SaslStep::Malformed(why) => Err(Rejection::Malformed(why)),
            SaslStep::Impossible(why) => Err(Rejection::Impossible(why)),
        }
    }
}

impl Mechanism {
    /// Whether this initial response completes the client's credentials.
    pub(crate) fn is_complete_with(&self, initial: Option<&[u8]>) -> bool {
        initial.is_some() && (self.begin)(&Context::default()).has_credentials_next()
    }

    /// The login in this initial response, as far as it is known, or in the certificate of the client.
    pub(crate) fn login(&'static self, initial: Option<&[u8]>, channel: Option<&Channel>) -> Option<String> {
        login(Authentication::begin(self, initial, &Context { channel, ..Context::default() }, &Everybody))
    }

    /// The access token in this initial response, if it has one.
    pub(crate) fn token(&'static self, initial: Option<&[u8]>) -> Option<String> {
        token(Authentication::begin(self, initial, &Context::default(), &Everybody))
    }
}

/// Decodes an initial response in a command.
pub(crate) fn initial_response(text: &[u8]) -> Result<Vec<u8>, Rejection> {
    match text {
        b"=" => Ok(Vec::new()),
        base64 => BASE64.decode(base64).map_err(|_| Rejection::NotBase64),
    }
}

fn login(progress: Result<Progress, Rejection>) -> Option<String> {
    match progress.ok()? {
        Progress::Challenge(next) => next.exchange.login().map(str::to_owned),
        Progress::Verdict(verdict) => Some(verdict.login).filter(|login| !login.is_empty()),
    }
}

fn token(progress: Result<Progress, Rejection>) -> Option<String> {
    match progress.ok()? {
        Progress::Challenge(_) => None,
        Progress::Verdict(verdict) => verdict.token,
    }
}

/// A store in which every login is accepted, to find out only what the client sent.
struct Everybody;

impl Credentials for Everybody {
    fn password(&self, _login: &str) -> Password<'_> {
        Password::Any
    }

    fn token(&self, login: Option<&str>, _token: &str) -> Result<String, TokenError> {
        Ok(login.unwrap_or_default().to_owned())
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the login was cancelled"),
            Self::Unasked => f.write_str("the mechanism begins with a challenge, so it has no initial response"),
            Self::NotBase64 => f.write_str("the response is not base64"),
            Self::Malformed(why) => write!(f, "the response is malformed: {why}"),
            Self::Impossible(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::certificate::tests::certificate;
    use super::super::tests::{Store, verdict};
    use super::*;

    fn begin(name: &str, initial: Option<&[u8]>) -> Result<Progress, Rejection> {
        let mechanism = Mechanism::parse(name.as_bytes()).expect("the mechanism exists");
        Authentication::begin(mechanism, initial, &Context::default(), &Store)
    }

    #[test]
    fn a_login_is_carried_in_base64() {
        let Ok(Progress::Challenge(name)) = begin("login", None) else { panic!("no name is asked for") };
        assert_eq!((name.challenge().as_str(), name.has_credentials_next()), ("VXNlcm5hbWU6", false));
        assert_eq!(name.login(b"dGlt").as_deref(), Some("tim"));

        let Ok(Progress::Challenge(password)) = name.respond(b"dGlt", &Store) else { panic!("no password asked for") };
        assert_eq!((password.challenge().as_str(), password.has_credentials_next()), ("UGFzc3dvcmQ6", true));
        assert_eq!(password.login(b"!").as_deref(), Some("tim"), "it is known from the response before");

        let Ok(Progress::Verdict(got)) = password.respond(b"c2VjcmV0", &Store) else { panic!("there is no verdict") };
        assert_eq!(got, verdict("tim", true));
    }

    #[test]
    fn the_login_may_be_in_the_certificate() {
        let external = Mechanism::parse(b"EXTERNAL").expect("the mechanism exists");
        let client = Some(certificate(&["bob@example.org", "info@example.org"], None));
        let channel = Channel { client, ..Channel::default() };
        for (initial, channel, login) in [
            (Some(&b""[..]), Some(&channel), Some("bob@example.org")),
            (Some(b"info@example.org"), Some(&channel), Some("info@example.org")),
            (Some(b"eve@example.org"), Some(&channel), Some("eve@example.org")),
            (Some(b""), None, None),
            (None, Some(&channel), None),
        ] {
            assert_eq!(external.login(initial, channel).as_deref(), login, "{initial:?}");
        }
    }

    #[test]
    fn a_refused_token_is_answered_before_the_login_fails() {
        let response = BASE64.encode(b"user=tim\x01auth=Bearer tok-2\x01\x01");
        let Ok(Progress::Challenge(asked)) = begin("XOAUTH2", None) else { panic!("no response is asked for") };
        assert_eq!((asked.challenge().as_str(), asked.has_credentials_next()), ("", true));
        assert_eq!(asked.login(response.as_bytes()).as_deref(), Some("tim"));
        assert_eq!(asked.token(response.as_bytes()).as_deref(), Some("tok-2"));

        let Ok(Progress::Challenge(refused)) = asked.respond(response.as_bytes(), &Store) else {
            panic!("the error is missing")
        };
        assert_eq!((refused.is_refused(), refused.has_credentials_next()), (true, false));
        assert_eq!(refused.login(b"").as_deref(), Some("tim"));
        assert!(matches!(refused.respond(b"*", &Store), Err(Rejection::Cancelled)));
        assert!(matches!(refused.respond(b"!", &Store), Err(Rejection::NotBase64)));

        let Ok(Progress::Verdict(got)) = refused.respond(b"", &Store) else { panic!("there is no verdict") };
        assert_eq!((got.login.as_str(), got.is_proven()), ("tim", false));
    }

    #[test]
    fn the_error_that_ends_a_login_has_the_reason() {
        let Ok(Progress::Challenge(plain)) = begin("PLAIN", None) else { panic!("no response is asked for") };
        for (line, why) in [
            (&b"*"[..], "the login was cancelled"),
            (b"dGlt!", "the response is not base64"),
            (b"dGlt", "the response is malformed: it must be [authzid] NUL user NUL password"),
        ] {
            let got = plain.respond(line, &Store).map_err(|rejection| rejection.to_string());
            assert!(matches!(&got, Err(its) if its == why), "{got:?}");
        }
    }

    #[test]
    fn an_initial_response_may_be_empty_or_complete() {
        assert_eq!(initial_response(b"="), Ok(Vec::new()));
        assert_eq!(initial_response(b"AHRpbQBzZWNyZXQ="), Ok(b"\0tim\0secret".to_vec()));
        assert_eq!(initial_response(b"*"), Err(Rejection::NotBase64));

        for (name, is_complete) in [("PLAIN", true), ("LOGIN", false)] {
            let mechanism = Mechanism::parse(name.as_bytes()).expect("the mechanism exists");
            assert_eq!(mechanism.is_complete_with(Some(b"tim")), is_complete, "{name}");
            assert!(!mechanism.is_complete_with(None), "{name}");
        }
    }
}
