//! NTLM (MS-NLMP): three messages, in which the client proves that it knows the password to a challenge of the server.
//! Only NTLMv2. The messages are not signed or sealed, and what follows the login is not protected.

mod hash;
mod message;

use ring::digest::{SHA256, digest};

use super::{Context, Credentials, LoginVerdict, Mechanism, SaslExchange, SaslStep, Secret};
use crate::base::is_identifier;
use message::{Authenticate, Flags};

pub(super) const MECHANISM: Mechanism = Mechanism::new("NTLM", Secret::Proof, |context| {
    Box::new(Ntlm::Negotiate { host: context.host.to_owned(), challenge: challenge(context) })
})
.optional();

#[derive(Debug)]
enum Ntlm {
    /// The client sends NEGOTIATE_MESSAGE.
    Negotiate { host: String, challenge: [u8; 8] },
    /// The server has sent CHALLENGE_MESSAGE, and the client sends AUTHENTICATE_MESSAGE.
    Challenge { message: Vec<u8>, flags: Flags, challenge: [u8; 8] },
}

/// The same in each run, so that sessions can be repeated.
fn challenge(context: &Context<'_>) -> [u8; 8] {
    let digest = digest(&SHA256, format!("ntlm {}", context.timestamp()).as_bytes());
    std::array::from_fn(|at| digest.as_ref()[at])
}

impl SaslExchange for Ntlm {
    fn challenge(&self) -> Vec<u8> {
        match self {
            Self::Negotiate { .. } => Vec::new(),
            Self::Challenge { message, .. } => message.clone(),
        }
    }

    fn is_random(&self) -> bool {
        matches!(self, Self::Challenge { .. })
    }

    fn has_credentials_next(&self) -> bool {
        matches!(self, Self::Challenge { .. })
    }

    fn step(&self, response: &[u8], credentials: &dyn Credentials) -> SaslStep {
        let step = match self {
            Self::Negotiate { host, challenge } => message::negotiate(response).map(|flags| {
                let message = message::challenge(flags, host, challenge);
                SaslStep::Next(Box::new(Self::Challenge { message, flags, challenge: *challenge }))
            }),
            Self::Challenge { flags, challenge, .. } => {
                Authenticate::parse(response, *flags).and_then(|last| check(&last, challenge, credentials))
            }
        };
        step.unwrap_or_else(SaslStep::Malformed)
    }
}

/// Checks the client's proof (MS-NLMP §3.3.2).
fn check(
    last: &Authenticate<'_>,
    challenge: &[u8; 8],
    credentials: &dyn Credentials,
) -> Result<SaslStep, &'static str> {
    match &*last.user {
        "" => return Err("the user name is empty"),
        user if !is_identifier(user) => return Err("the user name has control characters"),
        _ => {}
    }
    // The response of NTLMv1 has 24 octets. That of NTLMv2 has the proof, and 28 octets at least.
    let Some((proof, client)) = last.response.split_first_chunk::<16>().filter(|(_, client)| client.len() >= 28) else {
        return Ok(SaslStep::Impossible(NO_VERSION_2));
    };
    Ok(SaslStep::Verdict(LoginVerdict::of_proof(&last.user, credentials, |password| {
        hash::proof(&last.user, &last.domain, password, challenge, client) == *proof
    })))
}

const NO_VERSION_2: &str = "the server takes only NTLMv2, and the client sent another response";

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::super::tests::{Store, verdict};
    use super::super::{Password, TokenError};
    use super::*;

    /// The account of the examples in MS-NLMP §4.2.
    struct Example;

    impl Credentials for Example {
        fn password(&self, _login: &str) -> Password<'_> {
            Password::Is("Password")
        }

        fn token(&self, _login: Option<&str>, _token: &str) -> Result<String, TokenError> {
            Err(TokenError::Unknown)
        }
    }

    /// AUTHENTICATE_MESSAGE of MS-NLMP §4.2.4.3.
    const AUTHENTICATE: &str = "4e544c4d53535000030000001800180\
        06c00000054005400840000000c000c00480000000800080054000000100010005c00000010001000d8000000358288e2\
        0501280a0000000f44006f006d00610069006e00550073006500720043004f004d0050005500540045005200\
        86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa\
        68cd0ab851e51c96aabc927bebef6a1c01010000000000000000000000000000aaaaaaaaaaaaaaaa00000000\
        02000c0044006f006d00610069006e0001000c005300650072007600650072000000000000000000\
        c5dad2544fc9799094ce1ce90bc9d03e";

    const EXAMPLE: [u8; 8] = [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef];

    fn challenged() -> Ntlm {
        Ntlm::Challenge { message: Vec::new(), flags: Flags::UNICODE, challenge: EXAMPLE }
    }

    #[test]
    fn the_proof_is_that_of_the_example() {
        let mut octets = HEXLOWER.decode(AUTHENTICATE.as_bytes()).unwrap();
        let SaslStep::Verdict(got) = challenged().step(&octets, &Example) else { panic!("there is no verdict") };
        assert_eq!(got, verdict("User", true));

        // An octet of the proof.
        octets[132] ^= 1;

        let SaslStep::Verdict(got) = challenged().step(&octets, &Example) else { panic!("there is no verdict") };
        assert_eq!(got, verdict("User", false));
    }

    #[test]
    fn a_login_has_three_messages() {
        let begin = || (MECHANISM.begin)(&Context { host: "mail.test", session: 1, seed: 1, ..Context::default() });
        assert!(begin().challenge().is_empty() && !begin().has_credentials_next());

        // NEGOTIATE_MESSAGE with the flags for Unicode, OEM, and NTLM.
        let SaslStep::Next(next) = begin().step(b"NTLMSSP\0\x01\0\0\0\x03\x02\0\0", &Store) else {
            panic!("no challenge")
        };
        let SaslStep::Next(again) = begin().step(b"NTLMSSP\0\x01\0\0\0\x03\x02\0\0", &Store) else {
            panic!("no challenge")
        };

        assert!(next.challenge().starts_with(b"NTLMSSP\0\x02\0\0\0") && next.has_credentials_next());
        assert_eq!(next.challenge(), again.challenge(), "the same client gets the same challenge");
        assert!(matches!(next.step(b"NTLMSSP\0\x01\0\0\0", &Store), SaslStep::Malformed(_)));
    }

    #[test]
    fn another_version_is_refused() {
        let mut octets = HEXLOWER.decode(AUTHENTICATE.as_bytes()).unwrap();
        // The length of NtChallengeResponse.
        octets[20] = 24;

        assert!(matches!(challenged().step(&octets, &Example), SaslStep::Impossible(NO_VERSION_2)));
    }
}
