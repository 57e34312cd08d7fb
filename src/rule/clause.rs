//! A rule: its events, its conditions, which matches count, and its steps.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::inquiry::Closure;
use super::step::Step;
use super::{Condition, Field};
use crate::base::Times;
use crate::protocol::{Event, canonical};

/// A mounted rule's number; never reused.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RuleNo(pub(crate) u32);

/// One rule, as written. Its counts are in the rulebook.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    pub(crate) id: Arc<str>,
    pub(crate) on: Vec<On>,
    pub(crate) when: Vec<Condition>,
    /// A closure that is asked if all conditions hold.
    pub(crate) holds: Option<Closure<bool>>,
    pub(crate) nth: Option<Nth>,
    pub(crate) per: Per,
    /// Probability of firing, from 0 to 1.
    pub(crate) chance: Option<f64>,
    pub(crate) steps: Vec<Timed>,
    pub(crate) expect: Option<Times>,
    /// Where it was written, as `greylist.toml:7` or `tests/mail.rs:12`.
    pub(crate) origin: Arc<str>,
}

/// The events of a rule, as written and parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct On {
    pub(crate) written: Box<str>,
    pub(crate) events: Vec<Event>,
    /// Events that count only if the request is a command: credentials may come with the command that begins a login.
    starts: Vec<Event>,
}

/// A step, and its delay in server time, if any.
#[derive(Debug, Clone)]
pub(crate) struct Timed {
    pub(crate) step: Arc<dyn Step>,
    pub(crate) after: Option<Duration>,
}

/// What a rule's matches are counted by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Per {
    #[default]
    Server,
    Conn,
    User,
    Ip,
    Listener,
    /// A separate count for each text of this template, such as `{ip} {from} {rcpt}`.
    Key(super::Template),
}

/// Which matches of a rule count, as `2`, `2-4`, `3+`, `every 5`, `1,4,9`, and `not` before any of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nth {
    written: Box<str>,
    is_negated: bool,
    which: Vec<Which>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Which {
    Range(u64, u64),
    Every(u64),
}

impl Rule {
    /// A rule for each of these events, without conditions.
    pub(crate) fn new(id: &str, on: Vec<On>, steps: Vec<Arc<dyn Step>>, origin: &str) -> Self {
        let steps = steps.into_iter().map(|step| Timed { step, after: None }).collect();
        Self {
            id: id.into(),
            on,
            when: Vec::new(),
            holds: None,
            nth: None,
            per: Per::Server,
            chance: None,
            steps,
            expect: None,
            origin: origin.into(),
        }
    }

    /// The times of its timer events, counted from when it came into force.
    pub(crate) fn moments(&self) -> Vec<Duration> {
        let at = self.when.iter().find(|condition| condition.field == Field::At);
        at.map_or_else(Vec::new, |condition| condition.test.equals().into_iter().map(Duration::from_micros).collect())
    }

    /// Whether the rule is evaluated at this event.
    pub(crate) fn is_on(&self, event: Event) -> bool {
        self.means(event, || true)
    }

    /// Whether this request is one of its events. `is_command` tells whether the request is a command.
    pub(crate) fn means(&self, event: Event, is_command: impl Fn() -> bool) -> bool {
        self.on.iter().any(|on| on.means(event, &is_command))
    }
}

impl PartialEq for Timed {
    fn eq(&self, other: &Self) -> bool {
        self.after == other.after && *self.step == *other.step
    }
}

impl Timed {
    /// Whether it always changes something: the output, its timing, or the server's state.
    pub(crate) fn always_changes(&self) -> bool {
        !self.step.changes_nothing() && !self.may_miss()
    }

    /// Calls this with the step, and with the steps of its `else` and so on.
    pub(crate) fn each<'t>(&'t self, seen: &mut dyn FnMut(&'t Timed)) {
        seen(self);
        let otherwise = self.step.awaited().and_then(|awaited| awaited.otherwise);
        otherwise.into_iter().flat_map(|steps| &**steps).for_each(|timed| timed.each(seen));
    }

    /// Whether [its target](Step::may_miss) may not exist.
    pub(crate) fn may_miss(&self) -> bool {
        self.step.may_miss(self.after.is_some())
    }
}

impl On {
    /// Treats all ways to log in alike: `auth` also means LOGIN, PASS and APOP.
    fn of(written: &str, mut events: Vec<Event>) -> Self {
        let mut starts = Vec::new();
        for (start, complete, others) in [
            (Event::SmtpAuthStart, Event::SmtpAuth, &[][..]),
            (Event::LmtpAuthStart, Event::LmtpAuth, &[]),
            (Event::ImapAuthStart, Event::ImapAuth, &[Event::ImapLogin]),
            (Event::Pop3AuthStart, Event::Pop3Auth, &[Event::Pop3Pass, Event::Pop3Apop]),
        ] {
            let is_start = events.contains(&start);
            if is_start && !events.contains(&complete) {
                starts.push(complete);
            }
            if is_start || events.contains(&complete) {
                let more = others.iter().filter(|other| !events.contains(other)).copied().collect::<Vec<_>>();
                events.extend(more);
            }
        }
        Self { written: written.into(), events, starts }
    }

    /// Whether it includes this event. `is_command` tells whether the request is a command.
    pub(crate) fn means(&self, event: Event, is_command: impl FnOnce() -> bool) -> bool {
        self.events.contains(&event) || self.starts.contains(&event) && is_command()
    }

    /// Parses `smtp.rcpt`; `*.greeting` with a star for one segment; `imap.*` with a star for all segments that follow.
    /// Replies to a timeout or a shutdown, and timers, must be named in full. An alias is replaced by the event's name.
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let written = canonical(written);
        let named = |event: &Event| written == event.name() && *event != Event::TcpSay;
        let starred = |event: &Event| written.contains('*') && !is_named_in_full(*event) && event.is_like(written);
        let events: Vec<Event> = Event::ALL.iter().filter(|event| named(event) || starred(event)).copied().collect();
        (!events.is_empty()).then(|| Self::of(written, events))
    }
}

impl From<Event> for On {
    fn from(event: Event) -> Self {
        Self::of(event.name(), vec![event])
    }
}

fn is_named_in_full(event: Event) -> bool {
    let event = event.as_smtp();
    let is_end = matches!(event, Event::SmtpLapse | Event::ImapLapse | Event::Pop3Lapse)
        || matches!(event, Event::SmtpStop | Event::ImapStop | Event::Pop3Stop);
    is_end || matches!(event, Event::TcpSay | Event::Timer)
}

impl Nth {
    pub(crate) fn parse(written: &str) -> Option<Self> {
        let (is_negated, rest) = match written.strip_prefix("not ") {
            Some(rest) => (true, rest),
            None => (false, written),
        };
        let number = |text: &str| text.trim().parse::<u64>().ok().filter(|number| *number > 0);
        let which = |text: &str| {
            if let Some(step) = text.trim().strip_prefix("every ") {
                return number(step).map(Which::Every);
            }
            if let Some(first) = text.trim().strip_suffix('+') {
                return number(first).map(|first| Which::Range(first, u64::MAX));
            }
            match text.split_once('-') {
                Some((first, last)) => {
                    number(first).zip(number(last)).filter(|(a, b)| a <= b).map(|(a, b)| Which::Range(a, b))
                }
                None => number(text).map(|one| Which::Range(one, one)),
            }
        };
        let which = rest.split(',').map(which).collect::<Option<Vec<_>>>()?;
        Some(Self { written: written.into(), is_negated, which })
    }

    /// The first `times` matches.
    pub(crate) fn first(times: u64) -> Self {
        Self { written: format!("1-{times}").into(), is_negated: false, which: vec![Which::Range(1, times)] }
    }

    /// The count, if this is the first matches only.
    pub(crate) fn times(&self) -> Option<u64> {
        self.written.strip_prefix("1-")?.parse().ok()
    }

    /// Whether no number above this one can be contained. False if that is not sure.
    #[cfg(feature = "api")]
    pub(crate) fn ends_by(&self, n: u64) -> bool {
        match self.is_negated {
            false => self.which.iter().all(|which| matches!(which, Which::Range(_, last) if *last <= n)),
            true => self.which.iter().any(|which| match which {
                Which::Range(first, last) => *first <= n.saturating_add(1) && *last == u64::MAX,
                Which::Every(step) => *step == 1,
            }),
        }
    }

    pub(crate) fn contains(&self, n: u64) -> bool {
        self.is_negated
            != self.which.iter().any(|which| match which {
                Which::Range(first, last) => (first..=last).contains(&&n),
                Which::Every(step) => n.is_multiple_of(*step),
            })
    }
}

impl fmt::Display for Nth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals() {
        for (written, these) in [
            ("2", vec![2]),
            ("2-4", vec![2, 3, 4]),
            ("8+", vec![8, 9, 10]),
            ("every 5", vec![5, 10]),
            ("not 1", (2..=10).collect()),
            ("1,4,9", vec![1, 4, 9]),
            ("not 1-8", vec![9, 10]),
        ] {
            let nth = Nth::parse(written).unwrap();
            assert_eq!((1..=10).filter(|n| nth.contains(*n)).collect::<Vec<_>>(), these, "{written}");
        }
        for wrong in ["", "0", "-1", "4-2", "every", "+", "x", "1,"] {
            assert_eq!(Nth::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    #[cfg(feature = "api")]
    fn ordinals_end() {
        for (written, last) in [("2", 2), ("1-3", 3), ("1,4,9", 9), ("not 5+", 4), ("not 1+", 0), ("not every 1", 0)] {
            let nth = Nth::parse(written).unwrap();
            assert!(nth.ends_by(last) && nth.ends_by(last + 7), "{written}");
            assert!(last == 0 || !nth.ends_by(last - 1), "{written}");
        }
        for endless in ["8+", "every 5", "1,every 5", "not 1", "not every 2", "not 1-8"] {
            assert!(!Nth::parse(endless).unwrap().ends_by(1_000), "{endless}");
        }
    }

    #[test]
    fn stars() {
        let events = |written: &str| On::parse(written).map(|on| on.events).unwrap_or_default();
        assert_eq!(
            events("*.greeting"),
            [Event::SmtpGreeting, Event::LmtpGreeting, Event::ImapGreeting, Event::Pop3Greeting]
        );
        assert!(events("*.auth.start").contains(&Event::ImapLogin));
        assert!(On::parse("smtp.auth.start").unwrap().means(Event::SmtpAuth, || true));
        assert!(!On::parse("smtp.auth.start").unwrap().means(Event::SmtpAuth, || false));
        assert!(events("imap.*").contains(&Event::ImapFetchItem));
        assert!(!events("imap.*").contains(&Event::ImapLapse));
        assert_eq!(events("imap.lapse"), [Event::ImapLapse]);
        assert!(events("*").contains(&Event::TcpAccept) && !events("*").contains(&Event::Timer));
        assert!(events("smtp.rcp").is_empty());
    }
}
