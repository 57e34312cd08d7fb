//! Who may use the HTTP API: tokens, web pages of other origins; and what supervisors and Prometheus ask for.

use clients::api_client::{ApiClient, NONE};
use clients::line_client::talk;
use mailjig::MailServer;
use serde_json::json;

#[path = "clients/mod.rs"]
mod clients;

#[test]
fn with_a_token_every_request_needs_it_except_probes() {
    let server = MailServer::builder().token("s3cret").start();
    let api = ApiClient::at(server.api());
    let bearer = [("authorization", "Bearer s3cret")];
    // any:s3cret
    let basic = [("authorization", "Basic YW55OnMzY3JldA==")];

    for path in ["/v1/messages", "/v1/servers", "/metrics", "/v1/no-such-page"] {
        let (without, wrong) = (api.get(path), api.with(&[("authorization", "Bearer x")]).get(path));
        let why = without.detail(401);
        assert!(why.contains("has no token") && why.contains("`mailjig serve --token`"), "{path}: {why}");
        assert!(wrong.detail(401).contains("is wrong"), "{path}");
        let challenges = [r#"Bearer realm="mailjig""#, r#"Basic realm="mailjig", charset="UTF-8""#];
        assert_eq!(without.header("www-authenticate"), challenges);
    }
    for api in [api.with(&bearer), api.with(&basic)] {
        api.ok("/v1/messages");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
}

#[test]
fn without_cors_a_page_of_another_origin_can_neither_read_nor_change() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());
    let foreign = api.with(&[("origin", "http://app.example")]);

    let (read, changed) = (foreign.get("/v1/messages"), foreign.delete("/v1/messages"));

    assert_eq!(read.header("access-control-allow-origin"), [""; 0]);
    assert!(changed.detail(403).contains("`--cors http://app.example`"), "{changed}");
    assert_eq!(foreign.send("OPTIONS", "/v1/messages", "").header("access-control-allow-methods"), [""; 0]);
}

#[test]
fn an_allowed_origin_may_use_every_method() {
    let server = MailServer::builder().cors("http://app.example").cors("http://localhost:3000").token("s3cret").start();
    let api = ApiClient::at(server.api());
    let from = |origin| api.with(&[("origin", origin), ("authorization", "Bearer s3cret")]);
    // A browser sends no token with a preflight request.
    let preflight = [
        ("origin", "http://app.example"),
        ("access-control-request-method", "DELETE"),
        ("access-control-request-headers", "authorization"),
    ];

    let asked = api.with(&preflight).send("OPTIONS", "/v1/messages", "");
    let deleted = from("http://app.example").delete("/v1/messages");
    let foreign = from("http://app.example:81").delete("/v1/messages");

    assert_eq!(asked.status, 200);
    assert_eq!(asked.header("access-control-allow-origin"), ["http://app.example"]);
    assert_eq!(asked.header("access-control-allow-headers"), ["authorization"]);
    assert_eq!(asked.header("access-control-allow-methods"), ["GET,HEAD,POST,PUT,PATCH,DELETE"]);
    assert_eq!((deleted.status, foreign.status), (200, 403));
    assert_eq!(deleted.header("access-control-allow-origin"), ["http://app.example"]);
    assert_eq!(foreign.header("access-control-allow-origin"), [""; 0]);
    let unauthorised = api.with(&[("origin", "http://localhost:3000")]).get("/v1/messages");
    assert_eq!(unauthorised.status, 401);
    let readable = unauthorised.header("access-control-allow-origin");
    assert_eq!(readable, ["http://localhost:3000"], "the page can read why it was refused");
}

#[test]
fn every_origin_can_be_allowed() {
    let server = MailServer::builder().cors("*").start();
    let api = ApiClient::at(server.api());

    let deleted = api.with(&[("origin", "https://any.example")]).delete("/v1/messages");

    assert_eq!((deleted.status, deleted.header("access-control-allow-origin")), (200, vec!["*"]));
}

#[test]
fn a_wrong_host_is_told_which_flag_allows_it() {
    let server = MailServer::builder().allow_host("mail.internal").cors("*").start();
    let api = ApiClient::at(server.api());

    let foreign = api.with(&[("host", "evil.example")]).get("/v1/messages");

    assert!(foreign.detail(421).contains("`--allow-host NAME`"), "{foreign}");
    api.with(&[("host", "mail.internal:8025")]).ok("/v1/messages");
}

#[test]
#[should_panic(expected = "is not an origin")]
fn an_origin_has_no_path() {
    let _server = MailServer::builder().cors("http://app.example/page").start();
}

#[test]
#[should_panic(expected = "a token consists of visible ASCII characters")]
fn a_token_is_not_empty() {
    let _server = MailServer::builder().token("").start();
}

/// The value of a sample, written as in the exposition format.
fn sample(metrics: &str, name: &str) -> Option<u64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

#[test]
fn metrics_count_what_happened_on_each_server() {
    let main = MailServer::start();
    let api = ApiClient::at(main.api());
    api.post("/v1/servers", &json!({ "listeners": ["smtp"] })).expect(201);
    let lines = "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: hi\r\n\r\nhi\r\n.\r\n\
        XYZZY\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nQUIT\r\n";
    talk(main.smtp().address(), lines);
    main.deliver("eve@example.org", "Subject: hi\r\n\r\n");
    // Deleting and resetting do not set counters back.
    api.delete("/v1/messages");
    api.post("/v1/reset", &NONE);
    api.get("/v1/messages/m7");
    api.send("BREW", "/v1/messages", "");
    api.with(&[("host", "evil.example")]).get("/v1/messages");

    let response = api.get("/metrics");

    let metrics = response.text();
    assert_eq!(response.header("content-type"), ["text/plain; version=0.0.4; charset=utf-8"]);
    for (name, value) in [
        (r#"messages_captured_total{server="main"}"#, 2),
        (r#"messages_captured_octets_total{server="main"}"#, 34),
        (r#"messages_captured_total{server="1"}"#, 0),
        (r#"messages{server="main"}"#, 0),
        (r#"sessions_total{server="main",listener="smtp"}"#, 1),
        (r#"refusals_total{server="main",class="5xx"}"#, 2),
        (r#"rules_fired_total{server="main"}"#, 0),
        (r#"messages_discarded_total{server="main"}"#, 0),
        (r#"waiting{server="1"}"#, 0),
        ("servers", 1),
        ("servers_expired_total", 0),
        (r#"http_requests_total{route="/v1/servers",method="POST",status="201"}"#, 1),
        (r#"http_requests_total{route="/v1/messages/{m}",method="GET",status="404"}"#, 1),
        (r#"http_requests_total{route="/v1/messages",method="other",status="405"}"#, 1),
        (r#"http_requests_total{route="",method="GET",status="421"}"#, 1),
    ] {
        assert_eq!(sample(&metrics, &format!("mailjig_{name}")), Some(value), "{name} in\n{metrics}");
    }
    assert!(metrics.contains("# TYPE mailjig_messages_captured_total counter"), "{metrics}");
    for line in metrics.lines() {
        assert!(line.starts_with("# ") || line.starts_with("mailjig_"), "{line:?}");
    }
}

#[test]
fn a_server_is_ready_while_every_listener_accepts() {
    let server = MailServer::start();
    let api = ApiClient::at(server.api());

    for path in ["/healthz", "/readyz"] {
        let answer = api.get(path);
        assert_eq!((answer.status, &*answer.text()), (200, "ok\n"), "{path}");
    }
}
