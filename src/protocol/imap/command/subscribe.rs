//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7).

use super::{AllowedIn, Command, CommandSpec};
use crate::protocol::imap::names::MOST_MAILBOXES;
use crate::protocol::imap::{Answer, Imap, Progress, Refusal};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const SUBSCRIBE: CommandSpec =
    CommandSpec::new("SUBSCRIBE", Event::ImapSubscribe, AllowedIn::Authenticated, |parser, _| {
        Ok(Box::new(Subscribe(super::mailbox_argument(parser)?)))
    });

pub(super) const UNSUBSCRIBE: CommandSpec =
    CommandSpec::new("UNSUBSCRIBE", Event::ImapUnsubscribe, AllowedIn::Authenticated, |parser, _| {
        Ok(Box::new(Unsubscribe(super::mailbox_argument(parser)?)))
    });

#[derive(Debug)]
struct Subscribe(String);

#[derive(Debug)]
struct Unsubscribe(String);

impl Command for Subscribe {
    /// A client can subscribe to a name even if there is no such mailbox (RFC 3501 §6.3.6).
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let name = txn.accounts().namespace().canonical(&self.0);
        let subscriptions = txn.account(account).map(|account| &account.subscriptions);
        if subscriptions.is_none_or(|all| !all.contains(&*name)) {
            if let Some(objection) = txn.accounts().namespace().objection(&name) {
                return Err(Refusal::no(format!("[CANNOT] {objection}")));
            }
            if subscriptions.is_some_and(|all| all.len() >= MOST_MAILBOXES) {
                return Err(Refusal::no(format!("[LIMIT] an account may have at most {MOST_MAILBOXES} subscriptions")));
            }
            txn.subscribe(account, &name, true);
        }
        Ok(Progress::done("Subscribed"))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.0)
    }
}

impl Command for Unsubscribe {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let name = txn.accounts().namespace().canonical(&self.0);
        if txn.account(account).is_some_and(|account| account.subscriptions.contains(&*name)) {
            txn.subscribe(account, &name, false);
        }
        Ok(Progress::done("Unsubscribed"))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.0)
    }
}
