//! CREATE (RFC 3501 §6.3.3).

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::SpecialUse;
use crate::protocol::imap::extension::special_use;
use crate::protocol::imap::{Answer, Imap, Progress, names};
use crate::protocol::{Event, MailTxn, Reply};

pub(super) const CREATE: CommandSpec =
    CommandSpec::new("CREATE", Event::ImapCreate, AllowedIn::Authenticated, |parser, _| {
        let mailbox = super::mailbox_argument(parser)?;
        Ok(Box::new(Create { mailbox, special_use: special_use::parse_use(parser)? }))
    });

#[derive(Debug)]
struct Create {
    mailbox: String,
    special_use: Option<SpecialUse>,
}

impl Command for Create {
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let account = imap.logged_in()?;
        let namespace = txn.accounts().namespace();
        // RFC 3501 §6.3.3: a delimiter at the end announces child mailboxes, and is not part of the name.
        let name = namespace.canonical(self.mailbox.strip_suffix(namespace.delimiter).unwrap_or(&self.mailbox));
        names::may_be_made(account, &name, txn)?;
        let place = txn.create(account, &name, self.special_use.or_else(|| SpecialUse::of_name(&name)));
        let validity = txn.mailbox(place).map_or(0, |mailbox| mailbox.uid_validity);
        Ok(Progress::done(format!("Created, with UIDVALIDITY {validity}")))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.mailbox)
    }
}
