//! Waits over HTTP: what they count, and what ends them.

use std::thread;

use clients::api_client::{NONE, start};
use serde_json::json;

#[path = "clients/mod.rs"]
mod clients;

#[test]
fn the_report_counts_only_messages_after_the_cursor() {
    let (server, api) = start();
    server.deliver("bob@example.org", "Subject: first\r\n\r\n");
    let next = api.ok("/messages")["next"].clone();

    let none = api.get(format!("/messages?to=bob@example.org&after={next}&wait=1ms")).expect(409);
    server.deliver("bob@example.org", "Subject: second\r\n\r\n");
    let one = api.get(format!("/messages?to=bob@example.org&after={next}&wait=1ms&count=2")).expect(409);
    let some = api.get(format!("/messages?after={next}&none_within=1ms")).expect(409);

    assert_eq!(none["report"]["failure"], "no later message matched within 1ms");
    assert_eq!(none["report"]["captured"], json!(["(1 earlier message does not count)"]));
    assert_eq!(one["report"]["failure"], "1 later message matched within 1ms, expected at least 2");
    assert_eq!(some["report"]["failure"], "1 later message matched, expected none");
}

#[test]
fn a_wait_returns_as_many_messages_as_it_waits_for() {
    let (server, api) = start();
    (0..120).for_each(|_| drop(server.deliver("bob@example.org", "Subject: hi\r\n\r\n")));

    let all = api.ok("/messages?wait=10s&count=120");
    let some = api.ok("/messages?wait=10s&count=120&limit=10");

    assert_eq!([all, some].map(|list| list["messages"].as_array().unwrap().len()), [120, 10]);
    for path in ["/messages?wait=1s&count=0", "/journal?wait=1s&count=0"] {
        assert_eq!(api.get(path).expect(400)["field"], "count", "{path}");
    }
}

#[test]
fn a_cursor_of_an_earlier_run_is_refused() {
    let (_server, api) = start();

    for path in
        ["/messages?after=999", "/messages?after=999&wait=1h", "/messages/latest?after=999", "/journal?after=999"]
    {
        assert_eq!(api.get(path).expect(410)["first"], 0, "{path}");
    }
}

/// Each request asks before or after the deletion; both times it is told at once.
#[test]
fn a_wait_ends_when_its_server_is_removed() {
    let (_server, api) = start();
    for (n, path) in (1..).zip([
        "/messages?wait=1h",
        "/messages?none_within=1h",
        "/messages/latest?wait=1h",
        "/journal?wait=1h&kind=outside",
        "/sessions?wait=1h",
        "/accounts/bob/mailboxes/INBOX?wait=1h",
    ]) {
        api.post("/servers", &json!({})).expect(201);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| api.get(format!("/servers/{n}{path}")).status);
            api.delete(format!("/servers/{n}")).expect(200);
            let status = waiting.join().unwrap();
            assert!([404, 410].contains(&status), "{path}: {status}");
        });
    }
}

#[test]
fn a_wait_ends_when_its_rule_is_removed() {
    let (_server, api) = start();
    api.post("/rules", &json!({ "id": "q", "on": "smtp.noop", "do": { "reply": "250 x" } })).expect(201);

    thread::scope(|scope| {
        let waiting = scope.spawn(|| api.get("/rules/q?fired=1&wait=1h").status);
        api.ask("DELETE", "/rules/q", &NONE).expect(204);
        assert_eq!(waiting.join().unwrap(), 404);
    });
}
