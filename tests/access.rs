//! Who may use the HTTP API: tokens, web pages of other origins; and what supervisors and Prometheus ask for.

use std::io::{Read, Write};

use deadline::{DEADLINE, connect};
use mailjig::MailServer;
use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{Request, Response};

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;

struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    fn of(server: &MailServer) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).allow_non_standard_methods(true);
        Self { agent: config.timeout_global(Some(DEADLINE)).build().into(), base: server.api().to_owned() }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Response<String> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = self.agent.run(request.body(()).unwrap()).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        response.map(|_| text)
    }

    fn status(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> u16 {
        self.send(method, path, headers).status().as_u16()
    }
}

fn detail(response: &Response<String>) -> String {
    let problem: Value = serde_json::from_str(response.body()).unwrap();
    problem["detail"].as_str().unwrap().to_owned()
}

fn header<'r>(response: &'r Response<String>, name: &str) -> Vec<&'r str> {
    response.headers().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn with_a_token_every_request_needs_it_except_probes() {
    let server = MailServer::builder().token("s3cret").start();
    let client = Client::of(&server);
    let bearer = [("Authorization", "Bearer s3cret")];
    // any:s3cret
    let basic = [("Authorization", "Basic YW55OnMzY3JldA==")];

    for path in ["/v1/messages", "/v1/servers", "/metrics", "/v1/no-such-page"] {
        let (without, wrong) =
            (client.send("GET", path, &[]), client.send("GET", path, &[("Authorization", "Bearer x")]));
        assert_eq!((without.status().as_u16(), wrong.status().as_u16()), (401, 401), "{path}");
        assert!(detail(&without).contains("has no token") && detail(&without).contains("`mailjig serve --token`"));
        assert!(detail(&wrong).contains("is wrong"));
        let challenges = [r#"Bearer realm="mailjig""#, r#"Basic realm="mailjig", charset="UTF-8""#];
        assert_eq!(header(&without, "www-authenticate"), challenges);
    }
    assert_eq!([client.status("GET", "/v1/messages", &bearer), client.status("GET", "/v1/messages", &basic)], [200; 2]);
    assert_eq!([client.status("GET", "/healthz", &[]), client.status("GET", "/readyz", &[])], [200; 2]);
}

#[test]
fn without_cors_a_page_of_another_origin_can_neither_read_nor_change() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let foreign = [("Origin", "http://app.example")];

    let (read, changed) =
        (client.send("GET", "/v1/messages", &foreign), client.send("DELETE", "/v1/messages", &foreign));

    assert_eq!(header(&read, "access-control-allow-origin"), [""; 0]);
    assert_eq!(changed.status(), 403);
    assert!(detail(&changed).contains("`--cors http://app.example`"), "{}", changed.body());
    assert_eq!(header(&client.send("OPTIONS", "/v1/messages", &foreign), "access-control-allow-methods"), [""; 0]);
}

#[test]
fn an_allowed_origin_may_use_every_method() {
    let server = MailServer::builder().cors("http://app.example").cors("http://localhost:3000").token("s3cret").start();
    let client = Client::of(&server);
    let from = |origin| [("Origin", origin), ("Authorization", "Bearer s3cret")];
    // A browser sends no token with a preflight request.
    let preflight = [
        ("Origin", "http://app.example"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "authorization"),
    ];

    let asked = client.send("OPTIONS", "/v1/messages", &preflight);
    let deleted = client.send("DELETE", "/v1/messages", &from("http://app.example"));
    let foreign = client.send("DELETE", "/v1/messages", &from("http://app.example:81"));

    assert_eq!(asked.status(), 200);
    assert_eq!(header(&asked, "access-control-allow-origin"), ["http://app.example"]);
    assert_eq!(header(&asked, "access-control-allow-headers"), ["authorization"]);
    assert_eq!(header(&asked, "access-control-allow-methods"), ["GET,HEAD,POST,PUT,PATCH,DELETE"]);
    assert_eq!((deleted.status().as_u16(), foreign.status().as_u16()), (200, 403));
    assert_eq!(header(&deleted, "access-control-allow-origin"), ["http://app.example"]);
    assert_eq!(header(&foreign, "access-control-allow-origin"), [""; 0]);
    let unauthorised = client.send("GET", "/v1/messages", &[("Origin", "http://localhost:3000")]);
    assert_eq!(unauthorised.status(), 401);
    let readable = header(&unauthorised, "access-control-allow-origin");
    assert_eq!(readable, ["http://localhost:3000"], "the page can read why it was refused");
}

#[test]
fn every_origin_can_be_allowed() {
    let server = MailServer::builder().cors("*").start();
    let client = Client::of(&server);

    let deleted = client.send("DELETE", "/v1/messages", &[("Origin", "https://any.example")]);

    assert_eq!((deleted.status().as_u16(), header(&deleted, "access-control-allow-origin")), (200, vec!["*"]));
}

#[test]
fn a_wrong_host_is_told_which_flag_allows_it() {
    let server = MailServer::builder().allow_host("mail.internal").cors("*").start();
    let client = Client::of(&server);

    let foreign = client.send("GET", "/v1/messages", &[("Host", "evil.example")]);

    assert_eq!(foreign.status(), 421);
    assert!(detail(&foreign).contains("`--allow-host NAME`"), "{}", foreign.body());
    assert_eq!(client.status("GET", "/v1/messages", &[("Host", "mail.internal:8025")]), 200);
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
    let client = Client::of(&main);
    let body = json!({ "listeners": ["smtp"] });
    let further = client.agent.post(format!("{}/v1/servers", client.base)).send_json(&body).unwrap();
    assert_eq!(further.status(), 201);
    let mut smtp = connect(main.smtp().address());
    let lines = "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: hi\r\n\r\nhi\r\n.\r\n\
        XYZZY\r\nMAIL FROM:<>\r\nMAIL FROM:<>\r\nQUIT\r\n";
    smtp.write_all(lines.as_bytes()).unwrap();
    smtp.read_to_string(&mut String::new()).unwrap();
    main.deliver("eve@example.org", "Subject: hi\r\n\r\n");
    // Deleting and resetting do not set counters back.
    client.send("DELETE", "/v1/messages", &[]);
    client.send("POST", "/v1/reset", &[]);
    client.send("GET", "/v1/messages/m7", &[]);
    client.send("BREW", "/v1/messages", &[]);
    client.send("GET", "/v1/messages", &[("Host", "evil.example")]);

    let response = client.send("GET", "/metrics", &[]);

    let metrics = response.body();
    assert_eq!(header(&response, "content-type"), ["text/plain; version=0.0.4; charset=utf-8"]);
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
        assert_eq!(sample(metrics, &format!("mailjig_{name}")), Some(value), "{name} in\n{metrics}");
    }
    assert!(metrics.contains("# TYPE mailjig_messages_captured_total counter"), "{metrics}");
    for line in metrics.lines() {
        assert!(line.starts_with("# ") || line.starts_with("mailjig_"), "{line:?}");
    }
}

#[test]
fn a_server_is_ready_while_every_listener_accepts() {
    let server = MailServer::start();
    let client = Client::of(&server);

    let (alive, ready) = (client.send("GET", "/healthz", &[]), client.send("GET", "/readyz", &[]));

    assert_eq!((alive.status().as_u16(), alive.body().as_str()), (200, "ok\n"));
    assert_eq!((ready.status().as_u16(), ready.body().as_str()), (200, "ok\n"));
}
