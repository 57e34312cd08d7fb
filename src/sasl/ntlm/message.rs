//! The messages of NTLM (MS-NLMP §2.2.1). Numbers have the low octet first.

use super::hash::utf16;

const SIGNATURE: &[u8] = b"NTLMSSP\0";

/// NegotiateFlags (MS-NLMP §2.2.2.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u32);

impl Flags {
    pub(super) const UNICODE: Self = Self(1);
    const OEM: Self = Self(1 << 1);
    const REQUEST_TARGET: Self = Self(1 << 2);
    const NTLM: Self = Self(1 << 9);
    const ALWAYS_SIGN: Self = Self(1 << 15);
    const TARGET_IS_SERVER: Self = Self(1 << 17);
    const EXTENDED_SECURITY: Self = Self(1 << 19);
    const TARGET_INFO: Self = Self(1 << 23);
    const KEY_128: Self = Self(1 << 29);
    const KEY_56: Self = Self(1 << 31);

    fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The server's flags for these of the client: names in Unicode if the client offers it, otherwise in its own
    /// character set; and what the client asks for, without protection of what follows the login.
    fn answer(self) -> Self {
        let granted = [Self::ALWAYS_SIGN, Self::EXTENDED_SECURITY, Self::KEY_128, Self::KEY_56];
        let text = if self.has(Self::UNICODE) { Self::UNICODE } else { Self::OEM };
        let own = [text, Self::REQUEST_TARGET, Self::NTLM, Self::TARGET_IS_SERVER, Self::TARGET_INFO];
        granted.into_iter().filter(|its| self.has(*its)).chain(own).fold(Self(0), Self::with)
    }
}

/// The flags for the answer to NEGOTIATE_MESSAGE (MS-NLMP §2.2.1.1).
pub(super) fn negotiate(message: &[u8]) -> Result<Flags, &'static str> {
    let rest = body(message, 1).ok_or("it must be NEGOTIATE_MESSAGE: NTLMSSP, NUL and the number 1")?;
    let flags = Flags(number(rest, 0).ok_or("NEGOTIATE_MESSAGE must have flags")?);
    if !flags.has(Flags::UNICODE) && !flags.has(Flags::OEM) {
        return Err("NEGOTIATE_MESSAGE must have the flag for Unicode or OEM");
    }
    Ok(flags.answer())
}

/// CHALLENGE_MESSAGE (MS-NLMP §2.2.1.2) of the server with this host name.
///
/// # Rationale
/// The target information makes clients answer with NTLMv2. It has no time, so that they need not sign the messages.
pub(super) fn challenge(flags: Flags, host: &str, challenge: &[u8; 8]) -> Vec<u8> {
    const PAYLOAD: usize = 56;
    let target = match flags.has(Flags::UNICODE) {
        true => utf16(host),
        false => host.as_bytes().to_vec(),
    };
    // MS-NLMP §2.2.2.1: the names of the server and of its domain, for NetBIOS and DNS, and the end of the list.
    let mut info = Vec::new();
    for kind in [2, 1, 4, 3] {
        let name = utf16(host);
        info.extend(u16::to_le_bytes(kind));
        info.extend(length(&name));
        info.extend(name);
    }
    info.extend([0; 4]);
    let field = |its: &[u8], offset: usize| [&length(its)[..], &length(its), &(offset as u32).to_le_bytes()].concat();
    let head = [SIGNATURE, &2u32.to_le_bytes(), &field(&target, PAYLOAD), &flags.0.to_le_bytes(), challenge, &[0; 8]];
    // The version of an operating system follows, which is not given.
    [&head.concat()[..], &field(&info, PAYLOAD + target.len()), &[0; 8], &target, &info].concat()
}

/// AUTHENTICATE_MESSAGE (MS-NLMP §2.2.1.3).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Authenticate<'a> {
    pub(super) user: String,
    pub(super) domain: String,
    /// NtChallengeResponse.
    pub(super) response: &'a [u8],
}

impl<'a> Authenticate<'a> {
    pub(super) fn parse(message: &'a [u8], flags: Flags) -> Result<Self, &'static str> {
        body(message, 3).ok_or("it must be AUTHENTICATE_MESSAGE: NTLMSSP, NUL and the number 3")?;
        let text = |octets: &[u8], what| match flags.has(Flags::UNICODE) {
            true => from_utf16(octets).ok_or(what),
            false => String::from_utf8(octets.to_vec()).map_err(|_| what),
        };
        Ok(Self {
            response: field(message, 20).ok_or("NtChallengeResponse is not within the message")?,
            domain: text(
                field(message, 28).ok_or("DomainName is not within the message")?,
                "DomainName is not in the character set that the flags say",
            )?,
            user: text(
                field(message, 36).ok_or("UserName is not within the message")?,
                "UserName is not in the character set that the flags say",
            )?,
        })
    }
}

/// What follows the signature and this type of a message.
fn body(message: &[u8], kind: u32) -> Option<&[u8]> {
    message.strip_prefix(SIGNATURE)?.strip_prefix(&kind.to_le_bytes())
}

/// The octets to which the field at this offset refers: its length, its maximum length, and its offset.
fn field(message: &[u8], at: usize) -> Option<&[u8]> {
    let length = usize::from(u16::from_le_bytes(*message.get(at..)?.first_chunk()?));
    let offset = number(message, at + 4)? as usize;
    message.get(offset..)?.get(..length)
}

fn number(message: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*message.get(at..)?.first_chunk()?))
}

/// A length in two octets. Names have fewer octets.
fn length(octets: &[u8]) -> [u8; 2] {
    u16::try_from(octets.len()).unwrap_or(u16::MAX).to_le_bytes()
}

fn from_utf16(octets: &[u8]) -> Option<String> {
    let (pairs, []) = octets.as_chunks::<2>() else { return None };
    char::decode_utf16(pairs.iter().map(|pair| u16::from_le_bytes(*pair))).collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate_message(flags: u32) -> Vec<u8> {
        [SIGNATURE, &1u32.to_le_bytes(), &flags.to_le_bytes()].concat()
    }

    #[test]
    fn the_flags_follow_those_of_the_client() {
        let own = 0x0082_0204;
        for (flags, wanted) in [
            (0x0000_0203, Ok(own | 1)),
            (0x0000_0202, Ok(own | 2)),
            // Signing, sealing, key exchange and a version are not granted.
            (0xe208_8233, Ok(own | 0xa008_8001)),
            (0x0000_0200, Err("NEGOTIATE_MESSAGE must have the flag for Unicode or OEM")),
        ] {
            assert_eq!(negotiate(&negotiate_message(flags)).map(|flags| flags.0), wanted, "{flags:x}");
        }
        for message in [&b""[..], b"NTLMSSP", b"NTLMSSP\0\x02\0\0\0\x03\0\0\0", b"NTLMSSP\0\x01\0\0\0\x03\0\0"] {
            assert!(negotiate(message).is_err(), "{message:?}");
        }
    }

    #[test]
    fn the_challenge_names_the_server_in_the_character_set_of_the_flags() {
        for (flags, target) in [(Flags::UNICODE, &b"m\0x\0"[..]), (Flags::OEM, b"mx")] {
            let message = challenge(flags, "mx", &[7; 8]);

            assert_eq!(field(&message, 12), Some(target));
            assert_eq!(message[24..32], [7; 8]);
            let info = field(&message, 40).unwrap();
            assert_eq!(&info[..8], b"\x02\0\x04\0m\0x\0");
            assert_eq!((info.len(), &info[32..]), (36, &[0; 4][..]));
        }
    }

    /// AUTHENTICATE_MESSAGE with these fields.
    fn authenticate(response: &[u8], domain: &[u8], user: &[u8]) -> Vec<u8> {
        let mut message = [SIGNATURE, &3u32.to_le_bytes()].concat();
        let mut offset = 64u32;
        for its in [b"", response, domain, user, b"", b""] {
            message.extend([&length(its)[..], &length(its), &offset.to_le_bytes()].concat());
            offset += its.len() as u32;
        }
        message.extend([0; 4]);
        [&message[..], response, domain, user].concat()
    }

    #[test]
    fn names_are_in_the_character_set_of_the_flags() {
        for (flags, domain, user) in [
            (Flags::UNICODE, &b"D\0"[..], "t\0\u{fc}\0".chars().map(|its| its as u8).collect::<Vec<_>>()),
            (Flags::OEM, b"D", "tü".into()),
        ] {
            let message = authenticate(b"response", domain, &user);

            let got = Authenticate::parse(&message, flags);

            assert_eq!(got, Ok(Authenticate { user: "tü".into(), domain: "D".into(), response: b"response" }));
        }
    }

    #[test]
    fn an_invalid_message_is_refused_with_the_name_of_the_field() {
        let message = authenticate(b"response", b"D", b"tim");
        let edited = |at: usize, octet: u8| {
            let mut message = message.clone();
            message[at] = octet;
            message
        };
        for (message, flags, why) in [
            (&message[..], Flags::UNICODE, "DomainName is not in the character set that the flags say"),
            (&edited(8, 1), Flags::OEM, "it must be AUTHENTICATE_MESSAGE: NTLMSSP, NUL and the number 3"),
            (&edited(21, 1), Flags::OEM, "NtChallengeResponse is not within the message"),
            (&edited(35, 0xff), Flags::OEM, "DomainName is not within the message"),
            (&edited(36, 4), Flags::OEM, "UserName is not within the message"),
            (&message[..40], Flags::OEM, "NtChallengeResponse is not within the message"),
            (&edited(75, 0xff), Flags::OEM, "UserName is not in the character set that the flags say"),
        ] {
            assert_eq!(Authenticate::parse(message, flags), Err(why), "{message:?}");
        }
    }
}
