//! The reference of the language, made of the tables that files are read by.

use std::fmt::Write;

use crate::protocol::{Event, RequestField};
use crate::rule::step::{Example, STEPS, StepKind, Then};
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
    steps(&mut out);
    out
}

/// Every step, and every example of one.
fn steps(out: &mut String) {
    out.push_str("\n### Steps\n\n| step | is written | does |\n|---|---|---|\n");
    for StepKind { name, forms, does, .. } in STEPS {
        let _infallible = writeln!(out, "| `{name}` | {forms} | {does} |");
    }
    out.push_str(
        "\n### Steps by example\n\nEach row is a rule with these steps at this event, and what a client sees that says \
         this. A bar stands where a write of the server ends. A test plays every row, over TCP and over TLS.\n\n\
         | `on` | `do` | client | server | then |\n|---|---|---|---|---|\n",
    );
    for Example { on, steps, client, server, then } in STEPS.iter().flat_map(|kind| kind.examples) {
        let [steps, client, server] = [*steps, &octets(client), &octets(server)].map(cell);
        let then = match then {
            Then::Open => "the next command is answered",
            Then::Silence => "nothing more is said",
            Then::Fin => "FIN",
            Then::Rst => "RST",
            Then::Refused => "the handshake fails",
        };
        let _infallible = writeln!(out, "| `{on}` | {steps} | {client} | {server} | {then} |");
    }
}

/// Octets, one for each character, with escapes.
fn octets(text: &str) -> String {
    let escaped = |c: char| match c {
        '\r' => "\\r".to_owned(),
        '\n' => "\\n".to_owned(),
        c if c.is_ascii() => c.to_string(),
        c => format!("\\x{:02x}", u32::from(c)),
    };
    text.chars().map(escaped).collect()
}

/// Code in a table.
fn cell(text: &str) -> String {
    if text.is_empty() { "–".to_owned() } else { format!("`{}`", text.replace('|', "\\|")) }
}

/// The events that a rule may name.
fn all() -> impl Iterator<Item = Event> {
    Event::ALL.iter().copied().filter(|event| *event != Event::TcpSay)
}
