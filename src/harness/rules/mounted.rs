//! Rules in force, and the handles to them.

use std::sync::Arc;

use super::Rule;
use crate::drive::Engine;
use crate::harness::MailServer;
use crate::rule::RuleNo;
use crate::scenario::{RuleError, check_rule};
use crate::world::World;

/// A mounted rule. Dropping it changes nothing; [`scoped`](Self::scoped) makes a guard of it.
#[derive(Clone)]
pub struct Mounted {
    engine: Arc<Engine>,
    no: RuleNo,
}

impl Mounted {
    /// How often it fired, [without an effect](Self::without_effect) included.
    pub fn hits(&self) -> u64 {
        self.engine.look(|world| world.rulebook.get(self.no).map_or(0, |mounted| mounted.fired))
    }

    /// How often it fired and changed nothing: what its steps are about, a line to edit or a message to expunge, was not
    /// there. A firing of this kind does not count for what [`expect`](crate::Rule::expect) asks.
    pub fn without_effect(&self) -> u64 {
        self.engine.look(|world| world.rulebook.get(self.no).map_or(0, |mounted| mounted.without_effect))
    }

    /// How often it was asked, whether it fired or not.
    pub fn asked(&self) -> u64 {
        self.engine.look(|world| world.rulebook.get(self.no).map_or(0, |mounted| world.rulebook.asked(mounted)))
    }

    /// Takes it out; false if it is out already.
    pub fn unmount(&self) -> bool {
        self.engine.act(|world, _| world.rulebook.unmount(self.no))
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

impl ScopedRule {
    /// How often it fired.
    pub fn hits(&self) -> u64 {
        self.0.hits()
    }
}

impl Drop for ScopedRule {
    fn drop(&mut self) {
        self.0.unmount();
    }
}

impl MailServer {
    /// How often the rule of this name fired, of a scenario or mounted; 0 where there is none.
    pub fn fired(&self, id: &str) -> u64 {
        let rules = |world: &World| {
            world.rulebook.rules().iter().find(|mounted| *mounted.rule.id == *id).map_or(0, |mounted| mounted.fired)
        };
        self.server.engine().look(rules)
    }

    /// Puts a rule in force, outside of all others; when this returns, the next request meets it.
    ///
    /// # Panics
    /// If the rule says what cannot be: a field that is not there at its event, a reply in no form of its protocol.
    #[track_caller]
    pub fn mount<P>(&self, rule: Rule<P>) -> Mounted {
        let rule = rule.rule;
        if let Err(RuleError(why)) = check_rule(&rule) {
            panic!("{why}");
        }
        let engine = self.server.engine();
        let no = engine.act(|world, now| world.mount(Arc::new(rule), now));
        Mounted { engine: Arc::clone(engine), no }
    }
}
