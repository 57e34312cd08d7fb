//! XOAUTH2: user name and OAuth 2.0 access token in one response. Not standardised; described by Google
//! (<https://developers.google.com/workspace/gmail/imap/xoauth2-protocol>), and spoken by Microsoft in the same way.

use super::bearer::bearer;
use super::{Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret, TokenError};
use crate::base::is_identifier;

pub(super) const MECHANISM: Mechanism = Mechanism::new("XOAUTH2", Secret::Token, |_| Box::new(Xoauth2));

#[derive(Debug)]
struct Xoauth2;

impl SaslExchange for Xoauth2 {
    fn challenge(&self) -> Vec<u8> {
        Vec::new()
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        match parse(response) {
            Ok((login, token)) => LoginVerdict::of_token(Some(login), token, credentials).concluded(false, error),
            Err(why) => SaslStep::Malformed(why),
        }
    }
}

/// What the providers send about a token that is not valid.
fn error(why: TokenError) -> String {
    let (_, status) = why.code();
    format!(r#"{{"status":"{status}","schemes":"Bearer","scope":"https://mail.google.com/"}}"#)
}

/// `user=USER ^A auth=Bearer TOKEN ^A ^A`, without the blanks around `^A`, which is octet 1.
fn parse(response: &[u8]) -> Result<(&str, &str), &'static str> {
    const GRAMMAR: &str = "it must be user=USER ^A auth=Bearer TOKEN ^A ^A, without blanks around ^A";
    let response = std::str::from_utf8(response).map_err(|_| "it is not UTF-8")?;
    let fields: Vec<&str> = response.split('\x01').collect();
    let [user, auth, "", ""] = fields[..] else { return Err(GRAMMAR) };
    let login = user.strip_prefix("user=").ok_or(GRAMMAR)?;
    match login {
        "" => Err("the user name is empty"),
        login if !is_identifier(login) => Err("the user name has control characters"),
        login => Ok((login, bearer(auth.strip_prefix("auth=").ok_or(GRAMMAR)?, GRAMMAR)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Store;
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
            let got = match Xoauth2.step(response, &Store) {
                SaslStep::Verdict(verdict) => verdict,
                SaslStep::Next(refused) => {
                    assert!(refused.is_refused() && !refused.has_credentials_next(), "{response:?}");
                    assert_eq!(
                        (refused.challenge(), refused.login()),
                        (error(TokenError::Unknown).into(), Some(login))
                    );
                    // Whatever the client answers.
                    let SaslStep::Verdict(verdict) = refused.step(response, &Store) else { panic!("no verdict") };
                    assert!(matches!(refused.step(b"", &Store), SaslStep::Verdict(its) if its == verdict));
                    verdict
                }
                step => panic!("{response:?}: {step:?}"),
            };
            assert!(got.token.is_some(), "{response:?}");
            assert_eq!((&*got.login, got.is_proven()), (login, is_proven), "{response:?}");
        }
    }

    #[test]
    fn the_error_has_the_status_of_the_token() {
        for (why, status) in [
            (TokenError::Unknown, 401),
            (TokenError::Expired, 401),
            (TokenError::Revoked, 401),
            (TokenError::OfAnother, 401),
            (TokenError::InsufficientScope, 403),
        ] {
            let expected = r#"{"status":"401","schemes":"Bearer","scope":"https://mail.google.com/"}"#;
            assert_eq!(error(why), expected.replace("401", &status.to_string()), "{why:?}");
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
            let step = Xoauth2.step(response, &Store);
            assert!(matches!(&step, SaslStep::Malformed(its) if *its == why), "{response:?}: {step:?}");
        }
    }
}
