//! A scenario in the world: its rules and settings at once, its accounts and mail at the start and at a reset.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::World;
use crate::base::Timestamp;
use crate::expect::RulesReport;
use crate::journal::Detail;
use crate::mail::{Member, Origin, generated};
use crate::protocol::{Desk, Given, GivenMessage};
use crate::scenario::{Loaded, MessageGiven};

impl World {
    /// Puts a scenario in the place of the one before.
    pub(crate) fn load(&mut self, loaded: Arc<Loaded>, now: Timestamp) {
        let seed = loaded.seed.unwrap_or(self.seed.into());
        self.rulebook.load(&loaded.rules, &loaded.expects, loaded.state.clone(), seed);
        self.agenda.forget_rules();
        self.offers.of = loaded.offers.clone();
        self.offers.certificates = loaded.certificates.clone();
        let named = loaded.messages.iter().filter_map(|message| Some((message.id.as_deref()?, message)));
        self.messages = named.zip(1..).map(|((id, message), i)| (id.into(), raw(message, i))).collect();
        self.scenario = Some(loaded);
        self.begin(now);
    }

    /// From now on time is counted, and rules and what must happen are.
    pub(crate) fn begin(&mut self, now: Timestamp) {
        self.start = now;
        self.rulebook.reset(now);
        self.ring_for_all(now);
    }

    /// What rules and expectations miss until now; none where everything is as it must be.
    pub(crate) fn ruling(&self) -> Option<RulesReport> {
        let name = self.scenario.as_ref().map(|loaded| loaded.name.as_str());
        RulesReport::of(name, &self.rulebook, &self.journal)
    }

    /// How long is waited before expectations are judged, for what may still come.
    pub(crate) fn settle_time(&self) -> Duration {
        self.rulebook.watches().iter().filter_map(|watch| watch.expect.settle).max().unwrap_or_default()
    }

    /// The scenario's accounts and mail come into being.
    pub(crate) fn furnish(&mut self, now: Timestamp) {
        let Some(loaded) = self.scenario.clone() else { return };
        if !loaded.users.is_empty() {
            let members = loaded.users.iter().map(|user| Member {
                login: user.name.as_str().into(),
                password: user.password.as_str().into(),
                addresses: user.addresses.iter().map(|address| address.as_str().into()).collect(),
            });
            self.mail.accounts.admit_only(members.collect());
        }
        let everybody: Vec<Given> = given(&loaded, None).collect();
        self.mail.given = everybody;
        let mut users: Vec<&str> = loaded.users.iter().map(|user| user.name.as_str()).collect();
        users.extend(loaded.mailboxes.iter().filter_map(|mailbox| mailbox.user.as_deref()));
        users.extend(loaded.messages.iter().filter_map(|message| message.user.as_deref()));
        users.sort_unstable();
        users.dedup();
        for user in users {
            let own: Vec<Given> = given(&loaded, Some(user)).collect();
            let mut desk = Desk::new(&mut self.mail, Origin::Delivered, now);
            desk.open(user);
            desk.give(user, &own);
            let done = desk.close();
            self.journal.outside(now, Detail { done, ..Detail::default() });
        }
    }
}

/// What this user is given; everybody, where none is named.
fn given<'l>(loaded: &'l Loaded, user: Option<&'l str>) -> impl Iterator<Item = Given> + 'l {
    let mailboxes = loaded.mailboxes.iter().filter(move |its| its.user.as_deref() == user).map(|its| Given {
        mailbox: its.name.as_str().into(),
        uid_validity: its.uid_validity,
        generate: its.generate,
        messages: Vec::new(),
    });
    let there = loaded.messages.iter().zip(1..).filter(|(message, _)| !message.is_delivered);
    let messages = there.filter(move |(message, _)| message.user.as_deref() == user).map(|(message, i)| Given {
        mailbox: message.mailbox.as_str().into(),
        uid_validity: None,
        generate: 0,
        messages: vec![GivenMessage {
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
