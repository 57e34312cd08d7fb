//! The reference of the language, made of the tables that files are read by.

use std::fmt::Write;

use super::steps::STEPS;
use crate::protocol::{Event, RequestField};
use crate::rule::{DOTTED, FIELDS, Field, FieldKind};

/// The reference of the language, in Markdown: every event, every field and every step.
pub(super) fn reference() -> String {
    let mut out = String::from("### Events\n\n| event | fields beyond those that every event has |\n|---|---|\n");
    let everywhere: Vec<&str> = FIELDS
        .iter()
        .filter(|(_, field, ..)| all().all(|event| field.exists_at(event)))
        .map(|(name, ..)| *name)
        .collect();
    for event in all() {
        let own = FIELDS.iter().filter(|(name, field, ..)| field.exists_at(event) && !everywhere.contains(name));
        let mut own: Vec<String> = own.map(|(name, ..)| format!("`{name}`")).collect();
        for (name, field) in [
            ("header.*", Field::Request(RequestField::Header("x".into()))),
            ("param.*", Field::Request(RequestField::Parameter("x".into()))),
        ] {
            if field.exists_at(event) {
                own.push(format!("`{name}`"));
            }
        }
        let _infallible = writeln!(out, "| `{event}` | {} |", own.join(" "));
    }
    out.push_str("\n### Fields\n\n| field | compared as | what it is |\n|---|---|---|\n");
    let dotted = DOTTED.iter().map(|(name, kind, what)| (format!("{name}.…"), kind, what));
    let plain = FIELDS.iter().map(|(name, _, kind, what)| ((*name).to_owned(), kind, what));
    for (name, kind, what) in plain.chain(dotted) {
        let kind = match kind {
            FieldKind::Text => "text, to the letter",
            FieldKind::Word => "text, in either case",
            FieldKind::Address => "address, the domain in either case",
            FieldKind::Number => "number",
            FieldKind::Span => "length of time",
            FieldKind::Truth => "true or false",
            FieldKind::Any => "text or number",
        };
        let _infallible = writeln!(out, "| `{name}` | {kind} | {what} |");
    }
    out.push_str("\n### Steps\n\n| step | is written | does |\n|---|---|---|\n");
    for (name, written, what) in STEPS {
        let _infallible = writeln!(out, "| `{name}` | {written} | {what} |");
    }
    out
}

/// The events that a rule may name.
fn all() -> impl Iterator<Item = Event> {
    Event::ALL.iter().copied().filter(|event| *event != Event::TcpSay)
}
