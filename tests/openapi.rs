//! The OpenAPI document: complete, consistent, and true.

use std::collections::BTreeSet;

use clients::api_client::{ApiClient, NONE};
use clients::deadline::connect;
use mailjig::MailServer;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

fn document(server: &MailServer) -> Value {
    ApiClient::of(server).ok("/openapi.json")
}

/// Every operation with its method and path.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (method.as_str(), path.as_str(), operation))
        })
        .collect()
}

#[test]
fn it_is_openapi_3_1_and_describes_every_operation() {
    let server = MailServer::start();
    let document = document(&server);

    assert_eq!(document["openapi"], "3.1.0");
    let mut names = BTreeSet::new();
    let mut listed = String::new();
    for (method, path, operation) in operations(&document) {
        let name = operation["operationId"].as_str().unwrap();
        assert!(names.insert(name.to_owned()), "two operations are called {name}");
        assert!(operation["summary"].is_string(), "{name} has no summary");
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{name}: {parameter}");
        }
        listed += &format!("{:<6} {path:<55} {name}\n", method.to_uppercase());
    }
    insta::assert_snapshot!(listed);
}

/// The document has one schema for each name, so that of two types with the same name it would describe only one.
#[test]
fn no_two_schemas_have_the_same_name() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file()) {
        let source = std::fs::read_to_string(file).unwrap();
        for declaration in source.split("ToSchema)]").skip(1) {
            let mut words = declaration.split([' ', '<', '(', ';', '\n']);
            words.find(|word| ["struct", "enum"].contains(word));
            let name = words.next().unwrap().to_owned();
            assert!(names.insert(name.clone()), "two types that the document describes are called {name}");
        }
    }
    assert!(names.len() > 20);
}

/// Whether the path is one of the OAuth 2.0 provider: it takes forms, ignores parameters that it does not know (RFC 6749
/// §3.1), and `tests/provider.rs` asks it.
fn is_of_provider(path: &str) -> bool {
    path.starts_with("/oauth2/") || path.starts_with("/.well-known/")
}

/// The path with things that exist.
fn filled(path: &str) -> String {
    [
        ("{m}", "m1"),
        ("{s}", "s1"),
        ("{r}", "r1"),
        ("{n}", "1"),
        ("{login}", "bob@example.org"),
        ("{mailbox}", "INBOX"),
        ("{uid}", "1"),
        ("{id}", "1"),
        ("{w}", "w1"),
        ("{e}", "e1"),
        ("{name}", "smtp-greylist"),
        ("{token}", "tok-1"),
        ("{certificate}", "good"),
    ]
    .iter()
    .fold(path.to_owned(), |path, (name, value)| path.replace(name, value))
}

/// A message with HTML, and with what a path below it returns.
const MAIL: &str = "List-Unsubscribe: <https://example.org/>\r\nContent-Type: text/html\r\n\r\n<p>hi</p>\r\n";

/// Adds one of each thing that a path names.
fn with_things(server: &MailServer, api: &ApiClient) {
    for (path, body) in [
        ("/deliver", json!({ "from": "ann@example.org", "to": ["bob@example.org"], "raw": MAIL })),
        ("/rules", json!({ "on": "smtp.rcpt", "do": { "note": "hi" } })),
        ("/servers", json!({})),
        ("/webhooks", json!({ "url": "http://127.0.0.1:9/" })),
        ("/expectations", json!({ "to": "bob@example.org", "times": ".." })),
    ] {
        api.post(path, &body).expect(201);
    }
    api.put("/accounts/ann@example.org", &json!({ "password": "secret", "tokens": ["tok-1"] })).expect(201);
    server.account("bob@example.org").mailbox("Work").create();
}

#[test]
fn every_operation_answers_with_a_status_that_it_documents() {
    let document = document(&MailServer::start());
    for (method, path, operation) in operations(&document).into_iter().filter(|(_, path, _)| !is_of_provider(path)) {
        // One server for each, because some operations remove what others need.
        let server = MailServer::start();
        let api = ApiClient::of(&server);
        with_things(&server, &api);
        let _client = connect(server.smtp().address());
        server.wait_for_session(mailjig::matchers::session::open()).block();

        // INBOX cannot be deleted.
        let mailbox = if method == "delete" { path.replace("{mailbox}", "Work") } else { path.to_owned() };
        let has_entry = path.contains("{uid}");
        let filled = filled(if has_entry { path } else { &mailbox });
        if path == "/updates" {
            // It does not end.
            drop(api.stream(path));
            continue;
        }
        let status = api.ask(&method.to_uppercase(), filled, &body_for(method, path)).status;
        let documented = operation["responses"].as_object().unwrap().contains_key(&status.to_string());
        assert!(documented && is_done(path, status), "{method} {path} answered {status}");
    }
}

/// Whether the status is one of success. These servers were given no files of a certificate, so none can be read again.
fn is_done(path: &str, status: u16) -> bool {
    (200..300).contains(&status) || (path == "/tls/reload" && status == 409)
}

/// A valid body.
fn body_for(method: &str, path: &str) -> Value {
    match (method, path) {
        ("get" | "delete", _) => NONE,
        ("post", "/deliver") => json!({ "to": ["bob@example.org"], "raw": "hi" }),
        ("post", "/accounts/{login}/mailboxes/{mailbox}") => json!({ "raw": "hi" }),
        ("post", "/rules") | ("put", "/rules/{r}") => json!({ "on": "smtp.rcpt", "do": { "note": "hi" } }),
        ("put", "/scenario") | ("post", "/scenarios/check") => json!({ "text": "mailjig = 1\n" }),
        ("post", "/oauth/tokens") => json!({ "login": "bob@example.org" }),
        ("patch", "/oauth/tokens/{token}") => json!({ "state": "expired" }),
        ("post", "/webhooks") => json!({ "url": "http://127.0.0.1:9/" }),
        ("post", "/clock/advance") => json!({ "by": "1s" }),
        ("patch", "/accounts/{login}/mailboxes/{mailbox}/entries" | "/accounts/{login}/mailboxes/{mailbox}/{uid}") => {
            json!({ "add": ["\\Seen"] })
        }
        _ => json!({}),
    }
}

#[test]
fn every_operation_takes_just_the_query_parameters_that_it_documents() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let document = document(&server);
    for (method, path, operation) in operations(&document).into_iter().filter(|(_, path, _)| !is_of_provider(path)) {
        let url = format!("{}?unknown=1", filled(path));
        let detail = api.ask(&method.to_uppercase(), url, &body_for(method, path)).detail(400);
        let taken: BTreeSet<&str> = detail.split('`').skip(3).step_by(2).collect();
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let documented = parameters.filter(|its| its["in"] == "query").map(|its| its["name"].as_str().unwrap());
        assert_eq!(taken, documented.collect(), "{method} {path}");
    }
}

#[test]
fn every_operation_without_a_documented_body_takes_none_or_an_empty_object() {
    let document = document(&MailServer::start());
    let without = |operation: &Value| operation["requestBody"].is_null();
    for (method, path, _) in operations(&document).iter().filter(|(method, _, its)| *method != "get" && without(its)) {
        // One server for each, because some operations remove what others need.
        let server = MailServer::start();
        let api = ApiClient::of(&server);
        with_things(&server, &api);
        let _client = connect(server.smtp().address());
        server.wait_for_session(mailjig::matchers::session::open()).block();
        let (method, path) = (method.to_uppercase(), filled(path).replace("/mailboxes/INBOX", "/mailboxes/Work"));
        let path = if path.ends_with("Work/1") { path.replace("Work", "INBOX") } else { path };

        assert_eq!(api.ask(&method, &path, &json!({ "keep": ["rules"] })).field(422), "keep", "{method} {path}");
        let status = api.ask(&method, &path, &json!({})).status;
        assert!(is_done(&path, status), "{method} {path} answered {status}");
    }
}
