//! Further servers over HTTP: isolation, expiry, limits, verification.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use clients::api_client::{ApiClient, NONE};
use clients::deadline::{DEADLINE, connect, until};
use clients::line_client::talk;
use mailjig::{Listener, MailServer};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// The address of a port of the API's answer.
fn at(port: &Value) -> SocketAddr {
    ([127, 0, 0, 1], port.as_u64().unwrap() as u16).into()
}

/// Sends one mail and returns all replies.
fn send(port: &Value, to: &str) -> String {
    let lines = "EHLO app.example\nMAIL FROM:<app@example.org>\nRCPT TO:<{to}>\nDATA\nSubject: hi\n\n.\nQUIT\n";
    talk(at(port), &lines.replace("{to}", to))
}

#[test]
fn a_further_server_has_its_own_ports_mail_and_rules() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);

    let server = api.post("/servers", &json!({ "name": "orders" })).expect(201);
    assert_eq!((&server["id"], &server["name"]), (&json!("1"), &json!("orders")), "{server}");
    assert!(send(&server["endpoints"]["smtp"]["port"], "bob@example.org").contains("250 2.0.0"));

    let orders = ApiClient::at(server["url"].as_str().unwrap());
    assert_eq!(orders.ok("/messages?to=bob@example.org&wait=10s")["messages"][0]["id"], "m1");
    api.ok("/servers/orders/messages/m1");
    assert_eq!(api.ok("/messages")["messages"], json!([]), "the main server got nothing");
    let rule = json!({ "on": "smtp.rcpt", "do": { "reply": "452 4.2.2 Mailbox full" } });
    orders.post("/rules", &rule).expect(201);
    assert_eq!(api.ok("/rules")["rules"], json!([]));
    let endpoints = orders.ok("/endpoints");
    assert_eq!(endpoints["endpoints"], server["endpoints"]);
    assert_eq!(endpoints["endpoints"]["http"]["url"], server["url"]);
}

#[test]
fn the_list_says_of_each_server_how_to_reach_it_and_what_it_has() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    let new = api.post("/servers", &json!({ "name": "orders", "scenario": "smtp-banner-multiline" })).expect(201);
    assert_eq!((&new["sessions_open"], &new["messages"]), (&json!(0), &json!(0)));
    let _session = connect(at(&new["endpoints"]["imap"]["port"]));
    api.get("/servers/orders/sessions?count=1&open=true&wait=20s").expect(200);
    api.post("/servers/orders/deliver", &json!({ "to": ["bob@example.org"], "raw": "hi" })).expect(201);
    main.deliver("bob@example.org", "Subject: one\r\n\r\n");
    main.deliver("bob@example.org", "Subject: two\r\n\r\n");

    let list = api.ok("/servers");

    let orders = &list["servers"][0];
    assert_eq!((&orders["name"], &orders["scenario"]), (&json!("orders"), &json!("smtp-banner-multiline")));
    assert_eq!((&orders["sessions_open"], &orders["messages"]), (&json!(1), &json!(1)));
    assert_eq!(*orders, api.ok("/servers/1"));
    let of_main = &list["main"];
    assert_eq!((&of_main["sessions_open"], &of_main["messages"]), (&json!(0), &json!(2)));
    assert_eq!((&of_main["url"], &of_main["scenario"]), (&json!(format!("{}/v1", main.api())), &NONE));
    for server in [of_main, orders] {
        let its = ApiClient::at(server["url"].as_str().unwrap());
        assert_eq!(its.ok("/endpoints")["endpoints"], server["endpoints"]);
        assert_eq!(its.get("/tls/ca.pem").text(), server["ca"].as_str().unwrap());
    }
    api.delete("/servers/orders?verify=false").expect(200);
}

#[test]
fn locations_are_those_of_the_further_server() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    let delivery = json!({ "to": ["bob@example.org"], "raw": "Subject: hi\r\n\r\n" });
    let rule = json!({ "on": "smtp.rcpt", "do": { "note": "hi" } });
    for (path, body, location) in [
        ("/servers", json!({}), "/v1/servers/1"),
        ("/servers/1/deliver", delivery, "/v1/servers/1/messages/m1"),
        ("/servers/1/rules", rule, "/v1/servers/1/rules/r1"),
    ] {
        assert_eq!(api.post(path, &body).header("location"), [location]);
    }
}

#[test]
fn options_apply_to_the_further_server() {
    let main = MailServer::builder().account("main@example.org", "secret").seed(7).start();
    let api = ApiClient::of(&main);
    let new = json!({
        "accounts": [{ "login": "ann@example.org", "password": "pw", "tokens": ["tok-1"], "addresses": ["sales@example.org"] }],
        "listeners": ["smtp", "imap"], "host": "mx.example.org", "starttls": { "imap": "before-login" }, "auth": ["plain"],
        "limits": { "max_size": 1000, "max_recipients": 2 },
    });

    let server = api.post("/servers", &new).expect(201);

    assert_eq!(server["accounts"], json!([{ "login": "ann@example.org", "password": "pw", "tokens": ["tok-1"] }]));
    let listeners: Vec<&String> = server["endpoints"].as_object().unwrap().keys().collect();
    assert_eq!(listeners, ["http", "imap", "smtp"]);
    let refused = send(&server["endpoints"]["smtp"]["port"], "main@example.org");
    assert!(refused.starts_with("220 mx.example.org") && refused.contains("SIZE 1000"), "{refused}");
    assert!(refused.contains("AUTH PLAIN\r\n"), "{refused}");
    assert!(refused.contains("550 5.1.1"), "the main server's accounts are not taken over: {refused}");
}

#[test]
fn a_further_server_begins_with_its_scenario() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    for scenario in [json!("smtp-greylist"), json!({ "name": "smtp-greylist", "seed": 3 })] {
        let server = api.post("/servers", &json!({ "scenario": scenario })).expect(201);

        assert_eq!(server["scenario"], "smtp-greylist", "{server}");
        assert!(send(&server["endpoints"]["smtp"]["port"], "bob@example.org").contains("451 4.7.1"));
    }
}

#[test]
fn deleting_verifies_and_stops_the_server() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    let rule = json!({ "id": "full", "on": "smtp.rcpt", "do": { "reply": "452 4.2.2 Mailbox full" }, "expect": 1 });
    let ports: Vec<Value> = (1..=3)
        .map(|n| {
            let server = api.post("/servers", &json!({})).expect(201);
            api.post(format!("/servers/{n}/rules"), &rule).expect(201);
            server["endpoints"]["smtp"]["port"].clone()
        })
        .collect();
    send(&ports[0], "bob@example.org");

    let (met, unmet, unverified) =
        (api.delete("/servers/1"), api.delete("/servers/2"), api.delete("/servers/3?verify=false"));

    assert_eq!(met.expect(200), json!({ "report": null, "open_sessions": 0 }));
    assert!(unmet.detail(409).contains("full"), "{unmet}");
    unverified.expect(200);
    assert_eq!(api.ok("/servers")["servers"], json!([]));
    for (n, port) in ports.iter().enumerate() {
        assert!(TcpStream::connect_timeout(&at(port), DEADLINE).is_err(), "it still listens");
        api.get(format!("/servers/{}/messages", n + 1)).expect(404);
    }
}

#[test]
fn wrong_options_are_answered_with_the_field() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    api.post("/servers", &json!({ "name": "taken" }));
    for (new, status, field) in [
        (json!({ "nmae": "a" }), 422, "nmae"),
        (json!(["a"]), 422, "body"),
        (json!({ "name": "12" }), 400, "name"),
        (json!({ "name": "taken" }), 409, "name"),
        (json!({ "host": "not a name" }), 400, "host"),
        (json!({ "listeners": ["smpt"] }), 400, "listeners"),
        (json!({ "starttls": { "smtps": "never" } }), 400, "starttls.smtps"),
        (json!({ "starttls": { "smtp": "sometimes" } }), 400, "starttls.smtp"),
        (json!({ "auth": ["GSSAPI"] }), 400, "auth"),
        (json!({ "scenario": "smtp-greylit" }), 422, "scenario"),
        (json!({ "scenario": {} }), 400, "scenario"),
        (json!({ "scenario": { "name": "smtp-greylit" } }), 422, "scenario.name"),
        (json!({ "accounts": [{ "login": "", "password": "x" }] }), 400, "accounts[0].login"),
        (json!({ "accounts": [{ "login": "a" }] }), 422, "accounts[0].password"),
        (json!({ "accounts": [{ "login": "a", "password": "x", "tokens": [""] }] }), 400, "accounts[0].tokens[0]"),
        (
            json!({ "accounts": [{ "login": "a", "password": "x", "addresses": ["c"] }, { "login": "C", "password": "x" }] }),
            400,
            "accounts[1]",
        ),
        (
            json!({ "accounts": [{ "login": "a", "password": "x" }, { "login": "A", "password": "x" }] }),
            400,
            "accounts[1]",
        ),
        (json!({ "limits": { "idle_timeout": "soon" } }), 400, "limits.idle_timeout"),
        (json!({ "limits": { "max_sizes": 1 } }), 422, "limits.max_sizes"),
        (json!({ "delimiter": "a" }), 400, "delimiter"),
        (json!({ "subaddress_separator": "ab" }), 400, "subaddress_separator"),
        (json!({ "idle_expiry": "x" }), 400, "idle_expiry"),
        (json!({ "fail_on_findings": [] }), 400, "fail_on_findings"),
        (json!({ "fail_on_findings": "missing-dat" }), 400, "fail_on_findings"),
        (json!({ "fail_on_findings": ["missing-*", "missing-dat"] }), 400, "fail_on_findings[1]"),
        (json!({ "fail_on_findings": 1 }), 422, "fail_on_findings"),
    ] {
        assert_eq!(api.post("/servers", &new).field(status), field, "{new}");
    }
    assert_eq!(api.ok("/servers")["servers"].as_array().unwrap().len(), 1);
}

#[test]
fn findings_fail_the_verification_of_a_further_server() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    for (asked, kinds) in [
        (json!({}), json!(null)),
        (json!({ "fail_on_findings": false }), json!(null)),
        (json!({ "fail_on_findings": true }), json!(["unknown-command", "pipelining-not-offered"])),
        (json!({ "fail_on_findings": "unknown-*" }), json!(["unknown-command"])),
        (json!({ "fail_on_findings": ["!unknown-command"] }), json!(["pipelining-not-offered"])),
    ] {
        let new = api.post("/servers", &asked).expect(201);
        let path = format!("/servers/{}", new["id"].as_str().unwrap());
        talk(at(&new["endpoints"]["smtp"]["port"]), "XYZZY\nQUIT\n");
        api.ok(format!("{path}/sessions?open=true&count=0&wait=20s"));

        let verified = api.delete(&path);

        if kinds.is_null() {
            verified.expect(200);
            continue;
        }
        let problem = verified.problem(409);
        let found: Vec<_> = problem["report"]["findings"].as_array().unwrap().iter().map(|its| &its["kind"]).collect();
        assert_eq!(json!(found), kinds, "{asked}");
    }
    let suggested = api.post("/servers", &json!({ "fail_on_findings": ["missing-dat"] })).problem(400);
    assert!(suggested["detail"].as_str().unwrap().contains("did you mean `missing-date`?"), "{suggested}");
}

#[test]
fn an_unused_server_expires_and_a_used_one_does_not() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    let used = api.post("/servers", &json!({ "idle_expiry": "100ms" })).expect(201);
    let _session = connect(at(&used["endpoints"]["imap"]["port"]));
    api.get("/servers/1/sessions?count=1&open=true&wait=10s");
    api.post("/servers", &json!({ "name": "unused", "idle_expiry": "100ms" }));

    until("it expires", || api.ok("/servers")["expired"] == 1);

    assert!(api.get("/servers/unused/messages").detail(410).contains("unused for 100ms"));
    assert_eq!(api.ok("/servers")["servers"][0]["id"], "1");
}

#[test]
fn a_further_server_has_no_servers_of_its_own() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    api.post("/servers", &json!({}));

    for path in ["/servers/1/servers", "/servers/2", "/servers/1/nothing"] {
        api.get(path).expect(404);
    }
}

#[test]
fn a_client_on_another_machine_gets_the_host_by_which_it_reaches_the_api() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let server = MailServer::builder().listen(Listener::Smtp, everywhere).allow_host("mail.test").start();
    let api = ApiClient::of(&server);
    for (host, smtp, imap, http) in [
        ("mail.test:9000", "mail.test", "127.0.0.1", "http://mail.test:9000"),
        ("mail.test", "mail.test", "127.0.0.1", "http://mail.test"),
        ("localhost:9000", "127.0.0.1", "127.0.0.1", "http://localhost:9000"),
        ("[::1]:9000", "127.0.0.1", "127.0.0.1", "http://[::1]:9000"),
        ("192.0.2.1:9000", "192.0.2.1", "127.0.0.1", "http://192.0.2.1:9000"),
    ] {
        let endpoints = &api.with(&[("host", host)]).ok("/endpoints")["endpoints"];

        assert_eq!((&endpoints["smtp"]["host"], &endpoints["imap"]["host"]), (&json!(smtp), &json!(imap)), "{host}");
        assert_eq!(endpoints["smtp"]["url"], format!("smtp://{smtp}:{}", server.smtp().port()));
        assert_eq!(endpoints["http"]["url"], http);
    }
}

#[test]
fn one_limit_alone_can_be_given() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    for limits in [json!({ "keep": 1 }), json!({ "keep_size": 1000 }), json!({ "keep_accounts": 1 })] {
        let server = api.post("/servers", &json!({ "limits": limits })).expect(201);

        let said = send(&server["endpoints"]["smtp"]["port"], "bob@example.org");

        assert!(said.contains("250 2.0.0"), "{limits}: {said}");
        let further = ApiClient::at(server["url"].as_str().unwrap());
        assert_eq!(further.ok("/messages")["messages"][0]["id"], "m1", "{limits}");
    }
}

#[test]
fn a_further_server_has_settings_of_every_kind() {
    let main = MailServer::builder().xclient(Listener::Submission).pop3_expire(7).start();
    let api = ApiClient::of(&main);
    for (body, listener, lines, answer) in [
        (json!({ "auth": ["LOGIN"] }), "smtp", "EHLO c\r\nQUIT\r\n", "250-AUTH LOGIN\r\n"),
        (json!({ "xclient": ["smtp"] }), "smtp", "EHLO c\r\nQUIT\r\n", "250-XCLIENT "),
        (json!({}), "submission", "EHLO c\r\nQUIT\r\n", "250-XCLIENT "),
        // A header of version 2 without addresses, which is no command without the setting.
        (json!({ "proxy_protocol": ["smtp"] }), "smtp", "\r\n\r\n\0\r\nQUIT\n \0\0\0NOOP\r\nQUIT\r\n", "250 2.0.0"),
        (json!({ "lenient": { "smtp": ["bare-lf"] } }), "smtp", "NOOP\nQUIT\r\n", "250 2.0.0"),
        (
            json!({ "submission_strict": true, "require_auth": false }),
            "submission",
            "EHLO c\r\nMAIL FROM:<root@localhost>\r\nQUIT\r\n",
            "554 5.1.8",
        ),
        (json!({}), "pop3", "CAPA\r\nQUIT\r\n", "EXPIRE 7\r\n"),
        (json!({ "pop3_expire": 30 }), "pop3", "CAPA\r\nQUIT\r\n", "EXPIRE 30\r\n"),
        (json!({ "pop3_expire": "never" }), "pop3", "CAPA\r\nQUIT\r\n", "EXPIRE NEVER\r\n"),
        (json!({ "pop3_expire_for": { "bob": 0 } }), "pop3", "CAPA\r\nQUIT\r\n", "EXPIRE 0 USER\r\n"),
        (json!({ "pop3_login_delay": "60s" }), "pop3", "CAPA\r\nQUIT\r\n", "LOGIN-DELAY 60\r\n"),
    ] {
        let server = api.post("/servers", &body).expect(201);

        let mut client = connect(at(&server["endpoints"][listener]["port"]));
        client.write_all(lines.as_bytes()).unwrap();
        let mut said = String::new();
        client.read_to_string(&mut said).unwrap();

        assert!(said.contains(answer), "{body}: {said}");
    }
    let hashed = api.post("/servers", &json!({ "pop3_unique_ids": "<{uid}>" })).expect(201);
    send(&hashed["endpoints"]["smtp"]["port"], "bob@example.org");
    let said = talk(at(&hashed["endpoints"]["pop3"]["port"]), "USER bob@example.org\nPASS x\nUIDL\nQUIT\n");
    assert!(said.contains("\r\n1 <1>\r\n"), "{said}");
}

#[test]
fn a_wrong_setting_of_a_further_server_is_named() {
    let main = MailServer::start();
    let api = ApiClient::of(&main);
    for (body, field) in [
        (json!({ "auth": ["XYZZY"] }), "auth"),
        (json!({ "xclient": ["smtp", "imap"] }), "xclient[1]"),
        (json!({ "proxy_protocol": ["smpt"] }), "proxy_protocol[0]"),
        (json!({ "lenient": { "http": [] } }), "lenient.http"),
        (json!({ "lenient": { "imap": ["bare-lf"] } }), "lenient.imap[0]"),
        (json!({ "pop3_expire": "soon" }), "pop3_expire"),
        (json!({ "pop3_expire_for": { "bob": "soon" } }), "pop3_expire_for.bob"),
        (json!({ "pop3_login_delay": "soon" }), "pop3_login_delay"),
        (json!({ "pop3_unique_ids": "same" }), "pop3_unique_ids"),
    ] {
        assert_eq!(api.post("/servers", &body).field(400), field, "{body}");
    }
    assert_eq!(api.post("/servers", &json!({ "submission_strict": 1 })).field(422), "submission_strict");
    assert_eq!(api.post("/servers", &json!({ "pop3_expire": -1 })).field(422), "pop3_expire");
}
