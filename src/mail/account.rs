//! Who may log in, which addresses are theirs, and their mailboxes: the store that every protocol shares.

use std::collections::HashMap;

use super::change::Change;
use super::mailbox::{Entry, Mailbox, MailboxNo};

/// An account's number within its server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AccountNo(pub(crate) u32);

/// One place on the closed list: a login, its password and the addresses whose mail it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) login: Box<str>,
    pub(crate) password: Box<str>,
    pub(crate) addresses: Vec<Box<str>>,
}

/// A login with its mailboxes; the first is INBOX.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) login: Box<str>,
    pub(crate) mailboxes: Vec<Mailbox>,
}

/// All accounts of a server.
///
/// # Rationale
/// Without a list, a login and an address are the same key: mail to `bob@example.org` is what `bob@example.org`
/// reads after logging in, and accounts come into being on first use. The local part is folded too: RFC 5321 §2.4
/// lets the receiving host decide, and every large one decides that way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    /// Empty: everybody is welcome.
    members: Vec<Member>,
    accounts: Vec<Account>,
    by_key: HashMap<Box<str>, AccountNo>,
    mailboxes: u32,
    /// The UIDVALIDITY of the next mailbox; from the server's seed.
    next_uid_validity: u32,
}

impl Accounts {
    pub(crate) fn new(members: Vec<Member>, uid_validity: u32) -> Self {
        Self { members, next_uid_validity: uid_validity, ..Self::default() }
    }

    /// Whether mail to this address is taken.
    pub(crate) fn delivers_to(&self, address: &str) -> bool {
        self.members.is_empty() || self.owner(address).is_some()
    }

    /// The login that these credentials open, if they do.
    pub(crate) fn admits<'a>(&'a self, login: &'a str, password: &str) -> Option<&'a str> {
        if self.members.is_empty() {
            return Some(login);
        }
        let member = self.members.iter().find(|m| m.login.eq_ignore_ascii_case(login))?;
        (*member.password == *password).then_some(&*member.login)
    }

    /// The login whose INBOX mail to this address goes into.
    pub(crate) fn login_for<'a>(&'a self, address: &'a str) -> &'a str {
        self.owner(address).map_or(address, |member| &member.login)
    }

    pub(crate) fn find(&self, login: &str) -> Option<AccountNo> {
        self.by_key.get(&*key(login)).copied()
    }

    pub(crate) fn account(&self, no: AccountNo) -> &Account {
        &self.accounts[no.0 as usize]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (AccountNo, &Account)> {
        self.accounts.iter().enumerate().map(|(i, account)| (AccountNo(i as u32), account))
    }

    /// The change that opens an account; none if it is open already.
    pub(crate) fn opening(&self, login: &str) -> Option<Change> {
        self.find(login).is_none().then(|| Change::Open {
            account: AccountNo(self.accounts.len() as u32),
            login: login.into(),
            inbox: MailboxNo(self.mailboxes + 1),
            uid_validity: self.next_uid_validity,
        })
    }

    /// Does what the change says: the only code that alters mail.
    ///
    /// # Panics
    /// If the numbers in the change are not those that come next here: it was made for another state.
    pub(crate) fn apply(&mut self, change: &Change) {
        match change {
            Change::Open { account, login, inbox, uid_validity } => {
                assert_eq!(account.0 as usize, self.accounts.len(), "accounts are numbered in order");
                assert_eq!(inbox.0, self.mailboxes + 1, "mailboxes are numbered in order");
                assert_eq!(*uid_validity, self.next_uid_validity, "UIDVALIDITY values are given in order");
                self.mailboxes += 1;
                self.next_uid_validity = self.next_uid_validity.wrapping_add(1).max(1);
                let mailboxes = vec![Mailbox::new(*inbox, "INBOX", *uid_validity)];
                self.accounts.push(Account { login: login.clone(), mailboxes });
                self.by_key.insert(key(login).into(), *account);
            }
            Change::File { account, mailbox, uid, modseq, message } => {
                let entry = Entry { uid: *uid, modseq: *modseq, at: message.received(), message: message.clone() };
                self.mailbox_mut(*account, *mailbox).file(entry);
            }
            Change::Expunge { account, mailbox, uid, modseq } => {
                self.mailbox_mut(*account, *mailbox).expunge(*uid, *modseq);
            }
        }
    }

    fn mailbox_mut(&mut self, account: AccountNo, mailbox: MailboxNo) -> &mut Mailbox {
        let mailboxes = &mut self.accounts[account.0 as usize].mailboxes;
        mailboxes.iter_mut().find(|m| m.no == mailbox).expect("a change names a mailbox that is there")
    }

    fn owner(&self, address: &str) -> Option<&Member> {
        // RFC 5321 §4.5.1: postmaster, with or without a domain, is always deliverable; the first account reads it.
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let owner = self.members.iter().find(|member| {
            member.addresses.iter().any(|a| a.eq_ignore_ascii_case(address))
                || member.login.eq_ignore_ascii_case(address)
        });
        owner.or_else(|| self.members.first().filter(|_| local.eq_ignore_ascii_case("postmaster")))
    }
}

fn key(login: &str) -> String {
    login.to_lowercase()
}
