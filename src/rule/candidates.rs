//! Selects the rules to evaluate at an event. Rules that require one exact text are found through an index by that
//! text, so that a thousand of them cost as much as one.

use std::collections::{HashMap, VecDeque};

use super::clause::Rule;
use super::condition::{Condition, Test};
use super::field::{Field, FieldKind};
use super::rulebook::EvalContext;
use crate::base::{Seq, SessionNo, fold_domain};
use crate::protocol::{Event, RequestField, Value};

/// The number of rules with an exact text for one field from which they are indexed.
const MANY: usize = 8;
/// Longer texts are not indexed.
const LONGEST: usize = 1000;
/// How many values are kept for reports of those that found no rule.
const REMEMBERED: usize = 32;

/// The rules to evaluate at one event, by their indices.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// Always evaluated.
    always: Vec<usize>,
    /// Evaluated if a field has exactly this value.
    keyed: Vec<(Field, HashMap<String, Vec<usize>>)>,
    /// Values that were looked up, the latest last.
    seen: VecDeque<Seen>,
}

/// A value that was looked up.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) field: Field,
    pub(super) value: String,
    pub(super) session: Option<SessionNo>,
    pub(super) exchange: Option<Seq>,
}

impl Index {
    /// The index of the rules of this event.
    pub(super) fn of<'r>(event: Event, rules: impl Iterator<Item = &'r Rule>) -> Self {
        let mut index = Self::default();
        let mut counts: Vec<(&Field, usize)> = Vec::new();
        let mine: Vec<(usize, &Rule)> = rules.enumerate().filter(|(_, rule)| rule.is_on(event)).collect();
        for (_, rule) in &mine {
            if let Some((field, _)) = key(rule) {
                match counts.iter_mut().find(|(its, _)| *its == field) {
                    Some((_, count)) => *count += 1,
                    None => counts.push((field, 1)),
                }
            }
        }
        for (at, rule) in mine {
            let found = key(rule).filter(|(field, _)| counts.iter().any(|(its, count)| its == field && *count >= MANY));
            let Some((field, key)) = found else {
                index.always.push(at);
                continue;
            };
            let places = match index.keyed.iter().position(|(its, _)| its == field) {
                Some(i) => &mut index.keyed[i].1,
                None => {
                    index.keyed.push((field.clone(), HashMap::new()));
                    let last = index.keyed.len() - 1;
                    &mut index.keyed[last].1
                }
            };
            places.entry(key).or_default().push(at);
        }
        index
    }

    pub(super) fn is_empty(&self) -> bool {
        self.always.is_empty() && self.keyed.is_empty()
    }

    /// The first rule to evaluate from this index. `found` are those that the index has found.
    pub(super) fn next(&self, from: usize, found: &[usize]) -> Option<usize> {
        let first = |places: &[usize]| places.get(places.partition_point(|at| *at < from)).copied();
        first(&self.always).into_iter().chain(first(found)).min()
    }

    /// The indices of the rules that require a value of this event, in order.
    pub(super) fn found(&mut self, cx: &dyn EvalContext) -> Vec<usize> {
        let mut places = Vec::new();
        for (field, by_key) in &self.keyed {
            let Some(value) = cx.value(field) else { continue };
            let texts = match value {
                Value::Several(values) => values,
                one @ (Value::Text(_) | Value::Number(_) | Value::Truth(_)) => vec![one],
            };
            for text in texts {
                let Value::Text(mut text) = text else { continue };
                if text.len() <= LONGEST {
                    places.extend(by_key.get(&folded(field, &text)).into_iter().flatten());
                } else {
                    text = format!("{}…", &text[..text.floor_char_boundary(LONGEST)]).into();
                }
                if !self.seen.iter().any(|seen| seen.field == *field && *seen.value == *text) {
                    self.seen.push_back(Seen {
                        field: field.clone(),
                        value: text.into_owned(),
                        session: cx.session(),
                        exchange: cx.record(),
                    });
                }
            }
        }
        let surplus = self.seen.len().saturating_sub(REMEMBERED);
        self.seen.drain(..surplus);
        places.sort_unstable();
        places
    }

    /// Sets the record of the current exchange, once it has a number.
    pub(super) fn place(&mut self, exchange: Seq) {
        for seen in self.seen.iter_mut().rev().take_while(|seen| seen.exchange.is_none()) {
            seen.exchange = Some(exchange);
        }
    }

    /// Whether rules are indexed here.
    pub(super) fn is_keyed(&self) -> bool {
        !self.keyed.is_empty()
    }

    /// The condition of an indexed rule, and the values for which the index left the rule out.
    pub(super) fn unseen<'i>(&'i self, rule: &'i Rule) -> Option<(&'i Condition, impl Iterator<Item = &'i Seen>)> {
        let (field, _) = key(rule)?;
        self.keyed.iter().find(|(its, _)| its == field)?;
        let condition = rule.when.iter().find(|condition| condition.field == *field)?;
        Some((condition, self.seen.iter().filter(move |seen| seen.field == *field)))
    }

    pub(super) fn forget(&mut self) {
        self.seen.clear();
    }
}

/// The field and the exact text that a rule requires, if it requires one that the protocol knows.
fn key(rule: &Rule) -> Option<(&Field, String)> {
    let requested = |its: &&Condition| {
        matches!(its.field, Field::Request(_) | Field::Content(_))
            && !matches!(its.field, Field::Request(RequestField::Uid))
    };
    rule.when.iter().filter(requested).find_map(|Condition { field, test }| {
        let Test::Text(pattern) = test else { return None };
        let text = pattern.exact().filter(|text| text.len() <= LONGEST)?;
        Some((field, folded(field, text)))
    })
}

/// Normalises a text: two texts of a field are equal if the results are.
fn folded(field: &Field, text: &str) -> String {
    match field.kind() {
        FieldKind::Address => fold_domain(text).into_owned(),
        FieldKind::Word | FieldKind::WordOrNumber => text.to_ascii_lowercase(),
        FieldKind::Text
        | FieldKind::Number
        | FieldKind::Signed
        | FieldKind::Span
        | FieldKind::Truth
        | FieldKind::Any => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clause::On;
    use super::super::tests::{Request, condition};
    use super::*;

    fn rule(field: &str, written: &str) -> Rule {
        let mut rule = Rule::new("rule", vec![On::from(Event::SmtpRcpt)], Vec::new(), "here");
        rule.when = vec![condition(field, written)];
        rule
    }

    /// A request with this recipient and this verb.
    fn says(rcpt: &str, verb: &str) -> Request {
        Request(vec![
            (Field::Request(RequestField::Recipient), rcpt.to_owned()),
            (Field::Request(RequestField::Verb), verb.to_owned()),
        ])
    }

    #[test]
    fn rules_that_require_one_text_are_evaluated_for_that_text() {
        // Seven rules for one field are too few for an index; eight are enough. A pattern is always evaluated.
        let mut rules: Vec<Rule> = (0..7).map(|n| rule("subject", &format!("subject {n}"))).collect();
        rules.extend((0..8).map(|n| rule("rcpt", &format!("user{n}@Example.org"))));
        rules.extend((0..8).map(|n| rule("verb", &format!("Verb{n}"))));
        rules.push(rule("rcpt", "*@example.org"));
        rules.push(rule("rcpt", "user3@example.org"));
        // Numbers and variables are not indexed.
        rules.extend((0..8).flat_map(|n| [rule("uid", &n.to_string()), rule("state.x", &n.to_string())]));
        let mut index = Index::of(Event::SmtpRcpt, rules.iter());
        let always: Vec<usize> = [0, 1, 2, 3, 4, 5, 6, 23].into_iter().chain(25..41).collect();

        assert_eq!(index.found(&says("user3@EXAMPLE.org", "VERB5")), [10, 20, 24]);
        assert!(index.found(&says("USER3@example.org", "verb")).is_empty());
        assert!(index.found(&says("", "")).is_empty());
        let all = |found: &[usize]| {
            std::iter::successors(index.next(0, found), |at| index.next(at + 1, found)).collect::<Vec<_>>()
        };
        assert_eq!(all(&[]), always);
        assert_eq!(all(&[10, 20, 24])[7..11], [10, 20, 23, 24]);
        assert!(!index.is_empty() && index.is_keyed());
        index.found(&says("user3@EXAMPLE.org", "verb"));
        let (_, seen) = index.unseen(&rules[7]).unwrap();
        let seen: Vec<&str> = seen.map(|seen| &*seen.value).collect();
        assert_eq!(seen, ["user3@EXAMPLE.org", "USER3@example.org", ""], "each once");
        assert!(Index::of(Event::SmtpData, rules.iter()).is_empty());
    }
}
