//! Verification of rules and expectations: what failed, why, and the lines of the sessions around it.

mod findings;
mod near_miss;
mod text;
mod unmet;
mod window;

pub(crate) use findings::{FindingLines, FindingsReport};
pub(crate) use near_miss::LineNumbers;
use near_miss::key_shown;
#[cfg(feature = "api")]
pub(crate) use near_miss::near_misses;
use unmet::{Unmet, unmet_rule, unmet_watch};
use window::{Window, windows};

use crate::base::{Seq, SessionNo, Times};
use crate::journal::{Description, Ending, Journal, Noted, SessionLog, Stalled, Weight};
use crate::rule::{Mounted, Rulebook, Since, Wanted, Watch};

/// Why rules and expectations were not met. Its text is for people; as JSON it is for programs.
///
/// The JSON's keys: `scenario`, `seed`, `earlier` (`record`, `session`), `expectations`, `failed` (each `expectation`,
/// `origin`, `wanted`, `fired`, `without_effect`, `earlier`, and the events `counted` and `near_misses`, each of `reason`, `event`,
/// `session`, `journal_ref`, `detail`), `met`, `failures`, `windows`, `waiting`, `hints`.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub(crate) struct RulesReport {
    scenario: Option<String>,
    seed: u64,
    /// What came before the scenario, with which all counts began again.
    earlier: Option<Earlier>,
    expectations: usize,
    failed: Vec<Unmet>,
    met: Vec<String>,
    /// Texts of `fail` steps, and of steps that were impossible.
    failures: Vec<Failure>,
    windows: Vec<Window>,
    waiting: Vec<String>,
    hints: Vec<String>,
}

/// What came before counts began.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Earlier {
    /// The last record.
    record: u64,
    /// The last session that had begun.
    session: SessionNo,
}

impl Earlier {
    /// `None` if no session had begun that is still kept.
    fn than(since: Since, journal: &Journal) -> Option<Self> {
        let session = journal.sessions().take_while(|log| log.began() <= since.record).last()?.no;
        Some(Self { record: since.record.number(), session })
    }
}

#[derive(Debug, Clone)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
struct Failure {
    rule: Option<String>,
    session: Option<SessionNo>,
    text: String,
    /// Its record.
    #[cfg_attr(feature = "serde", serde(skip))]
    seq: Seq,
}

impl RulesReport {
    /// The failures so far; `None` if every expectation is met.
    pub(crate) fn of(scenario: Option<&str>, book: &Rulebook, journal: &Journal) -> Option<Self> {
        let expected = || book.rules().iter().filter(|mounted| mounted.rule.expect.is_some());
        let unmet_rules: Vec<&Mounted> = expected().filter(|mounted| !mounted.is_met()).collect();
        let unmet_watches: Vec<&Watch> = book.watches().iter().filter(|watch| !watch.is_met()).collect();
        let failures = failures(book, journal);
        if unmet_rules.is_empty() && unmet_watches.is_empty() && failures.is_empty() {
            return None;
        }
        let mut numbers = LineNumbers::default();
        let mut failed = Vec::new();
        for mounted in &unmet_rules {
            failed.extend(mounted.rule.expect.map(|wanted| unmet_rule(mounted, wanted, book, journal, &mut numbers)));
        }
        failed.extend(unmet_watches.iter().map(|watch| unmet_watch(watch, book, journal, &mut numbers)));
        let met_rules = expected().filter(|mounted| mounted.is_met()).map(|mounted| {
            let wanted = mounted.rule.expect.map(|times| times.written()).unwrap_or_default();
            format!("rule `{}`   {wanted}, {}", mounted.rule.id, fired(mounted))
        });
        let met_watches = book.watches().iter().filter(|watch| watch.is_met());
        let met_watches = met_watches.map(|watch| format!("expect `{}`   {}", watch.expect.id, seen(watch)));
        Some(Self {
            scenario: scenario.map(str::to_owned),
            seed: book.seed(),
            earlier: Earlier::than(book.since(), journal),
            expectations: expected().count() + book.watches().len(),
            met: met_rules.chain(met_watches).collect(),
            windows: windows(&unmet_rules, &unmet_watches, &failures, book, journal),
            waiting: waiting(journal),
            hints: hints(book),
            failed,
            failures,
        })
    }

    /// Why one rule did not fire as often as wanted so far.
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
            earlier: Earlier::than(book.since(), journal),
            expectations: 1,
            failed: vec![unmet_rule(mounted, wanted, book, journal, &mut LineNumbers::default())],
            met: Vec::new(),
            failures: failures(book, journal),
            windows: windows(&[mounted], &[], &[], book, journal),
            waiting: waiting(journal),
            hints: Vec::new(),
        }
    }
}

/// What rules and the server reported as failures since the scenario came into force.
fn failures(book: &Rulebook, journal: &Journal) -> Vec<Failure> {
    let Ok(records) = journal.since(journal.floor().max(book.since().record)) else { return Vec::new() };
    let failed = records.filter_map(|(seq, record)| {
        let (rule, text) = match journal.describe(seq, record) {
            Description::Noted(Noted { weight: Weight::Failure, by, text }) => (by.as_deref(), text.clone()),
            Description::Ended { ended, .. } if ended.ending == Ending::Bug => (None, ended.ending.to_string()),
            Description::Noted(_)
            | Description::Ended { .. }
            | Description::Opened(_)
            | Description::Proxied(_)
            | Description::Turn(_)
            | Description::Closed { .. }
            | Description::Cleartext { .. }
            | Description::Secured(_)
            | Description::Unsecured(_)
            | Description::OAuth(_)
            | Description::Outside(_) => return None,
        };
        Some(Failure { rule: rule.map(str::to_owned), session: record.session, text, seq })
    });
    failed.collect()
}

/// How often it fired, and how often without effect.
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

/// The rule that stalls the reply to the last request of a session, if there is one.
fn stalled<'j>(journal: &'j Journal, log: &'j SessionLog) -> Option<&'j Stalled> {
    for turn in journal.turns(log.records.iter()).rev() {
        let stalled = turn.trace().and_then(|trace| trace.stalled.as_ref());
        if stalled.is_some() || turn.is_first {
            return stalled;
        }
    }
    None
}

/// For each open session, whether the client or the server waits for the other.
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
            hints.push(format!("rule `{}`: its `{}` never changed anything", rule.id, step.name));
        }
    }
    hints
}
