//! APPEND (RFC 3501 §6.3.11, RFC 3502, RFC 4315 §3).

use bytes::Bytes;

use super::command::ImapCommand;
use super::parser::{Parsed, Parser};
use super::set::Numbers;
use super::{Answer, Imap, Progress, Refusal, mailboxes};
use crate::mail::{AccountNo, InternalDate, MailboxId};
use crate::protocol::MailTxn;

#[derive(Debug)]
pub(super) struct Append {
    pub(super) mailbox: String,
    pub(super) messages: Vec<Message>,
}

#[derive(Debug)]
pub(super) struct Message {
    pub(super) flags: Vec<Box<str>>,
    date: Option<InternalDate>,
    /// None where the octets are announced and have not come.
    pub(super) raw: Option<Bytes>,
}

pub(super) fn parse(parser: &mut Parser<'_>, _by_uid: bool) -> Parsed<ImapCommand> {
    parser.space()?;
    let mailbox = parser.mailbox()?;
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
        messages.push(Message { flags, date, raw: parser.message()? });
        if parser.is_at_end() {
            return Ok(ImapCommand::Append(Append { mailbox, messages }));
        }
    }
}

impl Imap {
    /// Whether there is such a mailbox: looked at before the message is sent, where the client waits for that.
    pub(super) fn may_append(account: AccountNo, append: &Append, txn: &MailTxn<'_>) -> Result<MailboxId, Refusal> {
        let name = txn.accounts().namespace().canonical(&append.mailbox);
        let objection = txn.accounts().namespace().objection(&name);
        mailboxes::place(account, &name, txn).ok_or_else(|| match objection {
            Some(_) => Refusal::no_mailbox(&name),
            None => Refusal::try_create(&name),
        })
    }

    /// All messages are appended, or none.
    pub(super) fn append(&mut self, account: AccountNo, append: Append, txn: &mut MailTxn<'_>) -> Answer {
        let place = Self::may_append(account, &append, txn)?;
        let mut ready = Vec::with_capacity(append.messages.len());
        for Message { flags, date, raw } in append.messages {
            // RFC 3502 §6.3.11: an empty message is how a client gives up.
            let raw = raw.filter(|raw| !raw.is_empty()).ok_or_else(|| Refusal::no("an empty message is no message"))?;
            let flags = txn.flags(place, flags.iter().map(|flag| &**flag)).ok_or_else(Refusal::keywords)?;
            ready.push((flags, date, raw));
        }
        let uids: Vec<u32> = ready.into_iter().map(|(flags, date, raw)| txn.append(place, flags, date, raw)).collect();
        let validity = txn.mailbox(place).map_or(0, |mailbox| mailbox.uid_validity);
        Ok(Progress::Done(format!("[APPENDUID {validity} {}] Appended", Numbers(&uids))))
    }
}
