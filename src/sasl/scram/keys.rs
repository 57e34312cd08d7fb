//! The hash functions of SCRAM, and the keys that are derived from passwords (RFC 5802 §3).

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ring::{digest, hmac, pbkdf2};

use crate::sasl::prepared;

/// The iteration count (RFC 7677 §4 requires at least 4096).
pub(super) const ROUNDS: u32 = 4096;
/// How many salted passwords are kept.
const MOST: usize = 1024;

/// Salted passwords by the hash function, the password and the salt.
type Known = HashMap<(Hash, Box<str>, Box<[u8]>), Vec<u8>>;

fn known() -> MutexGuard<'static, Option<Known>> {
    static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Hash {
    Sha1,
    Sha256,
    Sha512,
}

/// What proves that both sides know the password (RFC 5802 §3).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Proofs {
    pub(super) client: Vec<u8>,
    pub(super) server: Vec<u8>,
}

impl Hash {
    /// The proofs of both sides for these messages.
    pub(super) fn proofs(self, password: &str, salt: &[u8], messages: &str) -> Proofs {
        let salted = self.salted(password, salt);
        let client_key = self.hmac(&salted, b"Client Key");
        let signature = self.hmac(self.digest(client_key.as_ref()).as_ref(), messages.as_bytes());
        let server_key = self.hmac(&salted, b"Server Key");
        Proofs {
            client: client_key.as_ref().iter().zip(signature.as_ref()).map(|(key, its)| key ^ its).collect(),
            server: self.hmac(server_key.as_ref(), messages.as_bytes()).as_ref().to_vec(),
        }
    }

    /// SaltedPassword. It takes a millisecond, which is a large part of a test, so the results are kept for all servers of
    /// the process.
    fn salted(self, password: &str, salt: &[u8]) -> Vec<u8> {
        let key = (self, Box::from(password), Box::from(salt));
        if let Some(salted) = known().get_or_insert_default().get(&key) {
            return salted.clone();
        }
        let (algorithm, length) = match self {
            Self::Sha1 => (pbkdf2::PBKDF2_HMAC_SHA1, digest::SHA1_OUTPUT_LEN),
            Self::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, digest::SHA256_OUTPUT_LEN),
            Self::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, digest::SHA512_OUTPUT_LEN),
        };
        let mut salted = vec![0; length];
        let rounds = NonZeroU32::new(ROUNDS).expect("there are rounds");
        pbkdf2::derive(algorithm, rounds, salt, prepared(password).as_bytes(), &mut salted);
        let mut known = known();
        let known = known.get_or_insert_default();
        if known.len() == MOST {
            known.clear();
        }
        known.insert(key, salted.clone());
        salted
    }

    /// Whether the salted password was derived before.
    #[cfg(test)]
    pub(super) fn is_known(self, password: &str, salt: &[u8]) -> bool {
        known().get_or_insert_default().contains_key(&(self, password.into(), salt.into()))
    }

    fn digest(self, text: &[u8]) -> digest::Digest {
        let algorithm = match self {
            Self::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        };
        digest::digest(algorithm, text)
    }

    fn hmac(self, key: &[u8], text: &[u8]) -> hmac::Tag {
        let algorithm = match self {
            Self::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        };
        hmac::sign(&hmac::Key::new(algorithm, key), text)
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64;

    use super::*;

    #[test]
    fn the_proofs_are_those_of_the_rfcs() {
        for (hash, salt, messages, client, server) in [
            // RFC 5802 §5.
            (
                Hash::Sha1,
                "QSXCR+Q6sek8bf92",
                "n=user,r=fyko+d2lbbFgONRv9qkxdawL,\
                 r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096,\
                 c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j",
                "v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
                "rmF9pqV8S7suAoZWja4dJRkFsKQ=",
            ),
            // RFC 7677 §3.
            (
                Hash::Sha256,
                "W22ZaJ0SNY7soEsUEjb6gQ==",
                "n=user,r=rOprNGfwEbeRWgbNEkqO,\
                 r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                 c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
                "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
                "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
            ),
        ] {
            let salt = BASE64.decode(salt.as_bytes()).unwrap();

            let proofs = hash.proofs("pencil", &salt, messages);

            assert_eq!(BASE64.encode(&proofs.client), client, "{hash:?}");
            assert_eq!(BASE64.encode(&proofs.server), server, "{hash:?}");
            assert_eq!(hash.proofs("pencil", &salt, messages), proofs, "a second time");
        }
    }
}
