//! Rules in force, and the handles to them.

use std::panic::Location;
use std::sync::Arc;

use super::{Rule, RuleWait};
use crate::base::unknown;
use crate::drive::Engine;
use crate::harness::{MailServer, or_panic};
use crate::rule::RuleNo;
use crate::scenario::{RuleError, check_rule};

/// A mounted rule. Dropping it changes nothing; [`scoped`](Self::scoped) makes a guard of it.
#[derive(Clone)]
pub struct Mounted {
    engine: Arc<Engine>,
    no: RuleNo,
}

impl Mounted {
    /// How often it fired, [without an effect](Self::without_effect) included.
    pub fn hits(&self) -> u64 {
        self.engine.read(|world| world.rulebook.get(self.no).map_or(0, |mounted| mounted.fired))
    }

    /// How often it fired and changed nothing: what its steps are about, a line to edit or a message to expunge, was not
    /// there, and no other step did anything. A firing of this kind does not count for what
    /// [`expect`](crate::rules::Rule::expect) asks.
    pub fn without_effect(&self) -> u64 {
        self.engine.read(|world| world.rulebook.get(self.no).map_or(0, |mounted| mounted.without_effect))
    }

    /// How often it was asked, whether it fired or not.
    pub fn asked(&self) -> u64 {
        self.engine.read(|world| world.rulebook.get(self.no).map_or(0, |mounted| world.rulebook.asked(mounted)))
    }

    /// Waits until it has fired so often, what was before included. Await it, or [`block`](RuleWait::block) on it. It
    /// resolves when the rule decides: what it says may be on its way still.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mailjig::prelude::*;
    /// use mailjig::rules::timer;
    ///
    /// let server = MailServer::start();
    /// let rings = server.mount(on(timer()).at(Duration::from_millis(10)).note("it rang"));
    /// rings.wait(1).block();
    /// ```
    ///
    /// # Panics
    /// After 5 seconds, or what [`within`](RuleWait::within) says, with a report.
    #[track_caller]
    pub fn wait(&self, times: u64) -> RuleWait {
        RuleWait::new(&self.engine, self.no, times, Location::caller())
    }

    /// Takes it out; false if it is out already.
    pub fn unmount(&self) -> bool {
        self.engine.update(|world, _| world.rulebook.unmount(self.no))
    }

    /// It is in force while this lives.
    pub fn scoped(self) -> ScopedRule {
        ScopedRule(self)
    }
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Mounted").field(&self.no).finish()
    }
}

/// A rule that is in force while this lives.
#[derive(Debug)]
#[must_use = "the rule is taken out when this is dropped"]
pub struct ScopedRule(Mounted);

impl std::ops::Deref for ScopedRule {
    type Target = Mounted;

    fn deref(&self) -> &Mounted {
        &self.0
    }
}

impl Drop for ScopedRule {
    fn drop(&mut self) {
        self.0.unmount();
    }
}

impl MailServer {
    /// How often the rule of this name fired, of a scenario or mounted.
    ///
    /// # Panics
    /// If no rule has this name, with the names that there are.
    #[track_caller]
    pub fn fired(&self, id: &str) -> u64 {
        self.rule(id).hits()
    }

    /// The rule of this name, of a scenario or mounted.
    ///
    /// ```
    /// use mailjig::{MailServer, Scenario};
    ///
    /// let server = MailServer::builder().scenario(Scenario::text("busy.toml", r#"
    ///     mailjig = 1
    ///     [[rule]]
    ///     id = "busy"
    ///     on = "smtp.rcpt"
    ///     do = { reply = "450 4.2.1 Mailbox busy" }
    /// "#)).start();
    /// assert_eq!(server.rule("busy").hits(), 0);
    /// ```
    ///
    /// # Panics
    /// If no rule has this name, with the names that there are.
    #[track_caller]
    pub fn rule(&self, id: &str) -> Mounted {
        let engine = self.server.engine();
        let found = engine.read(|world| {
            let rules = world.rulebook.rules();
            let ids = || rules.iter().map(|mounted| &*mounted.rule.id);
            let no = rules.iter().find(|mounted| *mounted.rule.id == *id).map(|mounted| mounted.no);
            no.ok_or_else(|| unknown("rule", id, &ids().collect::<Vec<_>>()))
        });
        Mounted { engine: Arc::clone(engine), no: or_panic(found) }
    }

    /// Puts a rule in force, outside of all others; when this returns, the next request meets it.
    ///
    /// # Panics
    /// If the rule says what cannot be: a field that is not there at its event, a reply in no form of its protocol.
    #[track_caller]
    pub fn mount<P>(&self, rule: Rule<P>) -> Mounted {
        let rule = rule.rule;
        let engine = self.server.engine();
        let namespace = engine.read(|world| world.mail.accounts.namespace().clone());
        if let Err(RuleError(why)) = check_rule(&rule, namespace) {
            panic!("{why}");
        }
        let no = engine.update(|world, now| world.mount(Arc::new(rule), now));
        Mounted { engine: Arc::clone(engine), no }
    }
}
