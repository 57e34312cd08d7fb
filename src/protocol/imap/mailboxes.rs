//! CREATE, DELETE, RENAME, SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.3 to §6.3.7, RFC 6154 §3).
//!
//! # Rationale
//! A name that has others below it and is no mailbox itself is not kept anywhere: it is there while those below it
//! are. So DELETE of a parent leaves such a name, and it goes with the last child.

use std::sync::Arc;
use std::vec::IntoIter;

use super::command::ImapCommand;
use super::parser::{Parsed, Parser};
use super::{Answer, Imap, ImapState, PORTION, Progress, Refusal, Work, utf7};
use crate::mail::{AccountNo, INBOX, Mailbox, MailboxId, SpecialUse};
use crate::protocol::MailTxn;

/// How many mailboxes, and how many subscriptions, an account can have.
const MOST_MAILBOXES: usize = 10_000;

/// A RENAME of INBOX that is under way.
#[derive(Debug)]
pub(super) struct RenamingInbox {
    inbox: MailboxId,
    to: MailboxId,
    uids: IntoIter<u32>,
}

pub(super) fn create(parser: &mut Parser<'_>, _by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let mailbox = parser.mailbox()?;
    let mut special_use = None;
    if !parser.is_at_end() {
        parser.space()?;
        parser.need(b'(')?;
        if !parser.eat_word("USE") {
            return parser.wrong("expected USE");
        }
        parser.space()?;
        let uses = parser.list(|parser| {
            parser.need(b'\\')?;
            let name = parser.atom("a use")?;
            match SpecialUse::parse(&format!("\\{name}")) {
                Some(its) => Ok(its),
                None => parser.wrong("expected a use of RFC 6154, as \\Sent"),
            }
        })?;
        parser.need(b')')?;
        special_use = uses.first().copied();
    }
    Ok(ImapCommand::Create { mailbox, special_use })
}

impl Imap {
    pub(super) fn create(
        &mut self,
        account: AccountNo,
        mailbox: &str,
        special_use: Option<SpecialUse>,
        txn: &mut MailTxn<'_>,
    ) -> Answer {
        let namespace = txn.accounts().namespace();
        // RFC 3501 §6.3.3: a delimiter at the end says that names below this one will come.
        let name = namespace.canonical(mailbox.strip_suffix(namespace.delimiter).unwrap_or(mailbox));
        may_be_made(account, &name, txn)?;
        let place = txn.create(account, &name, special_use.or_else(|| SpecialUse::of_name(&name)));
        let validity = txn.mailbox(place).map_or(0, |mailbox| mailbox.uid_validity);
        Ok(Progress::Done(format!("Created, with UIDVALIDITY {validity}")))
    }

    pub(super) fn delete(&mut self, account: AccountNo, mailbox: &str, txn: &mut MailTxn<'_>) -> Answer {
        let name = txn.accounts().namespace().canonical(mailbox);
        if &*name == INBOX {
            return Err(Refusal::no("[CANNOT] INBOX is always there"));
        }
        let Some(place) = place(account, &name, txn) else {
            let start = format!("{name}{}", txn.accounts().namespace().delimiter);
            return Err(match below(account, &start, txn).next() {
                None => Refusal::no_mailbox(&name),
                Some(_) => Refusal::no(format!("[HASCHILDREN] {} has mailboxes below it", utf7::encode(&name))),
            });
        };
        txn.delete(place);
        if let ImapState::Selected(_, view) = &self.state
            && view.place == place
        {
            self.deselect(account, txn);
            return Ok(Progress::Done("Deleted; it was selected, and nothing is now".to_owned()));
        }
        Ok(Progress::Done("Deleted".to_owned()))
    }

    pub(super) fn rename(&mut self, account: AccountNo, from: &str, to: &str, txn: &mut MailTxn<'_>) -> Answer {
        let namespace = txn.accounts().namespace();
        let (from, to) = (namespace.canonical(from), namespace.canonical(to));
        let source = place(account, &from, txn);
        if let Some(inbox) = source.filter(|_| &*from == INBOX) {
            may_be_made(account, &to, txn)?;
            return rename_inbox(inbox, &to, txn);
        }
        let (start, new_start) = (format!("{from}{}", namespace.delimiter), format!("{to}{}", namespace.delimiter));
        if source.is_none() && below(account, &start, txn).next().is_none() {
            return Err(Refusal::no_mailbox(&from));
        }
        may_be_named(account, &to, txn)?;
        if to.starts_with(&start) {
            return Err(Refusal::no("[CANNOT] the new name is below the old one"));
        }
        if let Some(objection) =
            below(account, &start, txn).find_map(|name| namespace.objection_below(name, &from, &to))
        {
            return Err(Refusal::no(format!("[CANNOT] {objection}")));
        }
        // A name below the new one may be taken even where the new one is not. What is renamed itself leaves its name.
        let is_needed = |taken: &&Arc<str>| {
            let is_left = ***taken == *from || taken.starts_with(&start);
            !is_left && place(account, &format!("{from}{}", &taken[to.len()..]), txn).is_some()
        };
        if let Some(taken) = below(account, &new_start, txn).find(is_needed) {
            return Err(Refusal::taken(taken));
        }
        txn.rename(account, &from, &to);
        Ok(Progress::Done("Renamed".to_owned()))
    }

    /// A name can be subscribed to whether there is such a mailbox or not (RFC 3501 §6.3.6).
    pub(super) fn subscribe(
        &mut self,
        account: AccountNo,
        mailbox: &str,
        subscribed: bool,
        txn: &mut MailTxn<'_>,
    ) -> Answer {
        let name = txn.accounts().namespace().canonical(mailbox);
        let is_subscribed = txn.account(account).is_some_and(|account| account.subscriptions.contains(&*name));
        match (subscribed, is_subscribed) {
            (true, false) => {
                if let Some(objection) = txn.accounts().namespace().objection(&name) {
                    return Err(Refusal::no(format!("[CANNOT] {objection}")));
                }
                if txn.account(account).is_some_and(|account| account.subscriptions.len() >= MOST_MAILBOXES) {
                    return Err(Refusal::no(format!("[LIMIT] an account has {MOST_MAILBOXES} subscriptions at most")));
                }
                txn.subscribe(account, &name, true);
            }
            (false, true) => txn.subscribe(account, &name, false),
            (true, true) | (false, false) => {}
        }
        Ok(Progress::Done(if subscribed { "Subscribed" } else { "Unsubscribed" }.to_owned()))
    }
}

/// RFC 3501 §6.3.5: the messages move to a new mailbox; INBOX stays, and so do the mailboxes below it.
fn rename_inbox(inbox: MailboxId, to: &str, txn: &mut MailTxn<'_>) -> Answer {
    let to = txn.create(inbox.account, to, SpecialUse::of_name(to));
    let uids: Vec<u32> = txn.mailbox(inbox).into_iter().flat_map(Mailbox::entries).map(|entry| entry.uid).collect();
    go_on_renaming_inbox(RenamingInbox { inbox, to, uids: uids.into_iter() }, txn)
}

pub(super) fn go_on_renaming_inbox(mut renaming: RenamingInbox, txn: &mut MailTxn<'_>) -> Answer {
    let RenamingInbox { inbox, to, uids } = &mut renaming;
    if txn.mailbox(*to).is_none() {
        return Err(Refusal::no("[NONEXISTENT] the new mailbox was deleted meanwhile"));
    }
    for uid in uids.by_ref().take(PORTION) {
        if txn.copy(*inbox, uid, *to).is_some() {
            txn.expunge(*inbox, uid);
        }
    }
    match uids.len() {
        0 => Ok(Progress::Done("The messages of INBOX moved".to_owned())),
        _ => Ok(Progress::More(Work::RenameInbox(renaming))),
    }
}

/// The mailbox of this canonical name.
pub(super) fn place(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Option<MailboxId> {
    let mailbox = txn.account(account)?.named(name)?.no;
    Some(MailboxId { account, mailbox })
}

/// The names of mailboxes that begin with this.
fn below<'d>(account: AccountNo, start: &'d str, txn: &'d MailTxn<'_>) -> impl Iterator<Item = &'d Arc<str>> {
    txn.account(account).into_iter().flat_map(move |its| its.starting_with(start))
}

fn may_be_made(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Result<(), Refusal> {
    if txn.account(account).is_some_and(|account| account.mailboxes().len() >= MOST_MAILBOXES) {
        return Err(Refusal::no(format!("[LIMIT] an account has {MOST_MAILBOXES} mailboxes at most")));
    }
    may_be_named(account, name, txn)
}

/// The same for a mailbox that is there already.
fn may_be_named(account: AccountNo, name: &str, txn: &MailTxn<'_>) -> Result<(), Refusal> {
    if let Some(objection) = txn.accounts().namespace().objection(name) {
        return Err(Refusal::no(format!("[CANNOT] {objection}")));
    }
    match place(account, name, txn) {
        Some(_) => Err(Refusal::taken(name)),
        None => Ok(()),
    }
}
