//! A mounted rule as JSON.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread::yield_now;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::base::{Seq, SessionNo};
use crate::drive::Engine;
use crate::expect::{LineNumbers, near_misses};
use crate::rule::{Mounted, Rule, RuleNo};
use crate::scenario::{rule_as_json, rule_as_toml};
use crate::world::World;

/// Rules, the outermost first.
#[derive(Serialize, ToSchema)]
pub(super) struct RuleList {
    rules: Vec<MountedJson>,
}

/// A mounted rule, its counts, and the events at which it nearly fired.
#[derive(Serialize, ToSchema)]
pub(super) struct MountedJson {
    /// Such as `r3`.
    number: String,
    /// The rule, as in a scenario.
    #[schema(value_type = Object)]
    rule: Value,
    /// The rule as TOML, with which `POST` and `PUT` make the same rule.
    text: String,
    status: RuleStatus,
    /// The name of the rule that takes its events, if there is one.
    shadowed_by: Option<String>,
    enabled: bool,
    /// Whether it is a rule of the scenario.
    loaded: bool,
    /// Where it comes from.
    origin: String,
    /// How many events reached it, whether its conditions held or not.
    asked: u64,
    fired: u64,
    without_effect: u64,
    /// Up to three events at which it nearly fired, and why it did not.
    #[schema(value_type = Vec<Object>)]
    near_misses: Value,
}

/// Whether a rule can fire.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
enum RuleStatus {
    /// It fires at the next event that matches.
    Armed,
    Disabled,
    /// Its `times` or `nth` cannot hold any more.
    UsedUp,
    /// A rule outside of it takes every event that it could get.
    Shadowed,
}

/// What is known about a mounted rule. Made under the lock, and printed outside of it.
pub(super) struct RuleSnapshot {
    no: RuleNo,
    rule: Arc<Rule>,
    enabled: bool,
    is_used_up: bool,
    is_loaded: bool,
    asked: u64,
    fired: u64,
    without_effect: u64,
    near_misses: Value,
}

/// One mounted rule, and the enabled rules outside of it that can shadow others.
pub(super) struct RuleInContext {
    snapshot: RuleSnapshot,
    outer: Vec<Arc<Rule>>,
}

/// The lines of the events at which the mounted rules nearly fired, of one rule or of all. Releases the lock again and
/// again, because sessions may be long.
pub(super) fn line_numbers(engine: &Engine, only: Option<RuleNo>) -> LineNumbers {
    let near: BTreeSet<(SessionNo, Seq)> = engine.read(|world| {
        let book = &world.rulebook;
        let asked = book.rules().iter().filter(|mounted| only.is_none_or(|no| no == mounted.no));
        asked.flat_map(|mounted| book.near(mounted)).filter_map(|near| near.session.zip(near.exchange)).collect()
    });
    let mut numbers = LineNumbers::default();
    for (session, exchange) in near {
        while !engine.read(|world| numbers.read(session, exchange, &world.journal)) {
            yield_now();
        }
    }
    numbers
}

impl RuleInContext {
    pub(super) fn of(no: RuleNo, world: &World, numbers: &mut LineNumbers) -> Option<Self> {
        let mounted = world.rulebook.get(no)?;
        let outer = world
            .rulebook
            .rules()
            .iter()
            .take_while(|its| its.no != no)
            .filter(|its| its.enabled && its.rule.can_shadow());
        let outer = outer.map(|its| Arc::clone(&its.rule)).collect();
        Some(Self { snapshot: RuleSnapshot::of(mounted, world, numbers), outer })
    }

    pub(super) fn into_json(self) -> MountedJson {
        self.snapshot.into_json(&self.outer)
    }
}

impl RuleSnapshot {
    /// The mounted rules, the outermost first.
    pub(super) fn all(world: &World, numbers: &mut LineNumbers) -> Vec<Self> {
        world.rulebook.rules().iter().map(|mounted| Self::of(mounted, world, numbers)).collect()
    }

    fn of(mounted: &Mounted, world: &World, numbers: &mut LineNumbers) -> Self {
        Self {
            no: mounted.no,
            rule: Arc::clone(&mounted.rule),
            enabled: mounted.enabled,
            is_used_up: mounted.is_used_up(),
            is_loaded: mounted.is_loaded,
            asked: world.rulebook.asked(mounted),
            fired: mounted.fired,
            without_effect: mounted.without_effect,
            near_misses: json!(near_misses(mounted, &world.rulebook, &world.journal, numbers)),
        }
    }

    /// `outer` are the enabled rules outside of it that can shadow others.
    fn into_json(self, outer: &[Arc<Rule>]) -> MountedJson {
        let Self { no, rule, enabled, is_used_up, is_loaded, asked, fired, without_effect, near_misses } = self;
        let shadow = outer.iter().find(|its| its.takes_all_from(&rule));
        let status = match shadow {
            _ if !enabled => RuleStatus::Disabled,
            _ if is_used_up => RuleStatus::UsedUp,
            Some(_) => RuleStatus::Shadowed,
            None => RuleStatus::Armed,
        };
        MountedJson {
            number: format!("r{}", no.0),
            rule: rule_as_json(&rule),
            text: rule_as_toml(&rule),
            status,
            shadowed_by: shadow.map(|its| its.id.to_string()),
            enabled,
            loaded: is_loaded,
            origin: rule.origin.to_string(),
            asked,
            fired,
            without_effect,
            near_misses,
        }
    }
}

impl RuleList {
    /// The list of all mounted rules.
    pub(super) fn of(all: Vec<RuleSnapshot>) -> Self {
        let mut outer = Vec::new();
        let shown = all.into_iter().map(|snapshot| {
            let can_shadow = snapshot.enabled && snapshot.rule.can_shadow();
            let rule = can_shadow.then(|| Arc::clone(&snapshot.rule));
            let json = snapshot.into_json(&outer);
            outer.extend(rule);
            json
        });
        Self { rules: shown.collect() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::time::Duration;

    use super::*;
    use crate::protocol::{Event, Listener};
    use crate::rule::On;
    use crate::server::{Server, Settings, block_on};

    /// Mounts a disabled rule, which is nearly met, and connects a client that sends NOOP.
    fn nearly_meet(server: &Server, times: usize) {
        server.engine().update(|world, now| {
            let rule = Rule::new("near", vec![On::from(Event::SmtpNoop)], Vec::new(), "here");
            let no = world.mount(Arc::new(rule), now);
            world.rulebook.enable(no, false);
        });
        let mut client = TcpStream::connect(server.endpoint(Listener::Smtp).unwrap().address()).unwrap();
        client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        client.write_all(format!("{}QUIT\r\n", "NOOP\r\n".repeat(times)).as_bytes()).unwrap();
        client.read_to_end(&mut Vec::new()).unwrap();
    }

    #[test]
    fn a_reset_while_sessions_are_read_makes_no_line_wrong() {
        let server = Arc::new(Server::start(Settings::default()).unwrap());
        nearly_meet(&server, 3);

        let mut numbers = line_numbers(server.engine(), None);
        block_on(server.reset(&[])).unwrap();
        nearly_meet(&server, 1);
        let all = server.engine().read(|world| RuleSnapshot::all(world, &mut numbers));

        assert_eq!(all[0].near_misses[0]["event"], "s1 · line 2 · smtp.noop");
    }
}
