//! A document as written: values with their locations, from TOML or from JSON.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::{Location, Problem};

/// A value and its location.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Location,
    pub(crate) data: Data,
}

#[derive(Debug, Clone)]
pub(crate) enum Data {
    Text(String),
    Integer(i64),
    Float(f64),
    Truth(bool),
    List(Vec<Node>),
    Table(Vec<TableEntry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct TableEntry {
    pub(crate) key: String,
    pub(crate) place: Location,
    pub(crate) value: Node,
}

impl Node {
    /// Reads TOML. Fails with all syntax errors.
    pub(crate) fn toml(text: &str) -> Result<Self, Vec<Problem>> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let problem = |error: toml::de::Error| {
                let message = error.message().to_owned();
                Problem::error(Location::Span(error.span().unwrap_or(0..0)), message)
            };
            return Err(errors.into_iter().map(problem).collect());
        }
        let span = table.span();
        Ok(of_table(table.get_ref(), span))
    }

    /// Reads JSON.
    #[cfg(feature = "api")]
    pub(crate) fn json(value: &serde_json::Value, pointer: &str) -> Self {
        use serde_json::Value;
        let data = match value {
            Value::Null => Data::Table(Vec::new()),
            Value::Bool(truth) => Data::Truth(*truth),
            Value::Number(number) => match number.as_i64() {
                Some(integer) => Data::Integer(integer),
                None => Data::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Value::String(text) => Data::Text(text.clone()),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                Data::List(items.map(|(i, item)| Self::json(item, &format!("{pointer}/{i}"))).collect())
            }
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| {
                    let here = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                    TableEntry {
                        key: key.clone(),
                        place: Location::Pointer(here.clone()),
                        value: Self::json(value, &here),
                    }
                };
                // A null value counts as absent.
                Data::Table(map.iter().filter(|(_, value)| !value.is_null()).map(entry).collect())
            }
        };
        Self { place: Location::Pointer(pointer.to_owned()), data }
    }

    /// The kind of this value, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self.data {
            Data::Text(_) => "a text",
            Data::Integer(_) => "an integer",
            Data::Float(_) => "a number with a fraction",
            Data::Truth(_) => "true or false",
            Data::List(_) => "a list",
            Data::Table(_) => "a table",
        }
    }

    /// The items of a list; anything else is a list of one.
    pub(crate) fn items(&self) -> &[Node] {
        if let Data::List(items) = &self.data { items } else { std::slice::from_ref(self) }
    }

    pub(crate) fn entries(&self) -> Option<&[TableEntry]> {
        if let Data::Table(entries) = &self.data { Some(entries) } else { None }
    }
}

fn of_table(table: &DeTable<'_>, span: Range<usize>) -> Node {
    let mut entries: Vec<TableEntry> = table
        .iter()
        .map(|(key, value)| TableEntry {
            key: key.get_ref().to_string(),
            place: Location::Span(key.span()),
            value: of_value(value.get_ref(), value.span()),
        })
        .collect();
    // In the order of the file, so that errors have this order too.
    entries.sort_by_key(|entry| match &entry.place {
        Location::Span(span) => span.start,
        Location::Pointer(_) | Location::Nowhere => 0,
    });
    Node { place: Location::Span(span), data: Data::Table(entries) }
}

fn of_value(value: &DeValue<'_>, span: Range<usize>) -> Node {
    let data = match value {
        DeValue::String(text) => Data::Text(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => Data::Integer(integer),
            // Too large for an integer; as a text it leads to an error at its location.
            Err(_) => Data::Text(integer.as_str().to_owned()),
        },
        DeValue::Float(float) => Data::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Data::Truth(*truth),
        DeValue::Datetime(moment) => Data::Text(moment.to_string()),
        DeValue::Array(items) => Data::List(items.iter().map(|item| of_value(item.get_ref(), item.span())).collect()),
        DeValue::Table(table) => return of_table(table, span),
    };
    Node { place: Location::Span(span), data }
}
