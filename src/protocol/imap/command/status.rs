//! STATUS (RFC 3501 §6.3.10).

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::{Flags, Mailbox};
use crate::protocol::imap::extension::EXTENSIONS;
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};
use crate::protocol::imap::{Answer, Imap, Progress, Refusal};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const STATUS: CommandSpec =
    CommandSpec::new("STATUS", Event::ImapStatus, AllowedIn::Authenticated, |parser, _| parse(parser));

/// An item of STATUS, and its value for a mailbox.
#[derive(Debug)]
pub(in crate::protocol::imap) struct StatusItem {
    pub(in crate::protocol::imap) name: &'static str,
    pub(in crate::protocol::imap) value: fn(&Mailbox) -> u64,
}

/// The items of the base protocol.
pub(in crate::protocol::imap) const RFC3501_ITEMS: &[StatusItem] = &[
    StatusItem { name: "MESSAGES", value: |mailbox| mailbox.entries().len() as u64 },
    StatusItem { name: "RECENT", value: |mailbox| mailbox.recent() as u64 },
    StatusItem { name: "UIDNEXT", value: |mailbox| mailbox.uid_next.into() },
    StatusItem { name: "UIDVALIDITY", value: |mailbox| mailbox.uid_validity.into() },
    StatusItem {
        name: "UNSEEN",
        value: |mailbox| mailbox.entries().iter().filter(|entry| !entry.flags.contains(Flags::SEEN)).count() as u64,
    },
];

#[derive(Debug)]
struct Status {
    mailbox: String,
    items: Vec<&'static StatusItem>,
}

fn parse(parser: &mut Parser<'_>) -> Parsed<Box<dyn Command>> {
    let mailbox = super::mailbox_argument(parser)?;
    parser.space()?;
    let items = parser.list(|parser| {
        let at = parser.at();
        let name = parser.word("an item such as MESSAGES")?;
        let item = EXTENSIONS.iter().flat_map(|extension| extension.status_items).find(|item| item.name == name);
        item.ok_or(SyntaxError { at, what: format!("unknown STATUS item {name}") })
    })?;
    match items.is_empty() {
        true => parser.wrong("expected an item such as MESSAGES in the parentheses"),
        false => Ok(Box::new(Status { mailbox, items })),
    }
}

impl Command for Status {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let name = txn.accounts().namespace().canonical(&self.mailbox);
        let Some(mailbox) = txn.account(account).and_then(|account| account.named(&name)) else {
            return Err(Refusal::no_mailbox(&name));
        };
        out.push("* STATUS ");
        out.mailbox_name(&name);
        for (i, StatusItem { name, value }) in self.items.iter().enumerate() {
            out.add(format_args!("{}{name} {}", if i == 0 { " (" } else { " " }, value(mailbox)));
        }
        out.push(")\r\n");
        Ok(Progress::done("STATUS is complete"))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.mailbox)
    }
}
