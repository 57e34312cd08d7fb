//! What a proxy told about the client for which it connects.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

use super::{ProxiedClient, ProxiedTls};

/// The types whose values are decoded (`proxy-protocol.txt` §2.2.1).
const AUTHORITY: u8 = 0x02;
const SSL: u8 = 0x20;

/// A header of the PROXY protocol: for which client a proxy connects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Proxied {
    pub(crate) version: u8,
    /// Whether it is a connection of the proxy itself, such as a health check.
    pub(crate) is_local: bool,
    /// The client's address; `None` if the proxy does not know it.
    pub(crate) source: Option<SocketAddr>,
    /// The address to which the client connected.
    pub(crate) destination: Option<SocketAddr>,
    pub(crate) tlvs: Vec<Tlv>,
}

/// A further value in a header of the PROXY protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Tlv {
    pub(crate) kind: u8,
    pub(crate) value: Vec<u8>,
}

impl Tlv {
    /// Its name in the text of the protocol; the number of a type without a name.
    pub(crate) fn name(&self) -> Cow<'static, str> {
        match self.kind {
            0x01 => "alpn".into(),
            AUTHORITY => "authority".into(),
            0x03 => "crc32c".into(),
            0x04 => "noop".into(),
            0x05 => "unique-id".into(),
            SSL => "ssl".into(),
            0x30 => "netns".into(),
            other => format!("{other:#04x}").into(),
        }
    }

    /// Its value: text as text, other octets escaped.
    pub(crate) fn text(&self) -> String {
        self.value.escape_ascii().to_string()
    }
}

impl Proxied {
    /// What the header tells of the client besides its address. `None` if it tells nothing.
    pub(super) fn client(&self) -> Option<ProxiedClient> {
        let value = |kind| self.tlvs.iter().find(|tlv| tlv.kind == kind);
        let client = ProxiedClient {
            destination: self.destination.map(|its| its.ip()),
            destination_port: self.destination.map(|its| its.port()),
            authority: value(AUTHORITY).map(|tlv| text(&tlv.value)),
            tls: value(SSL).and_then(|tlv| ProxiedTls::parse(&tlv.value)),
            ..ProxiedClient::default()
        };
        (client != ProxiedClient::default()).then_some(client)
    }
}

/// A value that is text.
pub(super) fn text(value: &[u8]) -> Box<str> {
    String::from_utf8_lossy(value).into()
}

/// Splits values: a type, a length of two octets, and the value. `None` if the last one is cut off.
pub(crate) fn tlv_list(mut rest: &[u8]) -> Option<Vec<Tlv>> {
    let mut all = Vec::new();
    while !rest.is_empty() {
        let ([kind, high, low], behind) = rest.split_first_chunk::<3>()?;
        let (value, behind) = behind.split_at_checked(usize::from(u16::from_be_bytes([*high, *low])))?;
        all.push(Tlv { kind: *kind, value: value.to_vec() });
        rest = behind;
    }
    Some(all)
}

impl fmt::Display for Proxied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PROXY protocol {}: ", self.version)?;
        match (self.is_local, self.source, self.destination) {
            (true, ..) => f.write_str("a connection of the proxy itself")?,
            (false, Some(source), Some(destination)) => {
                write!(f, "the client is {source}, connected to {destination}")?
            }
            (false, ..) => f.write_str("the client is unknown")?,
        }
        self.tlvs.iter().try_for_each(|tlv| write!(f, ", {} \"{}\"", tlv.name(), tlv.text()))
    }
}
