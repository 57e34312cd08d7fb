//! LOGIN: asks for a user name, then for a password. Widely used, but never standardised (draft-murchison-sasl-login).

use super::{Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret};
use crate::base::is_identifier;

pub(super) const MECHANISM: Mechanism = Mechanism::new("LOGIN", Secret::Password, |_| Box::new(Login::Name));

#[derive(Debug)]
enum Login {
    Name,
    Password { login: String },
}

impl SaslExchange for Login {
    fn challenge(&self) -> Vec<u8> {
        match self {
            Self::Name => b"Username:".to_vec(),
            Self::Password { .. } => b"Password:".to_vec(),
        }
    }

    fn has_credentials_next(&self) -> bool {
        matches!(self, Self::Password { .. })
    }

    fn login(&self) -> Option<&str> {
        match self {
            Self::Name => None,
            Self::Password { login } => Some(login),
        }
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        let Ok(response) = std::str::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        match self {
            Self::Name if response.is_empty() => SaslStep::Malformed("the user name is empty"),
            Self::Name if !is_identifier(response) => SaslStep::Malformed("the user name has control characters"),
            Self::Name => SaslStep::Next(Box::new(Self::Password { login: response.to_owned() })),
            Self::Password { login } => SaslStep::Verdict(LoginVerdict::of_password(login, response, credentials)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Store, verdict};
    use super::*;

    #[test]
    fn login_asks_for_a_name_and_then_for_a_password() {
        let name = Login::Name;
        assert_eq!((name.challenge(), name.has_credentials_next(), name.login()), (b"Username:".to_vec(), false, None));

        let SaslStep::Next(password) = name.step(b"tim", &Store) else { panic!("no password is asked for") };

        assert_eq!(password.challenge(), b"Password:");
        assert_eq!((password.has_credentials_next(), password.login()), (true, Some("tim")));
        for (response, is_proven) in [(&b"secret"[..], true), (b"", false)] {
            let SaslStep::Verdict(got) = password.step(response, &Store) else { panic!("there is no verdict") };
            assert_eq!(got, verdict("tim", is_proven));
        }
    }

    #[test]
    fn an_invalid_user_name_is_malformed() {
        for (response, why) in [
            (&b""[..], "the user name is empty"),
            (b"tim\r\nQUIT", "the user name has control characters"),
            (b"\xff", "it is not UTF-8"),
        ] {
            assert!(
                matches!(Login::Name.step(response, &Store), SaslStep::Malformed(its) if its == why),
                "{response:?}"
            );
        }
    }
}
