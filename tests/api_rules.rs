//! The HTTP API takes and returns rules as TOML, and tells whether a rule can still fire.

use clients::api_client::{Answer, ApiClient, NONE, start};
use clients::line_client::{LineClient, talk};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// Sends the text of a rule.
fn toml(api: &ApiClient, method: &str, path: &str, text: &str) -> Answer {
    api.with(&[("content-type", "application/toml; charset=utf-8")]).send(method, path, text)
}

const FULL: &str = "[[rule]]\nid = \"full\"\non = \"smtp.rcpt\"\nwhen = { rcpt = \"*@full.example\" }\n\
                    do = [{ reply = \"452 4.2.2 Mailbox full\" }]\n";

#[test]
fn a_rule_is_mounted_and_replaced_as_text() {
    let (server, api) = start();

    let mounted = toml(&api, "POST", "/rules", FULL).expect(201);

    assert_eq!((&mounted["number"], &mounted["rule"]["id"]), (&json!("r1"), &json!("full")));
    assert_eq!((&mounted["text"], &mounted["status"]), (&json!(FULL), &json!("armed")));
    let text = FULL.replace("452 4.2.2", "552 5.2.2").replace("id = \"full\"\n", "");
    let replaced = toml(&api, "PUT", "/rules/full", &text).expect(200);
    assert_eq!(replaced["text"], FULL.replace("452 4.2.2", "552 5.2.2"));
    assert_eq!(api.ok("/rules/r1"), replaced);
    let mut client = LineClient::greeted(server.smtp().address());
    client.ask("MAIL FROM:<ann@example.org>");
    assert_eq!(client.ask("RCPT TO:<bob@full.example>"), "552 5.2.2 Mailbox full");
    let unnamed = toml(&api, "POST", "/rules", &text).expect(201);
    assert_eq!(unnamed["rule"]["id"], unnamed["number"]);
}

#[test]
fn another_name_of_an_event_is_read_and_answered_with_its_own() {
    let (server, api) = start();

    let rule = json!({ "id": "bye", "on": ["imap.logout", "*.connect"], "do": { "note": "seen" } });
    let added = api.post("/rules", &rule).expect(201);
    talk(server.imap().address(), "1 LOGOUT\n");
    let records = api.ok("/journal?event=imap.logout&wait=20s&kind=exchange");

    assert_eq!(added["rule"]["on"], json!(["imap.quit", "*.greeting"]));
    assert_eq!(records["records"][0]["event"], "imap.quit");
    assert_eq!(server.rule("bye").hits(), 2);
    let detail = api.get("/journal?event=imap.logut").problem(400)["detail"].to_string();
    assert!(detail.contains("did you mean `imap.logout`?"), "{detail}");
}

#[test]
fn a_rule_with_a_message_that_the_scenario_does_not_have_is_refused() {
    let (_server, api) = start();
    let rule =
        |reply: &str| json!({ "id": "r", "on": "imap.noop", "do": [{ "note": "x" }, { "reply": [reply, "OK"] }] });
    api.put("/scenario", &json!({ "text": "mailjig = 1\n[[message]]\nid = 'late'\ntext = 'x'\n" })).expect(200);

    let problem = api.post("/rules", &rule("* 1 FETCH (BODY[] {literal:lat})")).problem(422);
    assert_eq!(problem["field"], "do[1]", "{problem}");
    assert_eq!(problem["problems"][0]["message"], "unknown message `lat`");
    assert_eq!(problem["problems"][0]["help"], "did you mean `late`?");

    api.post("/rules", &rule("* 1 FETCH (BODY[] {literal:late})")).expect(201);
    api.put("/rules/r", &rule("* 1 FETCH (BODY[] {message:lat})")).problem(422);
}

#[test]
fn the_command_that_a_rule_performed_is_in_the_journal() {
    let (server, api) = start();
    let rule = json!({ "id": "r", "on": "smtp.unknown", "do": { "pass": { "as": "NOOP {arg}" } } });
    api.post("/rules", &rule).expect(201);

    talk(server.smtp().address(), "XNOOP one\nQUIT\n");

    let records = api.ok("/journal?kind=noted&wait=20s");
    let record = &records["records"][0];
    assert_eq!((&record["rule"], &record["weight"]), (&json!("r"), &json!("note")), "{records}");
    let exchange = &api.ok("/journal?event=smtp.unknown")["records"][0];
    assert_eq!(exchange["rules"]["shaped"], json!([{ "what": "\"NOOP one\" performed", "by": "r" }]));
    assert_eq!(record["text"], "\"NOOP one\" is performed instead of the client's request");
}

#[test]
fn errors_in_the_text_of_a_rule_have_line_and_column() {
    let (_server, api) = start();
    for (text, line, column, message) in [
        ("[[rule]]\non = \"smtp.rcp\"\ndo = { note = \"hi\" }\n", 2, 6, "unknown event `smtp.rcp`"),
        ("[[rule]]\non = \"smtp.rcpt\"\n", 1, 1, "`do` is missing"),
        ("[[rule]]\non = \"smtp.rcpt\"\ndo = {\n", 3, 7, "unclosed inline table"),
        ("on = \"smtp.rcpt\"\n", 1, 1, "unknown key of the text of a rule `on`"),
        ("", 1, 1, "`[[rule]]` is missing"),
        (
            "mailjig = 2\n[[rule]]\non = \"smtp.rcpt\"\ndo = { note = \"hi\" }\n",
            1,
            11,
            "unknown version of the language",
        ),
        (&format!("{FULL}\n{FULL}"), 7, 1, "there is more than one rule"),
    ] {
        for (method, path) in [("POST", "/rules"), ("PUT", "/rules/r1")] {
            let problem = toml(&api, method, path, text).problem(422);

            let first = &problem["problems"][0];
            assert_eq!((&first["line"], &first["column"]), (&json!(line), &json!(column)), "{text}: {problem}");
            assert_eq!(problem["field"], "body");
            assert!(first["message"].as_str().unwrap().starts_with(message), "{text}: {problem}");
        }
    }
    let in_json = api.post("/rules", &json!({ "on": "smtp.rcp", "do": { "note": "hi" } })).problem(422);
    assert_eq!((&in_json["problems"][0]["place"], &in_json["problems"][0]["line"]), (&json!("/on"), &NONE));
    let client = api.with(&[("content-type", "application/toml")]);
    assert!(client.send("POST", "/rules", *b"\xff").detail(400).contains("UTF-8"));
    for (content_type, body, is_hinted) in [
        ("application/json", FULL, true),
        ("application/json; charset=utf-8", "{\"on\": }", false),
        ("application/problem+json", "on = 1", false),
        ("application/x-www-form-urlencoded", "on = 1", true),
    ] {
        let wrong = api.with(&[("content-type", content_type)]).send("POST", "/rules", body).detail(400);
        let hint = "set the header `Content-Type: application/toml`";
        assert_eq!(wrong.contains(hint), is_hinted, "{content_type} {body}: {wrong}");
    }
    assert_eq!(toml(&api, "PUT", "/rules/none", FULL).status, 404);
    assert_eq!(api.ok("/rules")["rules"], json!([]));
}

#[test]
fn the_text_of_every_shipped_rule_makes_the_same_rule() {
    let (_server, api) = start();
    for scenario in api.ok("/scenarios")["scenarios"].as_array().unwrap() {
        api.put("/scenario", &json!({ "name": scenario["name"] })).expect(200);
        for rule in api.ok("/rules")["rules"].as_array().unwrap() {
            let path = format!("/rules/{}", rule["number"].as_str().unwrap());

            let again = toml(&api, "PUT", &path, rule["text"].as_str().unwrap()).expect(200);

            assert_eq!((&again["text"], &again["rule"]), (&rule["text"], &rule["rule"]), "{}", scenario["name"]);
        }
    }
    api.delete("/scenario").expect(204);
}

#[test]
fn names_with_dots_stay_the_same_in_the_text() {
    let (_server, api) = start();
    let rule = json!({
        "id": "dots", "on": "smtp.message",
        "when": { "header.X.Y": "1", "header.Subject": "2", "state.a.b": "3" },
        "do": [{ "set": { "state.a.b": "4", "session.c.d": "5", "session.e": "6", "f": "7" } }],
    });
    let mounted = api.post("/rules", &rule).expect(201);

    let again = toml(&api, "PUT", "/rules/dots", mounted["text"].as_str().unwrap()).expect(200);

    assert_eq!((&again["text"], &again["rule"]), (&mounted["text"], &mounted["rule"]));
    assert_eq!(again["rule"]["when"], rule["when"]);
    let text = again["text"].as_str().unwrap();
    assert!(text.contains("header.Subject = \"2\", \"header.X.Y\" = \"1\""), "{text}");
}

/// Mounts a rule at NOOP that replies and has these further keys.
fn at_noop(api: &ApiClient, id: &str, keys: Value) {
    let mut rule = json!({ "id": id, "on": "smtp.noop", "do": { "reply": "250 Changed" } });
    rule.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    api.post("/rules", &rule).expect(201);
}

fn status(api: &ApiClient, id: &str) -> String {
    let rule = api.ok(format!("/rules/{id}"));
    let list = api.ok("/rules");
    let listed = list["rules"].as_array().unwrap().iter().find(|its| its["rule"]["id"] == id).unwrap();
    assert_eq!(*listed, rule);
    assert!(rule["status"] != "shadowed" || rule["shadowed_by"].is_string(), "{rule}");
    rule["status"].as_str().unwrap().to_owned()
}

#[test]
fn a_rule_is_used_up_when_no_later_match_can_count() {
    let (server, api) = start();
    let pass = json!({ "pass": true });
    for (id, mut keys) in [
        ("twice", json!({ "times": 2 })),
        ("third", json!({ "nth": "3" })),
        ("from second", json!({ "nth": "2+" })),
        ("not from second", json!({ "nth": "not 2+" })),
        ("once for each client", json!({ "times": 1, "per": "conn" })),
    ] {
        keys["do"] = pass.clone();
        at_noop(&api, id, keys);
    }
    let all = || {
        ["twice", "third", "from%20second", "not%20from%20second", "once%20for%20each%20client"]
            .map(|id| api.ok(format!("/rules/{id}"))["status"].as_str().unwrap().to_owned())
    };
    let mut client = LineClient::greeted(server.smtp().address());
    let mut seen = vec![all()];
    for _ in 0..3 {
        client.ask("NOOP");
        seen.push(all());
    }

    let (a, u) = ("armed", "used-up");
    assert_eq!(seen, [[a, a, a, a, a], [a, a, a, u, a], [u, a, a, u, a], [u, u, a, u, a]]);
    api.post("/rules/twice/disable", &NONE).expect(204);
    assert_eq!(status(&api, "twice"), "disabled");
}

#[test]
fn a_rule_is_shadowed_only_if_another_surely_takes_its_events() {
    let to_bob = json!({ "when": { "user": "bob" } });
    let never = |keys: Value| (keys, "armed");
    for (outer, status_of_inner) in [
        (json!({}), "shadowed"),
        (json!({ "on": ["smtp.*"] }), "shadowed"),
        (json!({ "do": { "close": "rst" } }), "shadowed"),
        (to_bob.clone(), "shadowed"),
        never(json!({ "when": { "user": "ann" } })),
        never(json!({ "when": { "user": "bob", "tls": true } })),
        never(json!({ "when": { "since.first": ">=0s" } })),
        never(json!({ "chance": 0.5 })),
        never(json!({ "times": 1 })),
        never(json!({ "per": "conn", "times": 1 })),
        never(json!({ "on": "smtp.rset" })),
        never(json!({ "do": [{ "pass": true }] })),
        never(json!({ "do": { "note": "hi" } })),
    ] {
        let (_server, api) = start();
        at_noop(&api, "inner", to_bob.clone());
        assert_eq!(status(&api, "inner"), "armed");
        at_noop(&api, "outer", outer.clone());

        assert_eq!(status(&api, "inner"), status_of_inner, "{outer}");
        assert_eq!(status(&api, "outer"), "armed");
        api.post("/rules/outer/disable", &NONE).expect(204);
        assert_eq!(status(&api, "inner"), "armed", "{outer}");
    }
}

/// A session is read in portions of 256 records.
#[test]
fn near_misses_in_a_long_session_have_the_numbers_of_their_lines() {
    let (server, api) = start();
    at_noop(&api, "near", json!({ "when": { "verb": "other" } }));
    let mut client = LineClient::greeted(server.smtp().address());

    for resets in [0, 126, 300] {
        (0..resets).for_each(|_| drop(client.ask("RSET")));
        client.ask("NOOP");
    }

    let rule = api.ok("/rules/near");
    let events: Vec<&Value> = rule["near_misses"].as_array().unwrap().iter().map(|near| &near["event"]).collect();
    assert_eq!(events, ["s1 · line 2 · smtp.noop", "s1 · line 256 · smtp.noop", "s1 · line 858 · smtp.noop"]);
    assert_eq!(api.ok("/rules")["rules"][0], rule);
}

#[test]
fn the_text_of_a_rule_may_begin_with_the_version_of_the_language() {
    let (_server, api) = start();

    toml(&api, "POST", "/rules", &format!("mailjig = 1\n{FULL}")).expect(201);
    toml(&api, "PUT", "/rules/full", &format!("mailjig = 1\n{FULL}")).expect(200);
}
