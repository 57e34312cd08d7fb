//! The mounted rules of one server, what was counted, and the variables that they share.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

use super::clause::{Per, Rule, RuleNo};
use super::condition::{Condition, shown};
use super::content::{Questions, Verdict};
use super::deed::{By, Counting};
use super::field::Field;
use super::frame::Effect;
use super::index::Index;
use super::near::{Missed, Near, Why};
use super::step::{Assign, Variable};
use super::template::Name;
use super::watch::{Expect, Watch, since};
use crate::base::{Seq, SessionNo, Timestamp};
use crate::mail::Message;
use crate::protocol::{Event, Value};

/// Keys that one rule or one expectation counts over. What comes with another key is not counted, and that is a failure.
pub(super) const MOST_KEYS: usize = 100_000;

/// What is known when rules are asked.
pub(crate) trait Scene {
    /// What the protocol, the session and the server know.
    fn value(&self, field: &Field) -> Option<Value<'_>>;
    /// What was found out before about a condition on the content of mail.
    fn verdict(&self, _condition: &Condition) -> Option<&Verdict> {
        None
    }
    fn session(&self) -> Option<SessionNo>;
    /// The moment that came, where that is the event.
    fn moment(&self) -> Option<Timestamp>;
    fn now(&self) -> Timestamp;
}

/// The rules of one server, the outermost first. An empty rulebook lets every request be performed and every reply
/// leave as it is.
#[derive(Debug, Default)]
pub(crate) struct Rulebook {
    rules: Vec<Mounted>,
    /// For each event the rules that are asked.
    by_event: Vec<Index>,
    next: u32,
    /// The number of the first rule of the scenario.
    first_loaded: RuleNo,
    seed: u64,
    state: HashMap<Box<str>, Set>,
    sessions: HashMap<SessionNo, HashMap<Box<str>, Set>>,
    /// How often each event happened while rules were there.
    seen: HashMap<Event, u64>,
    /// How often rules fired, all of them, ever.
    firings: u64,
    /// Rules with a near miss that has no place in the journal yet.
    pending: Vec<usize>,
    watches: Vec<Watch>,
    /// For each event whether an expectation looks at it.
    watched: Vec<bool>,
    /// When the first event happened.
    first: Option<Timestamp>,
    /// Rules and expectations that came to the end of what is counted, until somebody says so.
    full: Vec<Arc<str>>,
    /// How the variables were at the start.
    initial: Vec<(Box<str>, State)>,
}

/// A rule and what happened to it.
#[derive(Debug)]
pub(crate) struct Mounted {
    pub(crate) no: RuleNo,
    pub(crate) rule: Arc<Rule>,
    pub(crate) enabled: bool,
    /// It came with the scenario, not at run time.
    pub(crate) is_loaded: bool,
    /// When it came into force.
    since: Timestamp,
    pub(crate) fired: u64,
    /// How often it fired and changed nothing: its steps that [may miss](super::Timed::may_miss) did not find what they
    /// are about, and no other did anything.
    pub(crate) without_effect: u64,
    /// How often each step found nothing, by its place.
    pub(crate) missed: BTreeMap<usize, u64>,
    /// How often it was asked.
    pub(crate) asked: u64,
    /// The exchanges at which it fired, the first of them.
    pub(crate) fires: Vec<Seq>,
    /// The best of those that failed, best first.
    pub(crate) near: Vec<Near>,
    first: Option<Timestamp>,
    count: u64,
    counts: HashMap<String, u64>,
    /// There were more keys than are counted.
    is_full: bool,
    counting: Counting,
}

/// The value of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Text(Box<str>),
    Number(i64),
    Truth(bool),
}

/// A variable and who set it last.
#[derive(Debug, Clone)]
pub(crate) struct Set {
    pub(crate) value: State,
    pub(crate) by: Option<Arc<str>>,
    /// The exchange in which it was set.
    pub(crate) session: Option<SessionNo>,
}

/// A rule that fires.
#[derive(Debug)]
pub(super) struct Firing {
    pub(super) no: RuleNo,
    pub(super) rule: Arc<Rule>,
    pub(super) n: u64,
    pub(super) counting: Counting,
    pub(super) key: String,
    pub(super) groups: Vec<(Box<str>, String)>,
    /// What steps name of a request that is performed.
    pub(super) request: Vec<(Field, String)>,
}

impl Rulebook {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, ..Self::default() }
    }

    /// Whether any rule is asked at this event.
    pub(crate) fn concerns(&self, event: Event) -> bool {
        self.by_event.get(event as usize).is_some_and(|index| !index.is_empty() || self.watched[event as usize])
    }

    /// What is asked at these events about the content of these messages; none where nothing is.
    pub(crate) fn questions(&self, events: &[Event], messages: Vec<Message>) -> Option<Questions> {
        let is_on = |rule: &Rule| events.iter().any(|event| rule.is_on(*event));
        let rules = self.rules.iter().map(|mounted| &mounted.rule).filter(|rule| is_on(rule) && rule.reads());
        let watches = self.watches.iter().filter(|watch| events.iter().any(|event| watch.is_on(*event)));
        let expects = watches.map(|watch| &watch.expect).filter(|expect| expect.reads());
        let (rules, expects): (Vec<_>, Vec<_>) = (rules.cloned().collect(), expects.cloned().collect());
        (!rules.is_empty() || !expects.is_empty()).then(|| Questions::new(messages, rules, expects))
    }

    /// What must have happened, and what was seen of it.
    pub(crate) fn watches(&self) -> &[Watch] {
        &self.watches
    }

    pub(crate) fn rules(&self) -> &[Mounted] {
        &self.rules
    }

    pub(crate) fn get(&self, no: RuleNo) -> Option<&Mounted> {
        self.rules.iter().find(|mounted| mounted.no == no)
    }

    /// How often rules fired, all of them, ever: whether one did in between.
    pub(crate) fn firings(&self) -> u64 {
        self.firings
    }

    pub(crate) fn seed(&self) -> u64 {
        self.seed
    }

    /// Adds a rule outside of all others.
    pub(crate) fn mount(&mut self, rule: Arc<Rule>, now: Timestamp) -> RuleNo {
        let mounted = self.mounted(rule, false, now);
        let no = mounted.no;
        self.rules.insert(0, mounted);
        self.index();
        no
    }

    /// The number that the next rule gets.
    pub(crate) fn next_no(&self) -> RuleNo {
        RuleNo(self.next + 1)
    }

    /// The number of the first rule that came with the scenario.
    pub(crate) fn first_loaded(&self) -> RuleNo {
        self.first_loaded
    }

    /// Puts a scenario's rules in the place of those that were loaded before, numbered from the first on; those
    /// mounted at run time stay. To be [reset](Self::reset) then.
    pub(crate) fn load(
        &mut self,
        rules: &[Arc<Rule>],
        first: RuleNo,
        expects: &[Arc<Expect>],
        state: Vec<(Box<str>, State)>,
        seed: u64,
    ) {
        self.rules.retain(|mounted| !mounted.is_loaded);
        for (rule, no) in rules.iter().zip(first.0..) {
            self.rules.push(Mounted::new(RuleNo(no), Arc::clone(rule), true, Timestamp::from_micros(0)));
            self.next = self.next.max(no);
        }
        self.first_loaded = first;
        self.watches = expects.iter().cloned().map(Watch::new).collect();
        self.initial = state;
        self.seed = seed;
        self.index();
    }

    /// Takes out the rules that were mounted at run time.
    pub(crate) fn unmount_added(&mut self) {
        self.rules.retain(|mounted| mounted.is_loaded);
        self.index();
    }

    /// Takes out every rule, those of the scenario too.
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

    /// Puts a rule in the place of another, which keeps its number and loses its counts.
    pub(crate) fn replace(&mut self, no: RuleNo, rule: Arc<Rule>, now: Timestamp) -> bool {
        let Some(at) = self.rules.iter().position(|mounted| mounted.no == no) else { return false };
        let is_loaded = self.rules[at].is_loaded;
        self.rules[at] = Mounted { no, ..self.mounted(rule, is_loaded, now) };
        self.index();
        true
    }

    pub(crate) fn enable(&mut self, no: RuleNo, enabled: bool) -> bool {
        let found = self.rules.iter_mut().find(|mounted| mounted.no == no);
        found.map(|mounted| mounted.enabled = enabled).is_some()
    }

    /// Counts and variables as at the start.
    pub(crate) fn reset(&mut self, now: Timestamp) {
        for mounted in &mut self.rules {
            let fresh = Mounted::new(mounted.no, Arc::clone(&mounted.rule), mounted.is_loaded, now);
            *mounted = Mounted { enabled: mounted.enabled, ..fresh };
        }
        for watch in &mut self.watches {
            *watch = Watch::new(Arc::clone(&watch.expect));
        }
        self.first = None;
        self.sessions.clear();
        self.seen.clear();
        self.by_event.iter_mut().for_each(Index::forget);
        self.pending.clear();
        let initial = self.initial.iter();
        self.state = initial
            .map(|(name, value)| (name.clone(), Set { value: value.clone(), by: None, session: None }))
            .collect();
    }

    /// A session is over, and its variables with it.
    pub(crate) fn forget(&mut self, session: SessionNo) {
        self.sessions.remove(&session);
        for mounted in self.rules.iter_mut().filter(|mounted| mounted.rule.per == Per::Conn) {
            mounted.counts.remove(&session.to_string());
        }
    }

    /// The rules and expectations that have more keys than are counted, each once.
    pub(crate) fn take_full(&mut self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.full)
    }

    pub(crate) fn state(&self) -> &HashMap<Box<str>, Set> {
        &self.state
    }

    /// How often an event happened while rules were there.
    pub(crate) fn seen(&self, event: Event) -> u64 {
        self.seen.get(&event).copied().unwrap_or(0)
    }

    /// An event happened: it is counted, and expectations look at it.
    pub(super) fn happened(&mut self, event: Event, scene: &dyn Scene) {
        *self.seen.entry(event).or_default() += 1;
        let after = since(&mut self.first, scene.now());
        let mut watches = std::mem::take(&mut self.watches);
        for watch in watches.iter_mut().filter(|watch| watch.is_on(event)) {
            watch.happened(event, after, scene, |when| self.missed_of(usize::MAX, when, scene));
        }
        self.watches = watches;
        self.full.extend(self.watches.iter_mut().filter_map(Watch::tell_full));
    }

    /// The answer to an exchange has left, or as much of it as ever will.
    pub(crate) fn closed(&mut self, exchange: Seq, outcome: &str) {
        let open = self.watches.iter_mut().filter(|watch| watch.is_open(exchange));
        for watch in open {
            watch.closed(exchange, outcome);
            self.full.extend(watch.tell_full());
        }
    }

    /// Changes a variable; gives what it is now.
    pub(crate) fn set(
        &mut self,
        variable: &Variable,
        value: State,
        by: Option<Arc<str>>,
        session: Option<SessionNo>,
    ) -> State {
        let set = Set { value: value.clone(), by, session };
        match (variable.is_session, session) {
            (false, _) => {
                self.state.insert(variable.name.clone(), set);
            }
            (true, Some(session)) => {
                self.sessions.entry(session).or_default().insert(variable.name.clone(), set);
            }
            (true, None) => {}
        }
        value
    }

    /// What an assignment comes to at this moment.
    pub(super) fn assigned(
        &self,
        variable: &Variable,
        assign: &Assign,
        session: Option<SessionNo>,
        fill: &dyn Fn(&Name) -> Option<String>,
    ) -> State {
        match assign {
            Assign::Text(text) => State::Text(String::from_utf8_lossy(&text.fill(fill)).into()),
            Assign::Number(number) => State::Number(*number),
            Assign::Truth(truth) => State::Truth(*truth),
            Assign::Add(more) => {
                let before = match variable.is_session {
                    false => self.state.get(&variable.name),
                    true => session.and_then(|session| self.sessions.get(&session)?.get(&variable.name)),
                };
                let before = match before.map(|set| &set.value) {
                    Some(State::Number(number)) => *number,
                    Some(State::Text(text)) => text.parse().unwrap_or(0),
                    _ => 0,
                };
                State::Number(before.saturating_add(*more))
            }
        }
    }

    /// The next rule that fires, looking inwards from `after`, or from the outside.
    pub(super) fn next(&mut self, event: Event, after: Option<RuleNo>, scene: &dyn Scene) -> Option<Firing> {
        let places = self.by_event.get_mut(event as usize)?.places(scene);
        let from = after.map_or(0, |no| self.at(no).saturating_add(1));
        places.into_iter().filter(|at| *at >= from).find_map(|at| self.ask(at, event, scene))
    }

    /// The rules inside of `by` are not reached: those that would have matched are told so.
    pub(super) fn shadow(&mut self, event: Event, by: &Firing, scene: &dyn Scene) {
        let Some(index) = self.by_event.get_mut(event as usize) else { return };
        let places = index.places(scene);
        let from = self.at(by.no);
        for at in places.into_iter().filter(|at| *at > from) {
            if self.rules[at].enabled && self.missed(at, scene).is_empty() {
                self.miss(at, event, scene, Why::Shadowed(Arc::clone(&by.rule.id)));
            }
        }
    }

    /// What happened at these events, and has no place yet, stands at this place of the journal.
    pub(crate) fn place(&mut self, exchange: Seq, is_placed: impl Fn(Event) -> bool) {
        self.watches.iter_mut().for_each(|watch| watch.place(exchange, &is_placed));
        let indexes = Event::ALL.iter().zip(&mut self.by_event);
        let keyed = indexes.filter(|(event, index)| index.is_keyed() && is_placed(**event));
        keyed.for_each(|(_, index)| index.place(exchange));
        self.pending.retain(|at| {
            let Some(mounted) = self.rules.get_mut(*at) else { return false };
            let placed = mounted.near.iter_mut().filter(|near| is_placed(near.event));
            placed.for_each(|near| _ = near.exchange.get_or_insert(exchange));
            mounted.near.iter().any(|near| near.exchange.is_none())
        });
    }

    /// How often a rule was asked: one that is found by a value is asked whenever its event happens.
    pub(crate) fn asked(&self, mounted: &Mounted) -> u64 {
        let events = Event::ALL.iter().filter(|event| mounted.rule.is_on(**event));
        let is_keyed = |event: &&Event| {
            self.by_event.get(**event as usize).is_some_and(|index| index.unseen(&mounted.rule).is_some())
        };
        let unseen: u64 = events.filter(is_keyed).map(|event| self.seen(*event)).sum();
        unseen.max(mounted.asked)
    }

    /// Why a rule did not fire, the best reason first.
    pub(crate) fn near(&self, mounted: &Mounted) -> Vec<Near> {
        let mut near = mounted.near.clone();
        for event in Event::ALL.iter().filter(|event| mounted.rule.is_on(**event)) {
            let Some(index) = self.by_event.get(*event as usize) else { continue };
            let Some((condition, seen)) = index.unseen(&mounted.rule) else { continue };
            let others = seen.filter(|seen| !condition.holds(Some(&Value::text(&*seen.value))));
            near.extend(others.map(|seen| {
                let missed = vec![Missed::new(condition, Some(&Value::text(&*seen.value)), None)];
                let why = Why::False { missed, of: mounted.rule.when.len() };
                Near { why, event: *event, session: seen.session, exchange: seen.exchange }
            }));
        }
        super::near::best(near)
    }

    /// All that a firing does at once is done.
    pub(super) fn took_effect(&mut self, event: Event, firing: &Firing, effect: &Effect, scene: &dyn Scene) {
        let is_none = effect.is_none();
        let at = self.at(firing.no);
        let Some(mounted) = self.rules.get_mut(at).filter(|its| effect.firing.is_in(&its.counting)) else { return };
        for step in &effect.missed {
            *mounted.missed.entry(*step).or_default() += 1;
        }
        if is_none {
            mounted.without_effect += 1;
            let names = effect.missed.iter().map(|step| firing.rule.steps[*step].step.name());
            let why = Why::NoEffect(names.collect());
            self.miss(at, event, scene, why);
        }
    }

    /// What a rule put off was due, and was about nothing, or nobody was there any longer to hear it.
    pub(crate) fn missed_later(&mut self, by: &By) {
        let is_none = by.firing.missed();
        let Some(mounted) = self.rules.iter_mut().find(|mounted| by.firing.is_in(&mounted.counting)) else { return };
        *mounted.missed.entry(by.step).or_default() += 1;
        mounted.without_effect += u64::from(is_none);
    }

    /// A rule fired in this exchange.
    pub(crate) fn fired_in(&mut self, id: &Arc<str>, exchange: Seq) {
        if let Some(mounted) = self.rules.iter_mut().find(|mounted| Arc::ptr_eq(&mounted.rule.id, id))
            && mounted.fires.len() < 16
        {
            mounted.fires.push(exchange);
        }
    }

    fn ask(&mut self, at: usize, event: Event, scene: &dyn Scene) -> Option<Firing> {
        let is_command = || scene.value(&Field::Verb).is_some();
        if !self.rules[at].rule.means(event, is_command) {
            return None;
        }
        self.rules[at].asked += 1;
        let rule = &self.rules[at].rule;
        let mut wrong = None;
        for condition in &rule.when {
            let value = match scene.verdict(condition) {
                Some(Verdict::True(_)) => continue,
                // It may be long, and what is to be said of it is known.
                Some(Verdict::False(_)) => None,
                None => match self.value(at, &condition.field, scene) {
                    value if condition.holds(value.as_ref()) => continue,
                    value => value,
                },
            };
            wrong = Some(self.rules[at].may_miss(condition, value.as_ref()));
            break;
        }
        if let Some(may_miss) = wrong {
            if may_miss {
                let missed = self.missed(at, scene);
                let of = self.rules[at].rule.when.len();
                self.miss(at, event, scene, Why::False { missed, of });
            }
            return None;
        }
        if !self.rules[at].enabled {
            self.miss(at, event, scene, Why::Disabled);
            return None;
        }
        let rule = Arc::clone(rule);
        let mut groups = Vec::new();
        for condition in &rule.when {
            if let Some(Verdict::True(found)) = scene.verdict(condition) {
                groups.extend(found.iter().cloned());
            } else if let Some(value) = self.value(at, &condition.field, scene) {
                condition.groups(&value, &mut groups);
            }
        }
        let key = match &rule.per {
            Per::Server => String::new(),
            Per::Conn => scene.session().map_or_else(String::new, |session| session.to_string()),
            Per::User => text_of(scene, &Field::User),
            Per::Ip => text_of(scene, &Field::Ip),
            Per::Listener => text_of(scene, &Field::Listener),
            Per::Key(template) => {
                let octets = template.fill(&|name| self.named(at, name, scene, &groups));
                String::from_utf8_lossy(&octets).into_owned()
            }
        };
        let mounted = &mut self.rules[at];
        mounted.first.get_or_insert(scene.now());
        let n = match rule.per {
            Per::Server => {
                mounted.count += 1;
                mounted.count
            }
            _ if mounted.counts.len() >= MOST_KEYS && !mounted.counts.contains_key(&key) => {
                if !std::mem::replace(&mut mounted.is_full, true) {
                    self.full.push(Arc::clone(&rule.id));
                }
                return None;
            }
            _ => {
                let count = mounted.counts.entry(key.clone()).or_default();
                *count += 1;
                *count
            }
        };
        if rule.nth.as_ref().is_some_and(|nth| !nth.contains(n)) {
            self.miss(at, event, scene, Why::UsedUp(n));
            return None;
        }
        if let Some(chance) = rule.chance
            && draw(self.seed, &[&*rule.id, &key], n) >= chance
        {
            self.miss(at, event, scene, Why::Lost(n));
            return None;
        }
        let mounted = &mut self.rules[at];
        mounted.fired += 1;
        self.firings += 1;
        let (no, n, counting) = (mounted.no, mounted.fired, mounted.counting.clone());
        Some(Firing { no, rule, n, counting, key, groups, request: Vec::new() })
    }

    /// What a template's name stands for.
    pub(super) fn named(
        &self,
        at: usize,
        name: &Name,
        scene: &dyn Scene,
        groups: &[(Box<str>, String)],
    ) -> Option<String> {
        match name {
            Name::Group(group) => groups.iter().find(|(its, _)| its == group).map(|(_, value)| value.clone()),
            Name::Field(field) => self.value(at, field, scene).map(|value| shown(&value)).or_else(|| {
                let name = field.name();
                groups.iter().find(|(its, _)| **its == *name).map(|(_, value)| value.clone())
            }),
        }
    }

    /// The place of a mounted rule.
    pub(super) fn at(&self, no: RuleNo) -> usize {
        self.rules.iter().position(|mounted| mounted.no == no).unwrap_or(usize::MAX)
    }

    fn value<'a>(&'a self, at: usize, field: &Field, scene: &'a dyn Scene) -> Option<Value<'a>> {
        match field {
            Field::State(name) => self.state.get(name).map(|set| set.value.as_value()),
            Field::Session(name) => self.sessions.get(&scene.session()?)?.get(name).map(|set| set.value.as_value()),
            Field::SinceFirst => {
                let first = self.rules.get(at).and_then(|mounted| mounted.first).unwrap_or(scene.now());
                Some(Value::Number(first.until(scene.now())))
            }
            // A rule counts from when it came into force; an expectation from the start.
            Field::At if self.rules.get(at).is_some() => {
                let (since, moment) = (self.rules[at].since, scene.moment()?);
                (since <= moment).then(|| Value::Number(since.until(moment)))
            }
            other => scene.value(other),
        }
    }

    /// The conditions of a rule that do not hold.
    fn missed(&self, at: usize, scene: &dyn Scene) -> Vec<Missed> {
        self.missed_of(at, &self.rules[at].rule.when, scene)
    }

    /// The same of any conditions; of the outcome nothing is known yet.
    fn missed_of(&self, at: usize, when: &[Condition], scene: &dyn Scene) -> Vec<Missed> {
        let mut missed = Vec::new();
        for condition in when.iter().filter(|condition| condition.field != Field::Outcome) {
            if let Some(verdict) = scene.verdict(condition) {
                missed.extend(verdict.missed().cloned());
                continue;
            }
            let value = self.value(at, &condition.field, scene);
            if !condition.holds(value.as_ref()) {
                let setter = match &condition.field {
                    Field::State(name) => self.state.get(name).map(|set| (set.by.clone(), set.session)),
                    _ => None,
                };
                missed.push(Missed::new(condition, value.as_ref(), setter));
            }
        }
        missed
    }

    fn miss(&mut self, at: usize, event: Event, scene: &dyn Scene, why: Why) {
        let near = Near { why, event, session: scene.session(), exchange: None };
        if self.rules[at].keep(near) {
            self.pending.push(at);
        }
    }

    fn mounted(&mut self, rule: Arc<Rule>, is_loaded: bool, now: Timestamp) -> Mounted {
        self.next += 1;
        Mounted::new(RuleNo(self.next), rule, is_loaded, now)
    }

    fn index(&mut self) {
        self.pending.clear();
        let is_empty = self.rules.is_empty() && self.watches.is_empty();
        let events = if is_empty { &[][..] } else { Event::ALL };
        let rules = || self.rules.iter().map(|mounted| &*mounted.rule);
        self.by_event = events.iter().map(|event| Index::of(*event, rules())).collect();
        self.watched = Event::ALL.iter().map(|event| self.watches.iter().any(|watch| watch.is_on(*event))).collect();
    }
}

impl Mounted {
    /// Whether it fired as often as was expected, with an effect and altogether.
    pub(crate) fn is_met(&self) -> bool {
        let effective = self.fired - self.without_effect;
        self.rule.expect.is_none_or(|times| times.contains(self.fired) && times.contains(effective))
    }

    fn new(no: RuleNo, rule: Arc<Rule>, is_loaded: bool, since: Timestamp) -> Self {
        Self {
            no,
            rule,
            enabled: true,
            is_loaded,
            since,
            fired: 0,
            without_effect: 0,
            missed: BTreeMap::new(),
            asked: 0,
            fires: Vec::new(),
            near: Vec::new(),
            first: None,
            count: 0,
            counts: HashMap::new(),
            is_full: false,
            counting: Counting::default(),
        }
    }
}

impl State {
    pub(crate) fn as_value(&self) -> Value<'_> {
        match self {
            Self::Text(text) => Value::text(&**text),
            Self::Number(number) => match u64::try_from(*number) {
                Ok(number) => Value::Number(number),
                Err(_) => Value::text(number.to_string()),
            },
            Self::Truth(truth) => Value::Truth(*truth),
        }
    }
}

fn text_of(scene: &dyn Scene, field: &Field) -> String {
    scene.value(field).map(|value| shown(&value)).unwrap_or_default()
}

/// A number in 0..1 that depends on nothing but what is given: the same in every run, whatever happened before.
pub(super) fn draw(seed: u64, names: &[&str], n: u64) -> f64 {
    let mut text = String::new();
    for name in names {
        let _infallible = write!(text, "{name}\0");
    }
    // FNV-1a, and the finisher of SplitMix64, which spreads it over all bits.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for byte in text.bytes().chain(n.to_le_bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((hash ^ (hash >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::super::clause::On;
    use super::super::watch::Wanted;
    use super::*;
    use crate::base::Times;

    /// A request of one of many users.
    struct Of(usize);

    impl Scene for Of {
        fn value(&self, _field: &Field) -> Option<Value<'_>> {
            Some(Value::text(self.0.to_string()))
        }

        fn session(&self) -> Option<SessionNo> {
            None
        }

        fn moment(&self) -> Option<Timestamp> {
            None
        }

        fn now(&self) -> Timestamp {
            Timestamp::from_micros(0)
        }
    }

    #[test]
    fn so_much_more_than_a_variable_was() {
        let mut book = Rulebook::new(1);
        let more = |book: &Rulebook, variable: &Variable, session: u32| match book.assigned(
            variable,
            &Assign::Add(3),
            Some(SessionNo(session)),
            &|_| None,
        ) {
            State::Number(number) => number,
            other => panic!("{other:?} is no number"),
        };
        let [own, shared] = [true, false].map(|is_session| Variable { name: "x".into(), is_session });
        assert_eq!(more(&book, &shared, 1), 3, "nothing is nought");

        for (state, sum) in [(State::Number(4), 7), (State::Text("5".into()), 8), (State::Text("x".into()), 3)] {
            book.set(&shared, state, None, None);
            assert_eq!(more(&book, &shared, 1), sum);
        }
        book.set(&own, State::Number(40), None, Some(SessionNo(1)));

        assert_eq!((more(&book, &own, 1), more(&book, &own, 2)), (43, 3));
    }

    #[test]
    fn a_rule_counts_over_so_many_keys_and_says_so_once() {
        let mut book = Rulebook::new(1);
        let mut rule = Rule::new("busy", vec![On::from(Event::SmtpNoop)], Vec::new(), "here");
        rule.per = Per::User;
        let no = book.mount(Arc::new(rule), Timestamp::from_micros(0));

        for user in 0..MOST_KEYS + 10 {
            book.next(Event::SmtpNoop, None, &Of(user));
        }

        assert_eq!(book.get(no).unwrap().fired, MOST_KEYS as u64);
        assert_eq!(book.take_full(), [Arc::from("busy")]);
        assert!(book.take_full().is_empty());
        assert!(book.next(Event::SmtpNoop, None, &Of(0)).is_some(), "a key that is known counts on");
    }

    #[test]
    fn an_expectation_counts_over_so_many_values_and_says_so_once() {
        let mut book = Rulebook::new(1);
        let on = On::from(Event::SmtpNoop);
        let what = Wanted::Count { on: vec![on], when: Vec::new(), count: Times::from(1), same: Some(Field::User) };
        let expect = Expect { id: "each once".into(), what, within: None, settle: None, origin: "here".into() };
        book.load(&[], RuleNo(1), &[Arc::new(expect)], Vec::new(), 1);

        for user in 0..MOST_KEYS + 10 {
            book.happened(Event::SmtpNoop, &Of(user));
        }

        assert_eq!(book.watches()[0].by_key.len(), MOST_KEYS);
        assert_eq!(book.watches()[0].seen, MOST_KEYS as u64 + 10);
        assert_eq!(book.take_full(), [Arc::from("each once")]);
        book.happened(Event::SmtpNoop, &Of(MOST_KEYS + 10));
        assert!(book.take_full().is_empty());
        assert!(book.watches()[0].is_met());
        book.happened(Event::SmtpNoop, &Of(0));
        assert!(!book.watches()[0].is_met(), "a value that is known counts on");
    }
}
