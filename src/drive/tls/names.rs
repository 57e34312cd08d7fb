//! Names of what a handshake negotiates.

use rustls::{CipherSuite, NamedGroup, ProtocolVersion};

/// The name of a cipher suite in the registry of IANA.
pub(crate) fn cipher_name(suite: CipherSuite) -> String {
    match suite.as_str() {
        Some(name) => name.replacen("TLS13_", "TLS_", 1),
        None => format!("{:#06x}", u16::from(suite)),
    }
}

/// The name of a group for the key exchange in the registry of IANA.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls adds variants")]
pub(crate) fn group_name(group: NamedGroup) -> String {
    match group {
        NamedGroup::X25519 => "x25519".to_owned(),
        NamedGroup::X448 => "x448".to_owned(),
        NamedGroup::FFDHE2048
        | NamedGroup::FFDHE3072
        | NamedGroup::FFDHE4096
        | NamedGroup::FFDHE6144
        | NamedGroup::FFDHE8192 => format!("{group:?}").to_ascii_lowercase(),
        NamedGroup::Unknown(number) => format!("{number:#06x}"),
        other => format!("{other:?}"),
    }
}

/// The name of a version: `TLSv1.3`.
pub(super) fn version_name(version: ProtocolVersion) -> String {
    format!("{version:?}").replacen('_', ".", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_registries() {
        assert_eq!(cipher_name(CipherSuite::TLS13_AES_128_GCM_SHA256), "TLS_AES_128_GCM_SHA256");
        assert_eq!(
            cipher_name(CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256),
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        );
        for (number, name) in [
            (0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
            (0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
            (0x0005, "TLS_RSA_WITH_RC4_128_SHA"),
            (0x0a0a, "0x0a0a"),
        ] {
            assert_eq!(cipher_name(CipherSuite::from(number)), name);
        }
        for (group, name) in [
            (NamedGroup::X25519, "x25519"),
            (NamedGroup::secp521r1, "secp521r1"),
            (NamedGroup::FFDHE2048, "ffdhe2048"),
            (NamedGroup::X25519MLKEM768, "X25519MLKEM768"),
            (NamedGroup::Unknown(0x1a1a), "0x1a1a"),
        ] {
            assert_eq!(group_name(group), name);
        }
        assert_eq!(version_name(ProtocolVersion::TLSv1_3), "TLSv1.3");
    }
}
