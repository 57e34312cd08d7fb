//! One active rule: what it has done, and what it does to the output inside of it.

use std::sync::Arc;
use std::time::Duration;

use super::chance::draw;
use super::clause::Timed;
use super::filter::Filter;
use super::firing::{Firing, FiringEffect, StepId, Undecided};
use super::plan::Cue;
use super::step::wait::Span;
use crate::protocol::{Framing, Reply};

/// An active rule.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) firing: Firing,
    /// The index of the rule's next step.
    next: usize,
    /// Steps that come before that one, and the index of the next; of several lists, the last comes first.
    inserted: Vec<(Arc<[Timed]>, usize)>,
    /// The step that it began last.
    pub(super) current: Option<(StepId, Timed)>,
    /// How many steps it has begun.
    pub(super) begun: usize,
    /// A step replied at once, so that `pass` is not implied.
    pub(super) has_answered: bool,
    pub(super) filters: Vec<Shaping>,
    pub(super) has_passed: bool,
    pub(super) passing: Option<Passing>,
    /// Output from inside was discarded.
    has_silenced: bool,
    /// The step that decides the delivery of the message, until the message is accepted, and whether it is deferred.
    delivery: Option<(StepId, bool)>,
    /// The steps that report about the message, until it is accepted, each with whether it is deferred.
    bounces: Vec<(StepId, bool)>,
    pub(super) effect: FiringEffect,
}

/// An active filter, of one step of its rule.
#[derive(Debug)]
pub(super) struct Shaping {
    pub(super) filter: Box<dyn Filter>,
    pub(super) step: StepId,
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
        Self {
            next: 0,
            inserted: Vec::new(),
            current: None,
            begun: 0,
            has_answered: false,
            filters: Vec::new(),
            has_passed: false,
            passing: None,
            has_silenced: false,
            delivery: None,
            bounces: Vec::new(),
            effect: FiringEffect::new(Undecided::new(firing.counting.clone())),
            firing,
        }
    }

    /// Begins the next step, if there is one.
    pub(super) fn begin_step(&mut self) -> Option<(StepId, Timed)> {
        while self.inserted.pop_if(|(steps, next)| steps.len() == *next).is_some() {}
        let (index, timed) = match self.inserted.last_mut() {
            Some((steps, next)) => {
                let timed = steps[*next].clone();
                *next += 1;
                (self.current.as_ref().map_or(0, |(step, _)| step.index), timed)
            }
            None => {
                let timed = self.firing.rule.steps.get(self.next)?.clone();
                self.next += 1;
                (self.next - 1, timed)
            }
        };
        self.begun += 1;
        self.has_answered |= timed.after.is_none() && timed.step.answers();
        let step = StepId { index, name: timed.step.kind().name };
        self.current = Some((step, timed.clone()));
        Some((step, timed))
    }

    /// Runs these steps next: before the steps to come, or `instead` of them.
    pub(super) fn insert(&mut self, steps: &Arc<[Timed]>, instead: bool) {
        if instead {
            self.inserted.clear();
            self.next = self.firing.rule.steps.len();
        }
        self.inserted.push((Arc::clone(steps), 0));
    }

    /// The steps that have not begun.
    pub(super) fn to_come(&self) -> impl Iterator<Item = &Timed> {
        let inserted = self.inserted.iter().rev().flat_map(|(steps, next)| &steps[*next..]);
        inserted.chain(self.firing.rule.steps.iter().skip(self.next))
    }

    /// Whether the content of the output differs from the output inside.
    pub(super) fn has_rewritten(&self) -> bool {
        self.has_silenced || self.filters.iter().any(|its| its.changed && its.filter.rank().rewrites())
    }

    /// Sends output from now on through this filter of this step.
    pub(super) fn shape(&mut self, filter: Box<dyn Filter>, step: StepId) {
        let at = self.filters.partition_point(|its| its.filter.rank() <= filter.rank());
        self.filters.insert(at, Shaping { filter, step, changed: false });
    }

    /// Lets a step decide the delivery of the message, instead of an earlier step.
    pub(super) fn deliver(&mut self, step: StepId, is_late: bool) {
        self.lose_delivery();
        self.delivery = Some((step, is_late));
    }

    /// Lets a step report about the message.
    pub(super) fn bounce(&mut self, step: StepId, is_late: bool) {
        self.bounces.push((step, is_late));
    }

    /// The message was accepted, and is delivered as a step of this rule decided. Returns whether one did.
    pub(super) fn delivered(&mut self) -> bool {
        let Some((step, is_late)) = self.delivery.take() else { return false };
        self.accepted(step, is_late);
        true
    }

    /// The message was accepted, and the steps of this rule report about it.
    pub(super) fn bounced(&mut self) {
        for (step, is_late) in std::mem::take(&mut self.bounces) {
            self.accepted(step, is_late);
        }
    }

    fn accepted(&mut self, step: StepId, is_late: bool) {
        match is_late {
            true => self.effect.defer(),
            false => self.effect.note(step, true),
        }
    }

    /// No message was delivered as a step of this rule decided.
    pub(super) fn lose_delivery(&mut self) {
        if let Some((step, _)) = self.delivery.take() {
            self.effect.note(step, false);
        }
    }

    /// No message was accepted about which steps of this rule could report.
    pub(super) fn lose_bounces(&mut self) {
        for (step, _) in std::mem::take(&mut self.bounces) {
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
    fn inserted_steps_come_before_the_rest_or_instead_of_it() {
        let timed = |text: &str| Timed::parse(&format!("note = \"{text}\"")).unwrap();
        let note = |frame: &mut Frame| {
            let (step, timed) = frame.begin_step()?;
            Some(format!("{} at {}", timed.step.templates()[0].written(), step.index))
        };
        for (instead, wanted) in [
            (false, &["a at 0", "b at 0", "c at 0", "d at 0", "last at 1"][..]),
            (true, &["a at 0", "b at 0", "c at 0"]),
        ] {
            let steps = vec![timed("first").step, timed("last").step];
            let mut frame =
                Frame::new(Firing { rule: Arc::new(Rule::new("rule", Vec::new(), steps, "")), ..firing(1) });
            assert_eq!(note(&mut frame).as_deref(), Some("first at 0"));

            frame.insert(&[timed("a"), timed("d")].into(), instead);
            let mut notes: Vec<String> = note(&mut frame).into_iter().collect();
            frame.insert(&[timed("b"), timed("c")].into(), instead);
            assert_eq!(frame.to_come().count(), wanted.len() - 1);
            notes.extend(std::iter::from_fn(|| note(&mut frame)));

            assert_eq!(notes, wanted, "instead: {instead}");
            assert_eq!((frame.begun, note(&mut frame)), (wanted.len() + 1, None));
        }
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
            frame.shape(filter(step), StepId { index: at, name: "" });
        }

        let steps: Vec<usize> = frame.filters.iter().map(|its| its.step.index).collect();
        assert_eq!(steps, [6, 5, 8, 4, 9, 3, 2, 1, 7, 0]);
    }
}
