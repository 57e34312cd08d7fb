//! What a server that a rule asks gets and answers, for the OpenAPI document.

use serde_json::{Value, json};

use crate::scenario::SCHEMA;

/// Adds the request of `ask` to the document, as a webhook: a request that this server makes.
pub(super) fn describe(document: &mut Value) {
    document["webhooks"] = json!({"ask": {"post": {
        "summary": "A rule asks which steps to run",
        "description": "The step `ask` of a rule posts the event to its URL, and runs the steps of the answer. With the \
                        status 204 there are none. Anything else is a failure: the rule passes unless it has answered.",
        "operationId": "ask",
        "requestBody": {"required": true, "content": {"application/json": {"schema": reference("AskedEvent")}}},
        "responses": {
            "200": {
                "description": "The steps, which are checked like those of a rule.",
                "content": {"application/json": {"schema": {"anyOf": [
                    reference("Step"), {"type": "array", "items": reference("Step")},
                ]}}},
            },
            "204": {"description": "No steps."},
        },
    }}});
    let schemas = &mut document["components"]["schemas"];
    schemas["AskedEvent"] = asked_event();
    // In the schema of scenario files, the step has this name.
    let defined = SCHEMA.replace("#/$defs/step", "#/components/schemas/Step");
    let defined: Value = serde_json::from_str(&defined).expect("the schema of scenario files is JSON");
    schemas["Step"] = defined["$defs"]["step"].clone();
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

/// The schema of [`Occurrence::json`](crate::rule::Occurrence).
fn asked_event() -> Value {
    let text = |about: &str| json!({"type": "string", "description": about});
    let value = json!({"type": ["string", "integer", "boolean"]});
    json!({
        "type": "object",
        "description": "An event about which a rule asks.",
        "required": ["event", "rule", "session", "listener", "fields", "transcript"],
        "properties": {
            "event": text("The event, such as `smtp.rcpt`."),
            "rule": text("The name of the rule."),
            "session": text("The session, such as `s1`."),
            "listener": text("The listener of the session, such as `smtp`."),
            "fields": {
                "type": "object",
                "description": "Every field of the event that exists, also `param.…`, `state.…` and `session.…`, and the named groups \
                                of the rule's patterns. Texts are cut after 64 KiB; times are in microseconds.",
                "additionalProperties": {"anyOf": [value, {"type": "array", "maxItems": 1000, "items": value}]},
            },
            "transcript": {
                "type": "array",
                "description": "The last lines of the session's transcript, up to 16 KiB.",
                "items": {"type": "string"},
            },
            "message": {
                "type": "object",
                "description": "The message, if the event is about one.",
                "required": ["size", "raw", "truncated"],
                "properties": {
                    "size": {"type": "integer", "description": "Its octets."},
                    "raw": {"type": "string", "contentEncoding": "base64", "description": "Its first 1 MiB, in base64."},
                    "truncated": {"type": "boolean", "description": "Whether it has more."},
                },
            },
        },
    })
}
