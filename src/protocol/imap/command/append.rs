//! APPEND (RFC 3501 §6.3.11), of several messages at once (RFC 3502).

use bytes::Bytes;

use super::{AllowedIn, BeforeLiteral, Command, CommandSpec};
use crate::mail::{AccountNo, InternalDate, MailboxId};
use crate::protocol::imap::extension::uidplus;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::{Answer, Imap, Progress, Refusal, names};
use crate::protocol::{Event, MailTxn, Reply, Value};

pub(super) const APPEND: CommandSpec =
    CommandSpec::new("APPEND", Event::ImapAppend, AllowedIn::Authenticated, |parser, _| parse(parser))
        .checked_before_literal(BeforeLiteral::Arguments);

#[derive(Debug)]
struct Append {
    mailbox: String,
    messages: Vec<AppendMessage>,
}

#[derive(Debug)]
struct AppendMessage {
    flags: Vec<Box<str>>,
    date: Option<InternalDate>,
    /// `None` while the message is announced and not received.
    raw: Option<Bytes>,
}

fn parse(parser: &mut Parser<'_>) -> Parsed<Box<dyn Command>> {
    let mailbox = super::mailbox_argument(parser)?;
    let mut messages = Vec::new();
    loop {
        parser.space()?;
        let mut flags = Vec::new();
        if parser.peek() == Some(b'(') {
            flags = parser.list(Parser::flag)?;
            parser.space()?;
        }
        let mut date = None;
        if parser.peek() == Some(b'"') {
            date = Some(parser.date_time()?);
            parser.space()?;
        }
        messages.push(AppendMessage { flags, date, raw: parser.message()? });
        if parser.is_at_end() {
            return Ok(Box::new(Append { mailbox, messages }));
        }
    }
}

impl Append {
    fn target(&self, account: AccountNo, txn: &MailTxn<'_>) -> Result<MailboxId, Refusal> {
        let name = txn.accounts().namespace().canonical(&self.mailbox);
        let objection = txn.accounts().namespace().objection(&name);
        names::place(account, &name, txn).ok_or_else(|| match objection {
            Some(_) => Refusal::no_mailbox(&name),
            None => Refusal::try_create(&name),
        })
    }
}

impl Command for Append {
    /// Appends all messages or none.
    fn perform(self: Box<Self>, imap: &mut Imap, _tag: &str, txn: &mut MailTxn<'_>, _out: &mut Reply) -> Answer {
        let place = self.target(imap.logged_in()?, txn)?;
        let mut ready = Vec::with_capacity(self.messages.len());
        for AppendMessage { flags, date, raw } in self.messages {
            // RFC 3502 §6.3.11: a client cancels APPEND with an empty message.
            let raw = raw.filter(|raw| !raw.is_empty()).ok_or_else(|| Refusal::no("the message is empty"))?;
            let flags = txn.flags(place, flags.iter().map(|flag| &**flag)).ok_or_else(Refusal::keywords)?;
            ready.push((flags, date, raw));
        }
        let uids: Vec<u32> = ready.into_iter().map(|(flags, date, raw)| txn.append(place, flags, date, raw)).collect();
        let validity = txn.mailbox(place).map_or(0, |mailbox| mailbox.uid_validity);
        Ok(Progress::done(format!("{} Appended", uidplus::append_uid(validity, &uids))))
    }

    fn mailbox(&self) -> Option<&str> {
        Some(&self.mailbox)
    }

    fn appended(&self) -> Option<&Bytes> {
        self.messages.first()?.raw.as_ref()
    }

    fn flags(&self) -> Option<Value<'_>> {
        Some(Value::Several(self.messages.iter().map(|its| Value::text(its.flags.join(" "))).collect()))
    }

    /// A client that waits for the continuation request need not send the message if the mailbox does not exist.
    fn objection(&self, imap: &Imap, txn: &MailTxn<'_>) -> Option<Refusal> {
        self.target(imap.account()?, txn).err()
    }
}
