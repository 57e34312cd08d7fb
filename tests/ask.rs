//! Rules that ask an HTTP server written in Python, which works, is slow, answers wrongly, or is dead.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use clients::api_client::ApiClient;
use clients::deadline::DEADLINE;
use clients::posted::posted;
use clients::support::{Deadline, folder, is_there, start};
use clients::wire::After::Eof;
use clients::wire::Wire;
use mailjig::rules::{imap, on, pop3, smtp};
use mailjig::{MailServer, Scenario};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// The server in Python. Killed when dropped.
struct Hook {
    child: Child,
    port: u16,
    _deadline: Deadline,
}

impl Hook {
    fn start() -> Option<Self> {
        Self::run(&[folder().join("hook.py").to_str().unwrap()])
    }

    /// Runs a script that prints the port.
    fn run(arguments: &[&str]) -> Option<Self> {
        if !is_there("python3") {
            return None;
        }
        let mut python = Command::new("python3");
        python.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let (mut child, deadline) = start(&mut python).unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(Self { child, port: port.trim().parse().unwrap(), _deadline: deadline })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Hook {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The report of a server whose verification fails.
fn report(server: MailServer) -> String {
    let why = catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err();
    *why.downcast::<String>().unwrap()
}

#[test]
fn a_server_in_python_decides_in_every_protocol() {
    let Some(hook) = Hook::start() else { return };
    let server = MailServer::start();
    server.mount(on(smtp::rcpt()).or(smtp::message()).ask(&hook.url("/hook")));
    server.mount(on(imap::noop()).ask(&hook.url("/hook")));
    server.mount(on(pop3::noop()).ask(&hook.url("/hook")));

    let mut wire = Wire::greeted(&server, "smtp", false);
    assert_eq!(wire.ask("HELO c"), "250 localhost");
    assert_eq!(wire.ask("MAIL FROM:<>"), "250 2.1.0 Ok");
    assert_eq!(wire.ask("RCPT TO:<nobody@example.org>"), "550 5.1.1 No nobody@example.org");
    assert_eq!(wire.ask("RCPT TO:<bob@example.org>"), "250 2.1.5 Ok");
    assert!(wire.ask("DATA").starts_with("354 "));
    assert_eq!(wire.ask(&mail_of(4)), "552 5.3.4 4 parts are too many");
    assert_eq!(wire.ask("MAIL FROM:<>"), "250 2.1.0 Ok");
    assert_eq!(wire.ask("RCPT TO:<bob@example.org>"), "250 2.1.5 Ok");
    assert!(wire.ask("DATA").starts_with("354 "));
    assert_eq!(wire.ask("Subject: x\r\n\r\nhi\r\n."), "250 2.0.0 Ok: queued as m1");

    let mut wire = Wire::greeted(&server, "imap", false);
    assert_eq!(wire.ask("A7 NOOP"), "* 7 EXISTS\r\nA7 OK A7 imap C: A7 NOOP");

    let mut wire = Wire::greeted(&server, "pop3", false);
    assert!(wire.ask("USER bob@example.org").starts_with("+OK"));
    assert!(wire.ask("PASS x").starts_with("+OK"));
    assert_eq!(wire.ask("NOOP"), "+OK s3");
    server.verify().block();
}

/// The manual, whose example in Python runs.
const MANUAL: &str = include_str!("../src/manual/scenarios.md");

#[test]
fn the_example_in_the_manual_runs() {
    let block = |language: &str| {
        let (_, section) = MANUAL.split_once("### Answers from outside\n").unwrap();
        let (_, block) = section.split_once(&format!("```{language}\n")).unwrap();
        block.split_once("```").unwrap().0.to_owned()
    };
    let (python, port) = (block("python"), "(\"127.0.0.1\", 9000)");
    let last = format!("ThreadingHTTPServer({port}, Hook).serve_forever()\n");
    assert!(python.ends_with(&last));
    let server = "server = ThreadingHTTPServer((\"127.0.0.1\", 0), Hook)\n\
                  print(server.server_address[1], flush=True)\nserver.serve_forever()\n";
    let Some(hook) = Hook::run(&["-c", &python.replace(&last, server)]) else { return };
    let scenario = block("toml").replace("9000", &hook.port.to_string());
    let server = MailServer::builder().scenario(Scenario::text("hook.toml", scenario)).start();

    for (parts, said) in [(3, "250 2.0.0 Ok: queued as m1"), (4, "552 5.3.4 Too many parts")] {
        let mut wire = Wire::greeted(&server, "smtp", false);
        for (line, said) in
            [("HELO c", "250 "), ("MAIL FROM:<>", "250 "), ("RCPT TO:<b@c.example>", "250 "), ("DATA", "354 ")]
        {
            assert!(wire.ask(line).starts_with(said));
        }
        assert_eq!(wire.ask(&mail_of(parts)), said);
    }
}

/// A message with this many parts, and the end of DATA.
fn mail_of(parts: usize) -> String {
    let part = "--x\r\n\r\npart\r\n".repeat(parts);
    format!("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n{part}--x--\r\n.")
}

#[test]
fn the_event_is_as_the_openapi_document_describes_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let server = MailServer::start();
    server.mount(on(smtp::message()).set("session.n", "1").ask_within(DEADLINE, &url));
    let client = thread::spawn({
        let mut wire = Wire::greeted(&server, "smtp", false);
        move || {
            for line in ["HELO c", "MAIL FROM:<> SIZE=9", "RCPT TO:<b@c.example>", "DATA"] {
                wire.ask(line);
            }
            wire.ask("Subject: x\r\n\r\n.")
        }
    });
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let event: Value = serde_json::from_slice::<Value>(&posted(&socket)).unwrap();
    (&socket).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert_eq!(client.join().unwrap(), "250 2.0.0 Ok: queued as m1");

    let document: Value = ApiClient::of(&server).ok("/openapi.json");
    let schema = &document["components"]["schemas"]["AskedEvent"];
    assert_eq!(keys(&event), keys(&schema["properties"]));
    assert_eq!(keys(&event["message"]), keys(&schema["properties"]["message"]["properties"]));
    assert_eq!(event["event"], "smtp.message");
    assert_eq!(event["message"], json!({"size": 14, "raw": "U3ViamVjdDogeA0KDQo=", "truncated": false}));
    let fields = &event["fields"];
    assert_eq!((&fields["rcpt"], &fields["session.n"]), (&json!(["b@c.example"]), &json!(1)), "{fields}");
    assert_eq!((&fields["from"], &fields["tls"], &fields["rcpts"]), (&json!(""), &json!(false), &json!(1)), "{fields}");
    let transcript = event["transcript"].as_array().unwrap();
    assert!(transcript.contains(&json!("C: MAIL FROM:<> SIZE=9")), "{transcript:?}");
    let steps = &document["components"]["schemas"]["Step"]["properties"];
    assert!(steps["reply"].is_object() && steps["ask"].is_object());
    let asked = &document["webhooks"]["ask"]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert_eq!(asked["$ref"], "#/components/schemas/AskedEvent");
}

#[test]
fn a_long_message_is_given_in_part() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = MailServer::start();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    server.mount(on(smtp::message()).ask_within(DEADLINE, &url));
    let client = thread::spawn({
        let mut wire = Wire::greeted(&server, "smtp", false);
        move || {
            for line in ["HELO c", "MAIL FROM:<>", "RCPT TO:<b@c.example>", "DATA"] {
                wire.ask(line);
            }
            let line = format!("{}\r\n", "x".repeat(98));
            wire.ask(&(line.repeat(15_000) + "."))
        }
    });
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();

    let event = serde_json::from_slice::<Value>(&posted(&socket)).unwrap();

    (&socket).write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert!(client.join().unwrap().starts_with("250 "));
    let message = &event["message"];
    assert_eq!((&message["size"], &message["truncated"]), (&json!(1_500_000), &json!(true)));
    assert_eq!(message["raw"].as_str().map(str::len), Some((1_usize << 20).div_ceil(3) * 4));
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_rule_that_asks_comes_over_http_too() {
    let Some(hook) = Hook::start() else { return };
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let rule = json!({"id": "asks", "on": "smtp.rcpt", "do": {"ask": {"url": hook.url("/hook"), "timeout": "10s"}}});
    let mounted = api.post("/rules", &rule).expect(201);
    assert_eq!(mounted["rule"]["do"], json!([rule["do"]]), "{mounted}");
    let mut wire = Wire::greeted(&server, "smtp", false);
    wire.ask("HELO c");
    wire.ask("MAIL FROM:<>");

    assert_eq!(wire.ask("RCPT TO:<nobody@example.org>"), "550 5.1.1 No nobody@example.org");
}

#[test]
fn without_a_valid_answer_the_rule_passes_and_verification_fails() {
    let Some(hook) = Hook::start() else { return };
    for (path, why) in [
        ("/not-json", "the answer is not JSON: expected value at line 1 column 1"),
        ("/unknown-step", "the answer is not valid: unknown step `answer`"),
        ("/impossible-step", "`tls` is not possible at `smtp.noop`"),
        ("/unknown-field", "`{nothing}` is neither a field nor a named group of this rule"),
        ("/wrong-form", "the answer is not valid: "),
        ("/asks-again", "the steps of an answer cannot ask again"),
        ("/status", "it answered 500 Internal Server Error"),
        ("/redirect", "it answered 302 Found"),
        ("/long", "the answer has more than 1048576 octets"),
    ] {
        let server = MailServer::start();
        server.mount(on(smtp::noop()).ask(&hook.url(path)).reply("250 not reached").named("asks"));
        let mut wire = Wire::greeted(&server, "smtp", false);

        assert_eq!(wire.ask("NOOP"), "250 2.0.0 Ok", "{path}");

        assert_eq!(wire.ask("RSET"), "250 2.0.0 Ok", "{path}: the session goes on");
        let report = report(server);
        assert!(report.contains("rule `asks`") && report.contains(&hook.url(path)), "{path}: {report}");
        assert!(report.contains(why), "{path}: {report}");
    }
}

#[test]
fn a_server_that_is_dead_or_slow_ends_no_session() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    for (url, why) in [
        (format!("http://{dead}/"), "refused"),
        (format!("http://localhost:{}/", dead.port()), "refused"),
        (format!("http://{}/", silent.local_addr().unwrap()), "there was no answer within 50ms"),
    ] {
        let server = MailServer::start();
        server.mount(on(imap::noop()).ask_within(Duration::from_millis(50), &url));
        let mut wire = Wire::greeted(&server, "imap", false);

        assert_eq!(wire.ask("A1 NOOP"), "A1 OK Done", "{url}");

        let report = report(server);
        assert!(report.contains(why), "{url}: {report}");
    }
}

#[test]
fn the_server_works_while_an_answer_is_awaited() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = MailServer::start();
    server.clock().pause();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    let asks = server.mount(on(smtp::noop()).ask_within(DEADLINE, &url));
    let mut waiting = Wire::greeted(&server, "smtp", false);
    waiting.say("NOOP\r\n");
    asks.wait(1).block();

    // Another session, and server time.
    let mut other = Wire::greeted(&server, "smtp", false);
    assert_eq!(other.ask("RSET"), "250 2.0.0 Ok");
    server.clock().advance(Duration::from_secs(60));

    // A command that ends the session is obeyed at once.
    let session = server.sessions()[0].no;
    assert!(server.end_session(session, None));
    assert_eq!(waiting.read(), Err(Eof));
}

#[test]
fn a_file_asks_with_its_own_limit_and_needs_an_address() {
    let text = |ask: &str| format!("mailjig = 1\n[[rule]]\nid = \"r\"\non = \"smtp.noop\"\ndo = {{ ask = {ask} }}\n");
    let error = |ask: &str| Scenario::text("ask.toml", text(ask)).check().unwrap_err().to_string();

    assert!(
        error("\"http://hook.example/\"").contains("ask.toml:5:14: `hook.example` is not an IP address or `localhost`")
    );
    assert!(error("\"https://127.0.0.1/\"").contains("write `http://127.0.0.1:9000/hook`"));
    assert!(error("{ url = \"http://127.0.0.1/\", timeout = \"0s\" }").contains("without time for an answer"));
    let builder = || drop(on(smtp::noop()).ask("http://hook.example/"));
    let why = *catch_unwind(builder).unwrap_err().downcast::<String>().unwrap();
    assert!(why.contains("mailjig looks up no names"), "{why}");
    assert!(error("{ url = \"http://127.0.0.1/\", limit = \"1s\" }").contains("unknown key"));
    let server = MailServer::builder()
        .scenario(Scenario::text("ask.toml", text("{ url = \"http://127.0.0.1:1\", timeout = \"2s\" }")))
        .start();
    assert_eq!(server.rule("r").hits(), 0);
    let world = "mailjig = 1\n[[rule]]\nid = \"r\"\non = \"mail.delivered\"\ndo = { ask = \"http://127.0.0.1:1\" }\n";
    let error = Scenario::text("ask.toml", world).check().unwrap_err().to_string();
    assert!(error.contains("`ask` is not possible at `mail.delivered`"), "{error}");
}
