//! Loading a scenario: its rules, settings, accounts and messages. Resetting to the initial state.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::World;
use crate::base::{Seq, Times, Timestamp};
use crate::expect::RulesReport;
use crate::mail::{Member, generated};
#[cfg(feature = "api")]
use crate::oauth::Provider;
use crate::protocol::{SeedMailbox, SeedMessage};
use crate::rule::RuleNo;
use crate::scenario::{InForce, Loaded, MessageGiven};

/// What [`MailServer::reset_keeping`](crate::MailServer::reset_keeping) does not reset.
///
/// ```
/// use mailjig::Kept;
/// use mailjig::prelude::*;
///
/// let server = MailServer::start();
/// server.clock().pause();
/// server.reset_keeping(&[Kept::Clock]);
/// assert!(server.clock().is_paused());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kept {
    /// The rules mounted at run time. Their counts are reset.
    Rules,
    /// The loaded scenario, instead of the one with which the server started. Its accounts, mail and variables are as
    /// just loaded.
    Scenario,
    /// The server's clock: paused and advanced as it is.
    Clock,
    /// The open sessions, which otherwise end. SMTP and LMTP sessions continue; IMAP and POP3 sessions with a login end
    /// at their next command, because their account is gone.
    Sessions,
}

impl Kept {
    /// All of them, with their names in a query.
    pub(crate) const ALL: [(&'static str, Self); 4] =
        [("rules", Self::Rules), ("scenario", Self::Scenario), ("clock", Self::Clock), ("sessions", Self::Sessions)];
}

impl World {
    /// Starts the server with this scenario.
    pub(crate) fn start(&mut self, scenario: Option<Arc<Loaded>>, now: Timestamp) {
        self.initial.scenario.clone_from(&scenario);
        self.load(scenario, now);
    }

    /// Replaces the scenario. Removes the accounts and messages of the previous scenario.
    pub(crate) fn load(&mut self, scenario: Option<Arc<Loaded>>, now: Timestamp) {
        self.outside(now, |txn| txn.take_back());
        self.timers.forget_rules();
        let first = self.rulebook.next_no();
        self.put_in_force(scenario, first, now);
    }

    /// Resets to the initial state, except for what is kept. Sessions that are still open continue.
    pub(crate) fn reset(&mut self, kept: &[Kept], now: Timestamp) {
        let seed = self.seed;
        self.outside(now, |txn| txn.reset(seed));
        #[cfg(feature = "api")]
        {
            self.provider = Provider::default();
        }
        self.journal.clear();
        self.journal.renumber();
        self.next_session = self.journal.sessions().map(|log| log.no.0).max().unwrap_or(0) + 1;
        self.evicted = 0;
        self.evicted_accounts = 0;
        self.commands.clear();
        self.evicted_to = Seq::default();
        self.timers.clear();
        if !kept.contains(&Kept::Rules) {
            self.rulebook.unmount_added();
        }
        let first = if kept.contains(&Kept::Scenario) { self.rulebook.first_loaded() } else { RuleNo(1) };
        self.put_in_force(self.after_reset(kept).cloned(), first, now);
    }

    /// The scenario that will be loaded after a reset.
    pub(crate) fn after_reset(&self, kept: &[Kept]) -> Option<&Arc<Loaded>> {
        if kept.contains(&Kept::Scenario) { self.scenario.as_ref() } else { self.initial.scenario.as_ref() }
    }

    /// What a rule that is mounted now can refer to.
    pub(crate) fn in_force(&self) -> InForce {
        let mut messages: Vec<String> = self.messages.keys().map(|id| id.to_string()).collect();
        messages.sort_unstable();
        InForce { namespace: self.mail.accounts.namespace().clone(), messages }
    }

    /// Applies a scenario. Its rules are numbered from `first`; time, counts and variables are reset.
    fn put_in_force(&mut self, scenario: Option<Arc<Loaded>>, first: RuleNo, now: Timestamp) {
        self.scenario = scenario;
        let loaded = self.scenario.clone().unwrap_or_default();
        let seed = loaded.seed.unwrap_or(self.seed.into());
        self.rulebook.load(&loaded.rules, first, &loaded.expects, loaded.state.clone(), seed);
        let named = loaded.messages.iter().filter_map(|message| Some((message.id.as_deref()?, message)));
        self.messages = named.zip(1..).map(|((id, message), i)| (id.into(), raw(message, i))).collect();
        self.start = now;
        self.rulebook.reset(self.since(now));
        self.schedule_all_moments(now);
        self.seed(&loaded, now);
    }

    /// The report on rules and expectations that are not met so far; `None` if all are met.
    pub(crate) fn rules_report(&self) -> Option<RulesReport> {
        let name = self.scenario.as_ref().map(|loaded| loaded.name.as_str());
        RulesReport::of(name, &self.rulebook, &self.journal)
    }

    /// Why one rule did not fire that often so far; `None` if it is not mounted.
    pub(crate) fn rule_report(&self, no: RuleNo, times: Times) -> Option<RulesReport> {
        let mounted = self.rulebook.get(no)?;
        let name = self.scenario.as_ref().map(|loaded| loaded.name.as_str());
        Some(RulesReport::on(mounted, times, name, &self.rulebook, &self.journal))
    }

    /// How long to wait for late events before expectations are verified.
    pub(crate) fn settle_time(&self) -> Duration {
        self.rulebook.watches().iter().filter_map(|watch| watch.expect.settle).max().unwrap_or_default()
    }

    /// Creates the accounts and messages of the scenario.
    fn seed(&mut self, loaded: &Loaded, now: Timestamp) {
        let members = loaded.users.iter().map(|user| Member {
            login: user.name.as_str().into(),
            password: user.password.as_str().into(),
            tokens: user.tokens.iter().map(|token| token.as_str().into()).collect(),
            addresses: user.addresses.iter().map(|address| address.as_str().into()).collect(),
        });
        let members: Vec<Member> = members.collect();
        let members = if members.is_empty() { self.initial.members.to_vec() } else { members };
        self.outside(now, |txn| txn.admit(members));
        let everybody: Vec<SeedMailbox> = seeds(loaded, None).collect();
        let there: Vec<Box<str>> = self.mail.accounts.iter().map(|(_, account)| account.login.clone()).collect();
        for login in there.iter().filter(|_| !everybody.is_empty()) {
            self.outside(now, |txn| txn.give(login, &everybody));
        }
        self.mail.seeds = everybody;
        let mut users: Vec<&str> = loaded.users.iter().map(|user| user.name.as_str()).collect();
        users.extend(loaded.mailboxes.iter().filter_map(|mailbox| mailbox.user.as_deref()));
        users.extend(loaded.messages.iter().filter_map(|message| message.user.as_deref()));
        users.sort_unstable();
        users.dedup();
        for user in users {
            let own: Vec<SeedMailbox> = seeds(loaded, Some(user)).collect();
            self.outside(now, |txn| txn.seed(user, &own));
        }
    }
}

/// The mailboxes of this user; without a user, the mailboxes for every user.
fn seeds<'l>(loaded: &'l Loaded, user: Option<&'l str>) -> impl Iterator<Item = SeedMailbox> + 'l {
    let mailboxes = loaded.mailboxes.iter().filter(move |its| its.user.as_deref() == user).map(|its| SeedMailbox {
        mailbox: its.name.as_str().into(),
        uid_validity: its.uid_validity,
        generate: its.generate,
        messages: Vec::new(),
    });
    let there = loaded.messages.iter().zip(1..).filter(|(message, _)| !message.is_delivered);
    let messages = there.filter(move |(message, _)| message.user.as_deref() == user).map(|(message, i)| SeedMailbox {
        mailbox: message.mailbox.as_str().into(),
        uid_validity: None,
        generate: 0,
        messages: vec![SeedMessage {
            raw: raw(message, i),
            flags: message.flags.clone(),
            uidl: message.uidl.as_deref().map(Into::into),
        }],
    });
    mailboxes.chain(messages)
}

fn raw(message: &MessageGiven, i: u32) -> Bytes {
    match &message.raw {
        Some(raw) => raw.clone().into(),
        None => generated("somebody@example.org", i),
    }
}
