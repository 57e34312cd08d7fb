//! What a proxy told of the client, besides its address.

use std::net::IpAddr;

use super::proxied::{text, tlv_list};

/// What a proxy told of the client with the PROXY protocol or XCLIENT, besides its address, its login and its name in HELO.
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::{Listener, MailServer};
///
/// let server = MailServer::builder().xclient(Listener::Smtp).start();
/// let mut client = TcpStream::connect(server.smtp().address())?;
/// client.write_all(b"EHLO proxy\r\nXCLIENT NAME=client.example DESTADDR=192.0.2.9 DESTPORT=25\r\nQUIT\r\n")?;
/// let said = read_to_string(client)?;
/// # assert!(said.contains("221 "), "{said}");
/// let told = server.sessions()[0].proxied.clone().unwrap();
/// assert_eq!((told.name.as_deref(), told.destination_port), (Some("client.example"), Some(25)));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProxiedClient {
    /// The address to which the client connected: of the PROXY header, or DESTADDR of XCLIENT.
    pub destination: Option<IpAddr>,
    /// Its port: of the PROXY header, or DESTPORT of XCLIENT.
    pub destination_port: Option<u16>,
    /// The client's host name: NAME of XCLIENT.
    pub name: Option<Box<str>>,
    /// `SMTP` or `ESMTP`: PROTO of XCLIENT.
    pub protocol: Option<Box<str>>,
    /// The server name that the client requested: `PP2_TYPE_AUTHORITY` of the PROXY protocol.
    pub authority: Option<Box<str>>,
    /// TLS between client and proxy: `PP2_TYPE_SSL` of the PROXY protocol.
    pub tls: Option<ProxiedTls>,
}

/// TLS between client and proxy, as the proxy told it (`proxy-protocol.txt` §2.2.6).
///
/// ```
/// # use std::{io::{Write, read_to_string}, net::TcpStream};
/// use mailjig::{Listener, MailServer};
///
/// let server = MailServer::builder().proxy_protocol(Listener::Smtp).start();
/// let mut proxy = TcpStream::connect(server.smtp().address())?;
/// // UNSPEC, and PP2_TYPE_SSL with PP2_CLIENT_SSL and PP2_SUBTYPE_SSL_VERSION.
/// proxy.write_all(b"\r\n\r\n\0\r\nQUIT\n\x21\0\0\x12\x20\0\x0f\x01\0\0\0\0\x21\0\x07TLSv1.3QUIT\r\n")?;
/// let said = read_to_string(proxy)?;
/// # assert!(said.contains("221 "), "{said}");
/// let tls = server.sessions()[0].proxied.as_ref().and_then(|told| told.tls.clone()).unwrap();
/// assert_eq!((tls.version.as_deref(), tls.has_certificate), (Some("TLSv1.3"), false));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ProxiedTls {
    /// Such as `TLSv1.3`.
    pub version: Option<Box<str>>,
    /// The cipher, such as `ECDHE-RSA-AES128-GCM-SHA256`.
    pub cipher: Option<Box<str>>,
    /// Whether the client presented a certificate in this TLS session.
    pub has_certificate: bool,
    /// Whether the proxy verified this certificate.
    pub is_verified: bool,
    /// The common name in the client's certificate.
    pub common_name: Option<Box<str>>,
    /// The algorithm that signed the client's certificate, such as `SHA256`.
    pub signature_algorithm: Option<Box<str>>,
    /// The algorithm of its key, such as `RSA2048`.
    pub key_algorithm: Option<Box<str>>,
}

impl ProxiedTls {
    /// Parses the value of `PP2_TYPE_SSL`: flags, the result of the verification, and further values. `None` if the client
    /// did not use TLS, or the value is not valid.
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        const CLIENT_SSL: u8 = 1;
        // PP2_CLIENT_CERT_CONN and PP2_CLIENT_CERT_SESS.
        const CERTIFICATE: u8 = 2 | 4;
        let ([client, verify @ ..], rest) = value.split_first_chunk::<5>()?;
        if client & CLIENT_SSL == 0 {
            return None;
        }
        let has_certificate = client & CERTIFICATE != 0;
        let mut tls = Self { has_certificate, is_verified: has_certificate && *verify == [0; 4], ..Self::default() };
        for tlv in tlv_list(rest)? {
            let known = match tlv.kind {
                0x21 => &mut tls.version,
                0x22 => &mut tls.common_name,
                0x23 => &mut tls.cipher,
                0x24 => &mut tls.signature_algorithm,
                0x25 => &mut tls.key_algorithm,
                _ => continue,
            };
            *known = Some(text(&tlv.value));
        }
        Some(tls)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tlv(kind: u8, value: &str) -> Vec<u8> {
        [&[kind], &(value.len() as u16).to_be_bytes()[..], value.as_bytes()].concat()
    }

    #[test]
    fn tls_of_a_client_is_read() {
        let names = [
            tlv(0x21, "TLSv1.2"),
            tlv(0x22, "ann"),
            tlv(0x23, "AES"),
            tlv(0x24, "SHA256"),
            tlv(0x25, "RSA2048"),
            tlv(0x7f, "new"),
        ];
        let with = |flags: &[u8], rest: &[u8]| ProxiedTls::parse(&[flags, rest].concat());
        let whole = ProxiedTls {
            version: Some("TLSv1.2".into()),
            cipher: Some("AES".into()),
            has_certificate: true,
            is_verified: true,
            common_name: Some("ann".into()),
            signature_algorithm: Some("SHA256".into()),
            key_algorithm: Some("RSA2048".into()),
        };

        assert_eq!(with(&[7, 0, 0, 0, 0], &names.concat()), Some(whole));
        for (flags, certificate) in [
            ([1, 0, 0, 0, 0], Some((false, false))),
            ([3, 0, 0, 0, 18], Some((true, false))),
            ([5, 0, 0, 0, 0], Some((true, true))),
            ([0, 0, 0, 0, 0], None),
            ([6, 0, 0, 0, 0], None),
        ] {
            let read = with(&flags, b"").map(|tls| (tls.has_certificate, tls.is_verified));
            assert_eq!(read, certificate, "{flags:?}");
        }
        for invalid in [&[][..], &[1, 0, 0, 0], &[1, 0, 0, 0, 0, 0x21], &[1, 0, 0, 0, 0, 0x21, 0, 2, b'T']] {
            assert_eq!(ProxiedTls::parse(invalid), None, "{invalid:?}");
        }
    }
}
