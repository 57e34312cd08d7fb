//! A record of the journal as a line for people.

use std::fmt::Display;

use anstyle::Style;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::client::output::harmless;
use crate::cli::color::WARNING;
use crate::cli::event::{Kind, event_line};
use crate::cli::redact;
use crate::journal::{Ending, OAuthRequest, Tls, TlsFailure, Weight};
use crate::protocol::Event;

/// The line, with its end. None for a record that says only that a reply has left as a whole.
pub(super) fn line(record: &Value) -> Option<String> {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let (what, facts) = match text("kind") {
        "opened" => ("opened", format!("{} from {}", text("listener"), text("peer"))),
        "exchange" => (text("event"), exchange(record)),
        "part" => ("part", format!("of {}{}{}", record["exchange"], arrow(last_line(text("said"))), by_rules(record))),
        "closed" => ("cut", cut(record)?),
        "noted" => (text("weight"), format!("{}: {}", record["rule"].as_str().unwrap_or("mailjig"), text("text"))),
        "dropped" => ("dropped", format!("{} octets in cleartext after STARTTLS", record["octets"])),
        "secured" => ("secured", printed::<Tls>(record)),
        "unsecured" => ("tls", printed::<TlsFailure>(record)),
        "ended" => ("ended", ended(&record["ending"])),
        "outside" => ("delivered", record["captured"].as_str().unwrap_or("to a mailbox").to_owned()),
        "oauth" => ("oauth", printed::<OAuthRequest>(record)),
        kind => (kind, String::new()),
    };
    let what = harmless(&format!("{what:<15}"), &[]);
    Some(event_line(&harmless(text("session"), &[]), &what, &harmless(facts.trim_end(), &[]), style(record)))
}

/// The style of a record, as that of the event which `serve` prints for it.
fn style(record: &Value) -> Style {
    let is = |name: &str, value: &str| record[name] == value;
    let has_fired = record["rules"]["fired"].as_array().is_some_and(|fired| !fired.is_empty());
    let kind = match record["kind"].as_str().unwrap_or_default() {
        "opened" => Kind::Opened,
        "proxied" => Kind::Proxied,
        "exchange" | "part" if has_fired => Kind::Fired,
        "exchange" | "part" if record["captured"].is_string() => Kind::Captured,
        "exchange" | "part" if is("status", "negative") => Kind::Refused,
        "closed" => return WARNING,
        "dropped" => Kind::Dropped,
        "secured" => Kind::Secured,
        "unsecured" => Kind::Unsecured,
        "ended" => Kind::Ended,
        "outside" => Kind::Delivered,
        "oauth" => Kind::OAuth { is_refused: record["error"].is_string() },
        "noted" if is("weight", "failure") => Kind::Noted(Weight::Failure),
        "noted" => Kind::Noted(Weight::Note),
        _ => return Style::new(),
    };
    kind.style()
}

/// The request without a password, the reply, and the rules that fired.
fn exchange(record: &Value) -> String {
    let text = |name: &str| record[name].as_str().unwrap_or_default();
    let Some(event) = Event::parse(text("event")) else { return String::new() };
    // A line that is not a command may be the rest of a login.
    let (heard, said) = redact::exchange(event, text("heard").as_bytes(), text("said").as_bytes(), event.is_unknown());
    let heard = match record["octets"].as_u64() {
        Some(octets) => format!("{octets} octets"),
        None => heard,
    };
    let captured = record["captured"].as_str().map(|message| format!(" [{message}]")).unwrap_or_default();
    format!("{heard}{}{captured}{}", arrow(&said), by_rules(record)).trim_start().to_owned()
}

fn arrow(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" → {said}") }
}

/// The rules that fired.
fn by_rules(record: &Value) -> String {
    let fired = record["rules"]["fired"].as_array().into_iter().flatten().filter_map(|fired| fired["rule"].as_str());
    fired.map(|rule| format!(" [rule {rule}]")).collect()
}

/// The last line of a reply: the others may be a whole message.
fn last_line(said: &str) -> &str {
    said.trim_end().lines().last().unwrap_or_default()
}

/// How much of a reply has left, if not all of it.
fn cut(record: &Value) -> Option<String> {
    match (&record["left"], &record["of"]) {
        (Value::String(all), _) if all == "all" => None,
        (Value::Number(left), of) => {
            Some(format!("{left} of {of} octets of the reply {} were sent", record["exchange"]))
        }
        (left, _) => Some(format!("the reply {}: {}", record["exchange"], left.as_str().unwrap_or_default())),
    }
}

/// The facts of a record of this type, as the server prints them.
fn printed<T: DeserializeOwned + Display>(record: &Value) -> String {
    serde_json::from_value::<T>(record.clone()).map(|its| its.to_string()).unwrap_or_default()
}

fn ended(ending: &Value) -> String {
    let known = serde_json::from_value::<Ending>(ending.clone()).map(|ending| ending.to_string());
    let why = known.unwrap_or_else(|_| ending.as_str().unwrap_or_default().to_owned());
    why.strip_prefix("ended ").unwrap_or(&why).to_owned()
}

#[cfg(test)]
mod tests {
    use anstream::adapter::strip_str;
    use serde_json::json;

    use super::*;

    #[test]
    fn each_record_is_a_line_without_credentials() {
        let record = |kind: &str, facts: Value| {
            let mut record = json!({ "seq": 1, "at": "2026-01-01T12:00:00Z", "session": "s1", "kind": kind });
            record.as_object_mut().unwrap().extend(facts.as_object().unwrap().clone());
            strip_str(&line(&record).unwrap_or_default()).to_string()
        };
        let exchange = |event: &str, heard: &str, said: &str| {
            record(
                "exchange",
                json!({ "event": event, "heard": heard, "said": said, "octets": null, "captured": null }),
            )
        };
        let fired = json!({ "fired": [{ "rule": "full", "n": 1 }] });

        for (line, wanted) in [
            (
                record("opened", json!({ "listener": "smtp", "peer": "127.0.0.1:9" })),
                "s1    opened          smtp from 127.0.0.1:9\n",
            ),
            (exchange("smtp.greeting", "", "220 hi\r\n"), "s1    smtp.greeting   → 220 hi\n"),
            (
                exchange("smtp.auth", "AUTH PLAIN c2VjcmV0", "235 ok\r\n"),
                "s1    smtp.auth       AUTH PLAIN … → 235 ok\n",
            ),
            (exchange("smtp.unknown", "c2VjcmV0", "500 c2VjcmV0\r\n"), "s1    smtp.unknown    … → 500\n"),
            (exchange("imap.fetch", "a FETCH 1 FLAGS", ""), "s1    imap.fetch      a FETCH 1 FLAGS\n"),
            (
                record("part", json!({ "exchange": 7, "said": "* 1 FETCH (FLAGS ())\r\na OK Fetched\r\n" })),
                "s1    part            of 7 → a OK Fetched\n",
            ),
            (
                record(
                    "exchange",
                    json!({ "event": "smtp.message", "octets": 13, "said": "250 ok", "captured": "m1" }),
                ),
                "s1    smtp.message    13 octets → 250 ok [m1]\n",
            ),
            (
                record("exchange", json!({ "event": "smtp.noop", "heard": "NOOP", "said": "450 no", "rules": fired })),
                "s1    smtp.noop       NOOP → 450 no [rule full]\n",
            ),
            (record("closed", json!({ "exchange": 7, "left": "all" })), ""),
            (
                record("closed", json!({ "exchange": 7, "left": 3, "of": 9 })),
                "s1    cut             3 of 9 octets of the reply 7 were sent\n",
            ),
            (
                record("closed", json!({ "exchange": 7, "left": "stalled" })),
                "s1    cut             the reply 7: stalled\n",
            ),
            (
                record("noted", json!({ "rule": null, "weight": "failure", "text": "\u{1b}[2J" })),
                "s1    failure         mailjig: \\u{1b}[2J\n",
            ),
            (record("dropped", json!({ "octets": 5 })), "s1    dropped         5 octets in cleartext after STARTTLS\n"),
            (
                record(
                    "secured",
                    json!({
                        "version": "TLSv1.3", "cipher": "X", "group": "g", "alpn": "smtp", "resumed": false, "sni": "\u{1b}",
                        "certificate": "good",
                        "client_certificate": { "names": ["bob"], "verified": false, "sha256": "", "der": "" },
                    }),
                ),
                "s1    secured         TLSv1.3 X g, server name \\u{1b}, certificate good, ALPN smtp, client certificate bob (not verified)\n",
            ),
            (
                record("unsecured", json!({ "reason": "no", "after_handshake": false })),
                "s1    tls             the TLS handshake failed: no\n",
            ),
            (record("ended", json!({ "ending": "clean" })), "s1    ended           normally\n"),
            (
                record("oauth", json!({ "endpoint": "token", "client": "app", "grant": "password", "status": 200 })),
                "s1    oauth           token password of app: 200\n",
            ),
            (record("outside", json!({ "captured": "m2", "session": null })), "      delivered       m2\n"),
        ] {
            assert_eq!(line, wanted);
        }
    }
}
