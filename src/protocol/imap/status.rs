//! STATUS (RFC 3501 §6.3.10, RFC 8438).

use super::command::ImapCommand;
use super::parser::{Parsed, Parser};
use super::{Answer, Imap, Progress, Refusal};
use crate::mail::{AccountNo, Flags, Mailbox};
use crate::protocol::{MailTxn, Reply};

/// What is asked of a mailbox.
#[derive(Debug, Clone, Copy)]
pub(super) enum Item {
    Messages,
    Recent,
    Size,
    UidNext,
    UidValidity,
    Unseen,
}

const ITEMS: [(&str, Item); 6] = [
    ("MESSAGES", Item::Messages),
    ("RECENT", Item::Recent),
    ("SIZE", Item::Size),
    ("UIDNEXT", Item::UidNext),
    ("UIDVALIDITY", Item::UidValidity),
    ("UNSEEN", Item::Unseen),
];

pub(super) fn parse(parser: &mut Parser<'_>, _by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let mailbox = parser.mailbox()?;
    parser.space()?;
    let items = parser.list(|parser| {
        let at = parser.at();
        let word = parser.word("an item, as MESSAGES")?;
        let item = ITEMS.iter().find(|(name, _)| *name == word).map(|(_, item)| *item);
        item.ok_or(super::parser::Wrong { at, what: format!("{word} is no item of STATUS here") })
    })?;
    match items.is_empty() {
        true => parser.wrong("expected an item, as MESSAGES, in the parentheses"),
        false => Ok(ImapCommand::Status { mailbox, items }),
    }
}

impl Imap {
    pub(super) fn status(
        &mut self,
        account: AccountNo,
        mailbox: &str,
        items: &[Item],
        txn: &MailTxn<'_>,
        out: &mut Reply,
    ) -> Answer {
        let name = txn.accounts().namespace().canonical(mailbox);
        let Some(mailbox) = txn.account(account).and_then(|account| account.named(&name)) else {
            return Err(Refusal::no_mailbox(&name));
        };
        out.push("* STATUS ");
        out.mailbox_name(&name);
        for (i, item) in items.iter().enumerate() {
            let word = ITEMS.iter().find(|(_, its)| *its as u8 == *item as u8).map_or("", |(word, _)| word);
            out.add(format_args!("{}{word} {}", if i == 0 { " (" } else { " " }, value(mailbox, *item)));
        }
        out.push(")\r\n");
        Ok(Progress::Done("STATUS is complete".to_owned()))
    }
}

fn value(mailbox: &Mailbox, item: Item) -> u64 {
    match item {
        Item::Messages => mailbox.entries().len() as u64,
        Item::Recent => mailbox.recent() as u64,
        Item::Size => mailbox.octets(),
        Item::UidNext => mailbox.uid_next.into(),
        Item::UidValidity => mailbox.uid_validity.into(),
        Item::Unseen => mailbox.entries().iter().filter(|entry| !entry.flags.contains(Flags::SEEN)).count() as u64,
    }
}
