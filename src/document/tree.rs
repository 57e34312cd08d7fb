//! A value to be printed as TOML or JSON.

use std::fmt::Write;
use std::time::Duration;

use crate::base::short;

/// A value to be printed as TOML or JSON.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Text(String),
    Integer(i64),
    Float(f64),
    Truth(bool),
    List(Vec<Tree>),
    Table(Vec<(String, Tree)>),
}

impl Tree {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub(crate) fn number(number: impl TryInto<i64>) -> Self {
        Self::Integer(number.try_into().unwrap_or(i64::MAX))
    }

    /// A duration.
    pub(crate) fn span(span: Duration) -> Self {
        Self::Text(short(span))
    }

    /// Texts; `None` if there are none.
    pub(crate) fn texts(texts: &[Box<str>]) -> Option<Self> {
        (!texts.is_empty()).then(|| Self::List(texts.iter().map(|its| Self::text(its)).collect()))
    }

    /// A table of the entries that are not `None`.
    pub(crate) fn table<const N: usize>(entries: [(&str, Option<Tree>); N]) -> Self {
        let there_are = entries.into_iter().filter_map(|(key, tree)| Some((key.to_owned(), tree?)));
        Self::Table(there_are.collect())
    }

    /// Prints on one line.
    pub(crate) fn toml(&self, out: &mut String) {
        match self {
            Self::Text(text) => quote(text, out),
            Self::Integer(integer) => {
                let _infallible = write!(out, "{integer}");
            }
            Self::Float(float) => {
                let _infallible = write!(out, "{float:?}");
            }
            Self::Truth(truth) => {
                let _infallible = write!(out, "{truth}");
            }
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    item.toml(out);
                }
                out.push(']');
            }
            Self::Table(entries) => {
                out.push_str("{ ");
                for (i, (key, tree)) in entries.iter().enumerate() {
                    out.push_str(if i > 0 { ", " } else { "" });
                    if is_bare(key) {
                        out.push_str(key);
                    } else {
                        quote(key, out);
                    }
                    out.push_str(" = ");
                    tree.toml(out);
                }
                out.push_str(" }");
            }
        }
    }

    #[cfg(feature = "api")]
    pub(crate) fn json(self) -> serde_json::Value {
        use serde_json::Value;
        match self {
            Self::Text(text) => Value::String(text),
            Self::Integer(integer) => integer.into(),
            Self::Float(float) => float.into(),
            Self::Truth(truth) => truth.into(),
            Self::List(items) => items.into_iter().map(Self::json).collect(),
            Self::Table(entries) => entries.into_iter().map(|(key, tree)| (key, tree.json())).collect(),
        }
    }
}

/// The word for a value in a table of words.
pub(crate) fn word<T: PartialEq>(it: &T, words: &[(&str, T)]) -> Tree {
    Tree::text(words.iter().find(|(_, its)| its == it).map_or("", |(word, _)| word))
}

/// Whether a key can be written without quotes: a name, or two with a dot, as in `header.Subject`. Names that contain
/// dots themselves are quoted.
fn is_bare(key: &str) -> bool {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    match key.split_once('.') {
        Some((scope, name)) => is_name(scope) && is_name(name),
        None => is_name(key),
    }
}

/// A literal string if possible, so that patterns and octets stay readable.
fn quote(text: &str, out: &mut String) {
    if text.contains('\\') && !text.contains('\'') && !text.chars().any(char::is_control) {
        let _infallible = write!(out, "'{text}'");
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _infallible = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
