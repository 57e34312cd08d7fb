//! XOAUTH2: user name and OAuth 2.0 access token in one response. Not standardised; described by Google
//! (<https://developers.google.com/workspace/gmail/imap/xoauth2-protocol>), and spoken by Microsoft in the same way.

use super::{Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret, is_bearer_token};
use crate::base::is_identifier;

pub(super) const MECHANISM: Mechanism = Mechanism::new("XOAUTH2", Secret::Token, |_| Box::new(Xoauth2::Token));

/// What the providers send about a token that is not valid.
const ERROR: &str = r#"{"status":"401","schemes":"Bearer","scope":"https://mail.google.com/"}"#;

#[derive(Debug)]
enum Xoauth2 {
    Token,
    /// The token was refused. The client has to answer the error before the server refuses the login.
    Refused(LoginVerdict),
}

impl SaslExchange for Xoauth2 {
    fn challenge(&self) -> Vec<u8> {
        match self {
            Self::Token => Vec::new(),
            Self::Refused(_) => ERROR.into(),
        }
    }

    fn has_credentials_next(&self) -> bool {
        matches!(self, Self::Token)
    }

    fn is_refused(&self) -> bool {
        matches!(self, Self::Refused(_))
    }

    fn login(&self) -> Option<&str> {
        match self {
            Self::Token => None,
            Self::Refused(verdict) => Some(&verdict.login),
        }
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        let verdict = match self {
            // The answer should be empty, but some clients send the token again. It changes nothing.
            Self::Refused(verdict) => return SaslStep::Verdict(verdict.clone()),
            Self::Token => match parse(response) {
                Ok((login, token)) => LoginVerdict::of_token(login, token, credentials),
                Err(why) => return SaslStep::Malformed(why),
            },
        };
        if verdict.is_proven { SaslStep::Verdict(verdict) } else { SaslStep::Next(Box::new(Self::Refused(verdict))) }
    }
}

/// `user=USER ^A auth=Bearer TOKEN ^A ^A`, without the blanks around `^A`, which is octet 1. The name of the scheme is
/// case-insensitive (RFC 9110 §11.1).
fn parse(response: &[u8]) -> Result<(&str, &str), &'static str> {
    const GRAMMAR: &str = "it must be user=USER ^A auth=Bearer TOKEN ^A ^A, without blanks around ^A";
    let response = std::str::from_utf8(response).map_err(|_| "it is not UTF-8")?;
    let fields: Vec<&str> = response.split('\x01').collect();
    let [user, auth, "", ""] = fields[..] else { return Err(GRAMMAR) };
    let login = user.strip_prefix("user=").ok_or(GRAMMAR)?;
    let (scheme, token) = auth.strip_prefix("auth=").and_then(|auth| auth.split_once(' ')).ok_or(GRAMMAR)?;
    match login {
        "" => Err("the user name is empty"),
        login if !is_identifier(login) => Err("the user name has control characters"),
        _ if !scheme.eq_ignore_ascii_case("Bearer") => Err(GRAMMAR),
        _ if token.is_empty() => Err("the token is empty"),
        _ if !is_bearer_token(token) => Err("the token has characters that RFC 6750 does not allow"),
        login => Ok((login, token)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Store, verdict};
    use super::*;

    #[test]
    fn a_token_is_accepted_only_for_its_login() {
        for (response, login, is_proven) in [
            (&b"user=tim\x01auth=Bearer tok-1\x01\x01"[..], "tim", true),
            (b"user=tim\x01auth=bearer tok-1\x01\x01", "tim", true),
            (b"user=tim\x01auth=Bearer tok-2\x01\x01", "tim", false),
            (b"user=tim\x01auth=Bearer secret\x01\x01", "tim", false),
            (b"user=nobody\x01auth=Bearer tok-1\x01\x01", "nobody", false),
        ] {
            let got = match Xoauth2::Token.step(response, &Store) {
                SaslStep::Verdict(verdict) => verdict,
                SaslStep::Next(refused) => {
                    assert!(refused.is_refused() && !refused.has_credentials_next(), "{response:?}");
                    assert_eq!((refused.challenge(), refused.login()), (ERROR.into(), Some(login)));
                    // Whatever the client answers.
                    let SaslStep::Verdict(verdict) = refused.step(response, &Store) else { panic!("no verdict") };
                    assert!(matches!(refused.step(b"", &Store), SaslStep::Verdict(its) if its == verdict));
                    verdict
                }
                step => panic!("{response:?}: {step:?}"),
            };
            assert!(got.token.is_some(), "{response:?}");
            assert_eq!(LoginVerdict { token: None, ..got }, verdict(login, is_proven), "{response:?}");
        }
    }

    #[test]
    fn another_form_is_malformed() {
        let grammar = "it must be user=USER ^A auth=Bearer TOKEN ^A ^A, without blanks around ^A";
        for (response, why) in [
            (&b""[..], grammar),
            (b"\0tim\0secret", grammar),
            (b"user=tim\x01auth=Bearer tok-1\x01", grammar),
            (b"user=tim\x01auth=Bearer tok-1", grammar),
            (b"user=tim\x01auth=Bearer tok-1\x01\x01\x01", grammar),
            (b"user=tim\x01auth=Basic tok-1\x01\x01", grammar),
            (b"user=tim\x01auth=Bearer\x01\x01", grammar),
            (b"auth=Bearer tok-1\x01user=tim\x01\x01", grammar),
            (b"user=\x01auth=Bearer tok-1\x01\x01", "the user name is empty"),
            (b"user=tim\r\nQUIT\x01auth=Bearer tok-1\x01\x01", "the user name has control characters"),
            (b"user=tim\x01auth=Bearer \x01\x01", "the token is empty"),
            (b"user=tim\x01auth=Bearer Bearer tok-1\x01\x01", "the token has characters that RFC 6750 does not allow"),
            (b"user=tim\x01auth=Bearer \xff\x01\x01", "it is not UTF-8"),
        ] {
            let step = Xoauth2::Token.step(response, &Store);
            assert!(matches!(&step, SaslStep::Malformed(its) if *its == why), "{response:?}: {step:?}");
        }
    }
}
