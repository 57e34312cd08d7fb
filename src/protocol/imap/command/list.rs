//! LIST and LSUB (RFC 3501 §6.3.8, §6.3.9).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;

use super::list_pattern::ListPattern;
use super::{AllowedIn, Command, CommandSpec};
use crate::mail::{AccountNo, Accounts, Namespace, SpecialUse};
use crate::protocol::imap::extension;
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::{Answer, Imap, Progress, Refusal};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const LIST: CommandSpec =
    CommandSpec::new("LIST", Event::ImapList, AllowedIn::Authenticated, |parser, _| parse(parser, false));

pub(super) const LSUB: CommandSpec =
    CommandSpec::new("LSUB", Event::ImapLsub, AllowedIn::Authenticated, |parser, _| parse(parser, true));

/// The maximum octets of a pattern: twice those of the longest name.
const MOST_PATTERN: usize = 2000;
/// A turn ends after this many octets.
const MOST_LINES: usize = 32 << 10;

#[derive(Debug)]
struct List {
    is_lsub: bool,
    reference: String,
    pattern: String,
}

fn parse(parser: &mut Parser<'_>, is_lsub: bool) -> Parsed<Box<dyn Command>> {
    let reference = super::mailbox_argument(parser)?;
    parser.space()?;
    Ok(Box::new(List { is_lsub, reference, pattern: parser.pattern()? }))
}

impl Command for List {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let namespace = txn.accounts().namespace();
        // RFC 3501 §6.3.8: an empty pattern requests the hierarchy delimiter.
        if self.pattern.is_empty() && !self.is_lsub {
            out.add(format_args!("* LIST (\\Noselect) \"{}\" \"\"\r\n", namespace.delimiter));
            return Ok(Progress::done("LIST is complete"));
        }
        let pattern = namespace.canonical(&format!("{}{}", self.reference, self.pattern));
        if pattern.len() > MOST_PATTERN {
            return Err(Refusal::no(format!("[LIMIT] a pattern may have at most {MOST_PATTERN} octets")));
        }
        Ok(Progress::More(Box::new(Listing {
            is_lsub: self.is_lsub,
            account,
            pattern: ListPattern::new(&pattern, namespace.delimiter),
            namespace: namespace.clone(),
            gathered: Vec::new(),
            lines: None,
        })))
    }
}

/// The rest of a LIST or LSUB.
#[derive(Debug)]
struct Listing {
    is_lsub: bool,
    account: AccountNo,
    namespace: Namespace,
    pattern: ListPattern,
    gathered: Vec<(Arc<str>, Option<SpecialUse>)>,
    /// The lines that still have to be sent. `None` before they are computed.
    lines: Option<Bytes>,
}

impl Listing {
    fn list(&self, names: &[(Arc<str>, Option<SpecialUse>)], out: &mut Reply) {
        let namespace = &self.namespace;
        let mut parents: HashSet<&str> = HashSet::new();
        for (name, _) in names {
            // If a name is known as a parent, so are the names above it.
            let _last =
                namespace.above(name).collect::<Vec<_>>().into_iter().rev().find(|above| !parents.insert(above));
        }
        let mut all: BTreeMap<&str, (bool, Option<SpecialUse>)> =
            parents.iter().map(|name| (*name, (false, None))).collect();
        all.extend(names.iter().map(|(name, special_use)| (&**name, (true, *special_use))));
        for (name, (is_mailbox, special_use)) in all {
            if !self.pattern.matches(name) {
                continue;
            }
            let mut attributes: Vec<&str> = Vec::new();
            if !is_mailbox {
                attributes.push("\\Noselect");
            }
            attributes.push(extension::children_attribute(parents.contains(name)));
            attributes.extend(special_use.map(SpecialUse::attribute));
            tell("LIST", &attributes, namespace, name, out);
        }
    }

    /// RFC 3501 §6.3.9: if `%` matches only a parent of subscribed names, the parent is listed with `\Noselect`.
    fn lsub(&self, names: &[(Arc<str>, Option<SpecialUse>)], out: &mut Reply) {
        let mut listed: BTreeMap<&str, bool> = BTreeMap::new();
        for (name, _) in names {
            if self.pattern.matches(name) {
                listed.insert(name, true);
            } else if self.pattern.ends_in_level {
                for above in self.namespace.above(name).filter(|above| self.pattern.matches(above)) {
                    listed.entry(above).or_insert(false);
                }
            }
        }
        for (name, is_subscribed) in listed {
            let attributes: &[&str] = if is_subscribed { &[] } else { &["\\Noselect"] };
            tell("LSUB", attributes, &self.namespace, name, out);
        }
    }
}

impl LongCommand for Listing {
    /// Takes the names. Returns the octets of names and pattern that have to be compared; 0 if the lines are computed.
    fn gather(&mut self, _imap: &Imap, accounts: &Accounts) -> u64 {
        let Some(account) = accounts.account(self.account).filter(|_| self.lines.is_none()) else { return 0 };
        self.gathered = match self.is_lsub {
            true => account.subscriptions.iter().map(|name| (name.clone(), None)).collect(),
            false => account.mailboxes().iter().map(|mailbox| (mailbox.name.clone(), mailbox.special_use)).collect(),
        };
        let octets: usize = self.gathered.iter().map(|(name, _)| name.len()).sum();
        octets as u64 * self.pattern.cost()
    }

    /// Compares the names with the pattern.
    fn compute(&mut self) {
        let names = std::mem::take(&mut self.gathered);
        let mut out = Reply::default();
        match self.is_lsub {
            true => self.lsub(&names, &mut out),
            false => self.list(&names, &mut out),
        }
        self.lines = Some(Bytes::copy_from_slice(out.text()));
    }

    /// Writes the lines of one turn.
    fn go_on(mut self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        if self.lines.is_none() {
            // Nothing was gathered before this turn.
            self.gather(imap, txn.accounts());
            self.compute();
        }
        let mut lines = self.lines.take().unwrap_or_default();
        let end = memchr::memchr(b'\n', lines.get(MOST_LINES..).unwrap_or_default()).map(|at| MOST_LINES + at + 1);
        out.push_octets(&lines.split_to(end.unwrap_or(lines.len())));
        if !lines.is_empty() {
            self.lines = Some(lines);
            return Ok(Progress::More(self));
        }
        Ok(Progress::done(if self.is_lsub { "LSUB is complete" } else { "LIST is complete" }))
    }
}

fn tell(verb: &str, attributes: &[&str], namespace: &Namespace, name: &str, out: &mut Reply) {
    out.add(format_args!("* {verb} ({}) \"{}\" ", attributes.join(" "), namespace.delimiter));
    out.mailbox_name(name);
    out.push("\r\n");
}
