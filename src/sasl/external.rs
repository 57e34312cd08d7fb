//! EXTERNAL (RFC 4422 appendix A): the client has proven who it is with its certificate, and may say as whom it wants to
//! act.

use super::certificate::users;
use super::{Context, Credentials, Failure, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret};
use crate::base::{is_identifier, same_login};

pub(super) const MECHANISM: Mechanism =
    Mechanism::new("EXTERNAL", Secret::Nothing, |context| Box::new(External::new(context))).optional().certified();

/// The client's certificate, in DER; empty if there is none.
#[derive(Debug)]
struct External(Vec<u8>);

impl External {
    fn new(context: &Context<'_>) -> Self {
        Self(context.channel.and_then(|channel| channel.client.clone()).unwrap_or_default())
    }
}

impl SaslExchange for External {
    fn challenge(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The response is the user as whom the client wants to act, or empty for the one of the certificate.
    fn step(&self, response: &[u8], _credentials: &dyn Credentials) -> SaslStep {
        let Ok(wanted) = std::str::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        if !wanted.is_empty() && !is_identifier(wanted) {
            return SaslStep::Malformed("it has control characters");
        }
        let users = users(&self.0);
        let (login, failure) = match users.first() {
            None => (wanted, Some(Failure::Refused(NOBODY))),
            Some(first) if wanted.is_empty() => (&**first, None),
            Some(_) if users.iter().any(|user| same_login(user, wanted)) => (wanted, None),
            Some(_) => (wanted, Some(Failure::Unauthorized(ANOTHER))),
        };
        SaslStep::Verdict(LoginVerdict::new(login, failure))
    }
}

const NOBODY: &str = "the client's certificate has neither an rfc822Name nor a common name";
const ANOTHER: &str = "the client's certificate does not name this user";

#[cfg(test)]
mod tests {
    use super::super::Channel;
    use super::super::certificate::tests::certificate;
    use super::super::tests::Store;
    use super::*;

    /// The login with this certificate and response, and why it failed.
    fn step(client: Option<Vec<u8>>, response: &[u8]) -> Result<(String, Option<Failure>), &'static str> {
        let channel = Channel { client, ..Channel::default() };
        let exchange = (MECHANISM.begin)(&Context { channel: Some(&channel), ..Context::default() });
        match exchange.step(response, &Store) {
            SaslStep::Verdict(verdict) => Ok((verdict.login, verdict.failure)),
            SaslStep::Malformed(why) => Err(why),
            SaslStep::Next(_) | SaslStep::Impossible(_) => panic!("there is a verdict at once"),
        }
    }

    #[test]
    fn the_user_is_one_of_those_in_the_certificate() {
        let both = certificate(&["bob@example.org", "info@example.org"], Some("Bob"));
        let umlaut = certificate(&["bob@xn--bcher-kva.example"], None);
        let nobody = certificate(&[], None);
        for (client, response, wanted) in [
            (Some(&both), &b""[..], Ok(("bob@example.org", None))),
            (Some(&both), b"BOB@example.org", Ok(("BOB@example.org", None))),
            (Some(&umlaut), "bob@bücher.example".as_bytes(), Ok(("bob@bücher.example", None))),
            (Some(&both), b"info@example.org", Ok(("info@example.org", None))),
            (Some(&both), b"Bob", Ok(("Bob", None))),
            (Some(&both), b"eve@example.org", Ok(("eve@example.org", Some(Failure::Unauthorized(ANOTHER))))),
            (Some(&nobody), b"", Ok(("", Some(Failure::Refused(NOBODY))))),
            (None, b"bob", Ok(("bob", Some(Failure::Refused(NOBODY))))),
            (Some(&both), b"bob\0", Err("it has control characters")),
            (Some(&both), b"\xff", Err("it is not UTF-8")),
        ] {
            let wanted = wanted.map(|(login, failure): (&str, _)| (login.to_owned(), failure));
            assert_eq!(step(client.cloned(), response), wanted, "{response:?}");
        }
    }
}
