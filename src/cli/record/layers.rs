//! Compression, and the security layers of SASL mechanisms: behind them nobody between client and server can read what they
//! say. Clients do not see that the server offers them.

use crate::protocol::Protocol;

/// The mechanisms that can encrypt or sign what follows a login (RFC 4752 §3.3, RFC 2831 §2.4, RFC 2222 §7.1).
const MECHANISMS: [&str; 5] = ["GSSAPI", "GSS-SPNEGO", "DIGEST-MD5", "KERBEROS_V4", "SRP"];

/// Whether what follows a login with this mechanism may be encrypted or signed.
pub(super) fn has_layer(mechanism: &[u8]) -> bool {
    MECHANISMS.iter().any(|its| mechanism.eq_ignore_ascii_case(its.as_bytes()))
}

/// The line of a server, with its CRLF, without what cannot be recorded, whose names are put into `hidden`. `is_offer`:
/// over POP3, the line is one of those that answer CAPA or AUTH.
pub(super) fn without(protocol: Protocol, line: Vec<u8>, is_offer: bool, hidden: &mut Vec<String>) -> Vec<u8> {
    let Some((from, to)) = list(protocol, &line, is_offer) else { return line };
    let (mut kept, mut has_hidden): (Vec<&[u8]>, _) = (Vec::new(), false);
    for word in line[from..to].split(|byte| *byte == b' ') {
        if is_unreadable(protocol, word) {
            has_hidden = true;
            hidden.push(String::from_utf8_lossy(word).to_uppercase());
        } else {
            kept.push(word);
        }
    }
    match (has_hidden, from) {
        (false, _) => line,
        // The line is the name of a mechanism.
        (true, 0) => Vec::new(),
        (true, _) => [&line[..from], &kept.join(&b' '), &line[to..]].concat(),
    }
}

fn is_unreadable(protocol: Protocol, word: &[u8]) -> bool {
    if protocol != Protocol::Imap {
        return has_layer(word);
    }
    // RFC 4978 §4: there are no other algorithms, and others could not be read either.
    strip(word, "COMPRESS=").is_some() || strip(word, "AUTH=").is_some_and(has_layer)
}

/// Where the words are that a server offers in this line.
fn list(protocol: Protocol, line: &[u8], is_offer: bool) -> Option<(usize, usize)> {
    let end = line.trim_ascii_end().len();
    let from = |rest: &[u8]| line.len() - rest.len();
    match protocol {
        Protocol::Smtp | Protocol::Lmtp => {
            let rest = strip(line, "250-").or_else(|| strip(line, "250 "))?;
            // `AUTH=` is what old clients read.
            let rest = strip(rest, "AUTH ").or_else(|| strip(rest, "AUTH="))?;
            Some((from(rest), end))
        }
        Protocol::Pop3 if is_offer => match strip(line, "SASL ") {
            Some(rest) => Some((from(rest), end)),
            // The answer to AUTH has a mechanism in each line.
            None => Some((0, end)),
        },
        Protocol::Pop3 => None,
        Protocol::Imap => {
            if let Some(rest) = strip(line, "* CAPABILITY ") {
                return Some((from(rest), end));
            }
            // A response code comes behind the status (RFC 3501 §7.1).
            let mut words = line.splitn(3, |byte| *byte == b' ');
            let (_tag, status, rest) = (words.next()?, words.next()?, words.next()?);
            let is_status =
                ["OK", "PREAUTH", "NO", "BAD", "BYE"].iter().any(|its| status.eq_ignore_ascii_case(its.as_bytes()));
            let rest = strip(rest, "[CAPABILITY ").filter(|_| is_status)?;
            let to = memchr::memchr(b']', rest)?;
            Some((from(rest), from(rest) + to))
        }
    }
}

/// What follows this word, in letters of any case.
fn strip<'t>(text: &'t [u8], word: &str) -> Option<&'t [u8]> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word.as_bytes()).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_recorded_is_hidden_where_it_is_offered() {
        for (protocol, is_offer, line, seen, hidden) in [
            (
                Protocol::Imap,
                false,
                "* CAPABILITY IMAP4rev1 compress=DEFLATE IDLE",
                "* CAPABILITY IMAP4rev1 IDLE",
                "COMPRESS=DEFLATE",
            ),
            (
                Protocol::Imap,
                false,
                "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=GSSAPI AUTH=DIGEST-MD5] ready",
                "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready",
                "AUTH=GSSAPI AUTH=DIGEST-MD5",
            ),
            (
                Protocol::Imap,
                false,
                "a1 OK [CAPABILITY COMPRESS=DEFLATE] in",
                "a1 OK [CAPABILITY ] in",
                "COMPRESS=DEFLATE",
            ),
            (Protocol::Imap, false, "* 1 FETCH (X \"[CAPABILITY COMPRESS=DEFLATE]\")", "", ""),
            (Protocol::Imap, false, "* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=SCRAM-SHA-256", "", ""),
            (Protocol::Smtp, false, "250-AUTH PLAIN DIGEST-MD5 LOGIN", "250-AUTH PLAIN LOGIN", "DIGEST-MD5"),
            (Protocol::Lmtp, false, "250 AUTH GSSAPI", "250 AUTH ", "GSSAPI"),
            (Protocol::Smtp, false, "250-AUTH=GSSAPI PLAIN", "250-AUTH=PLAIN", "GSSAPI"),
            (Protocol::Smtp, false, "250-SIZE 1000", "", ""),
            (Protocol::Smtp, false, "354 AUTH GSSAPI", "", ""),
            (Protocol::Pop3, true, "SASL PLAIN GSSAPI", "SASL PLAIN", "GSSAPI"),
            (Protocol::Pop3, true, "GSSAPI", "-", "GSSAPI"),
            (Protocol::Pop3, true, "TOP", "", ""),
            (Protocol::Pop3, false, "SASL PLAIN GSSAPI", "", ""),
        ] {
            let mut names = Vec::new();

            let got = without(protocol, format!("{line}\r\n").into(), is_offer, &mut names);

            let seen = match seen {
                "" => format!("{line}\r\n"),
                "-" => String::new(),
                seen => format!("{seen}\r\n"),
            };
            assert_eq!((String::from_utf8(got).unwrap(), names.join(" ")), (seen, hidden.to_owned()), "{line}");
        }
    }
}
