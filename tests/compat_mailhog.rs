//! MailHog's API: what its published clients read, and what they do not ask for.

use std::io::BufRead;
use std::path::Path;
use std::process::Command;

use clients::api_client::{ApiClient, NONE};
use clients::line_client::talk;
use clients::served::Served;
use clients::support::{folder, interpreter, is_there, run};
use clients::web_socket::WebSocket;
use mailjig::MailServer;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

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
fn start() -> (MailServer, ApiClient) {
    let server = MailServer::start();
    server.deliver_from("ann@example.org", "bob@example.org", PARTS);
    server.deliver_from("app@example.org", "carol@example.org", PLAIN);
    let api = ApiClient::at(server.api());
    (server, api)
}

#[test]
fn a_message_has_the_members_of_mailhog() {
    let server = MailServer::start();
    let envelope = "EHLO app.example\nMAIL FROM:<ann@example.org>\nRCPT TO:<bob@example.org>\n";
    talk(server.smtp().address(), &format!("{envelope}DATA\n{PARTS}.\nQUIT\n"));

    let mut message = ApiClient::at(server.api()).ok("/api/v1/messages/m1");

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
    let (_server, api) = start();

    let all = api.ok("/mailhog/api/v1/messages");
    let page = api.ok("/api/v2/messages");
    let second = api.ok("/api/v2/messages?start=1&limit=1000");
    let beyond = api.ok("/api/v2/messages?start=5&limit=x");

    let ids = |list: &Value| -> Vec<Value> { list.as_array().unwrap().iter().map(|its| its["ID"].clone()).collect() };
    assert_eq!(ids(&all), ["m2", "m1"]);
    assert_eq!((&page["total"], &page["count"], &page["start"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(ids(&page["items"]), ["m2", "m1"]);
    assert_eq!(ids(&second["items"]), ["m1"]);
    assert_eq!(beyond, json!({ "total": 2, "count": 0, "start": 5, "items": [] }));
}

#[test]
fn a_search_finds_text_as_sent_and_decoded() {
    let (_server, api) = start();
    for (query, found) in [
        ("kind=to&query=BOB@example", 1),
        ("kind=to&query=example.org", 2),
        ("kind=from&query=app@", 1),
        ("kind=containing&query=Sch=C3=B6ne", 1),
        ("kind=containing&query=sch%C3%B6ne", 1),
        ("kind=containing&query=gr%C3%BC%C3%9Fe", 1),
        ("kind=containing&query=absent", 0),
    ] {
        assert_eq!(api.ok(format!("/api/v2/search?{query}"))["total"], found, "{query}");
    }
    for (query, field) in [("kind=cc&query=x", "kind"), ("query=x", "kind"), ("kind=to", "query")] {
        assert_eq!(api.get(format!("/api/v2/search?{query}")).field(400), field);
    }
}

#[test]
fn messages_and_parts_are_downloaded() {
    let (_server, api) = start();

    for (path, content_type, name, text) in [
        ("download", "message/rfc822", "m1.eml", PARTS),
        ("mime/part/0/download", "text/plain", "m1-part-0", "Schöne Grüße"),
        ("mime/part/2/download", "text/csv", "a.csv", "a,b"),
    ] {
        let part = api.get(format!("/api/v1/messages/m1/{path}"));
        assert_eq!((part.status, part.text()), (200, text.to_owned()), "{path}");
        assert_eq!(part.header("content-type"), [content_type]);
        assert_eq!(part.header("content-disposition"), [format!("attachment; filename=\"{name}\"")]);
    }
    for path in ["m1/mime/part/3/download", "m2/mime/part/0/download", "m9/download", "m9"] {
        let detail = api.get(format!("/api/v1/messages/{path}")).detail(500);
        assert!(detail.starts_with("there is no "), "{path}: {detail}");
    }
}

#[test]
fn deleting_one_message_leaves_the_others() {
    let (server, api) = start();

    let deleted = api.delete("/api/v1/messages/m1");
    assert_eq!((deleted.status, deleted.text()), (200, String::new()));
    api.delete("/api/v1/messages/m1").expect(500);
    assert_eq!(api.ok("/api/v2/messages")["total"], 1);
    assert_eq!(api.ok("/v1/messages")["messages"][0]["id"], "m2");
    assert_eq!(api.ok("/v1/accounts/bob@example.org/mailboxes/INBOX")["entries"], json!([]));
    let deleted = api.delete("/mailhog/api/v1/messages");
    assert_eq!((deleted.status, deleted.text()), (200, String::new()));
    assert!(server.messages().is_empty());
}

#[test]
fn a_wait_after_a_deleted_message_does_not_find_older_ones() {
    let (server, api) = start();
    let second = server.messages()[1].clone();
    api.delete("/api/v1/messages/m2");

    server.deliver("dave@example.org", "Subject: third\r\n\r\n");

    assert_eq!(server.wait_for(mailjig::matchers::any()).after(&second).block().subject(), "third");
}

#[test]
fn nothing_is_released() {
    let (_server, api) = start();

    let body = json!({ "Email": "x@example.org", "Host": "localhost", "Port": "25" });
    api.post("/api/v1/messages/m1/release", &body).expect(501);
    api.post("/api/v1/messages/m9/release", &body).expect(500);
    assert_eq!(api.ok("/api/v2/outgoing-smtp"), json!({}));
}

#[test]
fn jim_is_a_set_of_rules() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    let jim = "/api/v2/jim";
    let rules = || -> Vec<Value> {
        let rules = api.ok("/v1/rules")["rules"].take();
        rules.as_array().unwrap().iter().map(|rule| json!([rule["rule"]["id"], rule["rule"]["chance"]])).collect()
    };
    let put = |body: Value| api.put(jim, &body);
    for answer in [api.get(jim), put(json!({})), api.delete(jim)] {
        answer.expect(404);
    }

    api.post(jim, &NONE).expect(201);
    api.post(jim, &NONE).expect(400);
    let usual = json!({
        "DisconnectChance": 0.005, "AcceptChance": 0.99, "LinkSpeedAffect": 0.1, "LinkSpeedMin": 1024.0,
        "LinkSpeedMax": 10240.0, "RejectSenderChance": 0.05, "RejectRecipientChance": 0.05, "RejectAuthChance": 0.05,
    });
    assert_eq!(api.ok(jim), usual);
    assert_eq!(rules().len(), 7);
    api.send("PUT", jim, "{").expect(400);
    put(json!({ "AcceptChance": "often" })).expect(400);

    put(json!({ "AcceptChance": 1, "RejectRecipientChance": 1 })).expect(200);
    assert_eq!(rules().len(), 7, "those of the first request are gone");
    let lines = "EHLO x\nMAIL FROM:<ann@example.org>\nRCPT TO:<bob@example.org>\nQUIT\n";
    let refused = talk(server.smtp().address(), lines);
    assert!(refused.contains("\r\n250 2.1.0 Ok\r\n550 5.1.1 Invalid recipient\r\n221 "), "{refused}");
    put(json!({ "RejectSenderChance": 1 })).expect(200);
    assert_eq!(talk(server.smtp().address(), ""), "", "an AcceptChance that is not given is 0");

    api.delete(jim).expect(200);
    assert!(rules().is_empty());
}

#[test]
fn jim_limits_the_speed_of_a_session() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    let speed = json!({ "AcceptChance": 1, "LinkSpeedAffect": 1, "LinkSpeedMin": 100_000, "LinkSpeedMax": 300_000 });
    api.post("/api/v2/jim", &speed).expect(201);

    assert!(talk(server.smtp().address(), "NOOP\nQUIT\n").contains("250 2.0.0 Ok"));

    let rules = api.ok("/v1/rules")["rules"].take();
    let pace = rules.as_array().unwrap().iter().find(|rule| rule["rule"]["id"] == "jim-link-speed-pace").unwrap();
    assert_eq!(pace["rule"]["do"], json!([{ "pace": { "chunk": 10000, "gap": "50ms" } }]));
    assert_eq!(pace["fired"], 3, "{pace}");
}

#[test]
fn jim_repeats_itself_with_the_same_seed() {
    let replies = |seed| {
        let server = MailServer::builder().seed(seed).start();
        let jim = json!({ "AcceptChance": 1, "RejectSenderChance": 0.5 });
        ApiClient::at(server.api()).post("/api/v2/jim", &jim).expect(201);
        let lines = "MAIL FROM:<ann@example.org>\nRSET\n".repeat(20);
        talk(server.smtp().address(), &format!("EHLO x\n{lines}QUIT\n"))
    };

    assert_eq!(replies(1), replies(1));
    assert_ne!(replies(1), replies(2));
    assert!(replies(1).contains("550 5.1.0 Invalid sender") && replies(1).contains("250 2.1.0 Ok"));
}

#[test]
fn events_bring_each_new_message() {
    let (server, api) = start();
    let stream = api.stream("/api/v1/events");

    server.deliver_from("app@example.org", "dave@example.org", "Subject: third\r\n\r\n");

    let event = stream.lines().map(Result::unwrap).find_map(|line| line.strip_prefix("data: ").map(str::to_owned));
    let message: Value = serde_json::from_str(&event.unwrap()).unwrap();
    assert_eq!((&message["ID"], &message["To"][0]["Mailbox"]), (&json!("m3"), &json!("dave")));
}

#[test]
fn a_websocket_brings_each_new_message() {
    let (server, _api) = start();
    let mut socket = WebSocket::open(&server, "/api/v2/websocket", "").unwrap();

    server.deliver_from("app@example.org", "dave@example.org", "Subject: third\r\n\r\n");

    assert_eq!(socket.next()["ID"], "m3");
}

#[test]
fn the_path_of_two_products_is_that_of_the_chosen_one() {
    let (_server, api) = start();

    let new = api.post("/v1/servers", &json!({ "compat": "mailhog" })).expect(201);
    let further = ApiClient::at(new["url"].as_str().unwrap());
    further.post("/deliver?to=bob@example.org", &NONE);

    assert!(further.ok("/api/v1/messages").is_array(), "MailHog's");
    assert!(further.ok("/mailhog/api/v1/messages").is_array());
    assert_eq!(further.ok("/api/v2/messages")["total"], 0);
    let wrong = api.post("/v1/servers", &json!({ "compat": "maildev" }));
    assert_eq!(wrong.json()["field"], "compat");
    assert!(wrong.text().contains("expected `mailpit` or `mailhog`"), "{wrong}");
}

#[test]
fn npm_mailhog() {
    if !is_there("npm mailhog") {
        return;
    }
    let (server, api) = start();
    let port = server.api().rsplit(':').next().unwrap();
    run(interpreter("node").arg(folder().join("mailhog_api.js")).args([port, "/mailhog/api"]), "");

    let url = a_further_server(&api);
    let base = url.strip_prefix(server.api()).unwrap();
    run(interpreter("node").arg(folder().join("mailhog_api.js")).args([port, &format!("{base}/api")]), "");
}

#[test]
fn npm_cypress_mailhog() {
    if !is_there("npm cypress-mailhog") {
        return;
    }
    let (server, api) = start();
    run(interpreter("node").arg(folder().join("cypress_mailhog.js")).arg(a_further_server(&api)), "");
    run(interpreter("node").arg(folder().join("cypress_mailhog.js")).arg(format!("{}/mailhog", server.api())), "");
}

#[test]
fn pypi_mailhog() {
    if !is_there("PyPI mailhog") {
        return;
    }
    // The client has no option for the path, so the server is started as MailHog's successor.
    let server = Served::start(&["--compat", "mailhog"]);
    deliver_both(&server.api());
    let port = server.ready["endpoints"]["http"]["port"].to_string();

    run(interpreter("venv").arg(folder().join("mailhog_api.py")).arg(port), "");
}

#[test]
fn crate_mailhog_rs() {
    if !is_there("crate mailhog-rs") {
        return;
    }
    let (server, api) = start();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/clients/mailhog-rust/debug/mailhog-client");
    run(Command::new(&program).arg(server.api()), "");
    run(Command::new(&program).arg(a_further_server(&api)), "");
}

/// The URL of a further server with MailHog's paths and the same two messages.
fn a_further_server(api: &ApiClient) -> String {
    let new = api.post("/v1/servers", &json!({ "compat": "mailhog" })).expect(201);
    let url = new["url"].as_str().unwrap();
    deliver_both(&ApiClient::at(url));
    url.to_owned()
}

fn deliver_both(api: &ApiClient) {
    for (from, to, raw) in
        [("ann@example.org", "bob@example.org", PARTS), ("app@example.org", "carol@example.org", PLAIN)]
    {
        api.post("/deliver", &json!({ "from": from, "to": [to], "raw": raw })).expect(201);
    }
}
