//! Conditions on the content of messages, and their results. Parsing mail takes long, so it is done before the turn,
//! without the lock.

use std::collections::HashMap;
use std::sync::Arc;

use super::clause::{Per, Rule};
use super::condition::Condition;
use super::field::Field;
use super::near_miss::FailedCondition;
use super::template::{Name, Template};
use super::watch::{Expect, Wanted};
use crate::mail::Message;
use crate::protocol::{Value, content_of};

/// The rules and expectations with conditions on the content of these messages.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    messages: Vec<Message>,
    rules: Vec<Arc<Rule>>,
    expects: Vec<Arc<Expect>>,
}

/// The results of these conditions.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// Keeps the rules alive: a condition is identified by its address.
    questions: Questions,
    values: Vec<(Field, Option<Value<'static>>)>,
    verdicts: HashMap<usize, ConditionResult>,
}

/// Whether a condition holds.
#[derive(Debug)]
pub(crate) enum ConditionResult {
    /// It holds, and these are the groups that its regular expressions found.
    True(Vec<(Box<str>, String)>),
    False(FailedCondition),
}

impl ConditionResult {
    pub(super) fn missed(&self) -> Option<&FailedCondition> {
        match self {
            Self::True(_) => None,
            Self::False(missed) => Some(missed),
        }
    }
}

impl Questions {
    pub(super) fn new(messages: Vec<Message>, rules: Vec<Arc<Rule>>, expects: Vec<Arc<Expect>>) -> Self {
        Self { messages, rules, expects }
    }

    /// Parses the messages and evaluates the conditions.
    pub(crate) fn answer(self) -> Answers {
        let mut answers = Answers::default();
        let conditions = || {
            let of_rules = self.rules.iter().flat_map(|rule| &rule.when);
            of_rules.chain(self.expects.iter().flat_map(|expect| expect.when())).filter(|its| its.field.is_content())
        };
        let fields = self.rules.iter().flat_map(|rule| rule.fields());
        for field in fields.chain(self.expects.iter().flat_map(|expect| expect.fields())) {
            if let Field::Content(asked) = field
                && answers.value(field).is_none()
            {
                answers.values.push((field.clone(), content_of(&self.messages, asked)));
            }
        }
        for condition in conditions() {
            let value = answers.value(&condition.field).flatten();
            let verdict = match condition.holds(value.as_ref()) {
                true => {
                    let mut groups = Vec::new();
                    value.iter().for_each(|value| condition.groups(value, &mut groups));
                    ConditionResult::True(groups)
                }
                false => ConditionResult::False(FailedCondition::new(condition, value.as_ref(), None)),
            };
            answers.verdicts.insert(address(condition), verdict);
        }
        Answers { questions: self, ..answers }
    }
}

impl Answers {
    /// Whether exactly this message was read.
    pub(crate) fn are_about(&self, message: &Message) -> bool {
        matches!(&self.questions.messages[..], [only] if has_octets_of(only, message))
    }

    /// Whether these are the results of these conditions: the same rules and expectations, and the same messages.
    pub(crate) fn are_to(&self, asked: &Questions) -> bool {
        let Questions { messages, rules, expects } = &self.questions;
        messages.len() == asked.messages.len()
            && messages.iter().zip(&asked.messages).all(|(one, other)| has_octets_of(one, other))
            && is_same(rules, &asked.rules)
            && is_same(expects, &asked.expects)
    }

    /// The value of a field: the inner `None` if the message has none, the outer `None` if the field was not read.
    pub(crate) fn value(&self, field: &Field) -> Option<Option<Value<'_>>> {
        let (_, value) = self.values.iter().find(|(its, _)| its == field)?;
        Some(value.as_ref().map(Value::borrowed))
    }

    pub(crate) fn verdict(&self, condition: &Condition) -> Option<&ConditionResult> {
        self.verdicts.get(&address(condition))
    }
}

fn has_octets_of(one: &Message, other: &Message) -> bool {
    one.raw().as_ptr_range() == other.raw().as_ptr_range()
}

fn is_same<T>(some: &[Arc<T>], others: &[Arc<T>]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
}

fn address(condition: &Condition) -> usize {
    std::ptr::from_ref(condition).addr()
}

impl Rule {
    /// Whether it needs the content of mail.
    pub(super) fn reads(&self) -> bool {
        self.fields().any(Field::is_content)
    }

    /// The fields in its conditions and templates.
    fn fields(&self) -> impl Iterator<Item = &Field> {
        let key = match &self.per {
            Per::Key(template) => Some(template),
            Per::Server | Per::Conn | Per::User | Per::Ip | Per::Listener => None,
        };
        let templates = self.all_steps().into_iter().flat_map(|timed| timed.step.templates()).chain(key);
        let named = templates.flat_map(Template::names).filter_map(|name| match name {
            Name::Field(field) => Some(field),
            Name::Group(_) => None,
        });
        self.when.iter().map(|condition| &condition.field).chain(named)
    }
}

impl Expect {
    pub(super) fn reads(&self) -> bool {
        self.fields().any(Field::is_content)
    }

    fn when(&self) -> &[Condition] {
        match &self.what {
            Wanted::Count { when, .. } => when,
            Wanted::Sequence(_) => &[],
        }
    }

    fn fields(&self) -> impl Iterator<Item = &Field> {
        let same = match &self.what {
            Wanted::Count { same, .. } => same.as_ref(),
            Wanted::Sequence(_) => None,
        };
        self.when().iter().map(|condition| &condition.field).chain(same)
    }
}
