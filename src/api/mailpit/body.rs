//! The body of a request, as Mailpit reads it: names of members in any case of letters, `null` like nothing.

use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Refusal;

/// Members whose own members are names that the client chose.
const FREE: &[&str] = &["headers"];

/// Reads a body. An empty one counts as an empty object.
pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Refusal> {
    let body = body.trim_ascii();
    if body.is_empty() {
        return from_value(Value::Object(serde_json::Map::new()));
    }
    let value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(error) => form(body).ok_or_else(|| Refusal::wrong(format!("the body is not valid JSON: {error}")))?,
    };
    let value = Some(fold(value)).filter(|value| !value.is_null());
    from_value(value.unwrap_or_else(|| Value::Object(serde_json::Map::new())))
}

fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Refusal> {
    serde_json::from_value(value).map_err(|error| Refusal::wrong(format!("the body is wrong: {error}")))
}

/// A form with `ids`, as the Python package `mailpit-api-client` sends it. Mailpit cannot read it, and then deletes
/// every message.
fn form(body: &[u8]) -> Option<Value> {
    let mut members = serde_json::Map::new();
    let mut ids = Vec::new();
    for pair in std::str::from_utf8(body).ok()?.split('&') {
        let (name, value) = pair.split_once('=')?;
        let value = percent_decode_str(value).decode_utf8().ok()?;
        if name.eq_ignore_ascii_case("ids") {
            ids.push(Value::from(value));
        } else {
            members.insert(name.to_owned(), value.parse::<bool>().map_or_else(|_| value.into(), Value::from));
        }
    }
    members.insert("ids".to_owned(), ids.into());
    Some(Value::Object(members))
}

/// The names of members in lower case, and without those that are `null`.
fn fold(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let given = members.into_iter().filter(|(_, value)| !value.is_null());
            let folded = given.map(|(name, value)| {
                let name = name.to_ascii_lowercase();
                let value = if FREE.contains(&name.as_str()) { value } else { fold(value) };
                (name, value)
            });
            Value::Object(folded.collect())
        }
        Value::Array(values) => Value::Array(values.into_iter().map(fold).collect()),
        value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => value,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, rename_all = "lowercase")]
    struct Members {
        ids: Vec<String>,
        headers: std::collections::BTreeMap<String, String>,
        read: bool,
    }

    #[test]
    fn names_are_read_in_any_case_and_null_is_nothing() {
        for empty in ["", "null", "{}", r#"{"IDs": null}"#] {
            assert_eq!(read::<Members>(empty.as_bytes()).unwrap(), Members::default());
        }
        let read = read::<Members>(br#"{"iDs": ["m1"], "Headers": {"X-Foo": "Bar"}}"#).unwrap();
        assert_eq!(read.ids, ["m1"]);
        assert_eq!(read.headers["X-Foo"], "Bar");
    }

    #[test]
    fn a_form_is_read() {
        let read = read::<Members>(b"ids=m1&ids=m%32&Read=true").unwrap();

        assert_eq!((read.ids, read.read), (vec!["m1".to_owned(), "m2".to_owned()], true));
    }

    #[test]
    fn a_body_that_is_not_json_is_refused() {
        for wrong in ["m1", "{", r#"{"Read": 1}"#, r#"{"IDs": "m1"}"#] {
            assert!(read::<Members>(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
