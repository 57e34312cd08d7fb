//! Which rules fire at an event, and why the others do not.

use std::sync::Arc;

use super::chance::draw;
use super::clause::{Per, Rule, RuleNo};
use super::condition::{Condition, inserted};
use super::content::ConditionResult;
use super::field::Field;
use super::firing::Firing;
use super::near_miss::{FailedCondition, Miss, MissReason};
use super::rulebook::{EvalContext, MOST_KEYS, Rulebook};
use super::template::Name;
use crate::base::login_key;
use crate::protocol::{Event, RequestField, Value};

/// Where a walk through the rules goes on.
#[derive(Debug, Clone, Copy)]
pub(super) enum WalkFrom {
    Outermost,
    /// With the rules inside of this one.
    After(RuleNo),
    /// With this rule, whose closure said whether it fires.
    At(RuleNo, bool),
}

/// What a walk through the rules comes to.
#[derive(Debug)]
pub(super) enum Reached {
    Fires(Firing),
    /// A closure must say whether this rule fires.
    Asks(RuleNo),
    Nothing,
}

impl Rulebook {
    /// The next rule that fires, or whose closure must be asked, going inwards, up to the rule `until`.
    pub(super) fn next(
        &mut self,
        event: Event,
        place: WalkFrom,
        until: Option<RuleNo>,
        cx: &dyn EvalContext,
    ) -> Reached {
        let Some(index) = self.by_event.get_mut(event as usize) else { return Reached::Nothing };
        let found = index.found(cx);
        let (mut from, mut holds) = match place {
            WalkFrom::Outermost => (0, None),
            WalkFrom::After(no) => (self.at(no).saturating_add(1), None),
            WalkFrom::At(no, holds) => (self.at(no), Some(holds)),
        };
        let end = until.map_or(usize::MAX, |no| self.at(no));
        let next = |from, book: &Self| book.by_event.get(event as usize)?.next(from, &found).filter(|at| *at < end);
        while let Some(at) = next(from, self) {
            match self.ask(at, event, holds.take(), cx) {
                Reached::Nothing => from = at + 1,
                reached @ (Reached::Fires(_) | Reached::Asks(_)) => return reached,
            }
        }
        Reached::Nothing
    }

    /// Records a near miss for each rule inside of `by` that would have matched but is not reached.
    pub(super) fn shadow(&mut self, event: Event, by: &Firing, cx: &dyn EvalContext) {
        let Some(index) = self.by_event.get_mut(event as usize) else { return };
        let found = index.found(cx);
        let mut from = self.at(by.no).saturating_add(1);
        while let Some(at) = self.by_event.get(event as usize).and_then(|index| index.next(from, &found)) {
            if self.rules[at].enabled && self.missed(at, cx).is_empty() {
                self.miss(at, event, cx, MissReason::Shadowed(Arc::clone(&by.rule.id)));
            }
            from = at + 1;
        }
    }

    /// Whether this rule fires. `holds` is the answer of its closure, if that was asked.
    fn ask(&mut self, at: usize, event: Event, holds: Option<bool>, cx: &dyn EvalContext) -> Reached {
        let is_command = || cx.value(&Field::Request(RequestField::Verb)).is_some();
        if !self.rules[at].rule.means(event, is_command) {
            return Reached::Nothing;
        }
        self.rules[at].asked += u64::from(holds.is_none());
        let rule = &self.rules[at].rule;
        let mut wrong = None;
        for condition in &rule.when {
            let value = match cx.verdict(condition) {
                Some(ConditionResult::True(_)) => continue,
                // The value may be long, and is not needed: the result is known.
                Some(ConditionResult::False(_)) => None,
                None => match self.value(at, &condition.field, cx) {
                    value if condition.holds(value.as_ref()) => continue,
                    value => value,
                },
            };
            wrong = Some(self.rules[at].may_miss(condition, value.as_ref()));
            break;
        }
        if let Some(may_miss) = wrong {
            if may_miss {
                let missed = self.missed(at, cx);
                let of = self.rules[at].rule.when.len();
                self.miss(at, event, cx, MissReason::False { missed, of });
            }
            return Reached::Nothing;
        }
        if !self.rules[at].enabled {
            self.miss(at, event, cx, MissReason::Disabled);
            return Reached::Nothing;
        }
        match holds {
            None if rule.holds.is_some() => return Reached::Asks(self.rules[at].no),
            Some(false) => {
                self.miss(at, event, cx, MissReason::Declined);
                return Reached::Nothing;
            }
            Some(true) | None => {}
        }
        let rule = Arc::clone(rule);
        let groups = self.groups(at, &rule, cx);
        let key = self.key(at, &rule, cx, &groups);
        let Some(n) = self.count(at, &rule, &key, cx) else { return Reached::Nothing };
        if rule.nth.as_ref().is_some_and(|nth| !nth.contains(n)) {
            self.miss(at, event, cx, MissReason::UsedUp(n));
            return Reached::Nothing;
        }
        if let Some(chance) = rule.chance
            && draw(self.seed, &[&*rule.id, &key], n) >= chance
        {
            self.miss(at, event, cx, MissReason::Lost(n));
            return Reached::Nothing;
        }
        let mounted = &mut self.rules[at];
        mounted.fired += 1;
        self.firings += 1;
        let (no, n, counting) = (mounted.no, mounted.fired, mounted.counting.clone());
        Reached::Fires(Firing { no, rule, n, counting, key, groups, request: Vec::new() })
    }

    /// The groups that the rule's patterns found.
    pub(super) fn groups(&self, at: usize, rule: &Rule, cx: &dyn EvalContext) -> Vec<(Box<str>, String)> {
        let mut groups = Vec::new();
        for condition in &rule.when {
            if let Some(ConditionResult::True(found)) = cx.verdict(condition) {
                groups.extend(found.iter().cloned());
            } else if let Some(value) = self.value(at, &condition.field, cx) {
                condition.groups(&value, &mut groups);
            }
        }
        groups
    }

    /// The key by which the rule's matches are counted at this event.
    fn key(&self, at: usize, rule: &Rule, cx: &dyn EvalContext, groups: &[(Box<str>, String)]) -> String {
        match &rule.per {
            Per::Server => String::new(),
            Per::Conn => cx.session().map_or_else(String::new, |session| session.to_string()),
            Per::User => login_key(&text_of(cx, &Field::Request(RequestField::User))).into_owned(),
            Per::Ip => text_of(cx, &Field::Ip),
            Per::Listener => text_of(cx, &Field::Listener),
            Per::Key(template) => {
                let octets = template.fill(&|name| self.named(at, name, cx, groups));
                String::from_utf8_lossy(&octets).into_owned()
            }
        }
    }

    /// Counts a match of the rule. Returns its number, or `None` if there are too many keys.
    fn count(&mut self, at: usize, rule: &Rule, key: &str, cx: &dyn EvalContext) -> Option<u64> {
        let mounted = &mut self.rules[at];
        mounted.first.get_or_insert(cx.now());
        if rule.per == Per::Server {
            mounted.count += 1;
            return Some(mounted.count);
        }
        if mounted.counts.len() >= MOST_KEYS && !mounted.counts.contains_key(key) {
            if !std::mem::replace(&mut mounted.is_full, true) {
                self.full.push(Arc::clone(&rule.id));
            }
            return None;
        }
        let count = mounted.counts.entry(key.to_owned()).or_default();
        *count += 1;
        Some(*count)
    }

    /// The value of a template's name.
    pub(super) fn named(
        &self,
        at: usize,
        name: &Name,
        cx: &dyn EvalContext,
        groups: &[(Box<str>, String)],
    ) -> Option<String> {
        match name {
            Name::Group(group) => groups.iter().find(|(its, _)| its == group).map(|(_, value)| value.clone()),
            Name::Field(field) => self.value(at, field, cx).map(|value| inserted(&value)).or_else(|| {
                let name = field.name();
                groups.iter().find(|(its, _)| **its == *name).map(|(_, value)| value.clone())
            }),
        }
    }

    /// The index of a mounted rule.
    pub(super) fn at(&self, no: RuleNo) -> usize {
        self.places.get(&no).copied().unwrap_or(usize::MAX)
    }

    /// The value of a field for the rule at this index, if there is one.
    pub(super) fn value<'a>(&'a self, at: usize, field: &Field, cx: &'a dyn EvalContext) -> Option<Value<'a>> {
        match field {
            Field::State(name) => self.variables.state().get(name).map(|set| set.value.as_value()),
            Field::Session(name) => self.variables.of_session(cx.session()?, name).map(|set| set.value.as_value()),
            Field::SinceFirst => {
                let first = self.rules.get(at).and_then(|mounted| mounted.first).unwrap_or(cx.now());
                Some(Value::Number(first.until(cx.now())))
            }
            // A rule counts from when it came into force; an expectation counts from the start.
            Field::At if self.rules.get(at).is_some() => {
                let (since, moment) = (self.rules[at].since.time, cx.moment()?);
                (since <= moment).then(|| Value::Number(since.until(moment)))
            }
            Field::Request(_)
            | Field::Content(_)
            | Field::Age
            | Field::At
            | Field::Conn
            | Field::Conns
            | Field::Early
            | Field::Failed
            | Field::Handshake(_)
            | Field::Idle
            | Field::Ip
            | Field::Listener
            | Field::Outcome
            | Field::Sent
            | Field::Seq
            | Field::SinceStart
            | Field::Tls => cx.value(field),
        }
    }

    /// The conditions of a rule that do not hold.
    fn missed(&self, at: usize, cx: &dyn EvalContext) -> Vec<FailedCondition> {
        self.missed_of(at, &self.rules[at].rule.when, cx)
    }

    /// Like `missed`, for any conditions, while the outcome is not known.
    pub(super) fn missed_of(&self, at: usize, when: &[Condition], cx: &dyn EvalContext) -> Vec<FailedCondition> {
        let mut missed = Vec::new();
        for condition in when.iter().filter(|condition| condition.field != Field::Outcome) {
            if let Some(verdict) = cx.verdict(condition) {
                missed.extend(verdict.missed().cloned());
                continue;
            }
            let value = self.value(at, &condition.field, cx);
            if !condition.holds(value.as_ref()) {
                let mut setter = None;
                if let Field::State(name) = &condition.field {
                    setter = self.variables.state().get(name).map(|set| (set.by.clone(), set.session));
                }
                missed.push(FailedCondition::new(condition, value.as_ref(), setter));
            }
        }
        missed
    }

    pub(super) fn miss(&mut self, at: usize, event: Event, cx: &dyn EvalContext, reason: MissReason) {
        let near = Miss { reason, event, session: cx.session(), exchange: cx.record() };
        if self.rules[at].keep(near) && cx.record().is_none() {
            self.pending.push(at);
        }
    }
}

fn text_of(cx: &dyn EvalContext, field: &Field) -> String {
    cx.value(field).map(|value| inserted(&value)).unwrap_or_default()
}
