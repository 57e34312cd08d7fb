//! OAUTHBEARER (RFC 7628): an OAuth 2.0 access token in a GS2 header with key/value pairs.

use super::bearer::bearer;
use super::text::saslname;
use super::{Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret, TokenError};
use crate::base::is_identifier;

pub(super) const MECHANISM: Mechanism = Mechanism::new("OAUTHBEARER", Secret::Token, |context| {
    Box::new(OauthBearer { discovery: context.discovery.map(Box::from) })
});

#[derive(Debug)]
struct OauthBearer {
    /// Where the metadata of the token's issuer are.
    discovery: Option<Box<str>>,
}

/// What a response says: the user, if it names one, and the token.
type Response<'a> = (Option<String>, &'a str);

impl SaslExchange for OauthBearer {
    fn challenge(&self) -> Vec<u8> {
        Vec::new()
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        let verdict = match parse(response) {
            Ok((login, token)) => LoginVerdict::of_token(login.as_deref(), token, credentials),
            Err(why) => LoginVerdict::refused("", TokenError::Malformed(why)),
        };
        // The URL has the port of the listener.
        verdict.concluded(self.discovery.is_some(), |why| self.error(why))
    }
}

impl OauthBearer {
    /// RFC 7628 §3.2.2: the error code, the scope that is needed, and where a client learns how to get a token.
    fn error(&self, why: TokenError) -> String {
        let (code, _) = why.code();
        let more = match (why, &self.discovery) {
            (TokenError::Malformed(_), _) => String::new(),
            (_, None) => r#","scope":"mail""#.to_owned(),
            (_, Some(url)) => format!(r#","scope":"mail","openid-configuration":"{url}""#),
        };
        format!(r#"{{"status":"{code}"{more}}}"#)
    }
}

/// RFC 7628 §3.1: `n,a=USER, ^A host=HOST ^A port=PORT ^A auth=Bearer TOKEN ^A ^A`, without the blanks around `^A`, which
/// is octet 1. The user, the host and the port may be missing; other keys are ignored.
fn parse(response: &[u8]) -> Result<Response<'_>, &'static str> {
    const GRAMMAR: &str = "it must be n,a=USER, ^A auth=Bearer TOKEN ^A ^A, without blanks around ^A";
    let response = std::str::from_utf8(response).map_err(|_| "it is not UTF-8")?;
    let (header, pairs) = response.split_once('\x01').ok_or(GRAMMAR)?;
    let pairs = pairs.strip_suffix('\x01').ok_or(GRAMMAR)?;
    let login = authzid(header).ok_or(GRAMMAR)?;
    let mut auth = None;
    // Each pair ends with `^A`, also the last one.
    for pair in pairs.split_terminator('\x01') {
        let (key, value) = pair.split_once('=').ok_or(GRAMMAR)?;
        let is_key = !key.is_empty() && key.bytes().all(|octet| octet.is_ascii_alphabetic());
        let is_value = |octet: u8| octet.is_ascii_graphic() || b" \t\r\n".contains(&octet);
        match key {
            _ if !is_key || !value.bytes().all(is_value) => return Err(GRAMMAR),
            "auth" if auth.is_some() => return Err("it has two tokens"),
            "auth" => auth = Some(value),
            "port" if !is_port(value) => return Err("the port is not a number from 1 to 65535 without leading zeros"),
            _ => {}
        }
    }
    match &login {
        Some(login) if login.is_empty() => return Err("the user name is empty"),
        Some(login) if !is_identifier(login) => return Err("the user name has control characters"),
        Some(_) | None => {}
    }
    // Without pairs, there is one `^A` behind the header, and the last one is missing.
    if !pairs.is_empty() && !pairs.ends_with('\x01') {
        return Err(GRAMMAR);
    }
    Ok((login, bearer(auth.ok_or("it has no token: auth=Bearer TOKEN is missing")?, GRAMMAR)?))
}

/// The user in a GS2 header (RFC 5801 §4): `n,a=USER,`, or `n,,` without one. The mechanism has no channel binding, so
/// the header does not begin with `p`. `None` if it is not a header.
fn authzid(header: &str) -> Option<Option<String>> {
    let fields: Vec<&str> = header.split(',').collect();
    let ["n" | "y", authzid, ""] = fields[..] else { return None };
    match authzid {
        "" => Some(None),
        authzid => saslname(authzid.strip_prefix("a=")?).map(Some),
    }
}

fn is_port(text: &str) -> bool {
    !text.starts_with('0') && text.bytes().all(|octet| octet.is_ascii_digit()) && text.parse::<u16>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::Store;
    use super::*;

    const PLAIN: OauthBearer = OauthBearer { discovery: None };

    #[test]
    fn a_token_is_accepted_for_its_user() {
        for (response, login, error) in [
            (&b"n,a=tim,\x01host=mx.test\x01port=993\x01auth=Bearer tok-1\x01\x01"[..], "tim", ""),
            (b"y,a=tim,\x01auth=bearer tok-1\x01\x01", "tim", ""),
            // Other keys are ignored, and their order does not matter.
            (b"n,a=tim,\x01auth=Bearer tok-1\x01mthd=GET\x01host=mx\x01\x01", "tim", ""),
            (b"n,a=t=2Ci=3Dm,\x01auth=Bearer tok-1\x01\x01", "t,i=m", ""),
            // Without a user, it is the user to whom the token was issued.
            (b"n,,\x01auth=Bearer tok-1\x01\x01", "tim", ""),
            (b"n,a=tim,\x01auth=Bearer tok-2\x01\x01", "tim", "invalid_token"),
            (b"n,,\x01auth=Bearer tok-2\x01\x01", "", "invalid_token"),
            (b"n,a=nobody,\x01auth=Bearer tok-1\x01\x01", "nobody", "invalid_token"),
            (b"n,a=tim,\x01auth=Bearer narrow\x01\x01", "tim", "insufficient_scope"),
        ] {
            let verdict = match PLAIN.step(response, &Store) {
                SaslStep::Verdict(verdict) => verdict,
                SaslStep::Next(refused) => {
                    let expected = format!(r#"{{"status":"{error}","scope":"mail"}}"#);
                    assert_eq!(String::from_utf8(refused.challenge()).unwrap(), expected, "{response:?}");
                    assert_eq!(refused.login(), Some(login).filter(|login| !login.is_empty()));
                    let SaslStep::Verdict(verdict) = refused.step(b"\x01", &Store) else { panic!("no verdict") };
                    verdict
                }
                step => panic!("{response:?}: {step:?}"),
            };
            assert_eq!((&*verdict.login, verdict.is_proven()), (login, error.is_empty()), "{response:?}");
        }
    }

    #[test]
    fn a_malformed_response_is_an_invalid_request() {
        let grammar = "it must be n,a=USER, ^A auth=Bearer TOKEN ^A ^A, without blanks around ^A";
        for (response, why) in [
            (&b""[..], grammar),
            // Valid only as the answer to an error.
            (b"\x01", grammar),
            (b"user=tim\x01auth=Bearer tok-1\x01\x01", grammar),
            (b"a=tim,\x01auth=Bearer tok-1\x01\x01", grammar),
            (b"p=tls-exporter,a=tim,\x01auth=Bearer tok-1\x01\x01", grammar),
            (b"n,tim,\x01auth=Bearer tok-1\x01\x01", grammar),
            (b"n,a=t=2cim,\x01auth=Bearer tok-1\x01\x01", grammar),
            (b"n,a=tim,\x01auth=Bearer tok-1\x01", grammar),
            (b"n,a=tim,\x01auth=Bearer tok-1", grammar),
            (b"n,a=tim,\x01\x01auth=Bearer tok-1\x01\x01", grammar),
            (b"n,a=tim,\x01auth=Bearer\x01\x01", grammar),
            (b"n,a=tim,\x01auth=Basic dGlt\x01\x01", grammar),
            (b"n,a=tim,\x01auth=Bearer tok-1\x01h\0st=x\x01\x01", grammar),
            (b"n,a=tim,\x01auth=Bearer tok-1\x01host=\x02\x01\x01", grammar),
            (b"n,a=,\x01auth=Bearer tok-1\x01\x01", "the user name is empty"),
            (b"n,a=t\nm,\x01auth=Bearer tok-1\x01\x01", "the user name has control characters"),
            (b"n,a=tim,\x01\x01", "it has no token: auth=Bearer TOKEN is missing"),
            (b"n,a=tim,\x01auth=Bearer \x01\x01", "the token is empty"),
            (b"n,a=tim,\x01auth=Bearer a b\x01\x01", "the token has characters that RFC 6750 does not allow"),
            (b"n,a=tim,\x01auth=Bearer a\x01auth=Bearer b\x01\x01", "it has two tokens"),
            (
                b"n,a=tim,\x01port=0993\x01auth=Bearer a\x01\x01",
                "the port is not a number from 1 to 65535 without leading zeros",
            ),
            (b"n,a=tim,\x01auth=Bearer \xff\x01\x01", "it is not UTF-8"),
        ] {
            assert_eq!(parse(response).err(), Some(why), "{response:?}");
            let SaslStep::Next(refused) = PLAIN.step(response, &Store) else { panic!("{response:?}: no error") };
            assert_eq!(refused.challenge(), br#"{"status":"invalid_request"}"#);
            assert!(matches!(refused.step(b"", &Store), SaslStep::Verdict(verdict) if !verdict.is_proven()));
        }
    }

    #[test]
    fn the_error_says_where_a_client_gets_a_token() {
        let context = super::super::Context { discovery: Some("http://[::1]:1/.well-known/x"), ..Default::default() };
        let exchange = (MECHANISM.begin)(&context);

        let SaslStep::Next(refused) = exchange.step(b"n,,\x01auth=Bearer x\x01\x01", &Store) else { panic!() };

        let expected =
            r#"{"status":"invalid_token","scope":"mail","openid-configuration":"http://[::1]:1/.well-known/x"}"#;
        assert_eq!(String::from_utf8(refused.challenge()).unwrap(), expected);
    }
}
