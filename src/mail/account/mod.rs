//! Accounts: logins, their addresses and their mailboxes. All protocols share this store.

mod apply;
mod token;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

pub(crate) use apply::InvalidChange;
pub(crate) use token::{Token, TokenChange, TokenKind, TokenState, Tokens};

use super::change::Change;
use super::mailbox::{Mailbox, MailboxNo};
use super::name::{INBOX, Namespace};
use crate::base::{is_login, login_key, same_login};

/// An account's number within its server; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct AccountNo(pub(crate) u32);

/// An account and one of its mailboxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct MailboxId {
    pub(crate) account: AccountNo,
    pub(crate) mailbox: MailboxNo,
}

/// An entry of the closed list of accounts: a login, its credentials and its addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Member {
    pub(crate) login: Box<str>,
    pub(crate) password: Box<str>,
    /// The access tokens with which it may log in instead of the password.
    pub(crate) tokens: Vec<Box<str>>,
    pub(crate) addresses: Vec<Box<str>>,
}

impl Member {
    /// The password. `None` if tokens stand in its place.
    pub(crate) fn password(&self) -> Option<&str> {
        let has_only_tokens = self.password.is_empty() && !self.tokens.is_empty();
        (!has_only_tokens).then_some(&self.password)
    }

    /// An address or the login of this account that one of the others has, and its login. The account's own entry in the
    /// list does not count.
    pub(crate) fn conflict<'a>(&'a self, others: &'a [Self]) -> Option<(&'a str, &'a str)> {
        let own = || [&self.login].into_iter().chain(&self.addresses);
        let has = |other: &Self, name: &str| {
            same_login(&other.login, name) || other.addresses.iter().any(|address| same_login(address, name))
        };
        let others = others.iter().filter(|other| !same_login(&other.login, &self.login));
        let mut pairs = others.filter_map(|other| Some((&**own().find(|name| has(other, name))?, &*other.login)));
        pairs.next()
    }
}

/// A login with its mailboxes, in the order of their numbers; the first is INBOX.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) login: Box<str>,
    mailboxes: Vec<Mailbox>,
    /// The mailboxes by their names, INBOX apart.
    by_name: BTreeMap<Arc<str>, MailboxNo>,
    /// Names that a client subscribed to, whether there is such a mailbox or not (RFC 3501 §6.3.6).
    pub(crate) subscriptions: BTreeSet<Arc<str>>,
}

impl Account {
    fn new(login: &str, inbox: MailboxNo, uid_validity: u32) -> Self {
        Self {
            login: login.into(),
            mailboxes: vec![Mailbox::new(inbox, INBOX, None, uid_validity)],
            by_name: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
        }
    }

    pub(crate) fn mailboxes(&self) -> &[Mailbox] {
        &self.mailboxes
    }

    pub(crate) fn inbox(&self) -> &Mailbox {
        &self.mailboxes[0]
    }

    pub(crate) fn mailbox(&self, no: MailboxNo) -> Option<&Mailbox> {
        self.place(no).map(|at| &self.mailboxes[at])
    }

    /// The mailbox of this name, in its canonical form.
    pub(crate) fn named(&self, name: &str) -> Option<&Mailbox> {
        match name {
            INBOX => Some(self.inbox()),
            name => self.mailbox(*self.by_name.get(name)?),
        }
    }

    /// The mailboxes whose names begin with this, in the order of their names; INBOX is not among them.
    pub(crate) fn starting_with<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a Arc<str>> {
        let behind = self.by_name.range::<str, _>((Bound::Included(start), Bound::Unbounded));
        behind.map(|(name, _)| name).take_while(move |name| name.starts_with(start))
    }

    /// Finds it at once if no other account created a mailbox in between and none was deleted.
    fn place(&self, no: MailboxNo) -> Option<usize> {
        let without_gaps = no.0.checked_sub(self.inbox().no.0)? as usize;
        match self.mailboxes.get(without_gaps) {
            Some(mailbox) if mailbox.no == no => Some(without_gaps),
            _ => self.mailboxes.binary_search_by_key(&no, |mailbox| mailbox.no).ok(),
        }
    }
}

/// All accounts of a server.
///
/// # Rationale
/// Without a list, a login and an address are the same key: `bob@example.org` reads the mail to `bob@example.org`, and
/// accounts are created on first use. The local part is case-insensitive too: RFC 5321 §2.4 leaves this to the
/// receiving host, and the large providers treat it so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Accounts {
    /// The logins that have a password and addresses.
    members: Vec<Member>,
    /// The access tokens of the members, and those that were issued.
    tokens: Tokens,
    /// Whether only `members` may log in. If not, every other login succeeds with any password.
    is_closed: bool,
    /// The character before the detail in a sub-address (RFC 5233 §4); none if sub-addresses are off.
    separator: Option<char>,
    namespace: Namespace,
    accounts: BTreeMap<AccountNo, Account>,
    /// The number of the next account.
    next: u32,
    by_key: HashMap<Box<str>, AccountNo>,
    mailboxes: u32,
    /// The UIDVALIDITY of the next mailbox; from the server's seed.
    next_uid_validity: u32,
}

impl Accounts {
    pub(crate) fn new(members: Vec<Member>, namespace: Namespace, uid_validity: u32) -> Self {
        let mut accounts = Self { namespace, next_uid_validity: uid_validity, ..Self::default() };
        accounts.admit(members);
        accounts
    }

    /// Sets the sub-address separator.
    pub(crate) fn separate_details(&mut self, separator: Option<char>) {
        self.separator = separator;
    }

    pub(crate) fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Whether logins that are not on the list succeed, and mail to any address is accepted.
    pub(crate) fn is_open(&self) -> bool {
        !self.is_closed
    }

    /// The login on the list.
    pub(crate) fn member(&self, login: &str) -> Option<&Member> {
        let is_its = is_login(login);
        self.members.iter().find(|member| is_its(&member.login))
    }

    /// Whether mail to this address is accepted.
    pub(crate) fn delivers_to(&self, address: &str) -> bool {
        self.is_open() || self.owner(address).is_some()
    }

    /// The addresses of accounts on the list with this local part, or of the account with this login, each with its
    /// account.
    pub(crate) fn addresses_of(&self, name: &str) -> Vec<(&Member, &str)> {
        let is_its = is_login(name);
        let own = |member: &'_ Member| is_its(&member.login);
        let is_meant = |member: &Member, address: &str| {
            address.rsplit_once('@').is_some_and(|(local, _)| own(member) || local.eq_ignore_ascii_case(name))
        };
        let all = |member| {
            let Member { login, addresses, .. }: &Member = member;
            [login].into_iter().chain(addresses).map(move |its| (member, &**its))
        };
        self.members.iter().flat_map(all).filter(|(member, its)| is_meant(member, its)).collect()
    }

    /// Whether only the accounts on the list may log in, and one of them has a password.
    pub(crate) fn has_passwords(&self) -> bool {
        self.is_closed && self.members.iter().any(|member| !member.password.is_empty())
    }

    /// The tokens of all accounts.
    pub(crate) fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// The accounts on the list.
    #[cfg(feature = "api")]
    pub(crate) fn members(&self) -> &[Member] {
        &self.members
    }

    /// The logins of a closed list.
    pub(crate) fn logins(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| &*member.login)
    }

    /// The login whose INBOX gets the mail to this address.
    pub(crate) fn login_for<'a>(&'a self, address: &'a str) -> &'a str {
        self.owner(address).map_or(address, |member| &member.login)
    }

    /// The login as written in the list; unchanged if it is not there and the list is open; `None` if the list is
    /// closed.
    pub(crate) fn known<'a>(&'a self, login: &'a str) -> Option<&'a str> {
        let listed = self.member(login).map(|member| &*member.login);
        listed.or_else(|| self.is_open().then_some(login))
    }

    pub(crate) fn find(&self, login: &str) -> Option<AccountNo> {
        self.by_key.get(&*login_key(login)).copied()
    }

    /// None if the account was closed or the server was reset.
    pub(crate) fn account(&self, no: AccountNo) -> Option<&Account> {
        self.accounts.get(&no)
    }

    /// None if the mailbox was deleted, its account was closed, or the server was reset.
    pub(crate) fn mailbox(&self, place: MailboxId) -> Option<&Mailbox> {
        self.account(place.account)?.mailbox(place.mailbox)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (AccountNo, &Account)> {
        self.accounts.iter().map(|(no, account)| (*no, account))
    }

    pub(crate) fn len(&self) -> usize {
        self.accounts.len()
    }

    /// The number and the UIDVALIDITY of the next mailbox.
    pub(crate) fn next_mailbox(&self) -> (MailboxNo, u32) {
        (MailboxNo(self.mailboxes.wrapping_add(1)), self.next_uid_validity)
    }

    /// The change that closes every account. Their numbers are not reused, so that nobody takes a new account for an
    /// old one.
    pub(crate) fn resetting(&self, uid_validity: u32) -> Change {
        Change::Reset { account: AccountNo(self.next), mailbox: self.next_mailbox().0, uid_validity }
    }

    /// The change that admits only these logins, or every login if the list is empty; `None` if this is already so.
    pub(crate) fn admission(&self, members: Vec<Member>) -> Option<Change> {
        let is_so = self.members == members && self.is_closed != members.is_empty() && self.tokens.are_as_given();
        (!is_so).then(|| Change::Admit { members: members.into() })
    }

    /// The change that opens an account; `None` if it is already open.
    pub(crate) fn opening(&self, login: &str) -> Option<Change> {
        let (inbox, uid_validity) = self.next_mailbox();
        self.find(login).is_none().then(|| Change::Open {
            account: AccountNo(self.next),
            login: login.into(),
            inbox,
            uid_validity,
        })
    }

    /// The login with this address, compared case-insensitively.
    fn listed(&self, address: &str) -> Option<&Member> {
        let is_its = is_login(address);
        let has_it = |member: &&Member| is_its(&member.login) || member.addresses.iter().any(|its| is_its(its));
        self.members.iter().find(has_it)
    }

    /// The account on the list whose INBOX gets the mail to this address.
    pub(crate) fn owner(&self, address: &str) -> Option<&Member> {
        if self.members.is_empty() {
            return None;
        }
        // RFC 5321 §4.5.1: postmaster, with or without a domain, is always accepted; the first account gets the mail.
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        let owner = self.listed(address).or_else(|| self.listed(&without_detail(address, self.separator?)?));
        let first = || self.members.first().filter(|_| self.is_closed);
        owner.or_else(|| first().filter(|_| local.eq_ignore_ascii_case("postmaster")))
    }
}

/// Whether a character can be the sub-address separator: one that a local part may contain unquoted (RFC 5321 §4.1.2).
pub(crate) fn is_subaddress_separator(sign: char) -> bool {
    "!#$%&'*+-/=?^_`{|}~.".contains(sign)
}

/// `user@domain` of `user+detail@domain`, where there is a detail (RFC 5233 §4).
fn without_detail(address: &str, separator: char) -> Option<String> {
    let (local, domain) = address.rsplit_once('@')?;
    let (user, _) = local.split_once(separator)?;
    // In a quoted local part the separator has no meaning.
    (!user.is_empty() && !user.starts_with('"')).then(|| format!("{user}@{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_is_the_same_as_a_label_and_as_u_label() {
        let own = ["bob@bücher.example", "all@xn--bcher-kva.example"];
        let member = |login: &str, address: &str| Member {
            login: login.into(),
            password: "".into(),
            tokens: Vec::new(),
            addresses: vec![address.into()],
        };
        let list = vec![member(own[0], own[1])];
        let mut accounts = Accounts::new(list.clone(), Namespace::default(), 1);
        let opening = accounts.opening(own[0]).unwrap();
        accounts.apply(&opening, |_| None).unwrap();

        for name in [own[0], "BOB@BÜCHER.EXAMPLE", "bob@xn--bcher-kva.example", "Bob@XN--BCHER-kva.example"] {
            assert_eq!(accounts.known(name), Some(own[0]), "{name}");
            assert_eq!(accounts.login_for(name), own[0], "{name}");
            assert!(accounts.find(name).is_some() && accounts.opening(name).is_none(), "{name}");
        }
        for address in ["all@bücher.example", "all@xn--bcher-kva.EXAMPLE"] {
            assert!(accounts.delivers_to(address), "{address}");
            assert!(member("eve@example.org", address).conflict(&list).is_some(), "{address}");
        }
        for stranger in ["bob@bucher.example", "bob@xn--bcher-kvb.example", "xn--bcher-kva@bücher.example"] {
            assert!(!accounts.delivers_to(stranger), "{stranger}");
            assert_eq!(accounts.known(stranger), None, "{stranger}");
        }
    }

    #[test]
    fn a_mailbox_is_found_by_its_current_name() {
        let mut accounts = Accounts::new(Vec::new(), Namespace::default(), 1);
        let apply = |accounts: &mut Accounts, change: &Change| accounts.apply(change, |_| None).unwrap();
        let opening = accounts.opening("bob").unwrap();
        apply(&mut accounts, &opening);
        let account = accounts.find("bob").unwrap();
        let mut places = Vec::new();
        for name in ["a", "a/b", "a/c", "ab", "a!", "INBOX/d"] {
            let (mailbox, uid_validity) = accounts.next_mailbox();
            let place = MailboxId { account, mailbox };
            apply(&mut accounts, &Change::Create { place, name: name.into(), special_use: None, uid_validity });
            places.push(place);
        }
        let below = |accounts: &Accounts, start: &str| {
            let account = accounts.account(account).unwrap();
            account.starting_with(start).map(|name| name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(below(&accounts, "a/"), ["a/b", "a/c"]);

        apply(&mut accounts, &Change::Rename { account, from: "a".into(), to: "z".into() });
        apply(&mut accounts, &Change::Rename { account, from: "z/b".into(), to: "a".into() });
        apply(&mut accounts, &Change::Delete { place: places[2] });

        let its = accounts.account(account).unwrap();
        let found = |name| {
            let its = its.named(name)?;
            assert_eq!(&*its.name, name);
            places.iter().position(|place| place.mailbox == its.no)
        };
        let all = ["z", "a", "a/b", "a/c", "z/b", "z/c", "ab", "a!", "INBOX/d"].map(found);
        assert_eq!(all, [Some(0), Some(1), None, None, None, None, Some(3), Some(4), Some(5)]);
        assert_eq!((its.mailboxes().len(), &*its.inbox().name), (6, "INBOX"));
    }
}
