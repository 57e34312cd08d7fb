//! Further servers over HTTP: isolation, expiry, limits, verification.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use deadline::{DEADLINE, connect};
use mailjig::MailServer;
use serde_json::{Value, json};
use ureq::Agent;

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;

struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    fn of(server: &MailServer) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build().into();
        Self { agent, base: server.api().to_owned() }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut response = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }

    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let mut response = self.agent.post(format!("{}{path}", self.base)).send_json(body).unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }

    fn delete(&self, path: &str) -> (u16, Value) {
        let mut response = self.agent.delete(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }
}

/// Sends one mail and returns the last reply before QUIT's.
fn send(port: &Value, to: &str) -> String {
    let mut client = connect(([127, 0, 0, 1], port.as_u64().unwrap() as u16).into());
    let lines = format!(
        "EHLO app.example\r\nMAIL FROM:<app@example.org>\r\nRCPT TO:<{to}>\r\nDATA\r\nSubject: hi\r\n\r\n.\r\nQUIT\r\n"
    );
    client.write_all(lines.as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn a_further_server_has_its_own_ports_mail_and_rules() {
    let main = MailServer::start();
    let client = Client::of(&main);

    let (status, server) = client.post("/v1/servers", &json!({ "name": "orders" }));
    assert_eq!((status, &server["id"], &server["name"]), (201, &json!("1"), &json!("orders")), "{server}");
    assert!(send(&server["endpoints"]["smtp"]["port"], "bob@example.org").contains("250 2.0.0"));

    let base = server["url"].as_str().unwrap().strip_prefix(main.api()).unwrap();
    let (_, messages) = client.get(&format!("{base}/messages?to=bob@example.org&wait=10s"));
    assert_eq!(messages["messages"][0]["id"], "m1");
    assert_eq!(client.get("/v1/servers/orders/messages/m1").0, 200, "by its name");
    assert_eq!(client.get("/v1/messages").1["messages"], json!([]), "the main server got nothing");
    let rule = json!({ "on": "smtp.rcpt", "do": { "reply": "452 4.2.2 Mailbox full" } });
    assert_eq!(client.post(&format!("{base}/rules"), &rule).0, 201);
    assert_eq!(client.get("/v1/rules").1["rules"], json!([]));
    let endpoints = client.get(&format!("{base}/endpoints")).1;
    assert_eq!(endpoints["endpoints"], server["endpoints"]);
    assert_eq!(endpoints["endpoints"]["http"]["url"], server["url"]);
}

#[test]
fn locations_are_those_of_the_further_server() {
    let main = MailServer::start();
    let client = Client::of(&main);
    let agent = &client.agent;
    let created = agent.post(format!("{}/v1/servers", client.base)).send_json(json!({})).unwrap();
    assert_eq!(created.headers()["location"], "/v1/servers/1");

    let delivery = json!({ "to": ["bob@example.org"], "raw": "Subject: hi\r\n\r\n" });
    let delivered = agent.post(format!("{}/v1/servers/1/deliver", client.base)).send_json(&delivery).unwrap();
    let mounted = agent.post(format!("{}/v1/servers/1/rules", client.base));
    let mounted = mounted.send_json(json!({ "on": "smtp.rcpt", "do": { "note": "hi" } })).unwrap();

    assert_eq!(delivered.headers()["location"], "/v1/servers/1/messages/m1");
    assert_eq!(mounted.headers()["location"], "/v1/servers/1/rules/r1");
}

#[test]
fn options_apply_to_the_further_server() {
    let main = MailServer::builder().account("main@example.org", "secret").seed(7).start();
    let client = Client::of(&main);
    let new = json!({
        "accounts": [{ "login": "ann@example.org", "password": "pw", "addresses": ["sales@example.org"] }],
        "listeners": ["smtp", "imap"], "host": "mx.example.org", "starttls": { "imap": "before-login" },
        "limits": { "max_size": 1000, "max_recipients": 2 },
    });

    let (status, server) = client.post("/v1/servers", &new);

    assert_eq!(status, 201, "{server}");
    assert_eq!(server["accounts"], json!([{ "login": "ann@example.org", "password": "pw" }]));
    let listeners: Vec<&String> = server["endpoints"].as_object().unwrap().keys().collect();
    assert_eq!(listeners, ["http", "imap", "smtp"]);
    let refused = send(&server["endpoints"]["smtp"]["port"], "main@example.org");
    assert!(refused.starts_with("220 mx.example.org") && refused.contains("SIZE 1000"), "{refused}");
    assert!(refused.contains("550 5.1.1"), "the main server's accounts are not taken over: {refused}");
}

#[test]
fn a_further_server_begins_with_its_scenario() {
    let main = MailServer::start();
    let client = Client::of(&main);
    for scenario in [json!("smtp-greylist"), json!({ "name": "smtp-greylist", "seed": 3 })] {
        let (status, server) = client.post("/v1/servers", &json!({ "scenario": scenario }));

        assert_eq!((status, &server["scenario"]), (201, &json!("smtp-greylist")), "{server}");
        assert!(send(&server["endpoints"]["smtp"]["port"], "bob@example.org").contains("451 4.7.1"));
    }
}

#[test]
fn deleting_verifies_and_stops_the_server() {
    let main = MailServer::start();
    let client = Client::of(&main);
    let rule = json!({ "id": "full", "on": "smtp.rcpt", "do": { "reply": "452 4.2.2 Mailbox full" }, "expect": 1 });
    let ports: Vec<Value> = (1..=3)
        .map(|n| {
            let server = client.post("/v1/servers", &json!({})).1;
            assert_eq!(client.post(&format!("/v1/servers/{n}/rules"), &rule).0, 201);
            server["endpoints"]["smtp"]["port"].clone()
        })
        .collect();
    send(&ports[0], "bob@example.org");

    let (met, unmet, unverified) =
        (client.delete("/v1/servers/1"), client.delete("/v1/servers/2"), client.delete("/v1/servers/3?verify=false"));

    assert_eq!(met, (200, json!({ "report": null, "open_sessions": 0 })));
    assert_eq!(unmet.0, 409);
    assert!(unmet.1["detail"].as_str().unwrap().contains("full"), "{}", unmet.1);
    assert_eq!(unverified.0, 200);
    assert_eq!(client.get("/v1/servers").1["servers"], json!([]));
    for (n, port) in ports.iter().enumerate() {
        let address = SocketAddr::from(([127, 0, 0, 1], port.as_u64().unwrap() as u16));
        assert!(TcpStream::connect_timeout(&address, DEADLINE).is_err(), "it still listens");
        assert_eq!(client.get(&format!("/v1/servers/{}/messages", n + 1)).0, 404);
    }
}

#[test]
fn wrong_options_are_answered_with_the_field() {
    let main = MailServer::start();
    let client = Client::of(&main);
    client.post("/v1/servers", &json!({ "name": "taken" }));
    for (new, status, field) in [
        (json!({ "nmae": "a" }), 422, "nmae"),
        (json!(["a"]), 422, "body"),
        (json!({ "name": "12" }), 400, "name"),
        (json!({ "name": "taken" }), 409, "name"),
        (json!({ "host": "not a name" }), 400, "host"),
        (json!({ "listeners": ["smpt"] }), 400, "listeners"),
        (json!({ "starttls": { "smtps": "never" } }), 400, "starttls"),
        (json!({ "starttls": { "smtp": "sometimes" } }), 400, "starttls"),
        (json!({ "scenario": "smtp-greylit" }), 422, "scenario"),
        (json!({ "scenario": {} }), 400, "scenario"),
        (json!({ "accounts": [{ "login": "", "password": "x" }] }), 400, "accounts"),
        (
            json!({ "accounts": [{ "login": "a", "password": "x" }, { "login": "A", "password": "x" }] }),
            400,
            "accounts",
        ),
        (json!({ "limits": { "idle_timeout": "soon" } }), 400, "limits.idle_timeout"),
        (json!({ "limits": { "max_sizes": 1 } }), 422, "limits.max_sizes"),
        (json!({ "delimiter": "a" }), 400, "delimiter"),
        (json!({ "subaddress_separator": "ab" }), 400, "subaddress_separator"),
        (json!({ "idle_expiry": "x" }), 400, "idle_expiry"),
    ] {
        let (refused, problem) = client.post("/v1/servers", &new);
        assert_eq!((refused, problem["field"].as_str()), (status, Some(field)), "{new}: {problem}");
    }
    assert_eq!(client.get("/v1/servers").1["servers"].as_array().unwrap().len(), 1);
}

#[test]
fn an_unused_server_expires_and_a_used_one_does_not() {
    let main = MailServer::start();
    let client = Client::of(&main);
    let used = client.post("/v1/servers", &json!({ "idle_expiry": "100ms" })).1;
    let _session = connect(([127, 0, 0, 1], used["endpoints"]["imap"]["port"].as_u64().unwrap() as u16).into());
    client.get("/v1/servers/1/sessions?count=1&open=true&wait=10s");
    client.post("/v1/servers", &json!({ "name": "unused", "idle_expiry": "100ms" }));

    let has_expired = || client.get("/v1/servers").1["expired"] == 1;
    assert!((0..100_000).any(|_| has_expired()), "it does not expire");

    let (status, problem) = client.get("/v1/servers/unused/messages");
    assert_eq!(status, 410);
    assert!(problem["detail"].as_str().unwrap().contains("unused for 100ms"), "{problem}");
    assert_eq!(client.get("/v1/servers").1["servers"][0]["id"], "1");
}

#[test]
fn a_further_server_has_no_servers_of_its_own() {
    let main = MailServer::start();
    let client = Client::of(&main);
    client.post("/v1/servers", &json!({}));

    assert_eq!(client.get("/v1/servers/1/servers").0, 404);
    assert_eq!(client.get("/v1/servers/2").0, 404);
    assert_eq!(client.get("/v1/servers/1/nothing").0, 404);
}

/// The endpoints that a client gets which names this host.
fn endpoints_by(server: &MailServer, host: &str) -> Value {
    let address = server.api().strip_prefix("http://").unwrap().parse().unwrap();
    let mut client = connect(address);
    let request = format!("GET /v1/endpoints HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    serde_json::from_str(said.split("\r\n\r\n").nth(1).unwrap()).unwrap()
}

#[test]
fn a_client_on_another_machine_gets_the_host_by_which_it_reaches_the_api() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    let server = MailServer::builder().listen(mailjig::Listener::Smtp, everywhere).allow_host("mail.test").start();
    for (host, smtp, imap, http) in [
        ("mail.test:9000", "mail.test", "127.0.0.1", "http://mail.test:9000"),
        ("mail.test", "mail.test", "127.0.0.1", "http://mail.test"),
        ("localhost:9000", "127.0.0.1", "127.0.0.1", "http://localhost:9000"),
        ("[::1]:9000", "127.0.0.1", "127.0.0.1", "http://[::1]:9000"),
        ("192.0.2.1:9000", "192.0.2.1", "127.0.0.1", "http://192.0.2.1:9000"),
    ] {
        let endpoints = &endpoints_by(&server, host)["endpoints"];

        assert_eq!((&endpoints["smtp"]["host"], &endpoints["imap"]["host"]), (&json!(smtp), &json!(imap)), "{host}");
        assert_eq!(endpoints["smtp"]["url"], format!("smtp://{smtp}:{}", server.smtp().port()));
        assert_eq!(endpoints["http"]["url"], http);
    }
}

#[test]
fn one_limit_alone_can_be_given() {
    let main = MailServer::start();
    let client = Client::of(&main);
    for limits in [json!({ "keep": 1 }), json!({ "keep_size": 1000 }), json!({ "keep_accounts": 1 })] {
        let server = client.post("/v1/servers", &json!({ "limits": limits })).1;

        let said = send(&server["endpoints"]["smtp"]["port"], "bob@example.org");

        assert!(said.contains("250 2.0.0"), "{limits}: {said}");
        let base = server["url"].as_str().unwrap().strip_prefix(main.api()).unwrap();
        assert_eq!(client.get(&format!("{base}/messages")).1["messages"][0]["id"], "m1", "{limits}");
    }
}
