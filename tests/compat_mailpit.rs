//! The drop-in API of Mailpit: published clients of Mailpit work without changes, and what mailjig adds around it. A
//! client that is not installed is skipped, unless `MAILJIG_ALL_CLIENTS` is set; `tests/clients.rs` names what is missing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;

use deadline::{DEADLINE, connect};
use mailjig::MailServer;
use serde_json::{Value, json};
use support::{folder, interpreter, is_there, run};
use ureq::http::Response;
use ureq::{Agent, Body};

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;
#[path = "clients/support.rs"]
#[allow(dead_code)]
mod support;

const MAIL: &str =
    "From: Ann <ann@example.org>\r\nTo: Bob <bob+vip@example.org>\r\nSubject: Hello\r\n\r\nHello, Bob!\r\n";

/// The path of an installed package.
fn package(path: &str) -> String {
    let packages = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/node_modules");
    packages.join(path).to_str().expect("it is UTF-8").to_owned()
}

fn script(name: &str) -> String {
    folder().join("mailpit").join(name).to_str().expect("it is UTF-8").to_owned()
}

#[test]
fn npm_mailpit_api() {
    if !is_there("npm mailpit-api") {
        return;
    }
    let server = MailServer::start();

    let printed = run(
        interpreter("node").args([
            script("mailpit-api.mjs"),
            package("mailpit-api/dist/index.mjs"),
            server.api().into(),
        ]),
        "",
    );

    assert_eq!(printed, "done\n");
}

#[test]
fn npm_cypress_mailpit() {
    if !is_there("npm cypress-mailpit") {
        return;
    }
    let server = MailServer::start();
    let commands = package("cypress-mailpit/dist/src/MailpitCommands.js");

    let printed = run(interpreter("node").args([script("cypress-mailpit.mjs"), commands, server.api().into()]), "");

    assert_eq!(printed, "done\n");
}

#[test]
fn pypi_mailpit_api_client() {
    if !is_there("PyPI mailpit-api-client") {
        return;
    }
    let server = MailServer::start();
    let port = server.smtp().port().to_string();

    let printed = run(interpreter("venv").args([script("mailpit_client.py"), server.api().into(), port]), "");

    assert_eq!(printed, "done\n");
}

#[test]
fn pypi_pytest_mailpit() {
    if !is_there("PyPI pytest-mailpit") {
        return;
    }
    let server = MailServer::start();
    let mut pytest = interpreter("venv");
    pytest.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]).arg(script("test_pytest_mailpit.py"));
    pytest.env("MAILPIT_URL", server.api()).env("MAILPIT_SMTP", server.smtp().address().to_string());

    let printed = run(&mut pytest, "");

    assert!(printed.contains("5 passed"), "{printed}");
}

#[test]
fn crate_mailpit_client() {
    if !is_there("crate mailpit_client") {
        return;
    }
    let server = MailServer::start();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/mailpit-rust/debug/mailpit-rust");

    let printed = run(Command::new(program).arg(format!("{}/", server.api())), "");

    assert_eq!(printed, "done\n");
}

struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    fn of(server: &MailServer) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build().into();
        Self { agent, base: server.api().to_owned() }
    }

    fn get(&self, path: &str) -> Response<Body> {
        self.agent.get(format!("{}{path}", self.base)).call().unwrap()
    }

    fn json(&self, path: &str) -> Value {
        let mut response = self.get(path);
        assert_eq!(response.status(), 200, "{path}: {:?}", response.body_mut().read_to_string());
        response.body_mut().read_json().unwrap()
    }

    fn put(&self, path: &str, body: &Value) -> Response<Body> {
        self.agent.put(format!("{}{path}", self.base)).send_json(body).unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let mut response = self.agent.post(format!("{}{path}", self.base)).send_json(body).unwrap();
        response.body_mut().read_json().unwrap_or_default()
    }

    /// The status and the text of an answer.
    fn text(&self, path: &str) -> (u16, String) {
        let mut response = self.get(path);
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }
}

#[test]
fn read_marks_and_tags_are_of_this_server_until_a_reset() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let other = client.post("/v1/servers", &json!({}));
    let other = other["url"].as_str().unwrap().strip_prefix(&client.base).unwrap();
    for path in ["/v1/deliver", &format!("{other}/deliver")] {
        client.post(path, &json!({ "to": ["bob@example.org"], "raw": MAIL }));
    }

    assert_eq!(client.json("/api/v1/message/latest")["ID"], "m1");
    assert_eq!(client.put("/api/v1/tags", &json!({ "IDs": ["m1"], "Tags": ["seen"] })).status(), 200);

    let of = |base: &str| {
        let list = client.json(&format!("{base}/api/v1/messages"));
        (list["total"].clone(), list["unread"].clone(), list["tags"].clone())
    };
    assert_eq!(of(""), (json!(1), json!(0), json!(["seen"])));
    assert_eq!(of(other), (json!(1), json!(1), json!(["vip"])));
    client.post("/v1/reset", &json!({}));
    assert_eq!(of(""), (json!(0), json!(0), json!([])));
    server.deliver("bob@example.org", MAIL);
    assert_eq!(of(""), (json!(1), json!(1), json!(["vip"])));
}

#[test]
fn mail_is_the_same_in_both_apis() {
    let server = MailServer::start();
    let client = Client::of(&server);
    server.deliver("bob@example.org", MAIL);
    let kept = server.deliver("carol@example.org", "Subject: Kept\r\n\r\n").no().to_string();

    assert_eq!(client.text("/api/v1/message/m1/raw"), (200, MAIL.to_owned()));
    assert_eq!(client.json("/api/v1/message/latest?query=to:bob")["ID"], "m1");
    let bcc = &client.json("/api/v1/message/m1")["Bcc"];
    assert_eq!(*bcc, json!([{ "Name": "", "Address": "bob@example.org" }]), "nobody named this recipient");
    let deleted = client.agent.delete(format!("{}/api/v1/search?query=from:ann", client.base)).call().unwrap();

    assert_eq!(deleted.status(), 200);
    assert_eq!(server.messages().iter().map(|message| message.no().to_string()).collect::<Vec<_>>(), [kept]);
    assert_eq!(client.text("/api/v1/message/m1"), (404, "Message not found".to_owned()));
}

#[test]
fn wrong_requests_are_refused_in_plain_text() {
    let server = MailServer::start();
    let client = Client::of(&server);
    server.deliver("bob@example.org", MAIL);

    for (path, status, text) in [
        ("/api/v1/search", 400, "Error: no search query"),
        ("/api/v1/search?query=before:soon", 400, "\"soon\" is not a date; write 2026-01-31 or 2026-01-31T12:00:00Z"),
        ("/api/v1/search?query=larger:big", 400, "\"big\" is not a size; write 500, 20kb or 1.5mb"),
        ("/api/v1/search?query=x&tz=Mars", 400, "\"Mars\" is not a time zone; write a name such as Europe/Berlin"),
        ("/api/v1/messages?start=x", 400, "start: \"x\" is not a number"),
        ("/api/v1/message/m9", 404, "Message not found"),
        ("/api/v1/message/m1/part/7", 404, "Part not found"),
        ("/view/m1.html", 404, "HTML part not found"),
        ("/view/m1.pdf", 404, "Page not found"),
    ] {
        let mut response = client.get(path);

        assert_eq!(response.headers()["content-type"], "text/plain; charset=utf-8", "{path}");
        assert_eq!(
            (response.status().as_u16(), &*response.body_mut().read_to_string().unwrap()),
            (status, text),
            "{path}"
        );
    }
    let both = client.put("/api/v1/messages", &json!({ "IDs": ["m1"], "Search": "x", "Read": true }));
    assert_eq!(both.status(), 400);
    let mut wrong =
        client.agent.delete(format!("{}/api/v1/messages", client.base)).force_send_body().send("m1").unwrap();
    assert!(wrong.body_mut().read_to_string().unwrap().starts_with("the body is not valid JSON"));
    assert_eq!(server.messages().len(), 1, "a body that cannot be read deletes nothing");
}

#[test]
fn chaos_is_made_of_rules() {
    let server = MailServer::start();
    let client = Client::of(&server);

    client.put("/api/v1/chaos", &json!({ "Recipient": { "ErrorCode": 452, "Probability": 100 } }));

    let said = talk(server.smtp().address(), "EHLO x\nMAIL FROM:<a@example.org>\nRCPT TO:<b@example.org>\nQUIT\n");
    assert!(said.contains("\r\n452 Chaos"), "{said}");
    let rules = client.json("/v1/rules");
    assert_eq!(rules["rules"][0]["rule"]["id"], "mailpit-chaos-recipient");
    assert_eq!(rules["rules"][0]["fired"], 1);
    client.agent.delete(format!("{}/v1/rules/mailpit-chaos-recipient", client.base)).call().unwrap();
    assert_eq!(client.json("/api/v1/chaos")["Recipient"], json!({ "ErrorCode": 451, "Probability": 0 }));
}

/// The same seed gives the same errors.
#[test]
fn chaos_is_repeatable() {
    let outcomes = || {
        let server = MailServer::start();
        let client = Client::of(&server);
        client.put("/api/v1/chaos", &json!({ "Sender": { "ErrorCode": 451, "Probability": 50 } }));
        let said =
            talk(server.smtp().address(), &format!("EHLO x\n{}QUIT\n", "MAIL FROM:<a@example.org>\nRSET\n".repeat(20)));
        said.matches("\r\n451 Chaos").count()
    };

    let first = outcomes();
    assert_eq!(outcomes(), first);
    assert!((1..20).contains(&first), "{first} of 20");
}

#[test]
fn html_is_shown_with_its_parts_and_without_scripts() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let html = "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
                <img src=\"cid:logo%40x\"><img src='cid:none'>\r\n--b\r\nContent-Type: image/svg+xml\r\n\
                Content-ID: <logo@x>\r\n\r\n<svg/>\r\n--b--\r\n";
    server.deliver("bob@example.org", html);

    let mut page = client.get("/view/latest.html");

    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let text = page.body_mut().read_to_string().unwrap();
    assert!(text.contains("src=\"/api/v1/message/m1/part/2\"") && text.contains("'cid:none'"), "{text}");
    let part = client.get("/api/v1/message/m1/part/2");
    assert_eq!(part.headers()["content-type"], "application/octet-stream", "an SVG could run scripts");
}

#[test]
fn the_description_has_exactly_the_routes_that_are_there() {
    let server = MailServer::start();
    let client = Client::of(&server);
    server.deliver("bob@example.org", MAIL);

    let swagger = client.json("/api/v1/swagger.json");

    let paths = swagger["paths"].as_object().unwrap();
    let without = ["html-check", "sa-check"].map(|path| format!("/api/v1/message/{{ID}}/{path}"));
    assert!(paths.len() == 19 && without.iter().all(|path| !paths.contains_key(path)), "{:?}", paths.keys());
    for path in paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path) {
        let answer = client.get(&path.replace("{ID}", "m1").replace("{PartID}", "1"));
        let content_type = answer.headers().get("content-type");
        assert!(content_type.is_none_or(|its| its != "application/problem+json"), "{path} is of this API");
    }
    let schemas = &swagger["components"]["schemas"];
    for (schema, member) in [("Deletion", "IDs"), ("SendRequest", "Subject"), ("SendAttachment", "ContentID")] {
        assert!(schemas[schema]["properties"].get(member).is_some(), "{schema}: {}", schemas[schema]);
    }
    let search = &swagger["paths"]["/api/v1/search"]["get"]["parameters"];
    assert!(search.as_array().unwrap().iter().any(|its| its["name"] == "query" && its["required"] == true));
}

fn talk(address: SocketAddr, lines: &str) -> String {
    let mut client = connect(address);
    client.write_all(lines.replace('\n', "\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}

/// A WebSocket, as far as the test needs one.
struct Socket(BufReader<TcpStream>);

impl Socket {
    /// Opens `/api/events`; returns the status otherwise.
    fn open(server: &MailServer, headers: &str) -> Result<Self, String> {
        let host = server.api().strip_prefix("http://").unwrap();
        let mut stream = connect(host.parse().unwrap());
        let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
        write!(stream, "GET /api/events HTTP/1.1\r\nHost: {host}\r\n{handshake}{headers}\r\n").unwrap();
        let mut reader = BufReader::new(stream);
        let mut lines = reader.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let status = lines.next().unwrap();
        lines.for_each(drop);
        if status.contains(" 101 ") { Ok(Self(reader)) } else { Err(status) }
    }

    /// The next event (RFC 6455 §5.2): its type and its data.
    fn next(&mut self) -> (String, Value) {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).unwrap();
        assert_eq!(head[0], 0x81, "a whole text");
        let mut length = usize::from(head[1]);
        if length == 126 {
            let mut long = [0; 2];
            self.0.read_exact(&mut long).unwrap();
            length = u16::from_be_bytes(long).into();
        }
        let mut text = vec![0; length];
        self.0.read_exact(&mut text).unwrap();
        let event: Value = serde_json::from_slice(&text).unwrap();
        (event["Type"].as_str().unwrap().to_owned(), event["Data"].clone())
    }

    /// The data of the next event, which must be of this type.
    fn expect(&mut self, expected: &str) -> Value {
        let (kind, data) = self.next();
        assert_eq!(kind, expected, "{data}");
        data
    }
}

#[test]
fn events_tell_what_happens_to_the_mail() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let mut events = Socket::open(&server, "").unwrap();

    server.deliver("bob@example.org", MAIL);
    let new = events.expect("new");
    assert_eq!((&new["ID"], &new["Subject"], &new["Tags"]), (&json!("m1"), &json!("Hello"), &json!(["vip"])));
    let stats = events.expect("stats");
    assert_eq!((&stats["Total"], &stats["Unread"]), (&json!(1), &json!(1)));

    client.json("/api/v1/message/m1");
    assert_eq!(events.expect("update"), json!({ "ID": "m1", "Read": true }));
    assert_eq!(events.expect("stats")["Unread"], 0);

    client.put("/api/v1/tags/vip", &json!({ "Name": "x" }));
    events.expect("prune");
    events.expect("stats");

    talk(server.smtp().address(), "RCPT TO:<b@example.org>\nQUIT\n");
    let error = events.expect("error");
    assert_eq!(
        (&error["Level"], &error["Type"], &error["IP"]),
        (&json!("error"), &json!("smtpd"), &json!("127.0.0.1"))
    );
    assert!(error["Message"].as_str().unwrap().starts_with("503 "), "{error}");

    server.deliver("carol@example.org", MAIL);
    events.expect("new");
    events.expect("stats");
    client.agent.delete(format!("{}/api/v1/search?query=bcc:carol", client.base)).call().unwrap();
    assert_eq!(events.expect("delete"), json!({ "ID": "m2" }));
    assert_eq!(events.expect("stats")["Total"], 1);
    client.agent.delete(format!("{}/v1/messages", client.base)).call().unwrap();
    events.expect("truncate");
    assert_eq!(events.expect("stats")["Total"], 0);
}

#[test]
fn a_page_of_another_origin_gets_no_events() {
    let server = MailServer::start();

    let refused = Socket::open(&server, "Origin: http://evil.example\r\n").err();
    let own = Socket::open(&server, &format!("Origin: {}\r\n", server.api()));

    assert_eq!(refused.as_deref(), Some("HTTP/1.1 403 Forbidden"));
    assert!(own.is_ok());
}
