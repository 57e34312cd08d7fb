//! The versions that a client offers, which the TLS library does not tell.

/// The names of the versions that a ClientHello offers, in the client's order, without those that have none. Takes the
/// records that begin with it.
pub(super) fn offered(records: &[u8]) -> Vec<String> {
    numbers(&handshake(records)).unwrap_or_default().into_iter().filter_map(name).map(str::to_owned).collect()
}

const HANDSHAKE: u8 = 22;
const SUPPORTED_VERSIONS: u16 = 43;

/// What the records have, without their headers (RFC 8446 §5.1).
fn handshake(mut records: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    while let [HANDSHAKE, _, _, high, low, rest @ ..] = records {
        let (fragment, rest) = rest.split_at(rest.len().min(usize::from(u16::from_be_bytes([*high, *low]))));
        message.extend_from_slice(fragment);
        records = rest;
    }
    message
}

/// RFC 8446 §4.1.2, §4.2.1. `None` if it is not a ClientHello.
fn numbers(message: &[u8]) -> Option<Vec<u16>> {
    let (header, hello) = message.split_at_checked(4)?;
    let length = u32::from_be_bytes([0, header[1], header[2], header[3]]) as usize;
    let mut hello = hello.get(..length)?;
    // Before the session id there are the version and 32 random octets.
    let highest = u16::from_be_bytes(*hello.first_chunk()?);
    hello = hello.split_at_checked(34)?.1;
    let [_session, _suites, _compressions] = [take(&mut hello, 1)?, take(&mut hello, 2)?, take(&mut hello, 1)?];
    let mut extensions = take(&mut hello, 2).unwrap_or_default();
    while let Some((kind, mut rest)) = extensions.split_first_chunk() {
        let mut value = take(&mut rest, 2)?;
        extensions = rest;
        if u16::from_be_bytes(*kind) == SUPPORTED_VERSIONS {
            let pairs = take(&mut value, 1)?.chunks_exact(2);
            return Some(pairs.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect());
        }
    }
    // RFC 5246 §E.1: without the extension, this one and all before it.
    Some((0x0301..=highest.min(0x0303)).rev().collect())
}

/// A vector whose length is in so many octets (RFC 8446 §3.4).
fn take<'a>(octets: &mut &'a [u8], length_in: usize) -> Option<&'a [u8]> {
    let (length, rest) = octets.split_at_checked(length_in)?;
    let length = length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
    let (vector, rest) = rest.split_at_checked(length)?;
    *octets = rest;
    Some(vector)
}

fn name(number: u16) -> Option<&'static str> {
    Some(match number {
        0x0300 => "SSLv3",
        0x0301 => "TLSv1.0",
        0x0302 => "TLSv1.1",
        0x0303 => "TLSv1.2",
        0x0304 => "TLSv1.3",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ClientHello with this version and these extensions, in records of this size.
    fn records(version: [u8; 2], extensions: &[u8], size: usize) -> Vec<u8> {
        let mut hello = version.to_vec();
        hello.extend([7; 32]);
        hello.extend([2, 0xaa, 0xbb, 0, 2, 0x13, 0x01, 1, 0]);
        hello.extend_from_slice(extensions);
        let message = [&[1, 0, 0, hello.len() as u8][..], &hello].concat();
        message.chunks(size).flat_map(|piece| [&[22, 3, 1, 0, piece.len() as u8][..], piece].concat()).collect()
    }

    #[test]
    fn the_extension_says_what_is_offered_otherwise_the_version() {
        let extension = [0, 18, 0, 0, 0, 1, 0xff, 0, 43, 0, 9, 8, 0x0a, 0x0a, 3, 4, 3, 3, 3, 0];
        for (version, extensions, wanted) in [
            ([3, 3], &extension[..], &["TLSv1.3", "TLSv1.2", "SSLv3"][..]),
            ([3, 3], &[0, 0], &["TLSv1.2", "TLSv1.1", "TLSv1.0"]),
            ([3, 4], &[], &["TLSv1.2", "TLSv1.1", "TLSv1.0"]),
            ([3, 1], &[], &["TLSv1.0"]),
            ([3, 0], &[], &[]),
        ] {
            for size in [1, 7, 100] {
                assert_eq!(offered(&records(version, extensions, size)), wanted, "{version:?} {extensions:?}");
            }
        }
    }

    #[test]
    fn octets_that_are_not_a_client_hello_offer_something_or_nothing() {
        let whole = records([3, 3], &[0, 9, 0, 43, 0, 5, 4, 3, 4, 3, 3], 100);
        assert_eq!(offered(&whole), ["TLSv1.3", "TLSv1.2"]);
        for at in 0..whole.len() {
            offered(&whole[..at]);
            let mut changed = whole.clone();
            changed[at] = 0xff;
            // It must end, and must not panic.
            offered(&changed);
        }
        assert_eq!(offered(&whole[..40]), [""; 0]);
        assert_eq!(offered(b"EHLO client.example\r\n"), [""; 0]);
    }
}
