//! The drop-in API of Mailpit: published clients of Mailpit work without changes, and what mailjig adds around it. A
//! client that is not installed is skipped, unless `MAILJIG_ALL_CLIENTS` is set; `tests/clients.rs` names what is missing.

use std::path::Path;
use std::process::Command;

use clients::api_client::{ApiClient, NONE};
use clients::line_client::talk;
use clients::support::{folder, interpreter, is_there, run};
use clients::web_socket::WebSocket;
use mailjig::MailServer;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

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

#[test]
fn read_marks_and_tags_are_of_this_server_until_a_reset() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    let other = api.post("/v1/servers", &json!({})).expect(201);
    let delivery = json!({ "to": ["bob@example.org"], "raw": MAIL });
    let other = ApiClient::at(other["url"].as_str().unwrap());
    for deliver in [api.post("/v1/deliver", &delivery), other.post("/deliver", &delivery)] {
        deliver.expect(201);
    }

    assert_eq!(api.ok("/api/v1/message/latest")["ID"], "m1");
    api.put("/api/v1/tags", &json!({ "IDs": ["m1"], "Tags": ["seen"] })).expect(200);

    let of = |api: &ApiClient| {
        let list = api.ok("/api/v1/messages");
        (list["total"].clone(), list["unread"].clone(), list["tags"].clone())
    };
    assert_eq!(of(&api), (json!(1), json!(0), json!(["seen"])));
    assert_eq!(of(&other), (json!(1), json!(1), json!(["vip"])));
    api.post("/v1/reset", &NONE);
    assert_eq!(of(&api), (json!(0), json!(0), json!([])));
    server.deliver("bob@example.org", MAIL);
    assert_eq!(of(&api), (json!(1), json!(1), json!(["vip"])));
}

#[test]
fn mail_is_the_same_in_both_apis() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    server.deliver("bob@example.org", MAIL);
    let kept = server.deliver("carol@example.org", "Subject: Kept\r\n\r\n").no().to_string();

    assert_eq!(api.get("/api/v1/message/m1/raw").text(), MAIL);
    assert_eq!(api.ok("/api/v1/message/latest?query=to:bob")["ID"], "m1");
    let bcc = &api.ok("/api/v1/message/m1")["Bcc"];
    assert_eq!(*bcc, json!([{ "Name": "", "Address": "bob@example.org" }]), "nobody named this recipient");
    api.delete("/api/v1/search?query=from:ann").expect(200);

    assert_eq!(server.messages().iter().map(|message| message.no().to_string()).collect::<Vec<_>>(), [kept]);
    let gone = api.get("/api/v1/message/m1");
    assert_eq!((gone.status, &*gone.text()), (404, "Message not found"));
}

#[test]
fn wrong_requests_are_refused_in_plain_text() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
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
        let answer = api.get(path);

        assert_eq!(answer.header("content-type"), ["text/plain; charset=utf-8"], "{path}");
        assert_eq!((answer.status, &*answer.text()), (status, text), "{path}");
    }
    let both = api.put("/api/v1/messages", &json!({ "IDs": ["m1"], "Search": "x", "Read": true }));
    both.expect(400);
    let wrong = api.send("DELETE", "/api/v1/messages", "m1");
    assert!(wrong.text().starts_with("the body is not valid JSON"), "{wrong}");
    assert_eq!(server.messages().len(), 1, "a body that cannot be read deletes nothing");
}

#[test]
fn chaos_is_made_of_rules() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());

    api.put("/api/v1/chaos", &json!({ "Recipient": { "ErrorCode": 452, "Probability": 100 } }));

    let said = talk(server.smtp().address(), "EHLO x\nMAIL FROM:<a@example.org>\nRCPT TO:<b@example.org>\nQUIT\n");
    assert!(said.contains("\r\n452 Chaos"), "{said}");
    let rules = api.ok("/v1/rules");
    assert_eq!(rules["rules"][0]["rule"]["id"], "mailpit-chaos-recipient");
    assert_eq!(rules["rules"][0]["fired"], 1);
    api.delete("/v1/rules/mailpit-chaos-recipient");
    assert_eq!(api.ok("/api/v1/chaos")["Recipient"], json!({ "ErrorCode": 451, "Probability": 0 }));
}

/// The same seed gives the same errors.
#[test]
fn chaos_is_repeatable() {
    let outcomes = || {
        let server = MailServer::start();
        let api = ApiClient::at(server.api());
        api.put("/api/v1/chaos", &json!({ "Sender": { "ErrorCode": 451, "Probability": 50 } }));
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
    let api = ApiClient::at(server.api());
    let html = "Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n\
                <img src=\"cid:logo%40x\"><img src='cid:none'>\r\n--b\r\nContent-Type: image/svg+xml\r\n\
                Content-ID: <logo@x>\r\n\r\n<svg/>\r\n--b--\r\n";
    server.deliver("bob@example.org", html);

    let page = api.get("/view/latest.html");

    let policy = page.header("content-security-policy")[0];
    assert!(policy.starts_with("sandbox ") && policy.contains("; default-src 'none'"), "{policy}");
    assert!(!policy.contains("script"), "{policy}");
    let text = page.text();
    assert!(text.contains("src=\"/api/v1/message/m1/part/2\"") && text.contains("'cid:none'"), "{text}");
    let part = api.get("/api/v1/message/m1/part/2");
    assert_eq!(part.header("content-type"), ["application/octet-stream"], "an SVG could run scripts");
    assert_eq!(part.header("content-security-policy"), ["sandbox"]);
    server.deliver("bob@example.org", "Content-Type: application/mathml+xml\r\n\r\n<math/>\r\n");
    let part = api.get("/api/v1/message/m2/part/1");
    assert!(part.header("content-disposition")[0].starts_with("attachment"), "as any other XML");
}

#[test]
fn the_description_has_exactly_the_routes_that_are_there() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    server.deliver("bob@example.org", MAIL);

    let swagger = api.ok("/api/v1/swagger.json");

    let paths = swagger["paths"].as_object().unwrap();
    let without = ["html-check", "sa-check"].map(|path| format!("/api/v1/message/{{ID}}/{path}"));
    assert!(paths.len() == 19 && without.iter().all(|path| !paths.contains_key(path)), "{:?}", paths.keys());
    for path in paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path) {
        let answer = api.get(path.replace("{ID}", "m1").replace("{PartID}", "1"));
        assert_ne!(answer.header("content-type"), ["application/problem+json"], "{path} is of this API");
    }
    let schemas = &swagger["components"]["schemas"];
    for (schema, member) in [("Deletion", "IDs"), ("SendRequest", "Subject"), ("SendAttachment", "ContentID")] {
        assert!(schemas[schema]["properties"].get(member).is_some(), "{schema}: {}", schemas[schema]);
    }
    let search = &swagger["paths"]["/api/v1/search"]["get"]["parameters"];
    assert!(search.as_array().unwrap().iter().any(|its| its["name"] == "query" && its["required"] == true));
}

/// The data of the next event, which must be of this type.
fn expect(events: &mut WebSocket, kind: &str) -> Value {
    let event = events.next();
    assert_eq!(event["Type"], kind, "{event}");
    event["Data"].clone()
}

#[test]
fn events_tell_what_happens_to_the_mail() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    let mut events = WebSocket::open(&server, "/api/events", "").unwrap();
    let mut expect = |kind| expect(&mut events, kind);

    server.deliver("bob@example.org", MAIL);
    let new = expect("new");
    assert_eq!((&new["ID"], &new["Subject"], &new["Tags"]), (&json!("m1"), &json!("Hello"), &json!(["vip"])));
    let stats = expect("stats");
    assert_eq!((&stats["Total"], &stats["Unread"]), (&json!(1), &json!(1)));

    api.ok("/api/v1/message/m1");
    assert_eq!(expect("update"), json!({ "ID": "m1", "Read": true }));
    assert_eq!(expect("stats")["Unread"], 0);

    api.put("/api/v1/tags", &json!({ "IDs": ["m1"], "Tags": ["b", "a"] }));
    assert_eq!(expect("update"), json!({ "ID": "m1", "Tags": ["a", "b"] }));
    expect("stats");
    api.put("/api/v1/tags/a", &json!({ "Name": "x" }));
    expect("prune");
    expect("stats");

    talk(server.smtp().address(), "RCPT TO:<b@example.org>\nQUIT\n");
    let error = expect("error");
    assert_eq!(
        (&error["Level"], &error["Type"], &error["IP"]),
        (&json!("error"), &json!("smtpd"), &json!("127.0.0.1"))
    );
    assert!(error["Message"].as_str().unwrap().starts_with("503 "), "{error}");

    server.deliver("carol@example.org", MAIL);
    expect("new");
    expect("stats");
    api.delete("/api/v1/search?query=bcc:carol");
    assert_eq!(expect("delete"), json!({ "ID": "m2" }));
    assert_eq!(expect("stats")["Total"], 1);
    api.delete("/v1/messages");
    expect("truncate");
    assert_eq!(expect("stats")["Total"], 0);
}

#[test]
fn a_page_of_another_origin_gets_no_events() {
    let server = MailServer::start();

    let refused = WebSocket::open(&server, "/api/events", "Origin: http://evil.example\r\n").err();
    let own = WebSocket::open(&server, "/api/events", &format!("Origin: {}\r\n", server.api()));

    assert_eq!(refused.as_deref(), Some("HTTP/1.1 403 Forbidden"));
    assert!(own.is_ok());
}
