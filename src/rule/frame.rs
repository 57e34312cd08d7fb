//! One active rule: what it has done, and what it does to the output inside of it.

use std::time::Duration;

use super::chance::draw;
use super::filter::Filter;
use super::firing::{Firing, FiringEffect, Undecided};
use super::plan::Cue;
use super::step::wait::Span;
use crate::protocol::{Framing, Reply};

/// An active rule.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) firing: Firing,
    /// The index of the next step.
    pub(super) next: usize,
    pub(super) filters: Vec<Shaping>,
    pub(super) has_passed: bool,
    pub(super) passing: Option<Passing>,
    /// Output from inside was discarded.
    has_silenced: bool,
    /// The step that decides the delivery of the message, until the message is accepted.
    delivery: Option<usize>,
    pub(super) effect: FiringEffect,
}

/// An active filter, of one step of its rule.
#[derive(Debug)]
pub(super) struct Shaping {
    pub(super) filter: Box<dyn Filter>,
    /// The index of the step in the rule.
    pub(super) step: usize,
    /// The filter changed something.
    pub(super) changed: bool,
}

/// What the rule does to the output inside of it.
#[derive(Debug)]
pub(crate) enum Passing {
    Loud,
    Silent,
    /// Holds back the last output: its last line is replaced.
    Status {
        line: Vec<u8>,
        kept: Option<Cue>,
    },
}

impl Frame {
    pub(super) fn new(firing: Firing) -> Self {
        let (filters, effect) = (Vec::new(), FiringEffect::new(Undecided::new(firing.counting.clone())));
        Self { firing, next: 0, filters, has_passed: false, passing: None, has_silenced: false, delivery: None, effect }
    }

    /// Whether the content of the output differs from the output inside.
    pub(super) fn has_rewritten(&self) -> bool {
        self.has_silenced || self.filters.iter().any(|its| its.changed && its.filter.rank().rewrites())
    }

    /// Sends output from now on through this filter of this step.
    pub(super) fn shape(&mut self, filter: Box<dyn Filter>, step: usize) {
        let at = self.filters.partition_point(|its| its.filter.rank() <= filter.rank());
        self.filters.insert(at, Shaping { filter, step, changed: false });
    }

    /// Lets a step decide the delivery of the message, instead of an earlier step.
    pub(super) fn deliver(&mut self, step: usize) {
        self.lose_delivery();
        self.delivery = Some(step);
    }

    /// The message was accepted, and is delivered as a step of this rule decided. Returns whether one did.
    pub(super) fn delivered(&mut self) -> bool {
        let Some(step) = self.delivery.take() else { return false };
        match self.firing.rule.steps.get(step).and_then(|timed| timed.after) {
            Some(_) => self.effect.defer(),
            None => self.effect.note(step, true),
        }
        true
    }

    /// No message was delivered as a step of this rule decided.
    pub(super) fn lose_delivery(&mut self) {
        if let Some(step) = self.delivery.take() {
            self.effect.note(step, false);
        }
    }

    /// Output from inside, as `pass` lets it through.
    pub(super) fn passed(&mut self, cues: Vec<Cue>) -> Vec<Cue> {
        match &mut self.passing {
            None | Some(Passing::Loud) => cues,
            Some(Passing::Silent) => {
                let (said, others): (Vec<Cue>, _) = cues.into_iter().partition(|cue| matches!(cue, Cue::Send { .. }));
                self.has_silenced |= !said.is_empty();
                others
            }
            Some(Passing::Status { kept, .. }) => {
                let held_back = |cue: Cue| match cue {
                    Cue::Send { .. } => kept.replace(cue),
                    Cue::Wait(_) | Cue::Layer(_) | Cue::Stall | Cue::Read(_) | Cue::Close | Cue::End(_) => Some(cue),
                };
                cues.into_iter().filter_map(held_back).collect()
            }
        }
    }

    pub(super) fn filtered(&mut self, mut cues: Vec<Cue>) -> Vec<Cue> {
        // The rule is the author of what its filters write.
        for cue in &mut cues {
            if let Cue::Send { bytes, .. } = cue {
                bytes.set_author(&self.firing.rule.id);
            }
        }
        self.filters.iter_mut().fold(cues, |cues, shaping| shaping.through(cues))
    }
}

impl Shaping {
    pub(super) fn through(&mut self, cues: Vec<Cue>) -> Vec<Cue> {
        let mut shaped = Vec::with_capacity(cues.len());
        for cue in cues {
            self.changed |= self.filter.feed(cue, &mut |cue| shaped.push(cue));
        }
        shaped
    }

    /// Releases the output that was held back.
    pub(super) fn finish(&mut self) -> Vec<Cue> {
        let mut rest = Vec::new();
        self.changed |= self.filter.finish(&mut |cue| rest.push(cue));
        rest
    }
}

/// Replaces the line that completes a reply: all lines in SMTP, the last in IMAP, the first in POP3.
pub(super) fn complete(reply: &mut Reply, framing: &Framing, line: Vec<u8>) {
    let framed = framing.frame(&[line]);
    let text = reply.text();
    let range = match framing {
        Framing::Smtp | Framing::Lmtp { .. } => 0..text.len(),
        Framing::Imap(_) => {
            let body = text.strip_suffix(b"\r\n").unwrap_or(text);
            memchr::memrchr(b'\n', body).map_or(0, |at| at + 1)..text.len()
        }
        // No list follows a refusal.
        Framing::Pop3 if framed.starts_with(b"-") => 0..text.len(),
        Framing::Pop3 => 0..memchr::memchr(b'\n', text).map_or(text.len(), |at| at + 1),
    };
    reply.splice(range, &framed);
}

pub(super) fn drawn(span: Span, seed: u64, firing: &Firing, step: usize) -> Duration {
    if span.least == span.most {
        return span.least;
    }
    let between = draw(seed, &[&*firing.rule.id, &firing.key, &step.to_string()], firing.n);
    span.least + (span.most - span.least).mul_f64(between)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::clause::{Rule, RuleNo};
    use super::super::firing::Counting;
    use super::super::step::tests::filter;
    use super::*;

    #[test]
    fn the_line_that_completes_a_reply_is_replaced() {
        let smtp = "250-one\r\n250 two\r\n";
        let imap = "* 1 EXISTS\r\nA1 OK done\r\n";
        let pop3 = "+OK 1\r\n1 10\r\n.\r\n";
        let a1 = Framing::Imap(Some("A1".into()));
        for (framing, reply, line, wanted) in [
            (Framing::Smtp, smtp, "451 later", "451 later\r\n".to_owned()),
            (a1.clone(), imap, "NO later", "* 1 EXISTS\r\nA1 NO later\r\n".to_owned()),
            (a1, "A1 OK done\r\n", "NO later", "A1 NO later\r\n".to_owned()),
            (Framing::Pop3, pop3, "+OK other", "+OK other\r\n1 10\r\n.\r\n".to_owned()),
            (Framing::Pop3, pop3, "-ERR later", "-ERR later\r\n".to_owned()),
        ] {
            let mut whole = Reply::from(reply.as_bytes().to_vec());
            complete(&mut whole, &framing, line.as_bytes().to_vec());
            assert_eq!(String::from_utf8_lossy(whole.text()), wanted, "{reply:?} with {line:?}");
        }
    }

    fn firing(n: u64) -> Firing {
        let rule = Arc::new(Rule::new("rule", Vec::new(), Vec::new(), "here"));
        let (no, counting, key) = (RuleNo(1), Counting::default(), String::new());
        Firing { no, rule, n, counting, key, groups: Vec::new(), request: Vec::new() }
    }

    #[test]
    fn a_drawn_span_covers_its_whole_range() {
        let (least, most) = (Duration::from_millis(200), Duration::from_millis(300));

        let drawn: Vec<u128> =
            (0..100).map(|n| drawn(Span { least, most }, 7, &firing(n), 1).as_millis() / 10).collect();

        assert!((20..30).all(|tenth| drawn.contains(&tenth)), "{drawn:?}");
        assert!(drawn.iter().all(|tenth| (20..=30).contains(tenth)), "{drawn:?}");
    }

    #[test]
    fn filters_are_ordered_by_rank_then_by_step() {
        let steps = [
            "cut = { at = 1 }",
            "pace = { chunk = 1, gap = \"0\" }",
            "split = [1]",
            "hold = true",
            "eol = \"lf\"",
            "edit = { line = 1, drop = true }",
            "data = { literal = \"+1\" }",
            "pace = { chunk = 1, gap = \"0\" }",
            "edit = { line = 1, dup = true }",
            "pad = { line = 1, to = 2 }",
        ];
        let mut frame = Frame::new(firing(1));

        for (at, step) in steps.into_iter().enumerate() {
            frame.shape(filter(step), at);
        }

        let steps: Vec<usize> = frame.filters.iter().map(|its| its.step).collect();
        assert_eq!(steps, [6, 5, 8, 4, 9, 3, 2, 1, 7, 0]);
    }
}
