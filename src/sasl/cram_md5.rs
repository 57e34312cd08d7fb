//! CRAM-MD5 (RFC 2195): the server sends a challenge, and the client an HMAC-MD5 of it with the password as key.

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;

use super::text::forms;
use super::{Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret};
use crate::base::is_identifier;

pub(super) const MECHANISM: Mechanism =
    Mechanism::new("CRAM-MD5", Secret::Proof, |context| Box::new(CramMd5(context.timestamp()))).server_first();

/// The challenge.
#[derive(Debug)]
struct CramMd5(String);

impl SaslExchange for CramMd5 {
    fn challenge(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    fn is_random(&self) -> bool {
        true
    }

    /// RFC 2195 §2: the user name, a blank, and the digest in hexadecimal with lower-case letters.
    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        const GRAMMAR: &str = "it must be the user name, a blank and 32 lower-case hexadecimal digits";
        let Ok(response) = std::str::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        let Some((login, digest)) = response.rsplit_once(' ') else { return SaslStep::Malformed(GRAMMAR) };
        let is_digest = digest.len() == 32 && HEXLOWER.decode(digest.as_bytes()).is_ok();
        match login {
            _ if !is_digest => SaslStep::Malformed(GRAMMAR),
            "" => SaslStep::Malformed("the user name is empty"),
            login if !is_identifier(login) => SaslStep::Malformed("the user name has control characters"),
            login => SaslStep::Verdict(LoginVerdict::of_proof(login, credentials, |password| {
                forms(password).any(|password| self.digest(&password) == digest)
            })),
        }
    }
}

impl CramMd5 {
    fn digest(&self, password: &str) -> String {
        let mut mac = Hmac::<Md5>::new_from_slice(password.as_bytes()).expect("a key may have any length");
        mac.update(self.0.as_bytes());
        HEXLOWER.encode(&mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Context;
    use super::super::tests::{Store, verdict};
    use super::*;

    #[test]
    fn the_digest_is_that_of_the_rfc() {
        let exchange = CramMd5("<1896.697170952@postoffice.reston.mci.net>".into());

        assert_eq!(exchange.digest("tanstaaftanstaaf"), "b913a602c7eda7a495b4e6e7334d3890");
    }

    #[test]
    fn a_digest_proves_the_login_of_its_user() {
        let context = Context { host: "test", session: 1, seed: 1, ..Context::default() };
        let exchange = (MECHANISM.begin)(&context);
        assert_eq!((exchange.challenge(), exchange.is_random()), (b"<1.1@test>".to_vec(), true));
        let digest = CramMd5("<1.1@test>".into()).digest("secret");
        let other = CramMd5("<2.1@test>".into()).digest("secret");
        for (response, wanted) in [
            (format!("tim {digest}"), Ok(verdict("tim", true))),
            (format!("prepared {}", CramMd5("<1.1@test>".into()).digest("IX")), Ok(verdict("prepared", true))),
            (format!("prepared {}", CramMd5("<1.1@test>".into()).digest("\u{2168}")), Ok(verdict("prepared", true))),
            (format!("two words {digest}"), Ok(verdict("two words", true))),
            (format!("tim {other}"), Ok(verdict("tim", false))),
            (format!("nobody {digest}"), Ok(verdict("nobody", false))),
            (format!(" {digest}"), Err("the user name is empty")),
            (format!("t\0m {digest}"), Err("the user name has control characters")),
            (format!("tim {}", digest.to_uppercase()), Err("lower-case")),
            (format!("tim {}", &digest[1..]), Err("32 lower-case")),
            ("tim".into(), Err("it must be the user name, a blank")),
            (String::new(), Err("it must be the user name, a blank")),
        ] {
            match (exchange.step(response.as_bytes(), &Store), wanted) {
                (SaslStep::Verdict(got), Ok(wanted)) => assert_eq!(got, wanted, "{response}"),
                (SaslStep::Malformed(got), Err(wanted)) => assert!(got.contains(wanted), "{response}: {got}"),
                (got, wanted) => panic!("{response}: {got:?} instead of {wanted:?}"),
            }
        }
        assert!(matches!(exchange.step(b"\xff", &Store), SaslStep::Malformed("it is not UTF-8")));
    }
}
