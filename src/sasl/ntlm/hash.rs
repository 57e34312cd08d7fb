//! The proof of NTLMv2 (MS-NLMP §3.3.2).

use hmac::{Hmac, KeyInit, Mac};
use md4::{Digest, Md4};
use md5::Md5;

/// NTProofStr: what proves that the client knows the password, for the server's challenge and what the client added.
pub(super) fn proof(user: &str, domain: &str, password: &str, challenge: &[u8; 8], client: &[u8]) -> [u8; 16] {
    hmac_md5(&key(user, domain, password), &[challenge, client])
}

/// NTOWFv2: the key that is derived from the password.
fn key(user: &str, domain: &str, password: &str) -> [u8; 16] {
    hmac_md5(&Md4::digest(utf16(password)), &[&utf16(&upper(user)), &utf16(domain)])
}

fn hmac_md5(key: &[u8], texts: &[&[u8]]) -> [u8; 16] {
    let mut mac = Hmac::<Md5>::new_from_slice(key).expect("a key may have any length");
    texts.iter().for_each(|text| mac.update(text));
    mac.finalize().into_bytes().into()
}

/// Each character in upper case, unless that is several characters, as with ß.
fn upper(text: &str) -> String {
    let upper = |character: char| {
        let mut upper = character.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => character,
        }
    };
    text.chars().map(upper).collect()
}

/// UTF-16, with the low octet first.
pub(super) fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    #[test]
    fn the_key_is_that_of_the_example() {
        // MS-NLMP §4.2.4.1.1.
        assert_eq!(HEXLOWER.encode(&key("User", "Domain", "Password")), "0c868a403bfd7a93a3001ef22ef02e3f");
    }

    #[test]
    fn a_character_becomes_one_in_upper_case() {
        assert_eq!(upper("jürgen.weiß@example.org"), "JÜRGEN.WEIß@EXAMPLE.ORG");
    }
}
