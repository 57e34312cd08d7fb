//! PLAIN (RFC 4616): user name and password in one response.

use super::{Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret};
use crate::base::is_identifier;

pub(super) const MECHANISM: Mechanism = Mechanism::new("PLAIN", Secret::Password, |_| Box::new(Plain));

#[derive(Debug)]
struct Plain;

impl SaslExchange for Plain {
    fn challenge(&self) -> Vec<u8> {
        Vec::new()
    }

    /// RFC 4616 §2: `[authzid] NUL authcid NUL passwd`.
    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        let Ok(response) = std::str::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        let fields: Vec<&str> = response.split('\0').collect();
        match fields[..] {
            [_, "", _] => SaslStep::Malformed("the user name is empty"),
            [_, login, _] if !is_identifier(login) => SaslStep::Malformed("the user name has control characters"),
            [authzid, login, password] if authzid.is_empty() || authzid == login => {
                SaslStep::Verdict(LoginVerdict::of_password(login, password, credentials))
            }
            [_, _, _] => SaslStep::Malformed("authorization as another user is not supported"),
            _ => SaslStep::Malformed("it must be [authzid] NUL user NUL password"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Store, verdict};
    use super::*;

    #[test]
    fn plain_accepts_what_its_grammar_allows() {
        for (response, step) in [
            (&b"\0tim\0secret"[..], Ok(verdict("tim", true))),
            (b"\0tim\0tanstaaftanstaaf", Ok(verdict("tim", false))),
            (b"tim\0tim\0secret", Ok(verdict("tim", true))),
            (b"\0tim\0", Ok(verdict("tim", false))),
            (b"Ursel\0Kurt\0xipj3plmq", Err("authorization as another user is not supported")),
            (b"\0\0secret", Err("the user name is empty")),
            (b"\0tim\r\nQUIT\0secret", Err("the user name has control characters")),
            (b"tim\0secret", Err("it must be [authzid] NUL user NUL password")),
            (b"", Err("it must be [authzid] NUL user NUL password")),
            (b"\0tim\0\xff", Err("it is not UTF-8")),
        ] {
            let got = match Plain.step(response, &Store) {
                SaslStep::Verdict(verdict) => Ok(verdict),
                SaslStep::Malformed(why) => Err(why),
                step => panic!("{response:?}: {step:?}"),
            };
            assert_eq!(got, step, "{response:?}");
        }
    }
}
