//! The grammar of paths (RFC 5321 §4.1.2, with the characters of RFC 6531 §3.3).

use std::net::{Ipv4Addr, Ipv6Addr};

/// The content of the angle brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Path<'a> {
    /// The mailbox as written, without source route. Empty for `<>`.
    pub(super) address: &'a str,
    /// Whether it has non-ASCII characters. Then MAIL must have the parameter SMTPUTF8 (RFC 6531 §3.4).
    pub(super) is_international: bool,
}

/// Parses a path at the start of a text. Returns the path and the rest of the text, or an error.
///
/// ```abnf
/// Path    = "<" [ A-d-l ":" ] Mailbox ">"     ; a source route is accepted and ignored (appendix C)
/// Mailbox = Local-part "@" ( Domain / address-literal )
/// ```
///
/// `quirk_underscore`: underscores are allowed in domains, because host names in container networks have them.
pub(super) fn path(text: &str) -> Result<(Path<'_>, &str), &'static str> {
    let Some(inside) = text.strip_prefix('<') else {
        return Err(if text.starts_with(' ') {
            "no space is allowed between the colon and the address"
        } else {
            "the address must be in angle brackets"
        });
    };
    let inside = source_route(inside)?;
    if let Some(rest) = inside.strip_prefix('>') {
        return Ok((Path { address: "", is_international: false }, rest));
    }
    let rest = local_part(inside)?;
    // RFC 5321 §4.5.1: <postmaster> has no domain.
    let rest = match rest.strip_prefix('@') {
        Some(domain) => host(domain)?,
        None if inside[..inside.len() - rest.len()].eq_ignore_ascii_case("postmaster") => rest,
        None => return Err("the address has no `@` and domain"),
    };
    let address = &inside[..inside.len() - rest.len()];
    let Some(rest) = rest.strip_prefix('>') else {
        return Err(if rest.starts_with('@') {
            "the address has a second `@`"
        } else {
            "the address does not end with `>`"
        });
    };
    Ok((Path { address, is_international: !address.is_ascii() }, rest))
}

fn source_route(text: &str) -> Result<&str, &'static str> {
    if !text.starts_with('@') {
        return Ok(text);
    }
    let mut rest = text;
    loop {
        let Some(domain) = rest.strip_prefix('@') else { return Err("the source route is not `@a,@b:`") };
        rest = host(domain)?;
        match rest.as_bytes().first() {
            Some(b',') => rest = &rest[1..],
            Some(b':') => return Ok(&rest[1..]),
            _ => return Err("the source route does not end with `:`"),
        }
    }
}

/// Skips the local part: dot-separated atoms, or a quoted string.
fn local_part(text: &str) -> Result<&str, &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut escaped = false;
        for (at, c) in quoted.char_indices() {
            match c {
                // RFC 5321 §4.1.2, qtextSMTP: no control characters, not even after a backslash.
                c if c.is_control() => return Err("a quoted local part must not contain control characters"),
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => return Ok(&quoted[at + 1..]),
                _ => {}
            }
        }
        return Err("the quoted local part is not closed");
    }
    let (local, rest) = labels(text, |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte));
    if local.is_empty() {
        return Err("the address has no local part");
    }
    if local.as_bytes().split(|byte| *byte == b'.').any(<[u8]>::is_empty) {
        return Err("a dot in the local part must be between other characters");
    }
    Ok(rest)
}

/// Splits off the characters of atoms and dots. All non-ASCII characters are allowed except control characters.
fn labels(text: &str, is_ascii_letter: impl Fn(u8) -> bool) -> (&str, &str) {
    let is_end = |byte: u8| byte.is_ascii() && byte != b'.' && !is_ascii_letter(byte);
    let (front, _) = text.split_at(text.bytes().position(is_end).unwrap_or(text.len()));
    let end = if front.is_ascii() { None } else { front.find(char::is_control) };
    text.split_at(end.unwrap_or(front.len()))
}

/// Skips a domain or an address literal.
fn host(text: &str) -> Result<&str, &'static str> {
    if let Some(literal) = text.strip_prefix('[') {
        let Some(end) = literal.find(']') else { return Err("the address literal is not closed") };
        return if is_address(&literal[..end]) {
            Ok(&literal[end + 1..])
        } else {
            Err("the address literal is neither an IPv4 address nor IPv6:…")
        };
    }
    let (domain, rest) = labels(text, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if domain.is_empty() {
        return Err("the address has no domain");
    }
    let is_wrong = |label: &[u8]| matches!(label, [] | [b'-', ..] | [.., b'-']);
    if domain.as_bytes().split(|byte| *byte == b'.').any(is_wrong) {
        return Err("a label of the domain is empty, or begins or ends with a hyphen");
    }
    Ok(rest)
}

/// Whether this is an address literal (RFC 5321 §4.1.3): IPv4, `IPv6:` and an address, or another tag and printable
/// characters.
fn is_address(literal: &str) -> bool {
    if literal.parse::<Ipv4Addr>().is_ok() {
        return true;
    }
    match literal.split_once(':') {
        Some((tag, address)) if tag.eq_ignore_ascii_case("IPv6") => address.parse::<Ipv6Addr>().is_ok(),
        Some((tag, content)) => {
            let is_tag = tag.ends_with(|c: char| c.is_ascii_alphanumeric())
                && tag.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            is_tag && !content.is_empty() && content.bytes().all(|byte| matches!(byte, 33..=90 | 94..=126))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_paths_are_parsed() {
        for (text, address, rest) in [
            ("<bob@example.org>", "bob@example.org", ""),
            ("<bob@example.org> SIZE=1", "bob@example.org", " SIZE=1"),
            ("<>", "", ""),
            ("<Postmaster>", "Postmaster", ""),
            ("<a@[127.0.0.1]>", "a@[127.0.0.1]", ""),
            ("<a@[IPv6:::1]>", "a@[IPv6:::1]", ""),
            ("<a@[ipv6:2001:db8::1]>", "a@[ipv6:2001:db8::1]", ""),
            ("<a@[x400:c=de;a=x]>", "a@[x400:c=de;a=x]", ""),
            ("<\"a b\"@example.org>", "\"a b\"@example.org", ""),
            ("<\"a\\\"@\\\\b>\"@example.org>", "\"a\\\"@\\\\b>\"@example.org", ""),
            ("<@relay.example,@[127.0.0.1]:bob@example.org>", "bob@example.org", ""),
            ("<first.last+tag@sub.example.org>", "first.last+tag@sub.example.org", ""),
            ("<o'brien!#$%&*/=?^_`{|}~@example.org>", "o'brien!#$%&*/=?^_`{|}~@example.org", ""),
            ("<a@my_app>", "a@my_app", ""),
            ("<jürgen@bücher.example>", "jürgen@bücher.example", ""),
            ("<a@b><c@d>", "a@b", "<c@d>"),
        ] {
            let is_international = !text.is_ascii();
            assert_eq!(path(text), Ok((Path { address, is_international }, rest)), "{text}");
        }
    }

    #[test]
    fn an_invalid_path_is_refused_with_a_reason() {
        for (text, why) in [
            ("bob@example.org", "the address must be in angle brackets"),
            (" <bob@example.org>", "no space is allowed between the colon and the address"),
            ("<bob@example.org", "the address does not end with `>`"),
            ("<bob@example.org >", "the address does not end with `>`"),
            ("<bob@example.org@example.net>", "the address has a second `@`"),
            ("<\"bob\"@[127.0.0.1]@example.net>", "the address has a second `@`"),
            ("<bob>", "the address has no `@` and domain"),
            ("<@example.org>", "the source route does not end with `:`"),
            ("<@a.example,b@c.example>", "the source route is not `@a,@b:`"),
            ("<bob@>", "the address has no domain"),
            ("<.bob@example.org>", "a dot in the local part must be between other characters"),
            ("<bob..b@example.org>", "a dot in the local part must be between other characters"),
            ("<b b@example.org>", "the address has no `@` and domain"),
            ("<\"bob@example.org>", "the quoted local part is not closed"),
            ("<\"b\x07b\"@example.org>", "a quoted local part must not contain control characters"),
            ("<bob@-example.org>", "a label of the domain is empty, or begins or ends with a hyphen"),
            ("<bob@example..org>", "a label of the domain is empty, or begins or ends with a hyphen"),
            ("<bob@[127.0.0.256]>", "the address literal is neither an IPv4 address nor IPv6:…"),
            ("<bob@[::1]>", "the address literal is neither an IPv4 address nor IPv6:…"),
            ("<bob@[IPv6:::1>", "the address literal is not closed"),
        ] {
            assert_eq!(path(text), Err(why), "{text}");
        }
    }
}
