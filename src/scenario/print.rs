//! Prints a rule as TOML and as JSON. Reading the output returns the same rule.

use std::fmt::Write;

use crate::document::Tree;
use crate::rule::{Per, Rule, Test, Timed};

/// `[[rule]]` with its keys, one on each line.
pub(crate) fn rule_as_toml(rule: &Rule) -> String {
    let mut out = String::from("[[rule]]\n");
    for (key, tree) in keys(rule) {
        if let ("do", Tree::List(steps)) = (key.as_str(), &tree)
            && steps.len() > 1
        {
            out.push_str("do = [\n");
            for step in steps {
                out.push_str("  ");
                step.toml(&mut out);
                out.push_str(",\n");
            }
            out.push_str("]\n");
            continue;
        }
        let _infallible = write!(out, "{key} = ");
        tree.toml(&mut out);
        out.push('\n');
    }
    out
}

/// The same keys as a JSON object.
#[cfg(feature = "api")]
pub(crate) fn rule_as_json(rule: &Rule) -> serde_json::Value {
    Tree::Table(keys(rule)).json()
}

fn keys(rule: &Rule) -> Vec<(String, Tree)> {
    let mut keys = vec![("id".to_owned(), Tree::text(&rule.id))];
    let mut add = |key: &str, tree| keys.push((key.to_owned(), tree));
    let mut on: Vec<Tree> = rule.on.iter().map(|on| Tree::text(&on.written)).collect();
    add("on", if on.len() == 1 { on.remove(0) } else { Tree::List(on) });
    if !rule.when.is_empty() {
        let conditions = rule.when.iter().map(|its| (its.field.name(), test(&its.test)));
        add("when", Tree::Table(conditions.collect()));
    }
    if let Some(nth) = &rule.nth {
        match nth.times() {
            Some(times) => add("times", Tree::number(times)),
            None => add("nth", Tree::text(&nth.to_string())),
        }
    }
    match &rule.per {
        Per::Server => {}
        Per::Conn => add("per", Tree::text("conn")),
        Per::User => add("per", Tree::text("user")),
        Per::Ip => add("per", Tree::text("ip")),
        Per::Listener => add("per", Tree::text("listener")),
        Per::Key(key) => add("per", Tree::text(key.written())),
    }
    if let Some(chance) = rule.chance {
        add("chance", Tree::Float(chance));
    }
    add("do", Tree::List(rule.steps.iter().map(Timed::print).collect()));
    if let Some(expect) = rule.expect {
        add("expect", Tree::text(&expect.written()));
    }
    keys
}

fn test(it: &Test) -> Tree {
    match it {
        Test::Text(pattern) => Tree::text(pattern.written()),
        Test::Exactly(exactly) => Tree::table([("eq", Some(Tree::text(exactly)))]),
        Test::Number(compare, amount) => Tree::text(&format!("{}{}", compare.sign(), amount.written)),
        Test::Truth(truth) => Tree::Truth(*truth),
        Test::Any(tests) => Tree::table([("any", Some(Tree::List(tests.iter().map(test).collect())))]),
        Test::All(tests) => Tree::table([("all", Some(Tree::List(tests.iter().map(test).collect())))]),
        Test::Not(it) => Tree::table([("not", Some(test(it)))]),
    }
}
