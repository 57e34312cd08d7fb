//! ANONYMOUS (RFC 4505): a login without a proof. The client may say who it is, for the server's log.

use super::{Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret};

pub(super) const MECHANISM: Mechanism =
    Mechanism::new("ANONYMOUS", Secret::Nothing, |_| Box::new(Anonymous)).optional();

/// The login of everybody who logs in so.
const LOGIN: &str = "anonymous";

#[derive(Debug)]
struct Anonymous;

impl SaslExchange for Anonymous {
    fn challenge(&self) -> Vec<u8> {
        Vec::new()
    }

    /// RFC 4505 §2: the trace is an address or a token, of at most 255 characters.
    fn step(&self, response: &[u8], _credentials: &dyn Credentials) -> SaslStep {
        let Ok(trace) = std::str::from_utf8(response) else { return SaslStep::Malformed("it is not UTF-8") };
        if trace.chars().count() > 255 {
            return SaslStep::Malformed("it has more than 255 characters");
        }
        if trace.chars().any(char::is_control) {
            return SaslStep::Malformed("it has control characters");
        }
        SaslStep::Verdict(LoginVerdict { token: Some(trace.to_owned()), ..LoginVerdict::new(LOGIN, None) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Store;
    use super::*;

    #[test]
    fn a_trace_has_at_most_255_characters() {
        for trace in ["", "sirhc", "bob@example.org", "ünïcode", &"ü".repeat(255)] {
            let SaslStep::Verdict(verdict) = Anonymous.step(trace.as_bytes(), &Store) else { panic!("{trace}") };

            assert_eq!((&*verdict.login, verdict.token.as_deref(), verdict.is_proven()), (LOGIN, Some(trace), true));
        }
        for (trace, why) in [
            ("ü".repeat(256).as_bytes(), "it has more than 255 characters"),
            (b"a\r\nQUIT", "it has control characters"),
            (b"\xff", "it is not UTF-8"),
        ] {
            assert!(matches!(Anonymous.step(trace, &Store), SaslStep::Malformed(its) if its == why), "{trace:?}");
        }
    }
}
