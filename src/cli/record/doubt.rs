//! What looks wrong in a recorded session: another protocol, or TLS on one side only.

use super::said::{Part, Said};
use crate::protocol::Protocol;

/// The first octets of a TLS handshake (RFC 8446 §5.1).
const HANDSHAKE: &[u8] = &[0x16, 3];

/// What is probably wrong with the options, if the session looks like that. `has_tls`: TLS began with the connections to
/// the server and to the client.
pub(super) fn doubt(protocol: Protocol, has_tls: (bool, bool), said: &[Said]) -> Option<String> {
    let (server_tls, client_tls) = has_tls;
    let client = said.iter().find_map(|said| match said {
        Said::Octets(octets) => Some(&octets[..]),
        Said::Line(parts) => parts.first().map(Part::octets),
        Said::Body(_)
        | Said::SecretBody(_)
        | Said::SecretOctets(_)
        | Said::Server(_)
        | Said::Tls
        | Said::Dropped(_)
        | Said::Closed => None,
    });
    if !client_tls && client.is_some_and(|octets| octets.starts_with(HANDSHAKE)) {
        return Some("the client begins with TLS: add `--tls implicit`, or let it connect without TLS".to_owned());
    }
    let server = said.iter().find_map(|said| match said {
        Said::Server(octets) => Some(octets),
        Said::Line(_)
        | Said::Body(_)
        | Said::SecretBody(_)
        | Said::Octets(_)
        | Said::SecretOctets(_)
        | Said::Tls
        | Said::Dropped(_)
        | Said::Closed => None,
    });
    let Some(greeting) = server else {
        let help =
            if server_tls { "" } else { "; if it begins with TLS there, add `--tls implicit` or `--tls upstream`" };
        return Some(format!("the server said nothing{help}"));
    };
    let is_own = match protocol {
        Protocol::Smtp | Protocol::Lmtp => {
            greeting.starts_with(b"2") || greeting.starts_with(b"4") || greeting.starts_with(b"5")
        }
        Protocol::Imap => greeting.starts_with(b"* "),
        Protocol::Pop3 => greeting.starts_with(b"+OK") || greeting.starts_with(b"-ERR"),
    };
    let name = protocol.name();
    (!is_own).then(|| {
        format!("the server does not greet like a server of {name}: is `--protocol {name}` right, and the port?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_wrong_is_told() {
        let server = |text: &str| Said::Server(text.into());
        let client = |octets: &[u8]| Said::Octets(octets.to_vec());
        for (protocol, has_tls, said, wanted) in [
            (Protocol::Smtp, (false, false), vec![server("220 hi\r\n")], None),
            (Protocol::Lmtp, (false, false), vec![server("554 no\r\n")], None),
            (Protocol::Imap, (false, false), vec![server("* OK hi\r\n")], None),
            (Protocol::Pop3, (true, true), vec![server("-ERR no\r\n")], None),
            (Protocol::Imap, (false, false), vec![server("220 hi\r\n")], Some("`--protocol imap`")),
            (Protocol::Pop3, (false, false), vec![server("* OK hi\r\n")], Some("`--protocol pop3`")),
            (Protocol::Smtp, (false, false), vec![server("+OK hi\r\n")], Some("`--protocol smtp`")),
            (Protocol::Imap, (false, false), Vec::new(), Some("`--tls upstream`")),
            (Protocol::Imap, (true, false), Vec::new(), Some("the server said nothing")),
            (
                Protocol::Imap,
                (true, false),
                vec![client(b"\x16\x03\x01\x02"), server("* OK hi\r\n")],
                Some("the client begins with TLS: add `--tls implicit`"),
            ),
        ] {
            let told = doubt(protocol, has_tls, &said);

            let is_right =
                wanted.map_or(told.is_none(), |wanted| told.as_ref().is_some_and(|told| told.contains(wanted)));
            assert!(is_right, "{said:?}: {told:?}");
        }
    }
}
