//! Reads parts of rules that Rust code gives as strings, in the same way as in files, so that errors are the same.

use crate::base::Alert;
use crate::document::{Data, Location, Node, Reader, Table, TableEntry};
use crate::rule::step::Literal;
use crate::rule::{Condition, Nth, On, Per, Profile};

/// Reads an event such as `smtp.rcpt` or `*.greeting`.
pub(crate) fn event(written: &str) -> Result<On, String> {
    read(written, |reader, node| reader.events(node).into_iter().next())
}

/// Reads a condition: a field and its value.
pub(crate) fn condition(field: &str, written: &str) -> Result<Condition, String> {
    read(written, |reader, node| reader.condition(field, &Location::Nowhere, node))
}

/// Reads `per`: what matches are counted by.
pub(crate) fn per(written: &str) -> Result<Per, String> {
    read(written, Reader::per)
}

/// Reads `nth`: for which matches the rule fires.
pub(crate) fn nth(written: &str) -> Result<Nth, String> {
    read(written, Reader::nth)
}

/// Reads a number, or an offset such as `+1`.
pub(crate) fn literal(written: &str) -> Result<Literal, String> {
    read(written, Reader::literal)
}

/// Reads the name of a TLS alert.
pub(crate) fn alert(written: &str) -> Result<Alert, String> {
    read(written, Reader::alert)
}

/// Reads a key of a TLS profile.
pub(crate) fn profile(key: &str, values: &[&str]) -> Result<Profile, String> {
    let node = |data| Node { place: Location::Nowhere, data };
    let texts = values.iter().map(|value| Data::Text((*value).to_owned()));
    let value = match values {
        [value] => Data::Text((*value).to_owned()),
        _ => Data::List(texts.map(node).collect()),
    };
    let entries = [TableEntry { key: key.to_owned(), place: Location::Nowhere, value: node(value) }];
    let mut reader = Reader::default();
    let profile = reader.profile(Table(&entries));
    reader.finish(Some(profile))
}

fn read<T>(written: &str, read: impl FnOnce(&mut Reader, &Node) -> Option<T>) -> Result<T, String> {
    let node = Node { place: Location::Nowhere, data: Data::Text(written.to_owned()) };
    let mut reader = Reader::default();
    let value = read(&mut reader, &node);
    reader.finish(value)
}
