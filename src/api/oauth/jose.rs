//! Signed tokens (JWT, RFC 7519) with ES256, and the key with which they are verified (RFC 7517).

use std::sync::OnceLock;

use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

/// The key of this process. It is made at its first use.
pub(super) struct SigningKey {
    pair: EcdsaKeyPair,
    random: SystemRandom,
    /// The thumbprint of the public key (RFC 7638).
    id: String,
    x: String,
    y: String,
}

impl SigningKey {
    pub(super) fn get() -> &'static Self {
        static KEY: OnceLock<SigningKey> = OnceLock::new();
        KEY.get_or_init(Self::make)
    }

    fn make() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).expect("the system has random numbers");
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).expect("the key was just made");
        // An uncompressed point: the octet 4, and two coordinates of 32 octets (SEC 1 §2.3.3).
        let point = pair.public_key().as_ref();
        let [x, y] = [&point[1..33], &point[33..]].map(|coordinate| BASE64URL_NOPAD.encode(coordinate));
        let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let id = BASE64URL_NOPAD.encode(digest(&SHA256, members.as_bytes()).as_ref());
        Self { pair, random, id, x, y }
    }

    /// A signed token with these claims, of this media type (RFC 7515 §4.1.9).
    pub(super) fn sign(&self, media_type: &str, claims: &Value) -> String {
        let header = json!({ "alg": "ES256", "typ": media_type, "kid": self.id });
        let [header, claims] = [&header, claims].map(|part| BASE64URL_NOPAD.encode(part.to_string().as_bytes()));
        let text = format!("{header}.{claims}");
        let signature = self.pair.sign(&self.random, text.as_bytes()).expect("the system has random numbers");
        format!("{text}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
    }

    /// The set with the public key.
    pub(super) fn set(&self) -> Value {
        let Self { id, x, y, .. } = self;
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": id, "x": x, "y": y }] })
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn a_token_is_verified_with_the_key_in_the_set() {
        let key = SigningKey::get();
        let token = key.sign("at+jwt", &json!({ "sub": "bob" }));

        let set = key.set();
        let [x, y] = ["x", "y"].map(|name| BASE64URL_NOPAD.decode(set["keys"][0][name].as_str().unwrap().as_bytes()));
        let point = [&[4][..], &x.unwrap(), &y.unwrap()].concat();
        let (text, signature) = token.rsplit_once('.').unwrap();
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        assert!(public.verify(text.as_bytes(), &signature).is_ok());
        assert!(public.verify(&text.as_bytes()[1..], &signature).is_err());
        let header = BASE64URL_NOPAD.decode(text.split_once('.').unwrap().0.as_bytes()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!((&header["kid"], &header["typ"]), (&set["keys"][0]["kid"], &"at+jwt".into()));
    }
}
