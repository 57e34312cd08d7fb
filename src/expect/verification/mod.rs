//! The judgement of rules and expectations: what failed, why, and what the sessions looked like then.

mod window;

use std::fmt::{self, Write};
use std::time::Duration;

use window::{Window, lines, windows};

use crate::base::{Seq, SessionNo, Times, short};
use crate::journal::{Ending, Journal, RecordKind, SessionLog, Stalled, Weight};
use crate::protocol::{Event, RequestField, masked};
use crate::rule::{FailedCondition, Field, Misplaced, Miss, MissReason, Mounted, On, Rulebook, Wanted, Watch};

/// Why rules and expectations were not met. Its text is for people; as JSON it is for programs.
///
/// The JSON's keys: `scenario`, `seed`, `expectations`, `failed` (each `expectation`, `origin`, `wanted`, `fired`,
/// `without_effect`, `near_misses` of `reason`, `event`, `session`, `journal_ref`, `detail`), `met`, `failures`, `windows`, `waiting`,
/// `hints`.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct RulesReport {
    scenario: Option<String>,
    seed: u64,
    expectations: usize,
    failed: Vec<Unmet>,
    met: Vec<String>,
    /// What a `fail` step said, or a step that could not be done.
    failures: Vec<Failure>,
    windows: Vec<Window>,
    waiting: Vec<String>,
    hints: Vec<String>,
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Unmet {
    expectation: String,
    origin: String,
    wanted: String,
    fired: u64,
    /// Of these, how many changed nothing.
    without_effect: u64,
    about: String,
    near_misses: Vec<NearMiss>,
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct NearMiss {
    reason: &'static str,
    event: String,
    session: Option<SessionNo>,
    journal_ref: Option<u64>,
    detail: Vec<String>,
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Failure {
    rule: Option<String>,
    session: Option<SessionNo>,
    text: String,
}

impl RulesReport {
    /// The judgement of what was seen until now; none where everything is as it must be.
    pub(crate) fn of(scenario: Option<&str>, book: &Rulebook, journal: &Journal) -> Option<Self> {
        let expected = || book.rules().iter().filter(|mounted| mounted.rule.expect.is_some());
        let unmet_rules: Vec<&Mounted> = expected().filter(|mounted| !mounted.is_met()).collect();
        let unmet_watches: Vec<&Watch> = book.watches().iter().filter(|watch| !watch.is_met()).collect();
        let failures = failures(journal);
        if unmet_rules.is_empty() && unmet_watches.is_empty() && failures.is_empty() {
            return None;
        }
        let unmet = |mounted: &&Mounted| Some(unmet_rule(mounted, mounted.rule.expect?, book, journal));
        let mut failed: Vec<Unmet> = unmet_rules.iter().filter_map(unmet).collect();
        failed.extend(unmet_watches.iter().map(|watch| unmet_watch(watch, book, journal)));
        let met_rules = expected().filter(|mounted| mounted.is_met()).map(|mounted| {
            let wanted = mounted.rule.expect.map(|times| times.written()).unwrap_or_default();
            format!("rule `{}`   {wanted}, {}", mounted.rule.id, fired(mounted))
        });
        let met_watches = book.watches().iter().filter(|watch| watch.is_met());
        let met_watches = met_watches.map(|watch| format!("expect `{}`   {}", watch.expect.id, seen(watch)));
        Some(Self {
            scenario: scenario.map(str::to_owned),
            seed: book.seed(),
            expectations: expected().count() + book.watches().len(),
            met: met_rules.chain(met_watches).collect(),
            windows: windows(&unmet_rules, &unmet_watches, &failures, book, journal),
            waiting: waiting(journal),
            hints: hints(book),
            failed,
            failures,
        })
    }
}

impl RulesReport {
    /// Why one rule did not fire so often until now.
    pub(crate) fn on(
        mounted: &Mounted,
        wanted: Times,
        scenario: Option<&str>,
        book: &Rulebook,
        journal: &Journal,
    ) -> Self {
        Self {
            scenario: scenario.map(str::to_owned),
            seed: book.seed(),
            expectations: 1,
            failed: vec![unmet_rule(mounted, wanted, book, journal)],
            met: Vec::new(),
            failures: failures(journal),
            windows: windows(&[mounted], &[], &[], book, journal),
            waiting: waiting(journal),
            hints: Vec::new(),
        }
    }
}

/// Why a rule did not fire, the best reason first.
#[cfg(feature = "serde")]
pub(crate) fn near_misses(mounted: &Mounted, book: &Rulebook, journal: &Journal) -> impl serde::Serialize {
    book.near(mounted).iter().map(|near| near_miss(near, book, journal)).collect::<Vec<_>>()
}

fn failures(journal: &Journal) -> Vec<Failure> {
    let Ok(records) = journal.since(journal.floor()) else { return Vec::new() };
    let failed = records.filter_map(|(_, record)| match &record.kind {
        RecordKind::Noted(noted) if noted.weight == Weight::Failure => Some(Failure {
            rule: noted.by.as_deref().map(str::to_owned),
            session: record.session,
            text: noted.text.clone(),
        }),
        RecordKind::Ended(ended) if ended.ending == Ending::Bug => {
            Some(Failure { rule: None, session: record.session, text: Ending::Bug.to_string() })
        }
        _ => None,
    });
    failed.collect()
}

fn unmet_rule(mounted: &Mounted, wanted: Times, book: &Rulebook, journal: &Journal) -> Unmet {
    let rule = &mounted.rule;
    let mut near_misses: Vec<NearMiss> = book.near(mounted).iter().map(|near| near_miss(near, book, journal)).collect();
    let events: Vec<Event> = rule.on.iter().flat_map(|on| on.events.iter().copied()).collect();
    if near_misses.is_empty() && mounted.fired == 0 && events.iter().all(|event| book.seen(*event) == 0) {
        near_misses.push(never_happened(&events, journal));
    }
    Unmet {
        expectation: format!("rule `{}`", rule.id),
        origin: rule.origin.to_string(),
        wanted: wanted.written(),
        fired: mounted.fired,
        without_effect: mounted.without_effect,
        about: rule.described(),
        near_misses,
    }
}

/// How often it fired, and how often that changed nothing.
fn fired(mounted: &Mounted) -> String {
    with_effect(mounted.fired, mounted.without_effect).unwrap_or_else(|| format!("fired {}", mounted.fired))
}

fn times(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn with_effect(fired: u64, without_effect: u64) -> Option<String> {
    let times = times(fired);
    match without_effect {
        0 => None,
        all if all == fired => Some(format!("fired {times}, changed nothing")),
        some => Some(format!("fired {times}, {some} of {fired} changed nothing")),
    }
}

fn near_miss(near: &Miss, book: &Rulebook, journal: &Journal) -> NearMiss {
    let log = near.session.and_then(|session| journal.session(session));
    // Of a line that is forgotten nobody knows what it was.
    let its = log.zip(near.exchange).filter(|(_, seq)| journal.get(*seq).is_some());
    let is_doubtful = its.map_or(near.event.may_be_any(), |(log, seq)| journal.has_doubtful_words(log, seq));
    let (reason, detail) = match &near.reason {
        MissReason::NoEffect(steps) => {
            let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
            ("no-effect", vec![format!("fired, and {} found nothing to change", steps.join(" and "))])
        }
        MissReason::UsedUp(n) => ("used-up", vec![format!("used up: this was match {n}")]),
        MissReason::Lost(n) => ("chance", vec![format!("lost the draw: this was match {n}, seed {}", book.seed())]),
        MissReason::Disabled => ("disabled", vec!["the rule is disabled".to_owned()]),
        MissReason::Shadowed(by) => {
            let origin = book.rules().iter().find(|its| its.rule.id == *by).map(|its| its.rule.origin.to_string());
            let origin = origin.unwrap_or_default();
            ("shadowed", vec![format!("shadowed by rule `{by}` ({origin}), which answered without `pass`")])
        }
        MissReason::False { missed, .. } => {
            let state = |field: &str| field.starts_with("state.") || field.starts_with("session.");
            let mut lines = Vec::new();
            let mut reason = if missed.len() == 1 { "one-condition" } else { "conditions" };
            for miss in missed {
                let mut line = clause(near.event, is_doubtful, miss);
                if let Some((by, session)) = &miss.setter {
                    let by = by.as_deref().map_or("the scenario".to_owned(), |by| format!("rule `{by}`"));
                    let session = session.map_or(String::new(), |session| format!(" in {session}"));
                    let _infallible = write!(line, ", set by {by}{session}");
                }
                if missed.len() == 1 && state(&miss.field.name()) {
                    reason = "state";
                }
                lines.push(line);
            }
            (reason, lines)
        }
    };
    let at = near.exchange.and_then(|exchange| line_of(near.session, Some(exchange), journal));
    let session = near.session.map_or_else(String::new, |session| format!("{session} · "));
    let line = at.map_or_else(String::new, |line| format!("line {line} · "));
    NearMiss {
        reason,
        event: format!("{session}{line}{}", near.event),
        session: near.session,
        journal_ref: near.exchange.map(Seq::number),
        detail,
    }
}

/// A condition, and what was there instead.
fn clause(event: Event, is_doubtful: bool, miss: &FailedCondition) -> String {
    let shown =
        |got: &str| shown(event, is_doubtful, &miss.field, got).map_or("***".to_owned(), |got| format!("{got:?}"));
    let got = miss.got.as_deref().map_or("nothing".to_owned(), shown);
    format!("{}  wanted {}  got {got}", miss.field.name(), miss.wanted)
}

/// What a field said at an event, without passwords; none of it where words that may be one are not to be shown.
fn shown(event: Event, is_doubtful: bool, field: &Field, value: &str) -> Option<String> {
    match field {
        Field::Request(RequestField::Line | RequestField::Verb | RequestField::Argument | RequestField::Tag)
            if is_doubtful =>
        {
            None
        }
        Field::Request(RequestField::Line) => {
            Some(String::from_utf8_lossy(&masked(event, value.as_bytes())).into_owned())
        }
        Field::Request(RequestField::Argument) if event.is_login() || event.is_unknown() => None,
        _ => Some(value.to_owned()),
    }
}

/// A value over which events are counted; at which of them it was said is not known.
fn key_shown(on: &[On], field: &Field, key: &str) -> String {
    let events = || on.iter().flat_map(|on| on.events.iter().copied());
    let Some(event) = events().find(|event| event.is_login()).or_else(|| events().next()) else {
        return key.to_owned();
    };
    shown(event, events().any(Event::may_be_any), field, key).unwrap_or_else(|| "***".to_owned())
}

/// The event never came; what came last in a session of its protocol says how far it got.
fn never_happened(events: &[Event], journal: &Journal) -> NearMiss {
    let name = events.first().map_or("", |event| event.name());
    let protocol = events.first().and_then(|event| event.protocol());
    let mut last = None;
    for log in journal.sessions() {
        let exchanges = log.records.iter().filter_map(|seq| match journal.get(seq).map(|record| &record.kind) {
            Some(RecordKind::Exchange(exchange)) => Some(exchange.event),
            _ => None,
        });
        let mut own = exchanges.filter(|event| event.protocol() == protocol);
        last = own.next_back().map(|event| (log.no, event)).or(last);
    }
    let detail = match (last, protocol) {
        (Some((session, event)), _) => format!("`{name}` never came; {session} stopped after `{event}`"),
        (None, Some(protocol)) => format!("`{name}` never came; {protocol} was never contacted"),
        (None, None) => format!("`{name}` never came"),
    };
    NearMiss { reason: "never", event: name.to_owned(), session: None, journal_ref: None, detail: vec![detail] }
}

fn seen(watch: &Watch) -> String {
    match &watch.expect.what {
        Wanted::Count { on, count, same: Some(field), .. } => {
            let most = watch.by_key.iter().max_by_key(|(_, seen)| **seen);
            let most = most
                .map_or_else(|| "none".to_owned(), |(key, seen)| format!("{seen} of {:?}", key_shown(on, field, key)));
            format!("{} each, got {most}", count.written())
        }
        Wanted::Count { count, .. } => format!("{}, got {}", count.written(), watch.seen),
        Wanted::Sequence(all) => format!("{} events in order, got {}", all.len(), watch.seen),
    }
}

fn unmet_watch(watch: &Watch, book: &Rulebook, journal: &Journal) -> Unmet {
    let expect = &watch.expect;
    let (wanted, about, events) = match &expect.what {
        Wanted::Count { on, when, count, same } => {
            let names: Vec<&str> = on.iter().map(|on| &*on.written).collect();
            let mut about = format!("event = {}", names.join(", "));
            for condition in when {
                let _infallible = write!(about, "   when {} = {}", condition.field.name(), condition.test);
            }
            if let Some(field) = same {
                let _infallible = write!(about, "   same = {}", field.name());
            }
            (count.written(), about, on.iter().flat_map(|on| on.events.iter().copied()).collect())
        }
        Wanted::Sequence(all) => {
            let names: Vec<&str> = all.iter().map(|on| &*on.written).collect();
            (format!("{} in order", all.len()), format!("sequence = {}", names.join(", ")), Vec::new())
        }
    };
    let mut near_misses = Vec::new();
    if let Wanted::Sequence(all) = &expect.what
        && let Some(next) = all.get(watch.seen as usize)
    {
        let n = watch.seen as usize;
        if watch.misplaced().all(|its| its.index != n) {
            near_misses.push(NearMiss {
                reason: "sequence",
                event: next.written.to_string(),
                session: None,
                journal_ref: None,
                detail: vec![format!("number {} of the sequence, `{}`, did not come", n + 1, next.written)],
            });
        }
        let mut misplaced: Vec<&Misplaced> = watch.misplaced().collect();
        misplaced.sort_by_key(|its| its.index);
        near_misses.extend(misplaced.into_iter().take(3).map(|its| misplaced_miss(its, all, expect.within, journal)));
    }
    if let Wanted::Count { on, count, same: Some(field), .. } = &expect.what {
        let over = watch.by_key.iter().filter(|(_, seen)| !count.contains(**seen));
        near_misses.extend(over.take(3).map(|(key, seen)| NearMiss {
            reason: "same",
            event: key_shown(on, field, key),
            session: None,
            journal_ref: None,
            detail: vec![times(*seen)],
        }));
    }
    if let Some((session, event, missed)) = &watch.nearest {
        // Which exchange it was is not known, so its line may be any.
        let detail = missed.iter().map(|miss| clause(*event, event.may_be_any(), miss));
        let detail: Vec<String> = detail.collect();
        let late = || vec!["it came too late".to_owned()];
        near_misses.push(NearMiss {
            reason: if detail.is_empty() { "late" } else { "one-condition" },
            event: format!("{session} · {event}"),
            session: Some(*session),
            journal_ref: None,
            detail: if detail.is_empty() { late() } else { detail },
        });
    }
    if near_misses.is_empty() && !events.is_empty() && events.iter().all(|event| book.seen(*event) == 0) {
        let name = events[0].name();
        near_misses.push(NearMiss {
            reason: "never",
            event: name.to_owned(),
            session: None,
            journal_ref: None,
            detail: vec![format!("`{name}` never came")],
        });
    }
    Unmet {
        expectation: format!("expect `{}`", expect.id),
        origin: expect.origin.to_string(),
        wanted,
        fired: watch.seen,
        without_effect: 0,
        about,
        near_misses,
    }
}

/// An event of a sequence came when it was not its turn.
fn misplaced_miss(misplaced: &Misplaced, all: &[On], within: Option<Duration>, journal: &Journal) -> NearMiss {
    let Misplaced { index, event, session, exchange, is_late } = misplaced;
    let line = line_of(*session, *exchange, journal).map_or_else(String::new, |line| format!(", at line {line}"));
    let what = format!("number {} of the sequence, `{}`, came", index + 1, all[*index].written);
    let detail = match (is_late, index.checked_sub(1)) {
        (true, _) => format!("{what} too late{line}: it may take {}", within.map(short).unwrap_or_default()),
        (false, Some(before)) => format!("{what} too early{line}, before `{}`", all[before].written),
        (false, None) => format!("{what} too early{line}"),
    };
    let who = session.map_or_else(String::new, |session| format!("{session} · "));
    NearMiss {
        reason: if *is_late { "too-late" } else { "too-early" },
        event: format!("{who}{event}"),
        session: *session,
        journal_ref: exchange.map(Seq::number),
        detail: vec![detail],
    }
}

/// The line of a session at which an exchange begins.
fn line_of(session: Option<SessionNo>, exchange: Option<Seq>, journal: &Journal) -> Option<usize> {
    let log = journal.session(session?)?;
    lines(journal, log).iter().find(|line| Some(line.exchange) == exchange).map(|line| line.number)
}

/// Whether a rule keeps a client waiting for the answer to what it asked last.
fn stalled<'j>(journal: &'j Journal, log: &'j SessionLog) -> Option<&'j Stalled> {
    for turn in journal.turns(log.records.iter()).rev() {
        let stalled = turn.trace().and_then(|trace| trace.stalled.as_ref());
        if stalled.is_some() || turn.is_first {
            return stalled;
        }
    }
    None
}

/// Who waits for whom: the most useful line of all when something hangs.
fn waiting(journal: &Journal) -> Vec<String> {
    let mut all = Vec::new();
    for log in journal.sessions().filter(|log| log.facts().ended.is_none()) {
        all.push(match stalled(journal, log) {
            Some(Stalled { by, .. }) => format!("{} waits for the server, which is stalled by rule `{by}`", log.no),
            None if log.owes_reply() => format!("{} waits for the server, which owes a reply", log.no),
            None => match log.unfinished() {
                Some(unfinished) => format!("the server waits for {}, {unfinished}", log.no),
                None => format!("the server waits for {}", log.no),
            },
        });
    }
    all
}

fn hints(book: &Rulebook) -> Vec<String> {
    let mut hints = Vec::new();
    for mounted in book.rules() {
        let Mounted { rule, fired, without_effect, missed, .. } = mounted;
        if *fired == 0 && rule.expect.is_none() {
            let asked = rule.on.iter().flat_map(|on| &on.events).any(|event| book.seen(*event) > 0);
            let why = if asked { "" } else { " (none of its events happened)" };
            hints.push(format!("rule `{}` never fired{why}", rule.id));
        } else if let Some(text) = with_effect(*fired, *without_effect).filter(|_| rule.expect.is_none()) {
            hints.push(format!("rule `{}` {text}", rule.id));
        } else if let Some((step, _)) = missed.iter().find(|(_, times)| *times == fired && without_effect < fired) {
            hints.push(format!(
                "rule `{}`: its `{}` never changed anything",
                rule.id,
                rule.steps[*step].step.kind().name
            ));
        }
    }
    hints
}

impl fmt::Display for RulesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.scenario.as_ref().map_or_else(|| "rules".to_owned(), |name| format!("scenario {name}"));
        let (failed, all) = (self.failed.len(), self.expectations);
        let plural = if all == 1 { "" } else { "s" };
        writeln!(f, "mailjig: {name} (seed {}): {failed} of {all} expectation{plural} failed", self.seed)?;
        for failure in &self.failures {
            let who = failure.rule.as_deref().map_or_else(|| "mailjig".to_owned(), |rule| format!("rule `{rule}`"));
            let session = failure.session.map_or_else(String::new, |session| format!(" in {session}"));
            writeln!(f, "\n✗ {who} failed{session}: {}", failure.text)?;
        }
        for unmet in &self.failed {
            let got = with_effect(unmet.fired, unmet.without_effect).unwrap_or_else(|| format!("got {}", unmet.fired));
            writeln!(f, "\n✗ {}  expected {}, {got}   ({})", unmet.expectation, unmet.wanted, unmet.origin)?;
            writeln!(f, "    {}", unmet.about)?;
            if !unmet.near_misses.is_empty() {
                writeln!(f, "  nearest events:")?;
            }
            for (i, near) in unmet.near_misses.iter().enumerate() {
                writeln!(f, "    {}. {}", i + 1, near.event)?;
                near.detail.iter().try_for_each(|line| writeln!(f, "         {line}"))?;
            }
        }
        if !self.met.is_empty() {
            writeln!(f)?;
        }
        self.met.iter().try_for_each(|met| writeln!(f, "✓ {met}"))?;
        for window in &self.windows {
            writeln!(f, "\n  {}", window.heading)?;
            for line in &window.lines {
                let mark = if line.mark.is_some() { '>' } else { ' ' };
                let mut text = format!("  {mark} {:>3}  {}  {}", line.number, line.who, line.text);
                if let Some(by) = &line.by {
                    let _infallible =
                        write!(text, "{:width$}{by}", "", width = 64_usize.saturating_sub(text.chars().count()).max(2));
                }
                if !line.shaped.is_empty() {
                    let _infallible = write!(text, "  [{}]", line.shaped.join("; "));
                }
                if let Some(mark) = &line.mark {
                    let _infallible = write!(text, "      ← {mark}");
                }
                writeln!(f, "{text}")?;
            }
        }
        for (i, line) in self.waiting.iter().enumerate() {
            writeln!(f, "{}  {line}", if i == 0 { "\n" } else { "" })?;
        }
        for (i, hint) in self.hints.iter().enumerate() {
            writeln!(f, "{}{hint}", if i == 0 { "\n  hints: " } else { "         " })?;
        }
        Ok(())
    }
}
