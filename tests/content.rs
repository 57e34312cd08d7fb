//! What a test asks about a message over HTTP: its signatures.

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
