//! What a proxy told about the client for which it connects.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;

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
            0x02 => "authority".into(),
            0x03 => "crc32c".into(),
            0x04 => "noop".into(),
            0x05 => "unique-id".into(),
            0x20 => "ssl".into(),
            0x30 => "netns".into(),
            other => format!("{other:#04x}").into(),
        }
    }

    /// Its value: text as text, other octets escaped.
    pub(crate) fn text(&self) -> String {
        self.value.escape_ascii().to_string()
    }
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
