//! VRFY (RFC 5321 §3.5), and the domains of a submission (RFC 6409 §4.2).

use super::refusal::{Refusal, visible};
use super::{Request, Smtp};
use crate::protocol::{MailTxn, Outcome, Reply, Status};

/// What VRFY finds on the list of accounts.
enum Found {
    /// Without a list nothing can be verified.
    Unverified,
    Mailboxes(Vec<String>),
}

impl Smtp {
    /// VRFY of a user name or an address. `is_utf8` is whether the reply may have UTF-8 (RFC 6531 §3.7.4.2).
    pub(super) fn vrfy(text: &str, is_utf8: bool, txn: &MailTxn<'_>) -> Result<Outcome<Request>, Refusal> {
        let cannot = |codes: &str, why: &str| Ok(super::perform::say(&format!("{codes} {why}")));
        let unverified = "Cannot VRFY user, but will accept message and attempt delivery";
        let Found::Mailboxes(mailboxes) = find(text, txn) else { return cannot("252 2.1.5", unverified) };
        if !is_utf8 && mailboxes.iter().any(|mailbox| !mailbox.is_ascii()) {
            return cannot("252 2.6.8", "the reply needs UTF-8; ask with the parameter SMTPUTF8");
        }
        match mailboxes.as_slice() {
            [] => Err(Refusal::new(
                "550 5.1.1",
                &format!("<{}>: No such user here", visible(text.trim_matches(['<', '>']))),
            )),
            // RFC 5321 §3.5.2: the address is in angle brackets.
            [mailbox] => Ok(super::perform::say(&format!("250 2.1.5 <{mailbox}>"))),
            several => {
                let mut reply = Reply::default().line(&["553-5.1.4 Ambiguous; the possibilities are"]);
                for (at, mailbox) in several.iter().enumerate() {
                    let sign = if at + 1 == several.len() { ' ' } else { '-' };
                    reply = reply.line(&[&format!("553{sign}5.1.4 <{mailbox}>")]);
                }
                Ok(Outcome { status: Some(Status::Negative), ..super::perform::answered(reply) })
            }
        }
    }
}

/// An address stands for itself. A user name stands for the addresses with this local part; a login without an address
/// cannot be verified.
fn find(text: &str, txn: &MailTxn<'_>) -> Found {
    let accounts = txn.accounts();
    if accounts.is_open() {
        return Found::Unverified;
    }
    let name = text.strip_prefix('<').and_then(|inside| inside.strip_suffix('>')).unwrap_or(text);
    if name.contains('@') || name.eq_ignore_ascii_case("postmaster") {
        let is_there = accounts.delivers_to(name);
        return Found::Mailboxes(is_there.then(|| name.to_owned()).into_iter().collect());
    }
    let mailboxes = accounts.addresses_of(name);
    match mailboxes.is_empty() && accounts.member(name).is_some() {
        true => Found::Unverified,
        false => Found::Mailboxes(mailboxes.into_iter().map(str::to_owned).collect()),
    }
}

/// Whether the domain of an address is fully qualified, or the address has none: `<>` and `<postmaster>`.
pub(super) fn is_qualified(address: &str) -> bool {
    let Some((_, domain)) = address.rsplit_once('@') else { return true };
    domain.starts_with('[') || domain.trim_end_matches('.').contains('.')
}

#[cfg(test)]
mod tests {
    use super::is_qualified;

    #[test]
    fn a_domain_with_one_label_is_not_qualified() {
        for (address, is_so) in [
            ("", true),
            ("postmaster", true),
            ("ann@example.org", true),
            ("\"a@b\"@example.org", true),
            ("ann@[127.0.0.1]", true),
            ("ann@bücher.example", true),
            ("ann@localhost", false),
            ("ann@my_app", false),
            ("\"a.b@c.d\"@host", false),
        ] {
            assert_eq!(is_qualified(address), is_so, "{address}");
        }
    }
}
