//! What a test asks about a message over HTTP: its signatures, and what the standards say about it.

use clients::api_client::{NONE, start};
use serde_json::json;

#[path = "clients/mod.rs"]
mod clients;

#[test]
fn signatures_are_verified_with_the_keys_of_the_request() {
    let (server, api) = start();
    let record = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    server.deliver(
        "bob@example.org",
        "DKIM-Signature: v=1; a=rsa-sha256; d=example.org; s=may; h=from; b=YQ==; bh=YQ==\r\n\r\n",
    );
    server.deliver("bob@example.org", "Subject: not signed\r\n\r\n");

    let named = json!({ "keys": { "may._domainkey.example.org": record } });
    assert_eq!(
        api.post("/messages/m1/dkim", &named).expect(200),
        json!({ "valid": false, "signatures": [{
            "valid": false, "domain": "example.org", "selector": "may", "algorithm": "rsa-sha256", "signed": ["from"],
            "unsigned_octets": 0,
            "failure": { "kind": "wrong-key", "reason": "the key is for Ed25519, not for RSA" },
        }] })
    );
    let none = api.post("/messages/m1/dkim", &NONE).expect(200);
    assert_eq!(none["signatures"][0]["failure"]["kind"], "no-key");
    let unsigned = api.post("/messages/latest/dkim", &json!({ "key": record })).expect(200);
    assert_eq!(unsigned, json!({ "valid": false, "signatures": [] }));
    for (body, field) in [(json!({ "key": "p=!" }), "key"), (json!({ "keys": { "may": record } }), "keys")] {
        assert_eq!(api.post("/messages/m1/dkim", &body).field(400), field, "{body}");
    }
    api.post("/messages/m7/dkim", &NONE).problem(404);
}

#[test]
fn violations_are_listed_with_their_places() {
    let (server, api) = start();
    server.deliver("bob@example.org", "From: Ann B. <a@b>\r\nSubject: hi\r\nDate: 1 Jan 2026 12:00:00 +0000\r\n\r\n");

    assert_eq!(
        api.ok("/messages/latest/lint"),
        json!({ "errors": 1, "warnings": 1, "violations": [
            {
                "code": "obsolete-address", "severity": "error", "line": 1, "column": 12, "field": "From", "part": null,
                "text": "a dot in a display name: write the name in quotes", "reference": "RFC 5322 §4.4",
            },
            {
                "code": "missing-message-id", "severity": "warning", "line": 5, "column": 1, "field": null, "part": null,
                "text": "the message has no header field Message-ID, which it should have", "reference": "RFC 5322 §3.6.4",
            },
        ] })
    );
    api.get("/messages/m7/lint").problem(404);
}

#[test]
fn codes_are_found_in_the_links_of_html() {
    let (server, api) = start();
    let html = "MIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Hello 4711</p>\r\n\
                <a href=\"https://example.org/confirm?user=1234&amp;code=123456\">Confirm</a>\r\n";
    server.deliver("bob@example.org", html);

    assert_eq!(api.ok("/messages/latest/codes"), json!(["123456", "4711"]));
    assert_eq!(api.ok("/messages?code=123456")["messages"][0]["id"], "m1");
}

#[test]
fn the_uris_to_unsubscribe_are_returned_with_what_is_missing() {
    let (server, api) = start();
    let list = "List-Unsubscribe: <mailto:leave@example.org>, <https://example.org/leave>\r\n";
    let rest = "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n\
                DKIM-Signature: v=1; a=rsa-sha256; d=a; s=b; h=from:list-unsubscribe:list-unsubscribe-post; b=YQ==; bh=YQ==\r\n";
    server.deliver("bob@example.org", format!("{list}{rest}\r\n"));
    server.deliver("bob@example.org", format!("{list}\r\n"));
    server.deliver("bob@example.org", "Subject: hi\r\n\r\n");

    let uris = json!(["mailto:leave@example.org", "https://example.org/leave"]);
    let click = json!({ "uri": "https://example.org/leave", "body": "List-Unsubscribe=One-Click" });
    assert_eq!(api.ok("/messages/m1/unsubscribe"), json!({ "uris": uris, "one_click": click, "missing": null }));
    let missing = "there is no header field List-Unsubscribe-Post";
    assert_eq!(api.ok("/messages/m2/unsubscribe"), json!({ "uris": uris, "one_click": null, "missing": missing }));
    api.get("/messages/m3/unsubscribe").problem(404);
}
