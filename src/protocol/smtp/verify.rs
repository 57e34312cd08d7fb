//! VRFY and EXPN (RFC 5321 §3.5), and the domains of a submission (RFC 6409 §4.2).

use super::Smtp;
use super::perform::{Answer, answered, say};
use super::refusal::{Refusal, visible};
use crate::mail::{Accounts, Member};
use crate::protocol::{MailTxn, Outcome, Reply, Status};

/// RFC 6531 §3.7.4.2.
const NEEDS_UTF8: &str = "252 2.6.8 the reply needs UTF-8; ask with the parameter SMTPUTF8";

impl Smtp {
    /// VRFY of a user name or an address. `is_utf8` is whether the reply may have UTF-8 (RFC 6531 §3.7.4.2).
    pub(super) fn vrfy(text: &str, is_utf8: bool, txn: &MailTxn<'_>) -> Answer {
        let Some(found) = find(text, txn.accounts()) else { return unverified("VRFY") };
        let mailboxes: Vec<&str> = found.into_iter().map(|(_, mailbox)| mailbox).collect();
        match mailboxes.as_slice() {
            [] => Err(nobody(text)),
            several if !is_utf8 && !several.iter().all(|mailbox| mailbox.is_ascii()) => Ok(say(NEEDS_UTF8)),
            // RFC 5321 §3.5.2: the address is in angle brackets.
            [mailbox] => Ok(say(&format!("250 2.1.5 <{mailbox}>"))),
            several => {
                let mut reply = Reply::default().line(&["553-5.1.4 Ambiguous; the possibilities are"]);
                for (at, mailbox) in several.iter().enumerate() {
                    let sign = if at + 1 == several.len() { ' ' } else { '-' };
                    reply = reply.line(&[&format!("553{sign}5.1.4 <{mailbox}>")]);
                }
                Ok(Outcome { status: Some(Status::Negative), ..answered(reply) })
            }
        }
    }

    /// EXPN of a user name or an address: the account that gets its mail (RFC 5321 §3.5.1). An account whose login is not an
    /// address is named by one of its addresses.
    pub(super) fn expn(text: &str, is_utf8: bool, txn: &MailTxn<'_>) -> Answer {
        let Some(mut found) = find(text, txn.accounts()) else { return unverified("EXPN") };
        found.dedup_by_key(|(account, _)| &account.login);
        match found.as_slice() {
            [] => Err(nobody(text)),
            [(account, mailbox)] => {
                let mailbox = if account.login.contains('@') { &*account.login } else { mailbox };
                let is_sayable = is_utf8 || mailbox.is_ascii();
                Ok(say(&if is_sayable { format!("250 2.1.5 <{mailbox}>") } else { NEEDS_UTF8.to_owned() }))
            }
            [_, _, ..] => Err(Refusal::new("550 5.1.4", "Ambiguous; VRFY tells the possibilities")),
        }
    }
}

/// RFC 5321 §3.5.3: the reply if nothing can be verified.
fn unverified(verb: &str) -> Answer {
    Ok(say(&format!("252 2.1.5 Cannot {verb} user, but will accept message and attempt delivery")))
}

fn nobody(text: &str) -> Refusal {
    Refusal::new("550 5.1.1", &format!("<{}>: No such user here", visible(text.trim_matches(['<', '>']))))
}

/// The mailboxes that a text means, each with its account; `None` if it cannot be verified, because there is no list of
/// accounts, or because the account has no address. An address stands for itself, a user name for the addresses with this
/// local part.
fn find<'a>(text: &'a str, accounts: &'a Accounts) -> Option<Vec<(&'a Member, &'a str)>> {
    if accounts.is_open() {
        return None;
    }
    let name = text.strip_prefix('<').and_then(|inside| inside.strip_suffix('>')).unwrap_or(text);
    if name.contains('@') || name.eq_ignore_ascii_case("postmaster") {
        return Some(accounts.owner(name).map(|owner| (owner, name)).into_iter().collect());
    }
    let found = accounts.addresses_of(name);
    let is_unverified = found.is_empty() && accounts.member(name).is_some();
    (!is_unverified).then_some(found)
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
