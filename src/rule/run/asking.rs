//! Questions that a run asks outside of the lock, and what follows from the answers.

use std::sync::Arc;

use super::{Need, Phase, Run, Want};
use crate::journal::{Noted, RecordKind, Weight};
use crate::protocol::smtp::parameter_keywords;
use crate::protocol::{ContentField, Event, Listener, RequestField, Value};
use crate::rule::clause::{Rule, RuleNo};
use crate::rule::condition::inserted;
use crate::rule::field::{FIELDS, Field};
use crate::rule::frame::{Frame, Passing};
use crate::rule::inquiry::{Answer, Inquiry, PATIENCE, Respondent};
use crate::rule::occurrence::{Occurrence, owned};
use crate::rule::rulebook::{EvalContext, Rulebook};
use crate::rule::stage::no_answer;
use crate::rule::step::ask::AskStep;

impl Run {
    /// The question of the innermost rule's step.
    pub(super) fn ask(
        &mut self,
        AskStep { to, timeout }: AskStep,
        book: &Rulebook,
        cx: &dyn EvalContext,
    ) -> Option<Want> {
        let Frame { firing, has_passed, .. } = self.frames.last()?;
        if no_answer(self.event).is_some() {
            return None;
        }
        let occurrence = self.occurrence(firing.no, &firing.rule, book, cx);
        let (rule, has_passed) = (Arc::clone(&firing.rule), *has_passed);
        self.asker = Some((firing.counting.clone(), Arc::clone(&rule.id)));
        let inquiry = Inquiry { occurrence, to, timeout, rule, event: self.event, has_passed };
        Some(Want::Outside(Need::Answer(Box::new(inquiry))))
    }

    /// The question whether a rule fires, for the closure in its conditions.
    pub(super) fn ask_whether(&mut self, no: RuleNo, book: &Rulebook, cx: &dyn EvalContext) -> Option<Want> {
        let mounted = book.get(no).filter(|_| no_answer(self.event).is_none())?;
        let rule = Arc::clone(&mounted.rule);
        self.asker = Some((mounted.counting.clone(), Arc::clone(&rule.id)));
        let (to, occurrence) = (Respondent::Holds(rule.holds.clone()?), self.occurrence(no, &rule, book, cx));
        let inquiry = Inquiry { occurrence, to, timeout: PATIENCE, rule, event: self.event, has_passed: false };
        Some(Want::Outside(Need::Answer(Box::new(inquiry))))
    }

    /// Handles the answer. Returns what to record: a failure if there is no answer, or that it came too late.
    pub(super) fn answered(&mut self, answer: &Answer, book: &Rulebook) -> Option<RecordKind> {
        if let Some((_, by)) = self.asker.take().filter(|(asker, _)| !book.counts(asker)) {
            self.leave_asker();
            let text = "it was removed, replaced or reset before the answer came, which is not used".to_owned();
            return Some(RecordKind::Noted(Box::new(Noted { by: Some(by), weight: Weight::Note, text })));
        }
        match answer {
            Answer::Holds(holds) => self.decide(*holds),
            Answer::Steps(steps) => self.frames.last_mut()?.insert(steps, false),
            Answer::Failed { by, why } => {
                if let Phase::Undecided(_) = self.phase {
                    self.decide(false);
                } else {
                    // The rest of the rule relies on the answer.
                    self.frames.last_mut()?.insert(&Vec::new().into(), true);
                }
                let (by, text) = (Some(Arc::clone(by)), why.clone());
                return Some(RecordKind::Noted(Box::new(Noted { by, weight: Weight::Failure, text })));
            }
        }
        None
    }

    /// Leaves out the rest of the rule that asked. The conforming server performs the request, unless the rule has
    /// answered: other rules may be those of another test.
    fn leave_asker(&mut self) {
        if let Phase::Undecided(_) = self.phase {
            self.phase = Phase::Innermost;
        } else if let Some(frame) = self.frames.last_mut() {
            frame.insert(&Vec::new().into(), true);
            if !frame.has_answered && !frame.has_passed {
                self.pass(Passing::Loud);
                self.phase = Phase::Innermost;
            }
        }
    }

    /// Sets whether the rule that was asked about fires.
    fn decide(&mut self, holds: bool) {
        if let Phase::Undecided(no) = self.phase {
            self.phase = Phase::Decided(no, holds);
        }
    }

    /// Keeps everything about the request if a later step asks about it.
    pub(super) fn remember_for_asking(&mut self, cx: &dyn EvalContext) {
        for frame in &mut self.frames {
            let mut asks = false;
            frame.to_come().for_each(|timed| timed.each(&mut |timed| asks |= timed.step.asks()));
            if !asks {
                continue;
            }
            for field in requested() {
                if !frame.firing.request.iter().any(|(its, _)| *its == field)
                    && let Some(value) = cx.value(&field)
                {
                    frame.firing.request.push((field, inserted(&value)));
                }
            }
            self.message = self.message.take().or_else(|| cx.message());
        }
    }

    /// The event with its fields. The caller adds the transcript.
    fn occurrence(&self, no: RuleNo, rule: &Rule, book: &Rulebook, cx: &dyn EvalContext) -> Occurrence {
        let at = book.at(no);
        let firing = self.frames.last().map(|frame| &frame.firing).filter(|firing| firing.no == no);
        let kept = |field: &Field| firing?.request.iter().find(|(its, _)| its == field).map(|(_, text)| text.clone());
        let known = |field: Field| {
            let value = kept(&field).map(Value::text).or_else(|| book.value(at, &field, cx))?;
            Some((field.name(), owned(&value)))
        };
        let others = FIELDS.iter().map(|(_, field, ..)| field.clone()).filter(|field| !is_special(field));
        let others = others.chain([Field::SinceFirst, Field::SinceStart]);
        let mut fields: Vec<_> = others.chain(requested()).filter_map(known).collect();
        fields.extend(book.variables.named(cx.session()).map(|(name, value)| (name, owned(&value.as_value()))));
        let groups = match firing {
            Some(firing) => firing.groups.clone(),
            None => book.groups(at, rule, cx),
        };
        for (name, text) in groups {
            if !fields.iter().any(|(its, _)| **its == *name) {
                fields.push((name.into(), Value::text(text)));
            }
        }
        let listener = match book.value(at, &Field::Listener, cx) {
            Some(Value::Text(name)) => Listener::ALL.iter().find(|listener| listener.name() == name).copied(),
            Some(Value::Number(_) | Value::Truth(_) | Value::Several(_)) | None => None,
        };
        Occurrence {
            event: self.event,
            rule: Arc::clone(&rule.id),
            session: cx.session(),
            listener,
            fields,
            transcript: String::new(),
            message: self.message.clone().or_else(|| cx.message()),
        }
    }
}

/// The fields of a request.
fn requested() -> impl Iterator<Item = Field> {
    let named = FIELDS.iter().map(|(_, field, ..)| field.clone()).filter(|field| matches!(field, Field::Request(_)));
    named.chain(parameter_keywords().map(|name| Field::Request(RequestField::Parameter(name.into()))))
}

/// Whether it is a field of the request, part of the message, or not known yet.
fn is_special(field: &Field) -> bool {
    matches!(field, Field::Request(_) | Field::Content(_) | Field::Outcome)
}

/// The events whose message is given to whoever is asked.
pub(crate) fn is_about_a_message(event: Event) -> bool {
    Field::Content(ContentField::Body).exists_at(event)
}
