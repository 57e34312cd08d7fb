//! The HTTP API ends sessions, waits for the absence of mail, drains it, and verifies expectations.

use clients::api_client::{NONE, start};
use clients::line_client::LineClient;
use mailjig::MailServer;
use mailjig::prelude::*;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

fn deliver(server: &MailServer, to: &str, subject: &str) {
    server.deliver(to, format!("Subject: {subject}\r\n\r\nHello\r\n"));
}

fn subjects(list: &Value) -> Vec<&str> {
    list["messages"].as_array().unwrap().iter().map(|message| message["subject"].as_str().unwrap()).collect()
}

#[test]
fn a_session_ends_with_the_chosen_reply() {
    let (server, api) = start();
    let mut smtp = LineClient::greeted(server.smtp().address());
    let mut imap = LineClient::greeted(server.imap().address());
    let mut pop3 = LineClient::greeted(server.pop3().address());
    let mut silent = LineClient::greeted(server.pop3().address());

    for (session, client, reply) in [
        ("s1", &mut smtp, "421 4.3.2 Closing"),
        ("s2", &mut imap, "* BYE Closing"),
        ("s3", &mut pop3, "-ERR [SYS/TEMP] Closing"),
    ] {
        api.delete(format!("/sessions/{session}?reply={}", reply.replace(' ', "%20"))).expect(204);
        assert_eq!(client.line(), reply);
        assert!(client.is_closed());
    }
    api.delete("/sessions/s4").expect(204);
    assert!(silent.is_closed());
    assert_eq!(api.ok("/sessions?open=true&count=0&wait=20s")["sessions"], json!([]));
    api.delete("/sessions/s1").expect(409);
    assert_eq!(api.delete("/sessions/s1?reply=a%0D%0Ab").field(400), "reply");
}

#[test]
fn all_sessions_that_match_end() {
    let (server, api) = start();
    let mut smtp = LineClient::greeted(server.smtp().address());
    let mut imap = LineClient::greeted(server.imap().address());

    let ended = api.delete("/sessions?listener=imap&reply=*%20BYE%20Bye").expect(200);
    assert_eq!(ended["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(imap.line(), "* BYE Bye");
    assert_eq!(smtp.ask("NOOP"), "250 2.0.0 Ok");
    assert_eq!(api.delete("/sessions").expect(200)["sessions"][0]["id"], "s1");
    assert!(smtp.is_closed());
}

#[test]
fn a_reset_ends_sessions_and_returns_them() {
    let (server, api) = start();
    let mut smtp = LineClient::greeted(server.smtp().address());
    let kept = api.post("/reset?keep=sessions", &NONE).expect(200);
    assert_eq!(kept["sessions"][0]["listener"], "smtp");
    assert_eq!(smtp.ask("NOOP"), "250 2.0.0 Ok");
    api.post("/expectations", &json!({ "to": "bob" })).expect(201);
    api.put("/accounts/bob", &json!({ "password": "secret" })).expect(201);

    let open = api.post("/reset", &NONE).expect(200);

    assert_eq!(open["sessions"][0]["id"], "s1");
    assert_eq!(smtp.line(), "421 4.3.2 The server was reset");
    assert!(smtp.is_closed());
    assert_eq!(api.ok("/expectations")["expectations"], json!([]));
    assert_eq!(api.ok("/sessions")["sessions"], json!([]));
    let mut imap = LineClient::greeted(server.imap().address());
    assert!(imap.command("LOGIN bob any")[0].starts_with("a OK"), "the password is gone");
}

#[test]
fn the_latest_message_is_returned() {
    let (server, api) = start();
    api.get("/messages/latest").expect(404);
    assert!(api.get("/messages/latest?wait=1ms").expect(409)["report"].is_object());
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| api.ok("/messages/latest?to=bob&wait=20s"));
        deliver(&server, "ann", "one");
        deliver(&server, "bob", "two");
        assert_eq!(waits.join().unwrap()["subject"], "two");
    });
    deliver(&server, "ann", "three");

    let latest = api.ok("/messages/latest");
    assert_eq!(latest["subject"], "three");
    assert_eq!(api.ok("/messages/latest?to=bob")["subject"], "two");
    api.get(format!("/messages/latest?after={}", latest["seq"])).expect(404);
}

#[test]
fn the_absence_of_mail_is_checked() {
    let (server, api) = start();
    deliver(&server, "ann", "one");
    let none = api.ok("/messages?to=bob&none_within=1ms");
    assert_eq!(none["messages"], json!([]));

    let came = std::thread::scope(|scope| {
        let came = scope.spawn(|| api.get("/messages?to=bob&none_within=10m").expect(409));
        deliver(&server, "bob", "two");
        came.join().unwrap()
    });
    assert_eq!(subjects(&came), ["two"]);
    assert!(came["detail"].as_str().unwrap().starts_with("1 message matched, expected none"), "{came}");
    let next = api.ok("/messages")["next"].as_u64().unwrap();
    api.ok(format!("/messages?to=bob&after={next}&none_within=1ms"));
    assert_eq!(api.get("/messages?none_within=1s&wait=1s").field(400), "none_within");
}

#[test]
fn a_drain_deletes_just_what_it_returns() {
    let (server, api) = start();
    for (to, subject) in [("ann", "one"), ("bob", "two"), ("ann", "three")] {
        deliver(&server, to, subject);
    }

    let drained = api.delete("/messages?to=ann").expect(200);

    assert_eq!(subjects(&drained), ["one", "three"]);
    assert_eq!(subjects(&api.ok("/messages")), ["two"]);
    assert_eq!(subjects(&api.ok("/messages?to=ann")), [""; 0]);
    assert_eq!(server.account("ann").inbox().entries().len(), 0);
    assert_eq!(server.account("bob").inbox().entries().len(), 1);
    api.get("/messages/m1").expect(404);
    deliver(&server, "ann", "four");
    assert_eq!(subjects(&api.ok("/messages?to=ann&wait=20s")), ["four"]);
    assert_eq!(subjects(&api.delete("/messages").expect(200)), ["two", "four"]);
    assert_eq!(api.ok("/health")["messages"], 0);
}

#[test]
fn one_message_is_deleted_also_from_mailboxes() {
    let (server, api) = start();
    for subject in ["one", "two"] {
        deliver(&server, "ann", subject);
    }

    assert!(api.delete("/messages/m1").expect(204).is_null());

    assert_eq!(subjects(&api.ok("/messages")), ["two"]);
    assert_eq!(server.account("ann").inbox().entries().len(), 1);
    api.delete("/messages/m1").expect(404);
    assert_eq!(api.delete("/messages/x").field(400), "m");
}

#[test]
fn latest_means_the_latest_message_in_every_part_of_it() {
    let (server, api) = start();
    api.get("/messages/latest/raw").expect(404);
    deliver(&server, "ann", "one");
    server.deliver("bob", "Subject: two\r\n\r\nYour code is 4711: https://example.org/\r\n");
    server.deliver("bob", "Content-Type: text/html\r\n\r\n<p>hi</p>");

    for part in ["raw", "html", "headers", "links", "codes", "entries", "parts", "parts/1"] {
        let octets = |m: &str| api.get(format!("/messages/{m}/{part}")).octets;
        assert_eq!(octets("latest"), octets("m3"), "{part}");
    }
    api.delete("/messages/m3").expect(204);
    assert_eq!(api.get("/messages/latest/text").octets, api.get("/messages/m2/text").octets);
}

#[test]
fn messages_that_arrive_during_drains_are_neither_lost_nor_returned_twice() {
    let (server, api) = start();
    let mut seen = Vec::new();
    std::thread::scope(|scope| {
        let sends = scope.spawn(|| (0..200).for_each(|n| deliver(&server, "ann", &n.to_string())));
        loop {
            let is_last = sends.is_finished();
            let drained = api.delete("/messages?to=ann").expect(200);
            seen.extend(subjects(&drained).iter().map(|subject| subject.parse::<u32>().unwrap()));
            if is_last {
                break;
            }
        }
    });
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
}

#[test]
fn the_entries_of_a_message_say_which_mailboxes_have_it() {
    let (server, api) = start();
    server.account("bob").inbox();
    server.deliver("bob", "Subject: one\r\n\r\n");
    server.deliver("bob", "Subject: two\r\n\r\n");

    assert_eq!(api.ok("/messages/m2/entries"), json!([{ "account": "bob", "mailbox": "INBOX", "uid": 2 }]));
    api.delete("/accounts/bob/entries").expect(200);
    assert_eq!(api.ok("/messages/m2/entries"), json!([]));
    api.get("/messages/m3/entries").expect(404);
}

#[test]
fn codes_are_found() {
    let (server, api) = start();
    server.deliver("bob", "Subject: Log in\r\n\r\nYour code is 123 456.\r\n");
    assert_eq!(api.ok("/messages/m1/codes"), json!(["123456"]));
    server.deliver("bob", "Subject: 9876 is your code\r\nContent-Type: text/html\r\n\r\n<p>or <b>4711</b></p>");
    assert_eq!(api.ok("/messages/m2/codes"), json!(["9876", "4711"]));
}

#[test]
fn a_rule_without_id_is_named_by_its_number() {
    let (_server, api) = start();
    let rule = json!({ "on": "smtp.noop", "do": { "reply": "250 hi" } });
    let numbers: Vec<Value> = (0..2).map(|_| api.post("/rules", &rule).expect(201)["number"].clone()).collect();
    let ids = |list: Value| -> Vec<Value> {
        list["rules"].as_array().unwrap().iter().rev().map(|rule| rule["rule"]["id"].clone()).collect()
    };
    assert_eq!(ids(api.ok("/rules")), numbers);

    let first = numbers[0].as_str().unwrap();
    api.put(format!("/rules/{first}"), &rule).expect(200);
    assert_eq!(ids(api.ok("/rules")), numbers);
}

#[test]
fn a_name_means_one_rule() {
    let (_server, api) = start();
    let named = |id: &str| json!({ "id": id, "on": "smtp.noop", "do": { "reply": "250 hi" } });
    api.post("/rules", &named("d")).expect(201);
    api.post("/rules", &named("e")).expect(201);

    assert_eq!(api.post("/rules", &named("d")).field(409), "id");
    assert_eq!(api.put("/rules/e", &named("d")).field(409), "id");
    for id in ["", "r1", "r99"] {
        assert_eq!(api.post("/rules", &named(id)).field(422), "id");
    }
    api.put("/rules/d", &named("d")).expect(200);
    let unnamed = api.post("/rules", &json!({ "on": "smtp.noop", "do": { "reply": "250 hi" } })).expect(201);
    api.put(format!("/rules/{}", unnamed["number"].as_str().unwrap()), &unnamed["rule"]).expect(200);
    api.delete("/rules/d").expect(204);
    api.post("/rules", &named("d")).expect(201);
}

#[test]
fn an_address_belongs_to_one_account() {
    let (_server, api) = start();
    let with = |address: &str| json!({ "password": "x", "addresses": [address] });
    api.put("/accounts/a1", &with("both@example.org")).expect(201);

    assert_eq!(api.put("/accounts/a2", &with("Both@example.org")).field(409), "addresses");
    assert_eq!(api.put("/accounts/a2", &with("a1")).field(409), "addresses");
    assert_eq!(api.put("/accounts/both@example.org", &json!({ "password": "x" })).field(409), "login");
    api.get("/accounts/a2").expect(404);
    api.put("/accounts/a1", &with("both@example.org")).expect(200);
    assert_eq!(api.ok("/accounts/a1")["addresses"], json!(["both@example.org"]));
}

#[test]
fn errors_speak_of_json_and_of_what_was_asked() {
    let (_server, api) = start();
    for (path, body, says) in [
        ("/servers", json!(1), "expected an object"),
        ("/servers", json!({ "accounts": 1 }), "expected an array"),
        ("/servers", json!({ "accounts": [1] }), "expected an object"),
        ("/servers", json!({ "limits": { "keep": -1 } }), "expected a whole number"),
        ("/reset", json!({ "keep": 1 }), "unknown field `keep`: this resource takes no body"),
    ] {
        let detail = api.post(path, &body).detail(422);
        assert!(detail.contains(says), "{detail}");
    }
    api.post("/rules", &json!({ "on": "smtp.noop", "do": { "reply": "250 hi" } })).expect(201);
    let detail = api.get("/rules/r1?fired=1").detail(409);
    assert!(detail.starts_with("the rule has not fired that often\n"), "{detail}");
    let detail = api.get("/sessions?wait=1ms").detail(409);
    assert!(detail.starts_with("within 1ms, no session is there\n"), "{detail}");
}

#[test]
fn a_rule_in_json_sets_a_variable_of_the_session_by_its_full_name() {
    let (server, api) = start();
    let set = json!({ "session.tries": "+1", "state.total": "+1", "phase": "up" });
    let steps = json!([{ "set": set }, { "reply": "250 {session.tries} {state.total} {state.phase}" }]);

    let rule = api.post("/rules", &json!({ "on": "smtp.noop", "do": steps })).expect(201);

    let printed = json!({ "total": "+1", "phase": "up", "session": { "tries": "+1" } });
    assert_eq!(rule["rule"]["do"][0]["set"], printed, "{rule}");
    let replies = [1, 2].map(|_| LineClient::greeted(server.smtp().address()).ask("NOOP"));
    assert_eq!(replies, ["250 1 1 up", "250 1 2 up"]);
}

#[test]
fn verification_is_about_what_came_after_the_scenario_was_loaded() {
    let (server, api) = start();
    let load = |rules: &str| api.put("/scenario", &json!({ "text": format!("mailjig = 1\n{rules}") })).expect(200);
    load(
        "[[rule]]\nid = \"failing\"\non = \"smtp.noop\"\nexpect = \">=2\"\ndo = [{ fail = \"no\" }, { pass = true }]\n",
    );
    let mut client = LineClient::greeted(server.smtp().address());
    client.ask("NOOP");
    client.ask("QUIT");
    let failed = api.post("/verify", &NONE).expect(409);
    assert_eq!((&failed["report"]["earlier"], failed["report"]["failures"].as_array().unwrap().len()), (&NONE, 1));

    load("[[rule]]\nid = \"noop\"\non = \"smtp.noop\"\nexpect = \">=1\"\ndo = { reply = \"250 2.0.0 Mine\" }\n");
    let failed = api.post("/verify", &NONE).expect(409);

    assert_eq!(failed["report"]["earlier"]["session"], "s1");
    assert_eq!(failed["report"]["failures"], json!([]));
    let about = "mailjig: scenario scenario.toml (seed 1): 1 of 1 expectation failed
  counted since the scenario was loaded; the sessions up to s1 began before that

✗ rule `noop`  expected >=1, got 0   (scenario.toml:2)
    on = smtp.noop
  nearest events:
    1. smtp.noop
         `smtp.noop` never came; smtp was not contacted since then
";
    assert_eq!(failed["detail"], about);

    let mut client = LineClient::greeted(server.smtp().address());
    client.ask("NOOP");
    client.ask("QUIT");
    api.post("/verify", &NONE).expect(204);
    api.post("/rules", &json!({ "id": "later", "on": "smtp.vrfy", "expect": "=1", "do": [{ "pass": true }] }))
        .expect(201);
    let failed = api.post("/verify", &NONE).expect(409);
    let unmet = &failed["report"]["failed"][0];
    assert_eq!(unmet["earlier"]["session"], "s2");
    assert_eq!(unmet["near_misses"][0]["detail"][0], "`smtp.vrfy` never came; smtp was not contacted since then");
    let later = "counted since it was mounted; the sessions up to s2 began before that";
    assert!(failed["detail"].as_str().unwrap().contains(later), "{failed}");
    // What is not met would fail the test at its end.
    api.delete("/rules").expect(204);
}

#[test]
fn expectations_are_verified_and_removed() {
    let (server, api) = start();
    let met = api.post("/expectations", &json!({ "to": "bob", "times": "1..=2" })).expect(201);
    assert_eq!((&met["id"], &met["times"], &met["met"]), (&json!("e1"), &json!("1 to 2"), &json!(false)));
    api.post("/expectations", &json!({ "subject": "Welcome*", "header": ["X-Kind:news"], "times": 1 })).expect(201);
    deliver(&server, "bob", "Wellcome");

    let failed = api.post("/verify", &NONE).expect(409);
    let detail = failed["detail"].as_str().unwrap();
    assert!(detail.starts_with("1 of 2 expectations failed\n\n0 messages matched, expected exactly 1"), "{detail}");
    assert_eq!(failed["report"]["messages"][0]["got"], 0);
    assert_eq!(api.ok("/expectations/e1")["met"], true);

    api.delete("/expectations/e2").expect(204);
    api.post("/verify", &NONE).expect(204);
    api.delete("/expectations/e2").expect(404);
    api.delete("/expectations").expect(204);
    assert_eq!(api.ok("/expectations")["expectations"], json!([]));
    for (field, body) in [
        ("times", json!({ "times": "often" })),
        ("to", json!({ "to": "~(" })),
        ("listener", json!({ "listener": "http" })),
        ("header", json!({ "header": ["X"] })),
    ] {
        assert_eq!(api.post("/expectations", &body).field(400), field);
    }
}

#[test]
fn expectations_over_http_and_in_rust_are_the_same() {
    let (server, api) = start();
    server.expect(1, to("bob"));
    assert_eq!(api.ok("/expectations")["expectations"].as_array().unwrap().len(), 1);
    api.post("/verify", &NONE).expect(409);
    api.post("/expectations", &json!({ "to": "ann" })).expect(201);
    deliver(&server, "bob", "one");

    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| server.verify().block())).unwrap_err();

    let report = failed.downcast::<String>().unwrap();
    assert!(report.contains("1 of 2 expectations failed"), "{report}");
}

#[test]
fn the_removal_of_a_server_verifies_its_expectations() {
    let (_server, api) = start();
    let id = api.post("/servers", &json!({})).expect(201)["id"].as_str().unwrap().to_owned();
    api.post(format!("/servers/{id}/expectations"), &json!({ "to": "bob" })).expect(201);

    let failed = api.delete(format!("/servers/{id}")).expect(409);

    assert_eq!(failed["report"]["messages"].as_array().unwrap().len(), 1);
}
