//! Webhooks: order, repetition, signatures, filters, and their end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use clients::api_client::{ApiClient, NONE};
use clients::deadline::{DEADLINE, until};
use clients::unused_port::unused_port;
use data_encoding::BASE64;
use mailjig::MailServer;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// A request that a receiver got.
struct Got {
    headers: Vec<(String, String)>,
    body: String,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(its, _)| its == name).map_or("", |(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A receiver that answers with the statuses that it is given, and then with 204.
struct Endpoint {
    url: String,
    got: Receiver<Got>,
    statuses: Sender<u16>,
}

impl Endpoint {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let ((tell, got), (statuses, given)) = (channel(), channel());
        thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                socket.set_read_timeout(Some(DEADLINE)).unwrap();
                serve(socket, &tell, &given);
            }
        });
        Self { url, got, statuses }
    }

    fn take(&self) -> Got {
        self.got.recv_timeout(DEADLINE).expect("a request comes")
    }
}

/// Answers the requests of a connection.
fn serve(socket: TcpStream, tell: &Sender<Got>, given: &Receiver<u16>) {
    let mut client = BufReader::new(socket);
    loop {
        let (mut headers, mut line) = (Vec::new(), String::new());
        while client.read_line(&mut line).is_ok_and(|octets| octets > 2) {
            if let Some((name, value)) = line.split_once(": ") {
                headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            line.clear();
        }
        let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse().unwrap());
        let Some(length) = length else { return };
        let mut body = vec![0; length];
        client.read_exact(&mut body).unwrap();
        let status = given.try_recv().unwrap_or(204);
        let answer = format!("HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n");
        if tell.send(Got { headers, body: String::from_utf8(body).unwrap() }).is_err() {
            return;
        }
        client.get_mut().write_all(answer.as_bytes()).unwrap();
    }
}

#[test]
fn each_message_is_sent_once_in_order_and_signed() {
    const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";
    let (server, endpoint) = (MailServer::start(), Endpoint::start());
    let api = ApiClient::of(&server);
    server.deliver("bob@example.org", "Subject: before\r\n\r\n");
    let hook = api.post("/webhooks", &json!({ "url": endpoint.url, "secret": SECRET })).expect(201);
    assert_eq!((&hook["id"], &hook["url"]), (&json!("w1"), &json!(endpoint.url)), "{hook}");

    (0..100).for_each(|n| drop(server.deliver("bob@example.org", format!("Subject: {n}\r\n\r\n"))));

    let got: Vec<Got> = (0..100).map(|_| endpoint.take()).collect();
    let listed = api.ok("/messages?limit=1000");
    let bodies: Vec<Value> = got.iter().map(Got::json).collect();
    assert_eq!(bodies, listed["messages"].as_array().unwrap()[1..], "as in the list, without what came before");
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"012345678901234567890123");
    for request in &got {
        let id = request.header("webhook-id");
        assert!(id.ends_with(&format!("-{}", request.json()["seq"])), "{id}");
        assert_eq!(request.header("mailjig-event"), "message");
        let signed = format!("{id}.{}.{}", request.header("webhook-timestamp"), request.body);
        let signature = request.header("webhook-signature").strip_prefix("v1,").unwrap();
        ring::hmac::verify(&key, signed.as_bytes(), &BASE64.decode(signature.as_bytes()).unwrap()).unwrap();
    }
    until("all are delivered", || api.ok("/webhooks/w1")["delivered"] == 100);
    assert_eq!(api.ok("/webhooks")["webhooks"][0]["behind"], 0);
}

#[test]
fn a_failed_delivery_is_repeated_and_told() {
    let (server, endpoint) = (MailServer::start(), Endpoint::start());
    let api = ApiClient::of(&server);
    api.post("/webhooks", &json!({ "url": endpoint.url }));
    for status in [500, 302] {
        endpoint.statuses.send(status).unwrap();
    }

    server.deliver("bob@example.org", "Subject: first\r\n\r\n");
    server.deliver("bob@example.org", "Subject: second\r\n\r\n");

    let subjects: Vec<Value> = (0..4).map(|_| endpoint.take().json()["subject"].clone()).collect();
    assert_eq!(subjects, ["first", "first", "first", "second"]);
    until("both are delivered", || api.ok("/webhooks/w1")["delivered"] == 2);
    let hook = api.ok("/webhooks/w1");
    assert_eq!((&hook["failed_attempts"], &hook["last_error"]), (&json!(2), &Value::Null), "{hook}");
    let notes = api.ok("/journal?kind=noted");
    let notes: Vec<&str> =
        notes["records"].as_array().unwrap().iter().map(|its| its["text"].as_str().unwrap()).collect();
    assert!(notes[0].contains("it answered 500") && notes[0].contains("tried again"), "{notes:?}");
    assert!(notes[1].contains("delivered after 2 failed attempts"), "{notes:?}");
}

#[test]
fn notes_about_webhooks_are_not_sent_to_webhooks() {
    let (server, endpoint) = (MailServer::start(), Endpoint::start());
    let api = ApiClient::of(&server);
    api.post("/webhooks", &json!({ "url": endpoint.url, "records": {} })).expect(201);
    endpoint.statuses.send(500).unwrap();

    server.deliver("bob@example.org", "Subject: first\r\n\r\n");
    let refused = endpoint.take().json();
    assert_eq!(endpoint.take().json(), refused, "it is repeated");
    until("the repetition is told", || api.ok("/journal?kind=noted")["records"].as_array().unwrap().len() == 2);
    server.deliver("bob@example.org", "Subject: second\r\n\r\n");

    assert_eq!(endpoint.take().json()["captured"], "m2");
}

#[test]
fn two_webhooks_have_different_ids_for_the_same_position() {
    let id = || {
        let (server, endpoint) = (MailServer::start(), Endpoint::start());
        ApiClient::of(&server).post("/webhooks", &json!({ "url": endpoint.url })).expect(201);
        server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
        let got = endpoint.take();
        (got.json()["seq"].clone(), got.header("webhook-id").to_owned())
    };

    let ((its, first), (other, second)) = (id(), id());

    assert_eq!(its, other);
    assert_ne!(first, second, "a receiver that leaves out what it knows accepts both");
}

#[test]
fn a_webhook_does_not_begin_after_the_end_of_the_journal() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    for what in ["messages", "records"] {
        let refused = api.post("/webhooks", &json!({ "url": "http://127.0.0.1:9/", what: {}, "after": 999_999 }));
        assert_eq!(refused.expect(410)["first"], 0, "{what}");
    }

    assert_eq!(api.ok("/webhooks")["webhooks"], json!([]));
}

#[test]
fn a_receiver_that_is_down_shows_in_the_state() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let port = unused_port();
    let url = format!("http://user:pw@127.0.0.1:{port}/hook?key=1");
    let hook = api.post("/webhooks", &json!({ "url": url })).expect(201);
    assert_eq!(hook["url"], format!("http://127.0.0.1:{port}/hook"), "secrets are not shown");

    (0..3).for_each(|_| drop(server.deliver("bob@example.org", "Subject: hi\r\n\r\n")));

    until("an attempt fails", || api.ok("/webhooks/w1")["failed_attempts"].as_u64() > Some(0));
    let hook = api.ok("/webhooks/w1");
    assert_eq!((&hook["delivered"], &hook["behind"]), (&json!(0), &json!(3)), "{hook}");
    assert!(hook["last_error"].is_string(), "{hook}");
}

#[test]
fn filters_choose_what_is_sent() {
    let (server, messages, records) = (MailServer::start(), Endpoint::start(), Endpoint::start());
    let api = ApiClient::of(&server);
    let filters = json!({ "to": "bob@example.org", "header": ["X-Id: 7", "Subject: s*"] });
    let body = json!({ "url": messages.url, "messages": filters, "after": 0 });
    let hook = api.post("/webhooks", &body).expect(201);
    assert_eq!(hook["filters"], "messages header=X-Id: 7 header=Subject: s* to=bob@example.org");
    api.post("/webhooks", &json!({ "url": records.url, "records": { "kind": "outside" } }));

    server.deliver("bob@example.org", "Subject: other\r\nX-Id: 7\r\n\r\n");
    server.deliver("bob@example.org", "Subject: seven\r\nX-Id: 7\r\n\r\n");

    assert_eq!(messages.take().json()["subject"], "seven");
    let record = records.take();
    assert_eq!((record.header("mailjig-event"), &record.json()["captured"]), ("outside", &json!("m1")));
}

#[test]
fn a_webhook_ends_when_it_is_deleted_at_a_reset_and_with_its_server() {
    let (server, deleted, reset, removed) =
        (MailServer::start(), Endpoint::start(), Endpoint::start(), Endpoint::start());
    let api = ApiClient::of(&server);
    api.post("/servers", &json!({ "listeners": ["smtp"] }));
    api.post("/servers/1/webhooks", &json!({ "url": removed.url })).expect(201);
    api.post("/webhooks", &json!({ "url": deleted.url }));
    api.delete("/webhooks/w1").expect(204);
    api.delete("/webhooks/w1").expect(404);
    api.post("/webhooks", &json!({ "url": reset.url }));
    server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    reset.take();

    api.post("/reset", &NONE);
    api.delete("/servers/1").expect(200);

    assert_eq!(api.ok("/webhooks")["webhooks"], json!([]));
    server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    for ended in [deleted, reset, removed] {
        assert!(ended.got.try_recv().is_err());
    }
}

#[test]
fn a_webhook_does_not_keep_an_unused_server() {
    let (server, endpoint) = (MailServer::start(), Endpoint::start());
    let api = ApiClient::of(&server);
    api.post("/servers", &json!({ "listeners": ["smtp"], "idle_expiry": "50ms" }));
    api.post("/servers/1/webhooks", &json!({ "url": endpoint.url }));

    until("it expires", || api.ok("/servers")["expired"] == 1);
}

#[test]
fn a_wrong_webhook_is_answered_with_the_field() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let url = "http://127.0.0.1:9/";
    for (body, field) in [
        (json!({}), "url"),
        (json!({ "url": "localhost:9000" }), "url"),
        (json!({ "url": "ftp://localhost/" }), "url"),
        (json!({ "url": url, "secret": "s3cret" }), "secret"),
        (json!({ "url": url, "messages": { "too": "bob" } }), "messages.too"),
        (json!({ "url": url, "messages": { "to": "~(" } }), "messages.to"),
        (json!({ "url": url, "records": { "kind": "x" } }), "records.kind"),
        (json!({ "url": url, "messages": {}, "records": {} }), "records"),
    ] {
        let refused = api.post("/webhooks", &body);
        assert!([400, 422].contains(&refused.status), "{body}: {refused}");
        assert_eq!(refused.json()["field"], field, "{body}: {refused}");
    }
}
