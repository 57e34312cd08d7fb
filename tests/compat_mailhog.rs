//! MailHog's API: what its published clients read, and what they do not ask for.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use deadline::{DEADLINE, connect};
use mailjig::MailServer;
use serde_json::{Value, json};
use support::{folder, interpreter, is_there, run};
use ureq::Agent;

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;
#[path = "clients/support.rs"]
#[allow(dead_code)]
mod support;

const PLAIN: &str = "From: app@example.org\r\nTo: carol@example.org\r\nSubject: Plain\r\n\r\nHello, Carol!\r\n";

const PARTS: &str = "From: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nX-Folded: one\r\n two\r\nReceived: from a\r\nReceived: from b\r\n\
    MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\nfor old readers\r\n\
    --b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    Sch=C3=B6ne Gr=C3=BC=C3=9Fe\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    PHA+U2Now7ZuZSBHcsO8w59lPC9wPg==\r\n\
    --b\r\nContent-Type: text/csv; name=a.csv\r\nContent-Disposition: attachment; filename=a.csv\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nYSxi\r\n--b--\r\n";

/// A server with two messages.
fn start() -> (MailServer, Client) {
    let server = MailServer::start();
    server.deliver_from("ann@example.org", "bob@example.org", PARTS);
    server.deliver_from("app@example.org", "carol@example.org", PLAIN);
    let client = Client::of(&server);
    (server, client)
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

    fn get(&self, path: &str) -> (u16, Value) {
        let mut response = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap_or_default())
    }

    fn ok(&self, path: &str) -> Value {
        let (status, value) = self.get(path);
        assert_eq!(status, 200, "{path}: {value}");
        value
    }

    fn download(&self, path: &str) -> (String, String, Vec<u8>) {
        let mut response = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        assert_eq!(response.status(), 200, "{path}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        let (content_type, disposition) = (header("content-type"), header("content-disposition"));
        (content_type, disposition, response.body_mut().read_to_vec().unwrap())
    }

    fn post(&self, path: &str, body: &str) -> u16 {
        self.agent.post(format!("{}{path}", self.base)).send(body).unwrap().status().as_u16()
    }

    fn put(&self, path: &str, body: &str) -> u16 {
        self.agent.put(format!("{}{path}", self.base)).send(body).unwrap().status().as_u16()
    }

    fn delete(&self, path: &str) -> (u16, String) {
        let mut response = self.agent.delete(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }
}

#[test]
fn a_message_has_the_members_of_mailhog() {
    let server = MailServer::start();
    let mut smtp = connect(server.smtp().address());
    let lines = format!(
        "EHLO app.example\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n{PARTS}.\r\nQUIT\r\n"
    );
    smtp.write_all(lines.as_bytes()).unwrap();
    smtp.read_to_string(&mut String::new()).unwrap();

    let mut message = Client::of(&server).ok("/api/v1/messages/m1");

    let data = message["Raw"]["Data"].take();
    assert_eq!(data, PARTS.strip_suffix("\r\n").unwrap(), "without the CRLF before the dot");
    let body = message["Content"]["Body"].take();
    assert!(data.as_str().unwrap().ends_with(body.as_str().unwrap()) && body.as_str().unwrap().starts_with("for old"));
    assert_eq!(message["Content"]["Size"], PARTS.len() - 2);
    let received = message["Content"]["Headers"]["Received"][2].take();
    assert!(received.as_str().unwrap().starts_with("from app.example by mailjig id m1; 20"), "{received}");
    insta::assert_json_snapshot!(message, { ".Created" => "[time]" });
}

#[test]
fn lists_begin_with_the_newest_message() {
    let (_server, client) = start();

    let all = client.ok("/mailhog/api/v1/messages");
    let page = client.ok("/api/v2/messages");
    let second = client.ok("/api/v2/messages?start=1&limit=1000");
    let beyond = client.ok("/api/v2/messages?start=5&limit=x");

    let ids = |list: &Value| -> Vec<Value> { list.as_array().unwrap().iter().map(|its| its["ID"].clone()).collect() };
    assert_eq!(ids(&all), ["m2", "m1"]);
    assert_eq!((&page["total"], &page["count"], &page["start"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(ids(&page["items"]), ["m2", "m1"]);
    assert_eq!(ids(&second["items"]), ["m1"]);
    assert_eq!(beyond, json!({ "total": 2, "count": 0, "start": 5, "items": [] }));
}

#[test]
fn a_search_finds_text_as_sent_and_decoded() {
    let (_server, client) = start();
    for (query, found) in [
        ("kind=to&query=BOB@example", 1),
        ("kind=to&query=example.org", 2),
        ("kind=from&query=app@", 1),
        ("kind=containing&query=Sch=C3=B6ne", 1),
        ("kind=containing&query=sch%C3%B6ne", 1),
        ("kind=containing&query=gr%C3%BC%C3%9Fe", 1),
        ("kind=containing&query=absent", 0),
    ] {
        assert_eq!(client.ok(&format!("/api/v2/search?{query}"))["total"], found, "{query}");
    }
    for (query, field) in [("kind=cc&query=x", "kind"), ("query=x", "kind"), ("kind=to", "query")] {
        let (status, problem) = client.get(&format!("/api/v2/search?{query}"));
        assert_eq!((status, &problem["field"]), (400, &json!(field)));
    }
}

#[test]
fn messages_and_parts_are_downloaded() {
    let (_server, client) = start();

    let (content_type, disposition, raw) = client.download("/api/v1/messages/m1/download");
    let (_, _, text) = client.download("/api/v1/messages/m1/mime/part/0/download");
    let (csv_type, csv_name, csv) = client.download("/api/v1/messages/m1/mime/part/2/download");

    assert_eq!((content_type.as_str(), disposition.as_str()), ("message/rfc822", "attachment; filename=\"m1.eml\""));
    assert_eq!(raw, PARTS.as_bytes());
    assert_eq!(String::from_utf8(text).unwrap(), "Schöne Grüße");
    assert_eq!((csv_type.as_str(), csv_name.as_str()), ("text/csv", "attachment; filename=\"a.csv\""));
    assert_eq!(csv, b"a,b");
    for path in ["m1/mime/part/3/download", "m2/mime/part/0/download", "m9/download", "m9"] {
        let (status, problem) = client.get(&format!("/api/v1/messages/{path}"));
        assert_eq!(status, 500, "{path}");
        assert!(problem["detail"].as_str().unwrap().starts_with("there is no "), "{problem}");
    }
}

#[test]
fn deleting_one_message_leaves_the_others() {
    let (server, client) = start();

    assert_eq!(client.delete("/api/v1/messages/m1"), (200, String::new()));
    assert_eq!(client.delete("/api/v1/messages/m1").0, 500);
    assert_eq!(client.ok("/api/v2/messages")["total"], 1);
    assert_eq!(client.ok("/v1/messages")["messages"][0]["id"], "m2");
    assert_eq!(client.ok("/v1/accounts/bob@example.org/mailboxes/INBOX")["entries"], json!([]));
    assert_eq!(client.delete("/mailhog/api/v1/messages"), (200, String::new()));
    assert!(server.messages().is_empty());
}

#[test]
fn a_wait_after_a_deleted_message_does_not_find_older_ones() {
    let (server, client) = start();
    let second = server.messages()[1].clone();
    client.delete("/api/v1/messages/m2");

    server.deliver("dave@example.org", "Subject: third\r\n\r\n");

    assert_eq!(server.wait_for(mailjig::matchers::any()).after(&second).block().subject(), "third");
}

#[test]
fn nothing_is_released() {
    let (_server, client) = start();

    let body = json!({ "Email": "x@example.org", "Host": "localhost", "Port": "25" }).to_string();
    assert_eq!(client.post("/api/v1/messages/m1/release", &body), 501);
    assert_eq!(client.post("/api/v1/messages/m9/release", &body), 500);
    assert_eq!(client.ok("/api/v2/outgoing-smtp"), json!({}));
}

#[test]
fn jim_is_a_set_of_rules() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let jim = "/api/v2/jim";
    let rules = |client: &Client| -> Vec<Value> {
        let rules = client.ok("/v1/rules")["rules"].take();
        rules.as_array().unwrap().iter().map(|rule| json!([rule["rule"]["id"], rule["rule"]["chance"]])).collect()
    };
    assert_eq!((client.get(jim).0, client.put(jim, "{}"), client.delete(jim).0), (404, 404, 404));

    assert_eq!((client.post(jim, ""), client.post(jim, "")), (201, 400));
    let usual = json!({
        "DisconnectChance": 0.005, "AcceptChance": 0.99, "LinkSpeedAffect": 0.1, "LinkSpeedMin": 1024.0,
        "LinkSpeedMax": 10240.0, "RejectSenderChance": 0.05, "RejectRecipientChance": 0.05, "RejectAuthChance": 0.05,
    });
    assert_eq!(client.ok(jim), usual);
    assert_eq!(rules(&client).len(), 7);
    assert_eq!((client.put(jim, "{"), client.put(jim, "{\"AcceptChance\":\"often\"}")), (400, 400));

    assert_eq!(client.put(jim, "{\"AcceptChance\":1,\"RejectRecipientChance\":1}"), 200);
    assert_eq!(rules(&client).len(), 7, "those of the first request are gone");
    let refused = talk(&server, "EHLO x\r\nMAIL FROM:<ann@example.org>\r\nRCPT TO:<bob@example.org>\r\nQUIT\r\n");
    assert!(refused.contains("\r\n250 2.1.0 Ok\r\n550 5.1.1 Invalid recipient\r\n221 "), "{refused}");
    assert_eq!(client.put(jim, "{\"RejectSenderChance\":1}"), 200);
    assert_eq!(talk(&server, "EHLO x\r\n"), "", "an AcceptChance that is not given is 0");

    assert_eq!(client.delete(jim).0, 200);
    assert!(rules(&client).is_empty());
}

#[test]
fn jim_limits_the_speed_of_a_session() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let speed = "{\"AcceptChance\":1,\"LinkSpeedAffect\":1,\"LinkSpeedMin\":100000,\"LinkSpeedMax\":300000}";
    client.post("/api/v2/jim", speed);

    assert!(talk(&server, "NOOP\r\nQUIT\r\n").contains("250 2.0.0 Ok"));

    let rules = client.ok("/v1/rules")["rules"].take();
    let pace = rules.as_array().unwrap().iter().find(|rule| rule["rule"]["id"] == "jim-link-speed-pace").unwrap();
    assert_eq!(pace["rule"]["do"], json!([{ "pace": { "chunk": 10000, "gap": "50ms" } }]));
    assert_eq!(pace["fired"], 3, "{pace}");
}

#[test]
fn jim_repeats_itself_with_the_same_seed() {
    let replies = |seed| {
        let server = MailServer::builder().seed(seed).start();
        Client::of(&server).post("/api/v2/jim", "{\"AcceptChance\":1,\"RejectSenderChance\":0.5}");
        let lines = "MAIL FROM:<ann@example.org>\r\nRSET\r\n".repeat(20);
        talk(&server, &format!("EHLO x\r\n{lines}QUIT\r\n"))
    };

    assert_eq!(replies(1), replies(1));
    assert_ne!(replies(1), replies(2));
    assert!(replies(1).contains("550 5.1.0 Invalid sender") && replies(1).contains("250 2.1.0 Ok"));
}

#[test]
fn events_bring_each_new_message() {
    let (server, _client) = start();
    let mut stream = request(&server, "GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let head = stream.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    assert!(head.collect::<Vec<_>>().contains(&"content-type: text/event-stream".to_owned()));

    server.deliver_from("app@example.org", "dave@example.org", "Subject: third\r\n\r\n");

    let event = stream.lines().map(Result::unwrap).find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    let message: Value = serde_json::from_str(&event.unwrap()).unwrap();
    assert_eq!((&message["ID"], &message["To"][0]["Mailbox"]), (&json!("m3"), &json!("dave")));
}

#[test]
fn a_websocket_brings_each_new_message() {
    let (server, _client) = start();
    let mut stream = request(
        &server,
        "GET /api/v2/websocket HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let head: Vec<String> = stream.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
    assert!(head[0].starts_with("HTTP/1.1 101"), "{head:?}");

    server.deliver_from("app@example.org", "dave@example.org", "Subject: third\r\n\r\n");

    // A text frame with an extended length of 16 bits (RFC 6455 §5.2).
    let mut start = [0; 4];
    stream.read_exact(&mut start).unwrap();
    assert_eq!(start[..2], [0x81, 126]);
    let mut payload = vec![0; usize::from(u16::from_be_bytes([start[2], start[3]]))];
    stream.read_exact(&mut payload).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&payload).unwrap()["ID"], "m3");
}

#[test]
fn the_path_of_two_products_is_that_of_the_chosen_one() {
    let (_server, client) = start();

    let new = client.agent.post(format!("{}/v1/servers", client.base)).send_json(json!({ "compat": "mailhog" }));
    let mut new = new.unwrap();
    let base = new.body_mut().read_json::<Value>().unwrap()["url"].as_str().unwrap().to_owned();
    let base = base.strip_prefix(&client.base).unwrap();
    client.post(&format!("{base}/deliver?to=bob@example.org"), "");

    assert!(client.ok(&format!("{base}/api/v1/messages")).is_array(), "MailHog's");
    assert!(client.ok(&format!("{base}/mailhog/api/v1/messages")).is_array());
    assert_eq!(client.ok(&format!("{base}/api/v2/messages"))["total"], 0);
    let wrong = client.agent.post(format!("{}/v1/servers", client.base)).send_json(json!({ "compat": "maildev" }));
    let problem: Value = wrong.unwrap().body_mut().read_json().unwrap();
    assert_eq!(problem["field"], "compat");
    assert!(problem["detail"].as_str().unwrap().contains("expected `mailpit` or `mailhog`"), "{problem}");
}

#[test]
fn npm_mailhog() {
    if !is_there("npm mailhog") {
        return;
    }
    let (server, client) = start();
    let port = server.api().rsplit(':').next().unwrap();
    run(interpreter("node").arg(folder().join("mailhog_api.js")).args([port, "/mailhog/api"]), "");

    let url = a_further_server(&client);
    let base = url.strip_prefix(server.api()).unwrap();
    run(interpreter("node").arg(folder().join("mailhog_api.js")).args([port, &format!("{base}/api")]), "");
}

#[test]
fn npm_cypress_mailhog() {
    if !is_there("npm cypress-mailhog") {
        return;
    }
    let (_server, client) = start();
    run(interpreter("node").arg(folder().join("cypress_mailhog.js")).arg(a_further_server(&client)), "");
    run(interpreter("node").arg(folder().join("cypress_mailhog.js")).arg(format!("{}/mailhog", client.base)), "");
}

#[test]
fn pypi_mailhog() {
    if !is_there("PyPI mailhog") {
        return;
    }
    // The client has no option for the path, so the server is started as MailHog's successor.
    let mut serve = Command::new(env!("CARGO_BIN_EXE_mailjig"));
    serve.args(["serve", "--ports", "auto", "--json", "--quiet", "--compat", "mailhog"]).stdout(Stdio::piped());
    let (mut serving, _deadline) = support::start(&mut serve).unwrap();
    let mut endpoints = String::new();
    BufReader::new(serving.stdout.take().unwrap()).read_line(&mut endpoints).unwrap();
    let http = serde_json::from_str::<Value>(&endpoints).unwrap()["endpoints"]["http"].take();
    let agent = Agent::config_builder().timeout_global(Some(DEADLINE)).build().into();
    deliver_both(&Client { agent, base: String::new() }, &format!("{}/v1", http["url"].as_str().unwrap()));

    run(interpreter("venv").arg(folder().join("mailhog_api.py")).arg(http["port"].to_string()), "");

    serving.kill().unwrap();
    serving.wait().unwrap();
}

#[test]
fn crate_mailhog_rs() {
    if !is_there("crate mailhog-rs") {
        return;
    }
    let (server, client) = start();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/mailhog-rust/debug/mailhog-client");
    run(Command::new(&program).arg(server.api()), "");
    run(Command::new(&program).arg(a_further_server(&client)), "");
}

/// The URL of a further server with MailHog's paths and the same two messages.
fn a_further_server(client: &Client) -> String {
    let new = client.agent.post(format!("{}/v1/servers", client.base)).send_json(json!({ "compat": "mailhog" }));
    let new: Value = new.unwrap().body_mut().read_json().unwrap();
    let url = new["url"].as_str().unwrap().to_owned();
    deliver_both(client, &url);
    url
}

fn deliver_both(client: &Client, url: &str) {
    for (from, to, raw) in
        [("ann@example.org", "bob@example.org", PARTS), ("app@example.org", "carol@example.org", PLAIN)]
    {
        let delivery = json!({ "from": from, "to": [to], "raw": raw });
        let delivered = client.agent.post(format!("{url}/deliver")).send_json(delivery).unwrap();
        assert_eq!(delivered.status(), 201);
    }
}

/// Everything that the server says to these lines until it closes.
fn talk(server: &MailServer, lines: &str) -> String {
    let mut client = connect(server.smtp().address());
    // The server may have closed already.
    let _ = client.write_all(lines.as_bytes());
    let mut said = Vec::new();
    let _ = client.read_to_end(&mut said);
    String::from_utf8(said).unwrap()
}

fn request(server: &MailServer, head: &str) -> BufReader<TcpStream> {
    let address = server.api().strip_prefix("http://").unwrap().parse().unwrap();
    let mut stream = connect(address);
    stream.write_all(head.as_bytes()).unwrap();
    BufReader::new(stream)
}
