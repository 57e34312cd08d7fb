//! Transactions: how a machine reads accounts, makes changes, and notes facts about the client while it performs a
//! request.

mod credentials;
mod log;
mod mailboxes;
mod maildrop_lock;
mod rename;
mod store;

use bytes::Bytes;

pub(crate) use credentials::AccountCredentials;
pub(crate) use log::{ClientFacts, ToldClient, TxnLog};
pub(crate) use mailboxes::InvalidMailbox;
pub(crate) use rename::NotRenamed;
pub(crate) use store::{MailStore, SeedMailbox, SeedMessage};

use crate::base::{MessageNo, SessionNo, Timestamp, is_identifier, same_login};
use crate::mail::{
    Account, AccountNo, Accounts, Change, Envelope, Flags, INBOX, InternalDate, Mailbox, MailboxId, Member, Message,
    Origin, Token, TokenChange,
};
use crate::sasl::{self, Authentication, LoginVerdict, Progress, Rejection};

/// The only access to the mail. Applies every change at once with [`Accounts::apply`], and keeps it in the store for
/// the record of the exchange, even after a panic.
pub(crate) struct MailTxn<'a> {
    mail: &'a mut MailStore,
    origin: Origin,
    now: Timestamp,
    route: Option<Route>,
    is_single: bool,
    refuses_logins: bool,
}

/// The destination of an accepted message, if it is not the INBOX of each recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// Nowhere: it is only captured.
    Nowhere,
    Into(Destination),
}

/// A mailbox for mail, of this login or of each recipient. Created by [`MailTxn::destination`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    login: Option<Box<str>>,
    mailbox: Box<str>,
}

impl<'a> MailTxn<'a> {
    pub(crate) fn new(mail: &'a mut MailStore, origin: Origin, now: Timestamp) -> Self {
        Self { mail, origin, now, route: None, is_single: false, refuses_logins: false }
    }

    /// Sets the destination of accepted messages.
    pub(crate) fn reroute(&mut self, route: Option<Route>) {
        self.route = route;
    }

    /// Limits this turn of a long answer to one item.
    pub(crate) fn give_single(&mut self) {
        self.is_single = true;
    }

    /// Whether this turn of a long answer is limited to one item.
    pub(crate) fn is_single(&self) -> bool {
        self.is_single
    }

    /// Refuses every login, as if no credentials were valid.
    pub(crate) fn refuse_logins(&mut self) {
        self.refuses_logins = true;
    }

    /// How often the server was reset.
    pub(crate) fn resets(&self) -> u64 {
        self.mail.resets
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.now
    }

    pub(crate) fn accounts(&self) -> &Accounts {
        &self.mail.accounts
    }

    /// The session of the transaction. `None` for changes by a test.
    pub(crate) fn session(&self) -> Option<SessionNo> {
        match self.origin {
            Origin::Session(session) => Some(session),
            Origin::Delivered | Origin::Scenario => None,
        }
    }

    /// What the accounts accept in logins now.
    pub(crate) fn credentials(&self) -> AccountCredentials<'_> {
        AccountCredentials { accounts: &self.mail.accounts, now: self.now, are_refused: self.refuses_logins }
    }

    /// An account. None if it was closed, or the server was reset.
    pub(crate) fn account(&self, no: AccountNo) -> Option<&Account> {
        self.mail.accounts.account(no)
    }

    /// A mailbox. None if it was deleted.
    pub(crate) fn mailbox(&self, place: MailboxId) -> Option<&Mailbox> {
        self.mail.accounts.mailbox(place)
    }

    /// Whether the server accepts mail to this address.
    pub(crate) fn delivers_to(&self, address: &str) -> bool {
        self.mail.accounts.delivers_to(address)
    }

    /// The context of a SASL exchange of this session.
    pub(crate) fn sasl_context<'c>(&'c self, host: &'c str, seed: u32) -> sasl::Context<'c> {
        let session = self.session().map_or(0, SessionNo::number);
        sasl::Context { host, session, seed, discovery: self.mail.discovery.as_deref(), ..sasl::Context::default() }
    }

    /// Takes a response in a login. A login that was refused has failed even if the client cancels it.
    pub(crate) fn respond(&mut self, login: &Authentication, response: &[u8]) -> Result<Progress, Rejection> {
        let progress = login.respond(response, &self.credentials());
        if progress.is_err() && login.is_refused() {
            self.mail.log.facts().denied = login.known_login().map(Box::from);
        }
        progress
    }

    /// Logs in with this mechanism or command. The account is created on first use. `None` if authentication failed.
    pub(crate) fn log_in(&mut self, verdict: &LoginVerdict, mechanism: &str) -> Option<AccountNo> {
        // A login without credentials, as with ANONYMOUS, is proven in any case.
        let is_proven = verdict.is_proven() && !self.refuses_logins;
        let login = self.mail.accounts.known(&verdict.login).filter(|_| is_proven).map(Box::<str>::from);
        let Some(login) = login else {
            // A malformed response does not name a user.
            if !verdict.login.is_empty() {
                self.mail.log.facts().denied = Some(verdict.login.as_str().into());
            }
            return None;
        };
        let account = self.open(&login);
        let facts = self.mail.log.facts();
        facts.user = Some(Some(login));
        facts.mechanism = Some(mechanism.into());
        Some(account)
    }

    /// The account to log in to without credentials, and its login; fails if there is no such user.
    pub(crate) fn account_of(&mut self, login: &str) -> Result<(AccountNo, Box<str>), String> {
        if !is_identifier(login) {
            return Err("a user name must not be empty or contain control characters".to_owned());
        }
        let known = self.mail.accounts.known(login).map(Box::<str>::from);
        let login = known.ok_or_else(|| format!("there is no user `{login}`"))?;
        Ok((self.open(&login), login))
    }

    /// Notes that the client is logged in as this user.
    pub(crate) fn enter(&mut self, login: &str) {
        self.mail.log.facts().user = Some(Some(login.into()));
    }

    /// Notes for people what the server does by itself.
    pub(crate) fn note(&mut self, text: String) {
        self.mail.log.notes.push(text);
    }

    /// Notes that the client is not logged in any more.
    pub(crate) fn leave(&mut self) {
        self.mail.log.facts().user = Some(None);
    }

    /// Notes the client's name.
    pub(crate) fn introduce(&mut self, helo: &str) {
        self.mail.log.facts().helo = Some(helo.into());
    }

    /// Notes for which client the session's client speaks.
    pub(crate) fn client_is(&mut self, told: ToldClient) {
        if told != ToldClient::default() {
            self.mail.log.facts().told = Some(Box::new(told));
        }
    }

    /// Notes the mailbox that the client has selected, or that none is selected.
    pub(crate) fn select(&mut self, mailbox: Option<&str>) {
        self.mail.log.facts().selected = Some(mailbox.map(Box::from));
    }

    /// Notes that the client begins or ends IDLE.
    pub(crate) fn idle(&mut self, idling: bool) {
        self.mail.log.facts().idling = Some(idling);
    }

    /// Captures a message, and files it in the INBOX of each accepted recipient or according to the route.
    pub(crate) fn deliver(&mut self, envelope: Envelope, raw: Bytes) -> Message {
        let (message, is_filed) = self.capture(envelope, raw);
        if !is_filed {
            let mut served = Vec::new();
            message.envelope().accepted().for_each(|address| self.file_in_inbox(address, &message, &mut served));
        }
        message
    }

    /// Captures a message, and files it if it has a route. Returns whether it had one; otherwise its recipients get it.
    pub(crate) fn capture(&mut self, envelope: Envelope, raw: Bytes) -> (Message, bool) {
        let message = self.message(Some(envelope), raw);
        let route = self.route.take();
        if let Some(Route::Into(destination)) = &route {
            let logins = self.addressees(destination, &message);
            self.file_for(&logins, destination, &message);
        }
        self.mail.log.accepted = Some(message.clone());
        (message, route.is_some())
    }

    /// Captures a message, which is filed at this time in the INBOX of each accepted recipient or according to the route.
    pub(crate) fn hold(&mut self, envelope: Envelope, raw: Bytes, until: Timestamp) -> Message {
        let message = self.message(Some(envelope), raw);
        let destination = match self.route.take() {
            None => Some(Destination { login: None, mailbox: INBOX.into() }),
            Some(Route::Into(destination)) => Some(destination),
            Some(Route::Nowhere) => None,
        };
        self.mail.log.held = destination.map(|destination| (until, destination));
        self.mail.log.accepted = Some(message.clone());
        message
    }

    /// Files a message in the INBOX of a recipient, unless the account already has it.
    pub(crate) fn file_in_inbox(&mut self, address: &str, message: &Message, served: &mut Vec<AccountNo>) {
        let date = InternalDate { at: self.now, zone: 0 };
        let login = self.mail.accounts.login_for(address);
        let account = match self.mail.accounts.find(login) {
            Some(account) => account,
            None => {
                let login: Box<str> = login.into();
                self.open(&login)
            }
        };
        if served.contains(&account) {
            return;
        }
        served.push(account);
        if let Some(inbox) = self.account(account).map(|account| account.inbox().no) {
            self.file(MailboxId { account, mailbox: inbox }, Flags::NONE, date, message.clone(), true);
        }
    }

    /// The logins whose mailboxes get a message.
    pub(crate) fn addressees(&self, destination: &Destination, message: &Message) -> Vec<Box<str>> {
        match &destination.login {
            Some(login) => vec![login.clone()],
            None => message.envelope().accepted().map(|to| self.mail.accounts.login_for(to).into()).collect(),
        }
    }

    /// Files a message for these logins, once in each account.
    pub(crate) fn file_for(&mut self, logins: &[Box<str>], destination: &Destination, message: &Message) {
        let date = InternalDate { at: self.now, zone: 0 };
        let mut places: Vec<MailboxId> = Vec::new();
        for login in logins {
            let place = self.mailbox_in(login, &destination.mailbox);
            if !places.contains(&place) {
                places.push(place);
                self.file(place, Flags::NONE, date, message.clone(), true);
            }
        }
    }

    /// Expunges all entries of these messages from all mailboxes.
    pub(crate) fn forget(&mut self, messages: impl Fn(&Message) -> bool) {
        let mut victims = Vec::new();
        for (account, its) in self.mail.accounts.iter() {
            for mailbox in its.mailboxes() {
                let place = MailboxId { account, mailbox: mailbox.no };
                let entries = mailbox.entries().iter().filter(|entry| messages(&entry.message));
                victims.extend(entries.map(|entry| (place, entry.uid)));
            }
        }
        victims.into_iter().for_each(|(place, uid)| self.expunge(place, uid));
    }

    /// Closes the oldest accounts until at most this many are left. Keeps those of the scenario, those on the list, and
    /// those in use.
    pub(crate) fn close_oldest(&mut self, most: usize, is_in_use: impl Fn(&str) -> bool) -> usize {
        let excess = self.mail.accounts.len().saturating_sub(most);
        let (opened, accounts) = (&self.mail.opened, &self.mail.accounts);
        let is_idle = |no: &AccountNo, account: &Account| {
            !opened.contains(no) && accounts.member(&account.login).is_none() && !is_in_use(&account.login)
        };
        let idle = accounts.iter().filter(|(no, account)| is_idle(no, account));
        let oldest: Vec<AccountNo> = idle.map(|(no, _)| no).take(excess).collect();
        let count = oldest.len();
        oldest.into_iter().for_each(|account| self.change(Change::Close { account }));
        count
    }

    /// Sets the list of accounts that may log in. If it is empty, every login succeeds.
    pub(crate) fn admit(&mut self, members: Vec<Member>) {
        if let Some(change) = self.mail.accounts.admission(members) {
            self.change(change);
        }
    }

    /// Gives a login a password and addresses, on an open list of accounts too.
    pub(crate) fn enlist(&mut self, member: Member) {
        self.change(Change::Enlist { member: Box::new(member) });
    }

    /// Issues a token, or changes the one with this text.
    pub(crate) fn put_token(&mut self, token: Token) {
        self.change(Change::Token { token: Box::new(token) });
    }

    /// Changes the state of tokens. Returns how many there are.
    pub(crate) fn change_tokens(&mut self, which: impl Fn(&Token) -> bool, change: TokenChange) -> usize {
        let meant = self.mail.accounts.tokens().iter().filter(|token| which(token));
        let changed: Vec<Token> = meant.map(|token| token.clone().changed(change, self.now)).collect();
        let count = changed.len();
        changed.into_iter().for_each(|token| self.put_token(token));
        count
    }

    /// Changes the state of a token in a login of this user. A token that is accepted although it is not known, because
    /// the list of accounts is open, is known from then on. Returns whether there is such a token.
    pub(crate) fn change_token(&mut self, text: &str, login: &str, change: TokenChange) -> bool {
        let accounts = &self.mail.accounts;
        let is_accepted = || accounts.is_open() && accounts.member(login).is_none();
        let given = || Token { issued: Some(self.now), ..Token::given(login, text) };
        let token = accounts.tokens().find(text).cloned().or_else(|| is_accepted().then(given));
        token.map(|token| self.put_token(token.changed(change, self.now))).is_some()
    }

    /// Removes an account with its mailboxes, and its login from the list. Returns whether there was one.
    pub(crate) fn remove(&mut self, login: &str) -> bool {
        let listed: Option<Box<str>> = self.mail.accounts.member(login).map(|member| member.login.clone());
        let account = self.mail.accounts.find(login);
        let existed = account.is_some() || listed.is_some();
        if let Some(account) = account {
            self.change(Change::Close { account });
        }
        // Its tokens go with it.
        let has_tokens = self.mail.accounts.tokens().iter().any(|token| same_login(&token.login, login));
        if let Some(login) = listed.or_else(|| has_tokens.then(|| login.into())) {
            self.change(Change::Delist { login });
        }
        existed
    }

    /// Closes all accounts, unlocks all maildrop_locks, and restarts message numbers.
    pub(crate) fn reset(&mut self, uid_validity: u32) {
        self.change(self.mail.accounts.resetting(uid_validity));
        self.mail.reset();
    }

    /// Ends the transaction and returns its log, for the record.
    pub(crate) fn close(self) -> TxnLog {
        self.mail.take_log()
    }

    /// The account of this login. It is created if it does not exist.
    pub(crate) fn open(&mut self, login: &str) -> AccountNo {
        if let Some(opening) = self.mail.accounts.opening(login) {
            self.change(opening);
            if !self.mail.seeds.is_empty() {
                let seeds = self.mail.seeds.clone();
                self.give(login, &seeds);
            }
        }
        self.mail.accounts.find(login).expect("the account was just opened")
    }

    fn message(&mut self, envelope: Option<Envelope>, raw: Bytes) -> Message {
        let no = MessageNo(self.mail.next_message);
        self.mail.next_message += 1;
        Message::new(no, self.origin, self.now, envelope, raw)
    }

    fn change(&mut self, change: Change) {
        self.change_with(change, None);
    }

    /// Applies a change, which may file this message, and keeps it for the record.
    fn change_with(&mut self, change: Change, message: Option<Message>) {
        if let Err(invalid) = self.mail.accounts.apply(&change, |_| message) {
            unreachable!("a change must fit the state that it is applied to: {invalid}");
        }
        if let Change::Close { account } = &change {
            self.mail.made.remove(account);
        }
        let changes = &mut self.mail.log.changes;
        if changes.is_empty() {
            // Most transactions make a single change.
            changes.reserve_exact(1);
        }
        changes.push(change);
    }
}
