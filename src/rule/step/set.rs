//! `set`: changes variables.

use std::sync::Arc;

use super::super::effect::{ApplyContext, Effect};
use super::super::stage;
use super::super::template::Template;
use super::{Example, Objection, Role, Step, StepKind, unless, wrong};
use crate::document::{Data, Form, Node, Reader, TableEntry, Tree};
use crate::protocol::Event;

pub(super) const KIND: StepKind = StepKind {
    name: "set",
    forms: "`{ phase = \"up\", session.tries = \"+1\" }`",
    does: "Sets variables, or increments them.",
    value: Form::Map(&Form::Either(&[Form::Scalar, Form::Map(&Form::Scalar)])),
    role: Role::Effect,
    examples: &[Example::new(
        "smtp.noop",
        "[{ set = { session.tries = \"+1\" } }, { reply = \"250 {session.tries}\" }]",
        "NOOP\r\nNOOP",
        "250 1\r\n250 2\r\n",
    )],
    read,
};

/// A variable that rules share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Variable {
    pub(crate) name: Box<str>,
    /// Whether it belongs to the session and ends with it.
    pub(crate) is_session: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Assign {
    Text(Template),
    Number(i64),
    Truth(bool),
    /// Increments by this amount.
    Add(i64),
}

#[derive(Debug, Clone)]
pub(crate) struct SetStep(pub(crate) Vec<(Variable, Assign)>);

fn read(reader: &mut Reader, node: &Node) -> Option<Arc<dyn Step>> {
    let Some(entries) = node.entries() else {
        reader.wrong(&node.place, "`set` must be a table of variables");
        return Some(Arc::new(SetStep(Vec::new())));
    };
    let mut all = Vec::new();
    for TableEntry { key, value, .. } in entries {
        let key = key.as_str();
        match (key, value.entries()) {
            ("session" | "state", Some(of_scope)) => {
                let of_scope = of_scope.iter();
                all.extend(
                    of_scope.map(|TableEntry { key: name, value, .. }| (Variable::of(key, name.as_str()), value)),
                );
            }
            // JSON has no dotted keys: the scope is in the name.
            _ => match key.split_once('.') {
                Some((scope @ ("session" | "state"), name)) => all.push((Variable::of(scope, name), value)),
                _ => all.push((Variable::of("state", key), value)),
            },
        }
    }
    let all = all.into_iter().filter_map(|(variable, value)| Some((variable, assign(reader, value)?)));
    Some(Arc::new(SetStep(all.collect())))
}

impl Variable {
    fn of(scope: &str, name: &str) -> Self {
        Self { name: name.into(), is_session: scope == "session" }
    }
}

fn assign(reader: &mut Reader, node: &Node) -> Option<Assign> {
    match &node.data {
        Data::Integer(number) => Some(Assign::Number(*number)),
        Data::Truth(truth) => Some(Assign::Truth(*truth)),
        Data::Text(text) if text.starts_with(['+', '-']) && text.parse::<i64>().is_ok() => {
            text.parse().ok().map(Assign::Add)
        }
        Data::Text(_) => reader.template(node).map(Assign::Text),
        Data::Float(_) | Data::List(_) | Data::Table(_) => {
            let message = format!("a variable must be a string, an integer, true or false, not {}", node.kind());
            reader.wrong(&node.place, message);
            None
        }
    }
}

impl Step for SetStep {
    fn kind(&self) -> &'static StepKind {
        &KIND
    }

    fn print(&self) -> Tree {
        // A name with a dot would be read as two names, so its scope is written before it.
        let (dotted, plain): (Vec<_>, Vec<_>) = self.0.iter().partition(|(variable, _)| variable.name.contains('.'));
        let of = |is_session: bool| {
            let own = plain.iter().filter(|(variable, _)| variable.is_session == is_session);
            let own = own.map(|(variable, assign)| (variable.name.to_string(), assign.print()));
            own.collect::<Vec<_>>()
        };
        let (mut all, session) = (of(false), of(true));
        all.extend(dotted.into_iter().map(|(variable, assign)| {
            let scope = if variable.is_session { "session" } else { "state" };
            (format!("{scope}.{}", variable.name), assign.print())
        }));
        if !session.is_empty() {
            all.push(("session".to_owned(), Tree::Table(session)));
        }
        Tree::Table(all)
    }

    fn apply(&self, effect: &Effect, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        let set = self.0.iter().map(|(variable, assign)| (variable.clone(), cx.assigned(variable, assign, effect)));
        let set = set.collect();
        Ok(cx.set(set))
    }

    fn objection(&self, event: Event) -> Option<&'static str> {
        unless(
            stage::has_session(event) || self.0.iter().all(|(variable, _)| !variable.is_session),
            "there is no session at this event: use a variable of the scenario, `state.x` or `x`",
        )
    }

    fn pointless(&self) -> Option<Objection> {
        if self.0.is_empty() {
            wrong("`set` needs at least one variable", r#"write `set = { phase = "up" }`"#)
        } else {
            None
        }
    }

    fn may_miss(&self, _is_late: bool) -> bool {
        self.0.iter().any(|(variable, _)| variable.is_session)
    }

    fn is_about_session(&self) -> bool {
        self.0.iter().all(|(variable, _)| variable.is_session)
    }

    fn templates(&self) -> Vec<&Template> {
        let texts = self.0.iter().filter_map(|(_, assign)| match assign {
            Assign::Text(text) => Some(text),
            Assign::Number(_) | Assign::Truth(_) | Assign::Add(_) => None,
        });
        texts.collect()
    }

    fn assignments(&self) -> &[(Variable, Assign)] {
        &self.0
    }
}

impl Assign {
    fn print(&self) -> Tree {
        match self {
            Self::Text(its) => Tree::text(its.written()),
            Self::Number(number) => Tree::Integer(*number),
            Self::Truth(truth) => Tree::Truth(*truth),
            Self::Add(more) => Tree::Text(format!("{more:+}")),
        }
    }
}
