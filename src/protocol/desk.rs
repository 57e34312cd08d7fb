//! What a machine may do while it performs a request: read the accounts, make changes, say who the client is.

use bytes::Bytes;

use crate::base::{MessageNo, Timestamp};
use crate::mail::{AccountNo, Accounts, Change, Envelope, Message, Origin};

/// The only way to the world's mail. Every change goes through [`Accounts::apply`] here and now, and is kept for the
/// record of the exchange.
pub(crate) struct Desk<'a> {
    accounts: &'a mut Accounts,
    next_message: &'a mut u32,
    origin: Origin,
    now: Timestamp,
    done: Done,
}

/// What was done at a desk.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) changes: Vec<Change>,
    pub(crate) captured: Option<Message>,
    /// The login that the client proved to be.
    pub(crate) user: Option<Box<str>>,
    /// The name that the client gave itself.
    pub(crate) helo: Option<Box<str>>,
}

impl Done {
    pub(crate) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.captured.is_none() && self.user.is_none() && self.helo.is_none()
    }
}

impl<'a> Desk<'a> {
    pub(crate) fn new(accounts: &'a mut Accounts, next_message: &'a mut u32, origin: Origin, now: Timestamp) -> Self {
        Self { accounts, next_message, origin, now, done: Done::default() }
    }

    /// Whether mail to this address is taken.
    pub(crate) fn delivers_to(&self, address: &str) -> bool {
        self.accounts.delivers_to(address)
    }

    /// Opens the account, made on first use; false if the credentials are wrong.
    pub(crate) fn log_in(&mut self, login: &str, password: &str) -> bool {
        let Some(login) = self.accounts.admits(login, password).map(Box::<str>::from) else { return false };
        self.open(&login);
        self.done.user = Some(login);
        true
    }

    /// The client introduced itself.
    pub(crate) fn introduce(&mut self, helo: &str) {
        self.done.helo = Some(helo.into());
    }

    /// Captures a message and files it in the INBOX of each accepted recipient, once per account.
    pub(crate) fn deliver(&mut self, envelope: Envelope, raw: Bytes) -> Message {
        let no = MessageNo(*self.next_message);
        *self.next_message += 1;
        let message = Message::new(no, self.origin, self.now, envelope, raw);
        let mut served: Vec<AccountNo> = Vec::new();
        for address in message.envelope().accepted() {
            let login: Box<str> = self.accounts.login_for(address).into();
            let account = self.open(&login);
            if served.contains(&account) {
                continue;
            }
            served.push(account);
            let inbox = &self.accounts.account(account).mailboxes[0];
            let (mailbox, uid, modseq) = (inbox.no, inbox.uid_next, inbox.highest_modseq + 1);
            self.change(Change::File { account, mailbox, uid, modseq, message: message.clone() });
        }
        self.done.captured = Some(message.clone());
        message
    }

    /// Takes every entry of these messages out of every mailbox.
    pub(crate) fn expunge(&mut self, messages: impl Fn(&Message) -> bool) {
        let mut changes = Vec::new();
        for (account, its) in self.accounts.iter() {
            for mailbox in &its.mailboxes {
                let victims = mailbox.entries().iter().filter(|entry| messages(&entry.message));
                for (i, entry) in victims.enumerate() {
                    let modseq = mailbox.highest_modseq + 1 + i as u64;
                    changes.push(Change::Expunge { account, mailbox: mailbox.no, uid: entry.uid, modseq });
                }
            }
        }
        changes.into_iter().for_each(|change| self.change(change));
    }

    /// What was done here, for the record.
    pub(crate) fn close(mut self) -> Done {
        self.done.changes.shrink_to_fit();
        self.done
    }

    fn open(&mut self, login: &str) -> AccountNo {
        if let Some(opening) = self.accounts.opening(login) {
            self.change(opening);
        }
        self.accounts.find(login).expect("it was opened just now")
    }

    fn change(&mut self, change: Change) {
        self.accounts.apply(&change);
        self.done.changes.push(change);
    }
}
