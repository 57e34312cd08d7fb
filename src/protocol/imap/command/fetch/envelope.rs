//! ENVELOPE (RFC 3501 §7.4.2): a summary of the header. Folded lines are unfolded, but encoded words are not decoded.

use super::item::{DeepItem, IsPeek, Rank, write_list};
use super::source::{Partial, Source};
use crate::mail::{Part, RawAddress, raw_addresses};
use crate::protocol::Reply;

#[derive(Debug)]
pub(super) struct Envelope;

impl DeepItem for Envelope {
    fn rank(&self) -> Rank {
        Rank::Envelope
    }

    fn identity(&self) -> (&str, Partial, IsPeek) {
        ("ENVELOPE", None, IsPeek::Yes)
    }

    fn write(&self, source: &mut Source<'_>, out: &mut Reply) -> bool {
        write_list("ENVELOPE", source.message, out, write);
        true
    }
}

pub(super) fn write(part: Part<'_>, out: &mut Reply) {
    let list = |name: &str| part.raw_header(name).map(raw_addresses).unwrap_or_default();
    let from = list("from");
    out.push("(");
    out.nstring(part.unfolded("date").as_deref());
    out.push(" ");
    out.nstring(part.unfolded("subject").as_deref());
    for name in ["from", "sender", "reply-to", "to", "cc", "bcc"] {
        out.push(" ");
        let its = list(name);
        // Without Sender or Reply-To, these are the addresses of From.
        let is_absent = its.is_empty() && matches!(name, "sender" | "reply-to");
        write_addresses(if is_absent { &from } else { &its }, out);
    }
    for name in ["in-reply-to", "message-id"] {
        out.push(" ");
        out.nstring(part.unfolded(name).as_deref());
    }
    out.push(")");
}

fn write_addresses(addresses: &[RawAddress], out: &mut Reply) {
    if addresses.is_empty() {
        return out.push("NIL");
    }
    out.push("(");
    for address in addresses {
        // A group begins with an address without a host, and ends with one without host and mailbox.
        let fields: [Option<&[u8]>; 4] = match address {
            RawAddress::Mailbox { name, route, local, domain } => {
                [name.as_deref(), route.as_deref(), Some(local), Some(domain)]
            }
            RawAddress::Group(name) => [None, None, Some(name), None],
            RawAddress::GroupEnd => [None; 4],
        };
        for (i, field) in fields.into_iter().enumerate() {
            out.push(if i == 0 { "(" } else { " " });
            out.nstring(field);
        }
        out.push(")");
    }
    out.push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(value: &str) -> String {
        let mut out = Reply::default();
        write_addresses(&raw_addresses(value.as_bytes()), &mut out);
        String::from_utf8(out.pieces().collect::<Vec<_>>().concat()).unwrap()
    }

    #[test]
    fn addresses_are_not_decoded() {
        for (value, expected) in [
            ("ann@example.org", r#"((NIL NIL "ann" "example.org"))"#),
            ("Ann <ann@example.org>", r#"(("Ann" NIL "ann" "example.org"))"#),
            ("\"Ann, B.\" <ann@example.org>", r#"(("Ann, B." NIL "ann" "example.org"))"#),
            ("=?utf-8?q?J=C3=BCrgen?=\r\n <j@x>", r#"(("=?utf-8?q?J=C3=BCrgen?=" NIL "j" "x"))"#),
            ("ann@example.org (Ann)", r#"(("Ann" NIL "ann" "example.org"))"#),
            ("Joe <@a,@b:joe@x>", r#"(("Joe" "@a,@b" "joe" "x"))"#),
            ("\"a b\"@c, d@e", r#"((NIL NIL "a b" "c")(NIL NIL "d" "e"))"#),
            (
                "Team: a@x, b@y;, c@z",
                r#"((NIL NIL "Team" NIL)(NIL NIL "a" "x")(NIL NIL "b" "y")(NIL NIL NIL NIL)(NIL NIL "c" "z"))"#,
            ),
            ("undisclosed-recipients:;", r#"((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL))"#),
            ("Ann <\"a\\\"b\"@x>, Carol <c@y>", r#"(("Ann" NIL "a\"b" "x")("Carol" NIL "c" "y"))"#),
            ("<ann (x)@ (y) example.org> (z)", r#"(("z" NIL "ann" "example.org"))"#),
            ("ann (home) . b @ example . org", r#"(("home" NIL "ann.b" "example.org"))"#),
            ("a:b:c@d;", r#"((NIL NIL "a" NIL)(NIL NIL "b:c" "d")(NIL NIL NIL NIL))"#),
            ("nobody", r#"((NIL NIL "nobody" ""))"#),
            ("", "NIL"),
        ] {
            assert_eq!(list(value), expected, "{value}");
        }
    }
}
