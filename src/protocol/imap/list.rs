//! LIST, LSUB and NAMESPACE (RFC 3501 §6.3.8, §6.3.9, RFC 2342, RFC 3348, RFC 6154).

use std::collections::BTreeMap;

use super::command::Command;
use super::parser::{Parsed, Parser};
use super::{Answer, Imap, Progress, Refusal};
use crate::mail::{Account, AccountNo, Namespace, SpecialUse};
use crate::protocol::{Desk, Reply};

/// Twice as long as the longest name.
const MOST_PATTERN: usize = 2000;

#[derive(Debug)]
pub(super) struct List {
    is_lsub: bool,
    reference: String,
    pattern: String,
}

pub(super) fn parse(parser: &mut Parser<'_>, is_lsub: bool) -> Parsed<Command> {
    parser.space()?;
    let reference = parser.mailbox()?;
    parser.space()?;
    let pattern = parser.pattern()?;
    Ok(Command::List(List { is_lsub, reference, pattern }))
}

/// What is known of a name.
#[derive(Default)]
struct Name {
    is_mailbox: bool,
    special_use: Option<SpecialUse>,
}

impl Imap {
    pub(super) fn list(&mut self, account: AccountNo, list: &List, desk: &Desk<'_>, out: &mut Reply) -> Answer {
        let verb = if list.is_lsub { "LSUB" } else { "LIST" };
        let namespace = desk.accounts().namespace();
        let done = Ok(Progress::Done(format!("{verb} is complete")));
        // RFC 3501 §6.3.8: an empty pattern asks for the delimiter.
        if list.pattern.is_empty() && !list.is_lsub {
            out.add(format_args!("* LIST (\\Noselect) \"{}\" \"\"\r\n", namespace.delimiter));
            return done;
        }
        let Some(account) = desk.account(account) else { return done };
        let pattern = namespace.canonical(&format!("{}{}", list.reference, list.pattern));
        if pattern.len() > MOST_PATTERN {
            return Err(Refusal::no(format!("[LIMIT] a pattern has {MOST_PATTERN} octets at most")));
        }
        if list.is_lsub {
            lsub(account, namespace, &pattern, out);
            return done;
        }
        let names = names(account, namespace);
        for (name, its) in names.iter().filter(|(name, _)| matches(&pattern, name, namespace.delimiter)) {
            let mut attributes: Vec<&str> = Vec::new();
            if !its.is_mailbox {
                attributes.push("\\Noselect");
            }
            // In the order of names those below one stand together.
            let below = format!("{name}{}", namespace.delimiter);
            let has_children = names.range(below.as_str()..).next().is_some_and(|(next, _)| next.starts_with(&below));
            attributes.push(if has_children { "\\HasChildren" } else { "\\HasNoChildren" });
            attributes.extend(its.special_use.map(SpecialUse::attribute));
            tell(verb, &attributes, namespace, name, out);
        }
        done
    }

    pub(super) fn namespace(&mut self, desk: &Desk<'_>, out: &mut Reply) -> Answer {
        let Namespace { delimiter, prefix } = desk.accounts().namespace();
        out.push("* NAMESPACE ((");
        out.string(super::utf7::encode(prefix).as_bytes());
        out.add(format_args!(" \"{delimiter}\")) NIL NIL\r\n"));
        Ok(Progress::Done("NAMESPACE is complete".to_owned()))
    }
}

/// Every name, those included that are there only because of others below them. INBOX is the first.
fn names<'a>(account: &'a Account, namespace: &'a Namespace) -> BTreeMap<&'a str, Name> {
    let mut names: BTreeMap<&str, Name> = BTreeMap::new();
    let above = account.mailboxes.iter().flat_map(|mailbox| namespace.above(&mailbox.name));
    names.extend(above.map(|name| (name, Name::default())));
    for mailbox in &account.mailboxes {
        names.insert(&mailbox.name, Name { is_mailbox: true, special_use: mailbox.special_use });
    }
    names
}

/// RFC 3501 §6.3.9: where `%` stops above names that are subscribed to, the name that it matched is shown as a level.
fn lsub(account: &Account, namespace: &Namespace, pattern: &str, out: &mut Reply) {
    let mut told: BTreeMap<&str, bool> = BTreeMap::new();
    for name in &account.subscriptions {
        if matches(pattern, name, namespace.delimiter) {
            told.insert(name, true);
        } else if pattern.ends_with('%') {
            for above in namespace.above(name).filter(|above| matches(pattern, above, namespace.delimiter)) {
                told.entry(above).or_insert(false);
            }
        }
    }
    for (name, is_subscribed) in told {
        let attributes: &[&str] = if is_subscribed { &[] } else { &["\\Noselect"] };
        tell("LSUB", attributes, namespace, name, out);
    }
}

fn tell(verb: &str, attributes: &[&str], namespace: &Namespace, name: &str, out: &mut Reply) {
    out.add(format_args!("* {verb} ({}) \"{}\" ", attributes.join(" "), namespace.delimiter));
    out.mailbox_name(name);
    out.push("\r\n");
}

/// `*` is any run, `%` any run without the delimiter. INBOX is the same in any case.
fn matches(pattern: &str, name: &str, delimiter: char) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Row by row: which ends of the name the pattern so far can reach.
    let mut reached = vec![false; name.len() + 1];
    reached[0] = true;
    for wanted in pattern {
        let mut next = vec![false; name.len() + 1];
        for at in 0..=name.len() {
            next[at] = match wanted {
                '*' => reached[at] || at > 0 && next[at - 1],
                '%' => reached[at] || at > 0 && next[at - 1] && name[at - 1] != delimiter,
                wanted => at > 0 && reached[at - 1] && name[at - 1] == wanted,
            };
        }
        reached = next;
    }
    reached[name.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_by_levels() {
        for (pattern, name, is_match) in [
            ("*", "a/b/c", true),
            ("%", "a/b", false),
            ("%", "a", true),
            ("a/%", "a/b", true),
            ("a/%", "a/b/c", false),
            ("a%c", "abc", true),
            ("%/c", "a/b/c", false),
            ("*/c", "a/b/c", true),
            ("", "a", false),
            ("a", "A", false),
            ("*a*a*a*a*b", &"a".repeat(200), false),
        ] {
            assert_eq!(matches(pattern, name, '/'), is_match, "{pattern} {name}");
        }
    }
}
