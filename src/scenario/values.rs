//! Values of steps and tables: spans, variables, numbers of messages, words out of a list.

use std::time::Duration;

use crate::document::{Data as Value, Location, Node, Reader, Table};
use crate::protocol::CapabilityOverride;
use crate::rule::*;

impl Reader {
    /// `+7`, `-1`, `=4294967295` or a bare number.
    pub(super) fn literal(&mut self, node: &Node) -> Option<Literal> {
        let written = self.written(node)?;
        let parsed = match written.strip_prefix('=') {
            Some(number) => number.parse().ok().map(Literal::Exactly),
            None if written.starts_with(['+', '-']) => written.parse().ok().map(Literal::Off),
            None => written.parse().ok().map(Literal::Exactly),
        };
        if parsed.is_none() {
            self.wrong(&node.place, format!("`{written}` is neither `+7` nor `-1` nor `=42`"));
        }
        parsed
    }

    pub(super) fn assignments(&mut self, node: &Node) -> Vec<(Variable, Assign)> {
        let Some(entries) = node.entries() else {
            self.wrong(&node.place, "`set` is a table of variables");
            return Vec::new();
        };
        let mut all = Vec::new();
        for entry in entries {
            let inner = entry.value.entries().filter(|_| matches!(entry.key.as_str(), "session" | "state"));
            let is_session = entry.key == "session";
            match inner {
                Some(inner) => {
                    for entry in inner {
                        let variable = Variable { name: entry.key.as_str().into(), is_session };
                        all.extend(self.assign(&entry.value).map(|assign| (variable, assign)));
                    }
                }
                None => {
                    let variable = Variable { name: entry.key.as_str().into(), is_session: false };
                    all.extend(self.assign(&entry.value).map(|assign| (variable, assign)));
                }
            }
        }
        all
    }

    pub(super) fn assign(&mut self, node: &Node) -> Option<Assign> {
        match &node.data {
            Value::Integer(number) => Some(Assign::Number(*number)),
            Value::Truth(truth) => Some(Assign::Truth(*truth)),
            Value::Text(text) if text.starts_with(['+', '-']) && text.parse::<i64>().is_ok() => {
                text.parse().ok().map(Assign::Add)
            }
            Value::Text(_) => self.template(node).map(Assign::Text),
            _ => {
                self.wrong(
                    &node.place,
                    format!("a variable is a text, an integer, true or false, and not {}", node.kind()),
                );
                None
            }
        }
    }

    pub(super) fn span(&mut self, node: &Node) -> Option<Span> {
        if node.entries().is_none() {
            return self.duration(node).map(|span| Span { least: span, most: span });
        }
        let table = self.table(node, "`wait`", &["min", "max"]);
        let least = self.need(table, node, "min", Self::duration)?;
        let most = self.need(table, node, "max", Self::duration)?;
        if least > most {
            self.wrong(&node.place, "`min` is more than `max`");
        }
        Some(Span { least, most: most.max(least) })
    }

    pub(super) fn which(&mut self, table: Table<'_>, node: &Node) -> Option<Which> {
        let one = match (table.get("msn"), table.get("uid"), table.get("all")) {
            (Some(msn), None, None) => One::Msn(self.number(msn, "a sequence number")?),
            (None, Some(uid), None) => One::Uid(self.number(uid, "a UID")?),
            (None, None, Some(all)) if self.truth(all) == Some(true) => One::All,
            _ => {
                self.wrong(&node.place, "it has one of `msn`, `uid` and `all = true`");
                return None;
            }
        };
        let mailbox = table.get("mailbox").and_then(|its| self.text(its)).map(Into::into);
        Some(Which { user: self.user(table)?, mailbox, one })
    }

    pub(super) fn user(&mut self, table: Table<'_>) -> Option<Option<Template>> {
        match table.get("user") {
            Some(its) => self.template(its).map(Some),
            None => Some(None),
        }
    }

    pub(super) fn tell(&mut self, table: Table<'_>) -> Option<Tell> {
        match table.get("tell") {
            Some(its) => self.word(its, "tell", &[("now", Tell::Now), ("legal", Tell::Legal), ("never", Tell::Never)]),
            None => Some(Tell::Legal),
        }
    }

    /// What is announced: `add`, `remove`, `set`.
    pub(super) fn offer(&mut self, node: &Node, what: &str) -> CapabilityOverride {
        let table = self.table(node, what, &["add", "remove", "set"]);
        let mut list = |key: &str| table.get(key).map(|its| boxed(self.texts(its)));
        let (add, remove, set) = (list("add"), list("remove"), list("set"));
        CapabilityOverride { greeting: None, set, add: add.unwrap_or_default(), remove: remove.unwrap_or_default() }
    }

    pub(super) fn certificate(&mut self, node: &Node) -> Option<Certificate> {
        self.word(node, "certificate", &Certificate::ALL)
    }
}

pub(super) fn boxed(texts: Vec<(String, Location)>) -> Vec<Box<str>> {
    texts.into_iter().map(|(text, _)| text.into()).collect()
}

/// A wait that is always the same.
pub(crate) fn fixed(span: Duration) -> Span {
    Span { least: span, most: span }
}
