//! A report as text.

use std::fmt::{self, Write};

use super::near_miss::NearMiss;
use super::unmet::Unmet;
use super::window::{Line, Window};
use super::{Earlier, Failure, RulesReport, with_effect};

impl fmt::Display for RulesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.scenario.as_ref().map_or_else(|| "rules".to_owned(), |name| format!("scenario {name}"));
        let plural = |count| if count == 1 { "" } else { "s" };
        let (failed, all, failures) = (self.failed.len(), self.expectations, self.failures.len());
        let reported = format!("{failures} failure{} reported", plural(failures));
        let unmet = format!("{failed} of {all} expectation{} failed", plural(all));
        let what = match (failures, failed) {
            (0, _) => unmet,
            (_, 0) if all == 0 => reported,
            (_, 0) => format!("{reported}, {unmet}"),
            (_, _) => format!("{unmet}, {reported}"),
        };
        writeln!(f, "mailjig: {name} (seed {}): {what}", self.seed)?;
        if let Some(Earlier { session, .. }) = &self.earlier {
            let what = if self.scenario.is_some() { "loaded" } else { "removed" };
            writeln!(f, "  counted since the scenario was {what}; the sessions up to {session} began before that")?;
        }
        self.failures.iter().try_for_each(|failure| failure.fmt(f))?;
        self.failed.iter().try_for_each(|unmet| unmet.fmt(f))?;
        if !self.met.is_empty() {
            writeln!(f)?;
        }
        self.met.iter().try_for_each(|met| writeln!(f, "✓ {met}"))?;
        self.windows.iter().try_for_each(|window| window.fmt(f))?;
        for (i, line) in self.waiting.iter().enumerate() {
            writeln!(f, "{}  {line}", if i == 0 { "\n" } else { "" })?;
        }
        for (i, hint) in self.hints.iter().enumerate() {
            writeln!(f, "{}{hint}", if i == 0 { "\n  hints: " } else { "         " })?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.rule.as_deref().map_or_else(|| "mailjig".to_owned(), |rule| format!("rule `{rule}`"));
        let session = self.session.map_or_else(String::new, |session| format!(" in {session}"));
        writeln!(f, "\n✗ {who} failed{session}: {}", self.text)
    }
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let got = with_effect(self.fired, self.without_effect).unwrap_or_else(|| format!("got {}", self.fired));
        writeln!(f, "\n✗ {}  expected {}, {got}   ({})", self.expectation, self.wanted, self.origin)?;
        writeln!(f, "    {}", self.about)?;
        if let Some(Earlier { session, .. }) = &self.earlier {
            writeln!(f, "    counted since it was mounted; the sessions up to {session} began before that")?;
        }
        events(f, "events that counted", &self.counted)?;
        events(f, "nearest events", &self.near_misses)?;
        Ok(())
    }
}

/// Events with their details.
fn events(f: &mut fmt::Formatter<'_>, heading: &str, all: &[NearMiss]) -> fmt::Result {
    if !all.is_empty() {
        writeln!(f, "  {heading}:")?;
    }
    for (i, near) in all.iter().enumerate() {
        writeln!(f, "    {}. {}", i + 1, near.event)?;
        near.detail.iter().try_for_each(|line| writeln!(f, "         {line}"))?;
    }
    Ok(())
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n  {}", self.heading)?;
        let mut next = self.lines.first().map_or(1, |line| line.number);
        for line in &self.lines {
            if line.number > next {
                writeln!(f, "      …")?;
            }
            writeln!(f, "{line}")?;
            next = line.number + 1;
        }
        Ok(())
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = if self.mark.is_some() { '>' } else { ' ' };
        let mut text = format!("  {mark} {:>3}  {}  {}", self.number, self.who, self.text);
        if let Some(by) = &self.by {
            // The authors are in a column of their own.
            let width = 64_usize.saturating_sub(text.chars().count()).max(2);
            write!(text, "{:width$}{by}", "")?;
        }
        if !self.shaped.is_empty() {
            write!(text, "  [{}]", self.shaped.join("; "))?;
        }
        if let Some(mark) = &self.mark {
            write!(text, "      ← {mark}")?;
        }
        f.write_str(&text)
    }
}
