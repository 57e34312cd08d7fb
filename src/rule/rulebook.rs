//! The mounted rules of one server, their counts, and their shared variables.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::clause::{Per, Rule, RuleNo};
use super::condition::Condition;
use super::content::{ConditionResult, Questions};

use super::candidates::Index;
use super::field::Field;
use super::firing::{By, Counting, Firing, FiringEffect};
use super::mounted::{Mounted, Since};
use super::near_miss::{FailedCondition, Miss, MissReason};
use super::variables::{VariableValue, Variables};
use super::watch::{Expect, Watch};
use crate::base::{Seq, SessionNo, Timestamp};
use crate::mail::Message;
use crate::protocol::{Event, Value};

/// Maximum number of keys that one rule or expectation counts by. Events with further keys are not counted, which fails
/// verification.
pub(super) const MOST_KEYS: usize = 100_000;

/// What is known when rules are evaluated.
pub(crate) trait EvalContext {
    /// The value of a field of the protocol, the session or the server.
    fn value(&self, field: &Field) -> Option<Value<'_>>;
    /// The result of a condition on the content of mail, if it was evaluated before.
    fn verdict(&self, _condition: &Condition) -> Option<&ConditionResult> {
        None
    }
    /// The message of the event, if it is about one message.
    fn message(&self) -> Option<Message> {
        None
    }
    /// The octets of a message of the scenario.
    fn given(&self, _id: &str) -> Option<Bytes> {
        None
    }
    fn session(&self) -> Option<SessionNo>;
    /// The record of this event or of its cause; `None` if it is not written yet.
    fn record(&self) -> Option<Seq> {
        None
    }
    /// The time of a timer event.
    fn moment(&self) -> Option<Timestamp>;
    fn now(&self) -> Timestamp;
}

/// The first event that any rule or expectation names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct First {
    pub(crate) event: Event,
    pub(crate) session: Option<SessionNo>,
    at: Timestamp,
}

/// The rules of one server, the outermost first. With an empty rulebook, every request is performed and every reply is
/// sent unchanged.
#[derive(Debug, Default)]
pub(crate) struct Rulebook {
    pub(super) rules: Vec<Mounted>,
    /// The index of each rule.
    pub(super) places: HashMap<RuleNo, usize>,
    /// For each event, the rules to evaluate.
    pub(super) by_event: Vec<Index>,
    next: u32,
    /// The number of the first rule of the scenario.
    first_loaded: RuleNo,
    pub(super) seed: u64,
    pub(crate) variables: Variables,
    /// When the scenario came into force: the counts of expectations begin here.
    since: Since,
    /// How often each event happened while rules were mounted.
    seen: HashMap<Event, u64>,
    /// How often rules fired in total.
    pub(super) firings: u64,
    /// How often the list of rules changed, or a rule was enabled or disabled.
    remounts: u64,
    /// Rules with a near miss whose record is not written yet.
    pub(super) pending: Vec<usize>,
    watches: Vec<Watch>,
    /// For each event, whether an expectation watches it.
    watched: Vec<bool>,
    /// The first event, with which the time limits of expectations begin.
    first: Option<First>,
    /// Rules and expectations that exceeded the maximum number of keys, until reported.
    pub(super) full: Vec<Arc<str>>,
}

impl Rulebook {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Whether any rule is evaluated at this event.
    pub(crate) fn concerns(&self, event: Event) -> bool {
        self.by_event.get(event as usize).is_some_and(|index| !index.is_empty() || self.watched[event as usize])
    }

    /// The conditions at these events on the content of these messages; `None` if there are none.
    pub(crate) fn questions(&self, events: &[Event], messages: Vec<Message>) -> Option<Questions> {
        let is_on = |rule: &Rule| events.iter().any(|event| rule.is_on(*event));
        let rules = self.rules.iter().map(|mounted| &mounted.rule).filter(|rule| is_on(rule) && rule.reads());
        let watches = self.watches.iter().filter(|watch| events.iter().any(|event| watch.is_on(*event)));
        let expects = watches.map(|watch| &watch.expect).filter(|expect| expect.reads());
        let (rules, expects): (Vec<_>, Vec<_>) = (rules.cloned().collect(), expects.cloned().collect());
        (!rules.is_empty() || !expects.is_empty()).then(|| Questions::new(messages, rules, expects))
    }

    /// The expectations, and what they have counted.
    pub(crate) fn watches(&self) -> &[Watch] {
        &self.watches
    }

    /// The first event, with which the time limits of expectations begin.
    pub(crate) fn first(&self) -> Option<First> {
        self.first
    }

    pub(crate) fn rules(&self) -> &[Mounted] {
        &self.rules
    }

    pub(crate) fn get(&self, no: RuleNo) -> Option<&Mounted> {
        self.rules.iter().find(|mounted| mounted.no == no)
    }

    /// How often rules fired in total.
    #[cfg(feature = "api")]
    pub(crate) fn firings(&self) -> u64 {
        self.firings
    }

    /// How often rules fired, were enabled or disabled, or their list changed; if it has grown, one of them happened in between.
    pub(crate) fn changes(&self) -> u64 {
        self.firings + self.remounts
    }

    /// When the scenario came into force, with which all counts begin again.
    pub(crate) fn since(&self) -> Since {
        self.since
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Mounts a rule as the outermost.
    pub(crate) fn mount(&mut self, rule: Arc<Rule>, since: Since) -> RuleNo {
        let mounted = self.mounted(rule, false, since);
        let no = mounted.no;
        self.rules.insert(0, mounted);
        self.index();
        no
    }

    /// The number that the next rule gets.
    pub(crate) fn next_no(&self) -> RuleNo {
        RuleNo(self.next + 1)
    }

    /// Whether a rule still counts here: it was not unmounted, replaced or reset.
    pub(super) fn counts(&self, counting: &Counting) -> bool {
        self.rules.iter().any(|mounted| mounted.counting.is(counting))
    }

    /// The number of the first rule that came with the scenario.
    pub(crate) fn first_loaded(&self) -> RuleNo {
        self.first_loaded
    }

    /// Replaces the rules of the previous scenario, numbered from the first; rules mounted at run time are kept. The
    /// caller must then [reset](Self::reset) it.
    pub(crate) fn load(
        &mut self,
        rules: &[Arc<Rule>],
        first: RuleNo,
        expects: &[Arc<Expect>],
        state: Vec<(Box<str>, VariableValue)>,
        seed: u64,
    ) {
        self.rules.retain(|mounted| !mounted.is_loaded);
        for (rule, no) in rules.iter().zip(first.0..) {
            self.rules.push(Mounted::new(RuleNo(no), Arc::clone(rule), true, Since::default()));
            self.next = self.next.max(no);
        }
        self.first_loaded = first;
        self.watches = expects.iter().cloned().map(Watch::new).collect();
        self.variables.initial = state;
        self.seed = seed;
        self.index();
    }

    /// Unmounts the rules that were mounted at run time.
    pub(crate) fn unmount_added(&mut self) {
        self.rules.retain(|mounted| mounted.is_loaded);
        self.index();
    }

    /// Unmounts every rule, including those of the scenario.
    pub(crate) fn unmount_all(&mut self) {
        self.rules.clear();
        self.index();
    }

    pub(crate) fn unmount(&mut self, no: RuleNo) -> bool {
        let before = self.rules.len();
        self.rules.retain(|mounted| mounted.no != no);
        self.index();
        self.rules.len() < before
    }

    /// Replaces a rule; the number is kept, the counts are reset.
    pub(crate) fn replace(&mut self, no: RuleNo, rule: Arc<Rule>, since: Since) -> bool {
        let Some(at) = self.rules.iter().position(|mounted| mounted.no == no) else { return false };
        let is_loaded = self.rules[at].is_loaded;
        self.rules[at] = Mounted { no, ..self.mounted(rule, is_loaded, since) };
        self.index();
        true
    }

    pub(crate) fn enable(&mut self, no: RuleNo, enabled: bool) -> bool {
        let found = self.rules.iter_mut().find(|mounted| mounted.no == no);
        self.remounts += u64::from(found.is_some());
        found.map(|mounted| mounted.enabled = enabled).is_some()
    }

    /// Resets counts and variables.
    pub(crate) fn reset(&mut self, since: Since) {
        self.since = since;
        for mounted in &mut self.rules {
            let fresh = Mounted::new(mounted.no, Arc::clone(&mounted.rule), mounted.is_loaded, since);
            *mounted = Mounted { enabled: mounted.enabled, ..fresh };
        }
        for watch in &mut self.watches {
            *watch = Watch::new(Arc::clone(&watch.expect));
        }
        self.first = None;
        self.seen.clear();
        self.by_event.iter_mut().for_each(Index::forget);
        self.pending.clear();
        self.variables.reset();
    }

    /// Removes the variables of a session that has ended.
    pub(crate) fn forget(&mut self, session: SessionNo) {
        self.variables.forget(session);
        for mounted in self.rules.iter_mut().filter(|mounted| mounted.rule.per == Per::Conn) {
            mounted.counts.remove(&session.to_string());
        }
    }

    /// The rules and expectations that exceeded the maximum number of keys, each once.
    pub(crate) fn take_full(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.full)
    }

    /// How often an event happened while rules were mounted.
    pub(crate) fn seen(&self, event: Event) -> u64 {
        self.seen.get(&event).copied().unwrap_or(0)
    }

    /// Counts an event, and shows it to the expectations.
    pub(super) fn happened(&mut self, event: Event, cx: &dyn EvalContext) {
        *self.seen.entry(event).or_default() += 1;
        let (session, now) = (cx.session(), cx.now());
        let first = self.first.get_or_insert(First { event, session, at: now });
        let after = Duration::from_micros(first.at.until(now));
        let mut watches = std::mem::take(&mut self.watches);
        for watch in watches.iter_mut().filter(|watch| watch.is_on(event)) {
            watch.happened(event, after, cx, self);
        }
        self.watches = watches;
        self.full.extend(self.watches.iter_mut().filter_map(Watch::report_full));
    }

    /// The reply of an exchange was sent, as far as it ever will be.
    pub(crate) fn closed(&mut self, exchange: Seq, outcome: &str) {
        let open = self.watches.iter_mut().filter(|watch| watch.is_open(exchange));
        for watch in open {
            watch.closed(exchange, outcome);
            self.full.extend(watch.report_full());
        }
    }

    /// Sets the record of the current exchange, once it has a number.
    pub(crate) fn place(&mut self, exchange: Seq) {
        self.watches.iter_mut().for_each(|watch| watch.place(exchange));
        self.by_event.iter_mut().filter(|index| index.is_keyed()).for_each(|index| index.place(exchange));
        for at in self.pending.drain(..) {
            let near = self.rules.get_mut(at).into_iter().flat_map(|mounted| &mut mounted.near);
            near.for_each(|near| _ = near.exchange.get_or_insert(exchange));
        }
    }

    /// How often a rule was evaluated: an indexed rule counts whenever its event happens.
    pub(crate) fn asked(&self, mounted: &Mounted) -> u64 {
        let events = Event::ALL.iter().filter(|event| mounted.rule.is_on(**event));
        let is_keyed = |event: &&Event| {
            self.by_event.get(**event as usize).is_some_and(|index| index.unseen(&mounted.rule).is_some())
        };
        let unseen: u64 = events.filter(is_keyed).map(|event| self.seen(*event)).sum();
        unseen.max(mounted.asked)
    }

    /// Why a rule did not fire, the best reason first.
    pub(crate) fn near(&self, mounted: &Mounted) -> Vec<Miss> {
        let mut near = mounted.near.clone();
        for event in Event::ALL.iter().filter(|event| mounted.rule.is_on(**event)) {
            let Some(index) = self.by_event.get(*event as usize) else { continue };
            let Some((condition, seen)) = index.unseen(&mounted.rule) else { continue };
            let others = seen.filter(|seen| !condition.holds(Some(&Value::text(&*seen.value))));
            near.extend(others.map(|seen| {
                let missed = vec![FailedCondition::new(condition, Some(&Value::text(&*seen.value)), None)];
                let reason = MissReason::False { missed, of: mounted.rule.when.len() };
                Miss { reason, event: *event, session: seen.session, exchange: seen.exchange }
            }));
        }
        super::near_miss::best(near)
    }

    /// All immediate steps of a firing are done.
    pub(super) fn took_effect(&mut self, event: Event, firing: &Firing, effect: &FiringEffect, cx: &dyn EvalContext) {
        let is_none = effect.is_none();
        let at = self.at(firing.no);
        let Some(mounted) = self.rules.get_mut(at).filter(|its| effect.firing.is_in(&its.counting)) else { return };
        for step in &effect.missed {
            *mounted.missed.entry(*step).or_default() += 1;
        }
        if is_none {
            mounted.without_effect += 1;
            let names = effect.missed.iter().map(|step| step.name);
            let why = MissReason::NoEffect(names.collect());
            self.miss(at, event, cx, why);
        }
    }

    /// A deferred step of a rule found no target, or the session has ended.
    pub(crate) fn missed_later(&mut self, by: &By) {
        let is_none = by.firing.missed();
        let Some(mounted) = self.rules.iter_mut().find(|mounted| by.firing.is_in(&mounted.counting)) else { return };
        *mounted.missed.entry(by.step).or_default() += 1;
        mounted.without_effect += u64::from(is_none);
    }

    /// Records that rules fired in this exchange.
    pub(crate) fn fired_in<'i>(&mut self, ids: impl Iterator<Item = &'i Arc<str>>, exchange: Seq) {
        // Most fired in their order, so each is looked for behind the last one first.
        let mut from = 0;
        for id in ids {
            let is_it = |mounted: &Mounted| Arc::ptr_eq(&mounted.rule.id, id);
            let (before, behind) = self.rules.split_at(from);
            let found = behind.iter().position(is_it).map(|at| from + at).or_else(|| before.iter().position(is_it));
            let Some(at) = found else { continue };
            from = at + 1;
            let fires = &mut self.rules[at].fires;
            if fires.len() < 16 {
                fires.push(exchange);
            }
        }
    }

    fn mounted(&mut self, rule: Arc<Rule>, is_loaded: bool, since: Since) -> Mounted {
        self.next += 1;
        Mounted::new(RuleNo(self.next), rule, is_loaded, since)
    }

    fn index(&mut self) {
        self.remounts += 1;
        self.pending.clear();
        self.places = self.rules.iter().enumerate().map(|(at, mounted)| (mounted.no, at)).collect();
        let is_empty = self.rules.is_empty() && self.watches.is_empty();
        let events = if is_empty { &[][..] } else { Event::ALL };
        let rules = || self.rules.iter().map(|mounted| &*mounted.rule);
        self.by_event = events.iter().map(|event| Index::of(*event, rules())).collect();
        self.watched = Event::ALL.iter().map(|event| self.watches.iter().any(|watch| watch.is_on(*event))).collect();
    }
}
