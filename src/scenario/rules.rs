//! Reads rules and expectations from a document.

use std::sync::Arc;

use super::check;
use super::keys::{self, OPERATORS, PER};
use crate::base::{Times, nearest};
use crate::document::{Data, Location, Node, Reader};
use crate::protocol::{Value, unknown_event};
use crate::rule::{Condition, DOTTED, Expect, FIELDS, Field, FieldKind, Nth, On, Per, Rule, Test, Wanted};

type Origin<'o> = &'o dyn Fn(&Location) -> Arc<str>;

impl Reader {
    /// Reads a rule. Returns it with its node.
    pub(super) fn rule(&mut self, node: &Node, number: usize, origin: Origin<'_>) -> Option<(Rule, Node)> {
        let table = self.table(node, "a rule", keys::RULE);
        let id = match table.get("id") {
            Some(id) => self.text(id)?,
            None => format!("rule-{number}"),
        };
        let on = match table.get("on") {
            Some(on) => self.events(on),
            None => {
                self.wrong_help(&node.place, "`on` is missing", "name an event, as in `on = \"smtp.rcpt\"`");
                Vec::new()
            }
        };
        let when = table.get("when").map_or_else(Vec::new, |its| self.conditions(its));
        let nth = match (table.get("times"), table.get("nth")) {
            (Some(times), None) => {
                let most: Option<u64> = self.number(times, "a count");
                if most == Some(0) {
                    self.wrong_help(&times.place, "with `times = 0` the rule never fires", "remove the rule");
                }
                most.map(Nth::first)
            }
            (None, Some(nth)) => self.nth(nth),
            (Some(_), Some(_)) => {
                self.wrong(&table.place("nth"), "a rule can have `times` or `nth`, not both");
                None
            }
            (None, None) => None,
        };
        let per = table.get("per").and_then(|its| self.per(its)).unwrap_or_default();
        let chance = table.get("chance").and_then(|its| {
            let chance: f64 = self.number(its, "a probability between 0 and 1")?;
            if !(0.0..=1.0).contains(&chance) {
                self.wrong(&its.place, format!("`{chance}` is not a probability between 0 and 1"));
            }
            Some(chance)
        });
        let steps = table.get("do").map_or_else(Vec::new, |its| self.steps(its));
        if table.get("do").is_none() {
            self.wrong_help(
                &node.place,
                "`do` is missing",
                "say what the rule does, as in `do = { reply = \"451 later\" }`",
            );
        }
        let expect = table.get("expect").and_then(|its| self.times(its));
        let steps = steps.into_iter().map(|(timed, _)| timed).collect();
        let origin = origin(&node.place);
        let rule = Rule { id: id.into(), on, when, holds: None, nth, per, chance, steps, expect, origin };
        Some((rule, node.clone()))
    }

    pub(super) fn expect(&mut self, node: &Node, number: usize, origin: Origin<'_>) -> Option<Expect> {
        let table = self.table(node, "an expectation", keys::EXPECT);
        let id = table.get("id").and_then(|its| self.text(its)).unwrap_or_else(|| format!("expectation {number}"));
        let what = match (table.get("event"), table.get("sequence")) {
            (Some(event), None) => {
                let on = self.events(event);
                let when = table.get("when").map_or_else(Vec::new, |its| self.conditions(its));
                let count = match table.get("count") {
                    Some(count) => self.times(count)?,
                    None => Times::from(1..),
                };
                let same = match table.get("same") {
                    Some(same) => {
                        let name = self.text(same)?;
                        let field = Field::parse(&name);
                        if field.is_none() {
                            self.unknown_field(&same.place, &name);
                        }
                        field
                    }
                    None => None,
                };
                for condition in &when {
                    check::exists(self, condition, ("event", &on), &table.place("when"));
                }
                if same == Some(Field::Outcome) {
                    self.wrong(
                        &table.place("same"),
                        "`outcome` is not known until the request has been answered: use it in `when`",
                    );
                } else if let Some(field) = &same {
                    for on in on.iter().filter(|on| !on.events.iter().any(|event| field.exists_at(*event))) {
                        let message = format!("the field `{}` does not exist at `{}`", field.name(), on.written);
                        self.wrong(&table.place("same"), message);
                    }
                }
                Wanted::Count { on, when, count, same }
            }
            (None, Some(sequence)) => Wanted::Sequence(self.events(sequence)),
            _ => {
                self.wrong(&node.place, "an expectation needs either `event` or `sequence`");
                return None;
            }
        };
        let within = table.get("within").and_then(|its| self.duration(its));
        let settle = table.get("settle").and_then(|its| self.duration(its));
        Some(Expect { id: id.into(), what, within, settle, origin: origin(&node.place) })
    }

    pub(super) fn nth(&mut self, node: &Node) -> Option<Nth> {
        let written = self.written(node)?;
        let parsed = Nth::parse(&written);
        if parsed.is_none() {
            let (message, help) = match written.trim_start_matches("not ").starts_with("every") {
                true => ("`every` needs a number".to_owned(), "write it as in `every 3`"),
                false => (
                    format!("`{written}` is not a valid `nth`"),
                    "write `2`, `2-4`, `3+`, `every 5` or `1,4,9`, or one of these after `not`",
                ),
            };
            self.wrong_help(&node.place, message, help);
        }
        parsed
    }

    pub(super) fn events(&mut self, node: &Node) -> Vec<On> {
        let mut events = Vec::new();
        if node.items().is_empty() {
            self.wrong_help(&node.place, "the list of events is empty", "name at least one event, such as `smtp.rcpt`");
        }
        for (written, place) in self.texts(node) {
            match On::parse(&written) {
                Some(on) => events.push(on),
                None => {
                    let (message, help) = unknown_event(&written);
                    self.wrong_help(&place, message, help);
                }
            }
        }
        events
    }

    /// Reads the conditions in `when`.
    fn conditions(&mut self, node: &Node) -> Vec<Condition> {
        let Some(entries) = node.entries() else {
            self.wrong(&node.place, format!("`when` must be a table, not {}", node.kind()));
            return Vec::new();
        };
        let mut conditions = Vec::new();
        for entry in entries {
            let is_dotted = DOTTED.iter().any(|(name, ..)| *name == entry.key);
            match entry.value.entries().filter(|_| is_dotted) {
                Some(inner) => {
                    for its in inner {
                        let name = format!("{}.{}", entry.key, its.key);
                        conditions.extend(self.condition(&name, &its.place, &its.value));
                    }
                }
                None => conditions.extend(self.condition(&entry.key, &entry.place, &entry.value)),
            }
        }
        // Their order has no meaning, and JSON does not keep it.
        conditions.sort_by_key(|condition| condition.field.name());
        conditions
    }

    pub(super) fn condition(&mut self, name: &str, place: &Location, node: &Node) -> Option<Condition> {
        let Some(field) = Field::parse(name) else {
            self.unknown_field(place, name);
            return None;
        };
        let test = self.test(field.kind(), node)?;
        let condition = Condition { field, test };
        let values = condition.field.values().unwrap_or_default();
        if !values.is_empty() && !values.iter().any(|value| condition.holds(Some(&Value::text(value.as_str())))) {
            let test = condition.test.to_string();
            let help = nearest(&test, values.iter().map(String::as_str))
                .unwrap_or_else(|| format!("its values are: {}", values.join(", ")));
            self.wrong_help(&node.place, format!("`{name} = {test}` can never hold"), help);
        }
        Some(condition)
    }

    fn unknown_field(&mut self, place: &Location, name: &str) {
        let mut known: Vec<String> = FIELDS.iter().map(|(name, ..)| (*name).to_owned()).collect();
        known.extend(
            ["since.first", "since.start", "header.Subject", "param.SIZE", "state.x", "session.x"].map(str::to_owned),
        );
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        self.unknown(place, "field", name, &known);
    }

    fn test(&mut self, kind: FieldKind, node: &Node) -> Option<Test> {
        match &node.data {
            Data::Table(entries) => {
                let [entry] = entries.as_slice() else {
                    self.wrong(&node.place, "this table must have exactly one of `any`, `all`, `not` and `eq`");
                    return None;
                };
                let value = &entry.value;
                let mut each =
                    || -> Vec<Test> { value.items().iter().filter_map(|item| self.test(kind, item)).collect() };
                match entry.key.as_str() {
                    "any" if value.items().is_empty() => {
                        self.wrong(&value.place, "this list is empty, so the condition can never hold");
                        None
                    }
                    "any" => Some(Test::Any(each())),
                    "all" => Some(Test::All(each())),
                    "not" => self.test(kind, value).map(|test| Test::Not(Box::new(test))),
                    "eq" => {
                        let written = self.written(value)?;
                        self.parsed(&value.place, Test::exactly(kind, &written))
                    }
                    other => {
                        let known: Vec<&str> = OPERATORS.iter().map(|operator| operator.name).collect();
                        self.unknown(&entry.place, "operator", other, &known);
                        None
                    }
                }
            }
            Data::List(_) => {
                self.wrong_help(&node.place, "a condition can have only one value", "write `{ any = [ … ] }`");
                None
            }
            Data::Text(_) | Data::Integer(_) | Data::Float(_) | Data::Truth(_) => {
                let written = self.written(node)?;
                self.parsed(&node.place, Test::parse(kind, &written))
            }
        }
    }

    pub(super) fn per(&mut self, node: &Node) -> Option<Per> {
        let written = self.text(node)?;
        Some(match written.as_str() {
            "server" => Per::Server,
            "conn" => Per::Conn,
            "user" => Per::User,
            "ip" => Per::Ip,
            "listener" => Per::Listener,
            key if key.contains('{') => Per::Key(self.template(node)?),
            other => {
                let known: Vec<&str> = PER.into_iter().chain(["{rcpt}"]).collect();
                self.unknown(&node.place, "`per` value", other, &known);
                return None;
            }
        })
    }

    fn times(&mut self, node: &Node) -> Option<Times> {
        let written = self.written(node)?;
        self.parsed(&node.place, Times::parse(&written))
    }
}
