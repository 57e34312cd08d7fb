//! The header of the PROXY protocol, versions 1 and 2 (`proxy-protocol.txt` of HAProxy): the addresses of the client for
//! which a proxy connects. Reads no socket.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use crate::journal::{Proxied, Tlv, tlv_list};

/// §2.2: no line of version 1 can begin like this.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// What follows it: version and command, address family and protocol, and the length of the rest.
const FIXED: usize = 16;
const LINE: &[u8] = b"PROXY ";
/// §2.1: the longest line with its CRLF.
const LONGEST_LINE: usize = 107;

/// What is known after the first octets of a connection.
#[derive(Debug, PartialEq)]
pub(super) enum Progress {
    /// At least so many octets follow; all of them belong to the header.
    More(usize),
    Header(Proxied),
}

/// Reads the octets received so far. Fails if they do not begin a header, so that a client that does not send one
/// is refused at once.
pub(super) fn read(octets: &[u8]) -> Result<Progress, String> {
    let begins = |start: &[u8]| octets.iter().zip(start).all(|(one, other)| one == other);
    if begins(SIGNATURE) {
        binary(octets)
    } else if begins(LINE) {
        line(octets)
    } else {
        Err("the connection does not begin with a header of the PROXY protocol".to_owned())
    }
}

/// §2.1: `PROXY TCP4 source destination source-port destination-port`, or `PROXY UNKNOWN` and anything.
fn line(octets: &[u8]) -> Result<Progress, String> {
    let Some(text) = octets.strip_suffix(b"\r\n") else {
        let is_too_long = octets.len() >= LONGEST_LINE || octets.ends_with(b"\n");
        return if is_too_long { Err(wrong(octets)) } else { Ok(Progress::More(1)) };
    };
    let text = std::str::from_utf8(text).map_err(|_| wrong(octets))?;
    let words: Vec<&str> = text.split(' ').collect();
    let addresses = match words[1..] {
        ["UNKNOWN", ..] => None,
        ["TCP4", ref addresses @ ..] => Some(tcp::<Ipv4Addr>(addresses).ok_or_else(|| wrong(octets))?),
        ["TCP6", ref addresses @ ..] => Some(tcp::<Ipv6Addr>(addresses).ok_or_else(|| wrong(octets))?),
        _ => return Err(wrong(octets)),
    };
    Ok(Progress::Header(header(1, false, addresses, Vec::new())))
}

/// Source and destination: two IP addresses of this family, then their ports.
fn tcp<A: FromStr + Into<IpAddr>>(words: &[&str]) -> Option<(SocketAddr, SocketAddr)> {
    let [source, destination, source_port, destination_port] = words else { return None };
    let address = |ip: &str, its_port: &str| Some(SocketAddr::new(ip.parse::<A>().ok()?.into(), port(its_port)?));
    Some((address(source, source_port)?, address(destination, destination_port)?))
}

fn port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_number)
}

fn wrong(line: &[u8]) -> String {
    format!("the PROXY line is not valid: {}", line.escape_ascii())
}

fn header(version: u8, is_local: bool, addresses: Option<(SocketAddr, SocketAddr)>, tlvs: Vec<Tlv>) -> Proxied {
    let (source, destination) = addresses.unzip();
    Proxied { version, is_local, source, destination, tlvs }
}

/// §2.2.
fn binary(octets: &[u8]) -> Result<Progress, String> {
    if octets.len() < SIGNATURE.len() {
        return Ok(Progress::More(1));
    }
    let Some(fixed) = octets.get(SIGNATURE.len()..FIXED) else {
        return Ok(Progress::More(FIXED - octets.len()));
    };
    let is_local = match fixed[0] {
        0x20 => true,
        0x21 => false,
        other => return Err(format!("version and command of the PROXY header are {other:#04x}, not 0x20 or 0x21")),
    };
    let length = usize::from(u16::from_be_bytes([fixed[2], fixed[3]]));
    let rest = &octets[FIXED..];
    if rest.len() < length {
        return Ok(Progress::More(length - rest.len()));
    }
    if is_local {
        // LOCAL is the proxy's own connection, such as a health check: its block must be accepted and discarded.
        return Ok(Progress::Header(header(2, true, None, Vec::new())));
    }
    // The high four bits are the address family: none, IPv4, IPv6, Unix.
    let (size, addresses) = match fixed[1] >> 4 {
        0 => (0, None),
        1 => (12, ip4(rest)),
        2 => (36, ip6(rest)),
        3 => (216, None),
        other => return Err(format!("unknown address family {other} in the PROXY header")),
    };
    if fixed[1] & 0xf > 2 {
        return Err(format!("unknown transport protocol {} in the PROXY header", fixed[1] & 0xf));
    }
    let Some(tlvs) = rest.get(size..) else {
        return Err(format!("the PROXY header has {length} octets, too few for its addresses"));
    };
    // §2.2.1.
    let tlvs = tlv_list(tlvs).ok_or_else(|| "a value of the PROXY header is cut off".to_owned())?;
    Ok(Progress::Header(header(2, false, addresses, tlvs)))
}

fn ip4(rest: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (addresses, ports) = rest.get(..12)?.split_at(8);
    let ip = |at: usize| Ipv4Addr::from(<[u8; 4]>::try_from(&addresses[at..at + 4]).expect("it has 4 octets"));
    Some((
        (ip(0), u16::from_be_bytes([ports[0], ports[1]])).into(),
        (ip(4), u16::from_be_bytes([ports[2], ports[3]])).into(),
    ))
}

fn ip6(rest: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
    let (addresses, ports) = rest.get(..36)?.split_at(32);
    let ip = |at: usize| Ipv6Addr::from(<[u8; 16]>::try_from(&addresses[at..at + 16]).expect("it has 16 octets"));
    Some((
        (ip(0), u16::from_be_bytes([ports[0], ports[1]])).into(),
        (ip(16), u16::from_be_bytes([ports[2], ports[3]])).into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a header that arrives as slowly as possible, with something behind it that must not be read.
    fn whole(octets: &[u8]) -> Result<Proxied, String> {
        let mut taken = 0;
        loop {
            match read(&octets[..taken])? {
                Progress::More(more) => taken += more,
                Progress::Header(header) => {
                    assert_eq!(taken, octets.len(), "the whole header was read");
                    return Ok(header);
                }
            }
            if taken > octets.len() {
                return Err("unfinished".to_owned());
            }
        }
    }

    fn second(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = (rest.len() as u16).to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, rest].concat()
    }

    const IP4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 9, 0x10, 0x92, 0, 25];

    #[test]
    fn the_addresses_are_read() {
        let ip6 = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1], &[0; 15], &[2], &[0x10, 0x92, 0, 25]].concat();
        let unix = [0; 216];
        let tlvs = [&IP4[..], &[2, 0, 2], b"mx", &[4, 0, 0]].concat();
        for (octets, version, is_local, source, tlvs) in [
            (&b"PROXY TCP4 192.0.2.1 192.0.2.9 4242 25\r\n"[..], 1, false, Some("192.0.2.1:4242"), 0),
            (b"PROXY TCP6 2001:db8::1 ::2 4242 25\r\n", 1, false, Some("[2001:db8::1]:4242"), 0),
            (b"PROXY UNKNOWN\r\n", 1, false, None, 0),
            (b"PROXY UNKNOWN ff:ff 1 2 3 whatever\r\n", 1, false, None, 0),
            (&second(0x21, 0x11, &IP4), 2, false, Some("192.0.2.1:4242"), 0),
            (&second(0x21, 0x21, &ip6), 2, false, Some("[2001:db8::1]:4242"), 0),
            // §2.2: addresses of datagrams are the same; those of Unix sockets are not read, as with UNSPEC.
            (&second(0x21, 0x12, &IP4), 2, false, Some("192.0.2.1:4242"), 0),
            (&second(0x21, 0x22, &ip6), 2, false, Some("[2001:db8::1]:4242"), 0),
            (&second(0x21, 0x31, &unix), 2, false, None, 0),
            (&second(0x21, 0x32, &[&unix[..], &[4, 0, 0]].concat()), 2, false, None, 1),
            (&second(0x21, 0x00, b""), 2, false, None, 0),
            (&second(0x20, 0x11, &IP4), 2, true, None, 0),
            (&second(0x20, 0x00, b""), 2, true, None, 0),
            // §2.2: the block of LOCAL is discarded, whatever it has.
            (&second(0x20, 0x43, b"x"), 2, true, None, 0),
            (&second(0x20, 0x11, &IP4[..3]), 2, true, None, 0),
            (&second(0x20, 0x11, &[&IP4[..], &[2, 0]].concat()), 2, true, None, 0),
            (&second(0x21, 0x11, &tlvs), 2, false, Some("192.0.2.1:4242"), 2),
        ] {
            let header = whole(octets).unwrap_or_else(|why| panic!("{}: {why}", octets.escape_ascii()));
            let read = (header.version, header.is_local, header.source.map(|its| its.to_string()), header.tlvs.len());
            assert_eq!(read, (version, is_local, source.map(str::to_owned), tlvs), "{}", octets.escape_ascii());
        }
    }

    #[test]
    fn an_invalid_header_is_refused_as_soon_as_possible() {
        let endless = [b"PROXY UNKNOWN".as_slice(), &[b'x'; 200]].concat();
        let unix = [0; 216];
        for octets in [
            &b"EHLO client.example\r\n"[..],
            b"\x16\x03\x01",
            b"PROXX",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 4242 25\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 4242\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 4242 25 \r\n",
            b"PROXY TCP4 ::1 192.0.2.9 4242 25\r\n",
            b"PROXY TCP6 192.0.2.1 ::1 4242 25\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 65536 25\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 +1 25\r\n",
            b"PROXY TCP4 192.0.2.1 192.0.2.9 01 25\r\n",
            b"PROXY UDP4 192.0.2.1 192.0.2.9 1 25\r\n",
            b"PROXY \r\n",
            &endless,
            &second(0x11, 0x11, &IP4),
            &second(0x22, 0x11, &IP4),
            &second(0x21, 0x41, &IP4),
            &second(0x21, 0x13, &IP4),
            &second(0x21, 0x31, &unix[..215]),
            &second(0x21, 0x11, &IP4[..11]),
            &second(0x21, 0x11, &[&IP4[..], &[2, 0]].concat()),
            &second(0x21, 0x11, &[&IP4[..], &[2, 0, 2, b'm']].concat()),
        ] {
            let why = whole(octets).expect_err(&octets.escape_ascii().to_string());
            assert_ne!(why, "unfinished", "{}", octets.escape_ascii());
        }
        assert_eq!(read(b""), Ok(Progress::More(1)));
    }
}
