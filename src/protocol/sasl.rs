//! SASL mechanisms (RFC 4422) as step machines: a client's response goes in, a challenge or credentials come out.
//!
//! Knows nothing of how a protocol carries them: base64 and prompts are the protocol's.

use data_encoding::BASE64;

use crate::mail::is_identifier;

/// The mechanisms that are offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Never standardised, spoken by everybody: a user name and a password, each asked for.
    Login,
}

/// An exchange that is under way: what the next response is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exchange {
    Plain,
    LoginName,
    LoginPassword { login: String },
}

/// What a response leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SaslStep {
    /// Ask for the next response.
    Challenge(Exchange, &'static str),
    /// All is said; whether it is right is for the accounts to say.
    Credentials { login: String, password: String },
    /// The response does not follow the mechanism's grammar.
    Malformed(&'static str),
}

impl Mechanism {
    /// All of them, in the order they are announced.
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Login];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Login => "LOGIN",
        }
    }

    /// The mechanism of this name, in any case.
    pub(crate) fn parse(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|mechanism| mechanism.name().as_bytes().eq_ignore_ascii_case(name))
    }

    /// Begins, with the initial response if the client sent one.
    pub(crate) fn start(self, initial: Option<Vec<u8>>) -> SaslStep {
        let (exchange, challenge) = match self {
            Self::Plain => (Exchange::Plain, ""),
            Self::Login => (Exchange::LoginName, "Username:"),
        };
        match initial {
            Some(response) => exchange.step(response),
            None => SaslStep::Challenge(exchange, challenge),
        }
    }
}

impl Exchange {
    pub(crate) fn mechanism(&self) -> Mechanism {
        match self {
            Self::Plain => Mechanism::Plain,
            Self::LoginName | Self::LoginPassword { .. } => Mechanism::Login,
        }
    }

    pub(crate) fn step(self, response: Vec<u8>) -> SaslStep {
        let Ok(response) = String::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        match self {
            Self::Plain => plain(&response),
            Self::LoginName if response.is_empty() => SaslStep::Malformed("the user name is empty"),
            Self::LoginName if !is_identifier(&response) => SaslStep::Malformed("the user name has control characters"),
            Self::LoginName => SaslStep::Challenge(Self::LoginPassword { login: response }, "Password:"),
            Self::LoginPassword { login } => SaslStep::Credentials { login, password: response },
        }
    }
}

/// Who logs in with this response, as far as it can be said.
pub(crate) fn login_of(mechanism: Mechanism, exchange: Option<Exchange>, response: Option<Vec<u8>>) -> Option<String> {
    let outcome = match exchange {
        Some(exchange) => exchange.step(response?),
        None => mechanism.start(Some(response?)),
    };
    match outcome {
        SaslStep::Credentials { login, .. } | SaslStep::Challenge(Exchange::LoginPassword { login }, _) => Some(login),
        SaslStep::Challenge(..) | SaslStep::Malformed(_) => None,
    }
}

/// RFC 4616 §2: `[authzid] NUL authcid NUL passwd`.
fn plain(response: &str) -> SaslStep {
    let fields: Vec<&str> = response.split('\0').collect();
    match fields[..] {
        [_, "", _] => SaslStep::Malformed("the user name is empty"),
        [_, login, _] if !is_identifier(login) => SaslStep::Malformed("the user name has control characters"),
        [authzid, login, password] if authzid.is_empty() || authzid == login => {
            SaslStep::Credentials { login: login.to_owned(), password: password.to_owned() }
        }
        [_, _, _] => SaslStep::Malformed("nobody may act for somebody else here"),
        _ => SaslStep::Malformed("it must be [authzid] NUL user NUL password"),
    }
}

/// A response as the protocols carry it.
pub(crate) fn decode(base64: &[u8]) -> Option<Vec<u8>> {
    BASE64.decode(base64).ok()
}

/// A challenge as the protocols carry it.
pub(crate) fn encode(challenge: &str) -> String {
    BASE64.encode(challenge.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(login: &str, password: &str) -> SaslStep {
        SaslStep::Credentials { login: login.to_owned(), password: password.to_owned() }
    }

    #[test]
    fn plain_takes_what_its_grammar_allows() {
        for (response, outcome) in [
            (&b"\0tim\0tanstaaftanstaaf"[..], credentials("tim", "tanstaaftanstaaf")),
            (b"tim\0tim\0secret", credentials("tim", "secret")),
            (b"\0tim\0", credentials("tim", "")),
            (b"Ursel\0Kurt\0xipj3plmq", SaslStep::Malformed("nobody may act for somebody else here")),
            (b"\0\0secret", SaslStep::Malformed("the user name is empty")),
            (b"\0tim\r\nQUIT\0secret", SaslStep::Malformed("the user name has control characters")),
            (b"tim\0secret", SaslStep::Malformed("it must be [authzid] NUL user NUL password")),
            (b"", SaslStep::Malformed("it must be [authzid] NUL user NUL password")),
            (b"\0tim\0\xff", SaslStep::Malformed("it is not UTF-8")),
        ] {
            assert_eq!(Mechanism::Plain.start(Some(response.to_vec())), outcome, "{response:?}");
        }
    }

    #[test]
    fn login_asks_for_a_name_and_then_for_a_password() {
        let SaslStep::Challenge(exchange, "Username:") = Mechanism::Login.start(None) else { panic!("no prompt") };
        let SaslStep::Challenge(exchange, "Password:") = exchange.step(b"tim".to_vec()) else { panic!("no prompt") };
        assert_eq!(exchange.step(b"secret".to_vec()), credentials("tim", "secret"));
    }
}
