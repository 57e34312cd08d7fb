//! Checks that each variable that is used is set somewhere, to a value that is used.

use std::sync::Arc;

use super::place;
use crate::base::nearest;
use crate::document::{Location, Node, Reader};
use crate::rule::step::set::{Assign, Variable};
use crate::rule::{Condition, Expect, Field, Name, Rule, Template, VariableValue, Wanted, shown};

/// The values that a variable can have.
struct Known {
    variable: Variable,
    values: Vec<VariableValue>,
    /// Whether it is incremented, or its value comes from the client.
    is_open: bool,
}

/// Checks the rules and expectations of one file, together with all mounted rules and variables.
pub(in crate::scenario) fn state(
    reader: &mut Reader,
    own: &[(Rule, Node)],
    expects: &[(Arc<Expect>, &Node)],
    all: &[Arc<Rule>],
    declared: &[(Box<str>, VariableValue)],
) {
    let known = known(all, declared);
    for (rule, node) in own {
        let at = place(node, "when");
        rule.when.iter().for_each(|condition| asked(reader, condition, &at, &known));
        for name in rule.all_steps().into_iter().flat_map(|timed| timed.step.templates()).flat_map(Template::names) {
            if let Name::Field(field) = name
                && let Some(variable) = variable(field)
                && !known.iter().any(|its| its.variable == variable)
            {
                undeclared(reader, &variable, &place(node, "do"), &known);
            }
        }
    }
    for (expect, node) in expects {
        if let Wanted::Count { when, .. } = &expect.what {
            let at = place(node, "when");
            when.iter().for_each(|condition| asked(reader, condition, &at, &known));
        }
    }
}

fn known(rules: &[Arc<Rule>], declared: &[(Box<str>, VariableValue)]) -> Vec<Known> {
    let own = |(name, value): &(Box<str>, VariableValue)| Known {
        variable: Variable { name: name.clone(), is_session: false },
        values: vec![value.clone()],
        is_open: false,
    };
    let mut known: Vec<Known> = declared.iter().map(own).collect();
    let steps = rules.iter().flat_map(|rule| rule.all_steps()).map(|timed| &timed.step);
    for (variable, assign) in steps.flat_map(|step| step.assignments()) {
        let value = match assign {
            Assign::Text(text) => text.constant().map(|text| VariableValue::Text(String::from_utf8_lossy(text).into())),
            Assign::Number(number) => Some(VariableValue::Number(*number)),
            Assign::Truth(truth) => Some(VariableValue::Truth(*truth)),
            Assign::Add(_) => None,
        };
        let at = known.iter().position(|its| its.variable == *variable).unwrap_or_else(|| {
            known.push(Known { variable: variable.clone(), values: Vec::new(), is_open: false });
            known.len() - 1
        });
        known[at].is_open |= value.is_none();
        known[at].values.extend(value);
    }
    known
}

fn asked(reader: &mut Reader, condition: &Condition, at: &Location, known: &[Known]) {
    let Some(variable) = variable(&condition.field) else { return };
    let Some(its) = known.iter().find(|its| its.variable == variable) else {
        return undeclared(reader, &variable, at, known);
    };
    let ever = its.values.iter().any(|value| condition.holds(Some(&value.as_value()))) || condition.holds(None);
    if its.is_open || ever {
        return;
    }
    let values: Vec<String> = its.values.iter().map(|value| shown(&value.as_value())).collect();
    let wanted = condition.test.to_string();
    let help = nearest(&wanted, values.iter().map(String::as_str))
        .unwrap_or_else(|| format!("its values are: {}", values.join(", ")));
    let message = format!("no rule sets `{}` to `{wanted}`", condition.field.name());
    match variable.is_session {
        true => reader.warn_help(at, message, help),
        false => reader.warn_help(at, format!("{message}; only a test could, with `PUT /v1/state`"), help),
    }
}

/// Records an error for a variable that is used and never set.
fn undeclared(reader: &mut Reader, variable: &Variable, at: &Location, known: &[Known]) {
    let Variable { name, is_session } = variable;
    let scope = if *is_session { "session" } else { "state" };
    let others = known.iter().filter(|its| its.variable.is_session == *is_session);
    let help = nearest(name, others.map(|its| &*its.variable.name)).unwrap_or_else(|| match is_session {
        true => format!("set it in a rule with `set = {{ session.{name} = … }}`"),
        false => format!("declare it with `{name} = …` below `[state]`"),
    });
    reader.wrong_help(at, format!("nothing declares or sets the variable `{scope}.{name}`"), help);
}

fn variable(field: &Field) -> Option<Variable> {
    let (Field::State(name) | Field::Session(name)) = field else { return None };
    Some(Variable { name: name.clone(), is_session: matches!(field, Field::Session(_)) })
}
