//! The JSON Schema of scenario files (draft 2020-12), generated from the tables that the loader uses.

use regex::Regex;
use serde_json::{Map, Value, json};

use super::keys;
use super::reference::all;
use crate::document::{Form, Key};
use crate::protocol::ALIASES;
use crate::rule::step::{STEPS, StepKind};
use crate::rule::{DOTTED, FIELDS, FieldKind};

/// A text with a parameter in it may stand for any value.
const PARAMETER: &str = r"\{param\.";

pub(super) fn schema() -> Value {
    let mut schema = table(keys::FILE);
    let head = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A scenario of mailjig",
        "$defs": { "event": event(), "step": step(), "conditions": conditions(), "test": test() },
    });
    extend(&mut schema, head);
    schema
}

fn extend(value: &mut Value, more: Value) {
    if let (Value::Object(map), Value::Object(more)) = (value, more) {
        map.extend(more);
    }
}

/// A table with these keys and no others.
fn table(keys: &[Key]) -> Value {
    let properties: Map<String, Value> = keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let required: Vec<&str> = keys.iter().filter(|key| key.is_required).map(|key| key.name).collect();
    let mut table = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    if !required.is_empty() {
        extend(&mut table, json!({ "required": required }));
    }
    table
}

fn of_key(key: &Key) -> Value {
    let mut value = of_form(&key.form);
    let example = if key.example.is_empty() { String::new() } else { format!("\n\n`{}`", key.example) };
    let description = format!("{}{example}", plain(key.about));
    if !description.is_empty() {
        extend(&mut value, json!({ "description": description }));
    }
    value
}

/// The text without what only the manual has: references to its parts, which an editor could not follow.
fn plain(about: &str) -> String {
    let regex = |text: &str| Regex::new(text).expect("the pattern is valid");
    let text = about.replace("; see below", "").replace("; see above", "").replace(" (see below)", "");
    let text = regex(r"; see \[[^]]*\]\([^)]*\)| See \[[^]]*\]\([^)]*\)\.").replace_all(&text, "");
    regex(r"\[([^]]*)\]\([^)]*\)").replace_all(&text, "$1").into_owned()
}

fn of_form(form: &Form) -> Value {
    let or_text = |pattern: &str, one: Value| json!({ "anyOf": [one, { "type": "string", "pattern": format!("{pattern}|{PARAMETER}") }] });
    match form {
        Form::Text => json!({ "type": "string" }),
        Form::Truth => or_text("^(true|false)$", json!({ "type": "boolean" })),
        Form::Count => or_text(r"^\s*\d+\s*$", json!({ "type": "integer", "minimum": 0 })),
        Form::Number => or_text(r"^\s*[\d.]+\s*$", json!({ "type": "number" })),
        Form::Scalar => json!({ "type": ["string", "number", "boolean"] }),
        Form::Time => {
            let pattern = format!(r"^0$|^(\d+(\.\d+)?\s*(us|ms|s|m|h|d)\s*)+$|{PARAMETER}");
            json!({ "anyOf": [{ "const": 0 }, { "type": "string", "pattern": pattern }] })
        }
        Form::Size => or_text(r"^\d+(\.\d+)?\s*(B|kB|MB|GB|KiB|MiB|GiB)?$", json!({ "type": "integer", "minimum": 0 })),
        Form::Words(words) => {
            json!({ "anyOf": [{ "enum": words() }, { "type": "string", "pattern": PARAMETER }] })
        }
        Form::Table(keys) => table(keys),
        Form::Map(form) => json!({ "type": "object", "additionalProperties": of_form(form) }),
        Form::OneOrMore(form) => json!({ "anyOf": [of_form(form), { "type": "array", "items": of_form(form) }] }),
        Form::Either(forms) => json!({ "anyOf": forms.iter().map(of_form).collect::<Vec<_>>() }),
        Form::Exactly(number) => json!({ "const": number }),
        Form::Shared(name) => json!({ "$ref": format!("#/$defs/{name}") }),
    }
}

fn event() -> Value {
    let names: Vec<&str> = all().map(|event| event.name()).chain(ALIASES.iter().map(|(alias, _)| *alias)).collect();
    json!({ "anyOf": [{ "enum": names }, { "type": "string", "pattern": format!(r"\*|{PARAMETER}") }] })
}

/// A step has one key, and `after` may stand beside it.
fn step() -> Value {
    let mut properties = Map::new();
    for StepKind { name, forms, does, value, .. } in STEPS {
        let mut schema = of_form(value);
        extend(&mut schema, json!({ "description": format!("{}\n\n{forms}", plain(does)) }));
        properties.insert((*name).to_owned(), schema);
    }
    let mut after = of_form(&Form::Time);
    extend(&mut after, json!({ "description": "The step is executed that much later, by the server's clock." }));
    properties.insert("after".to_owned(), after);
    json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "if": { "required": ["after"] },
        "then": { "minProperties": 2, "maxProperties": 2 },
        "else": { "minProperties": 1, "maxProperties": 1 },
    })
}

fn conditions() -> Value {
    let of_kind = |kind: &FieldKind| match kind {
        FieldKind::Text | FieldKind::Word | FieldKind::Address | FieldKind::Any | FieldKind::WordOrNumber => {
            json!({ "$ref": "#/$defs/test" })
        }
        FieldKind::Number | FieldKind::Signed | FieldKind::Span => {
            json!({ "allOf": [{ "$ref": "#/$defs/test" }, { "not": { "type": "boolean" } }] })
        }
        FieldKind::Truth => json!({ "allOf": [{ "$ref": "#/$defs/test" }, { "not": { "type": "number" } }] }),
    };
    let described = |kind: &FieldKind, what: &str| {
        let mut value = of_kind(kind);
        extend(&mut value, json!({ "description": what }));
        value
    };
    let mut properties: Map<String, Value> =
        FIELDS.iter().map(|(name, _, kind, what)| ((*name).to_owned(), described(kind, what))).collect();
    let mut patterns = Map::new();
    for (name, kind, what) in DOTTED {
        patterns.insert(format!(r"^{name}\."), described(kind, what));
        let inner = json!({ "type": "object", "additionalProperties": of_kind(kind), "description": what });
        properties.insert((*name).to_owned(), inner);
    }
    json!({
        "type": "object", "properties": properties, "patternProperties": patterns, "additionalProperties": false,
    })
}

/// A value, or a table with one operator.
fn test() -> Value {
    let mut operators = table(keys::OPERATORS);
    extend(&mut operators, json!({ "minProperties": 1, "maxProperties": 1 }));
    json!({ "anyOf": [{ "type": ["string", "number", "boolean"] }, operators] })
}
