//! The HTTP API: messages, sessions, journal, rules, waits and errors.

use std::io::{Read, Write};

use deadline::{DEADLINE, connect};
use mailjig::MailServer;
use serde_json::{Value, json};
use ureq::http::Response;
use ureq::{Agent, Body};

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;

struct Client {
    agent: Agent,
    base: String,
}

fn start() -> (MailServer, Client) {
    let server = MailServer::start();
    let client = Client::of(&server);
    (server, client)
}

impl Client {
    fn of(server: &MailServer) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(DEADLINE)).build().into();
        Self { agent, base: format!("{}/v1", server.api()) }
    }

    fn get(&self, path: &str) -> Response<Body> {
        self.agent.get(format!("{}{path}", self.base)).call().unwrap()
    }

    fn json(&self, path: &str) -> Value {
        let mut response = self.get(path);
        assert_eq!(response.status(), 200, "{path}: {:?}", response.body_mut().read_to_string());
        response.body_mut().read_json().unwrap()
    }

    fn text(&self, path: &str) -> String {
        self.get(path).body_mut().read_to_string().unwrap()
    }

    fn post(&self, path: &str, body: &Value) -> Response<Body> {
        self.agent.post(format!("{}{path}", self.base)).send_json(body).unwrap()
    }

    fn delete(&self, path: &str) -> Response<Body> {
        self.agent.delete(format!("{}{path}", self.base)).call().unwrap()
    }

    /// The problem that a GET returns.
    fn problem(&self, path: &str, status: u16) -> Value {
        problem(self.get(path), status)
    }
}

fn problem(mut response: Response<Body>, status: u16) -> Value {
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    assert_eq!(response.status(), status);
    let problem: Value = response.body_mut().read_json().unwrap();
    assert_eq!(problem["status"], status);
    problem
}

fn talk(server: &MailServer, lines: &str) -> String {
    let mut client = connect(server.smtp().address());
    client.write_all(lines.replace('\n', "\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}

const MAIL: &str = "EHLO app.example\nMAIL FROM:<app@example.org> SIZE=60\nRCPT TO:<bob@example.org>\n\
                    RCPT TO:<carol@example.org>\nDATA\nFrom: App <app@example.org>\nTo: bob@example.org\n\
                    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nhttps://example.org/confirm\n.\nQUIT\n";

#[test]
fn every_view_of_a_message_is_returned() {
    let (server, client) = start();
    talk(&server, MAIL);

    let list = client.json("/messages?to=carol@example.org&subject=Gr*");
    let mail = &list["messages"][0];
    assert_eq!(mail["id"], "m1");
    assert_eq!(mail["session"], "s1");
    assert_eq!(mail["subject"], "Grüße");
    assert_eq!(mail["from"], json!([{ "name": "App", "address": "app@example.org" }]));
    assert_eq!(
        mail["envelope"],
        json!({
            "from": { "address": "app@example.org", "parameters": { "SIZE": "60" } },
            "recipients": [
                { "address": "bob@example.org", "parameters": {}, "verdict": "accepted" },
                { "address": "carol@example.org", "parameters": {}, "verdict": "accepted" },
            ],
        })
    );
    assert_eq!(client.json("/messages/m1")["id"], "m1");
    let raw = client.get("/messages/1/raw").body_mut().read_to_vec().unwrap();
    assert_eq!(raw[..], server.messages()[0].raw()[..]);
    assert_eq!(client.text("/messages/m1/text"), "https://example.org/confirm\r\n");
    assert_eq!(client.json("/messages/m1/links"), json!(["https://example.org/confirm"]));
    assert_eq!(client.json("/messages/m1/headers")[1], json!({ "name": "To", "value": "bob@example.org" }));
    client.problem("/messages/m1/html", 404);
}

#[test]
fn parts_are_listed_and_returned_decoded() {
    let (server, client) = start();
    server.deliver(
        "bob@example.org",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>hi</b>\r\n--b\r\n\
         Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\nYSxi\r\n--b--\r\n",
    );

    let parts = client.json("/messages/m1/parts");
    assert_eq!(parts[1]["filename"], "a.csv");
    assert_eq!(parts[1]["attachment"], true);
    let mut csv = client.get("/messages/m1/parts/2");
    assert_eq!(csv.headers()["content-type"], "text/csv");
    assert_eq!(csv.headers()["x-content-type-options"], "nosniff");
    assert_eq!(csv.body_mut().read_to_string().unwrap(), "a,b");
    let mut html = client.get("/messages/m1/html");
    assert!(html.headers()["content-security-policy"].to_str().unwrap().starts_with("sandbox"));
    assert_eq!(html.body_mut().read_to_string().unwrap(), "<b>hi</b>");
    client.problem("/messages/m1/parts/3", 404);
}

#[test]
fn a_wait_is_answered_when_the_mail_arrives() {
    let (server, client) = start();

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.json("/messages?to=bob@example.org&wait=20s&count=2"));
        talk(&server, MAIL);
        talk(&server, MAIL);
        let found = waiting.join().unwrap();
        assert_eq!(found["messages"].as_array().unwrap().len(), 2);
        let next = found["next"].as_u64().unwrap();
        assert_eq!(client.json(&format!("/messages?after={next}"))["messages"], json!([]));
        talk(&server, MAIL);
        let third = client.json(&format!("/messages?after={next}&wait=20s"));
        assert_eq!(third["messages"][0]["id"], "m3");
    });
}

#[test]
fn a_wait_that_times_out_is_a_conflict_with_the_report() {
    let (server, client) = start();
    server.deliver("bob@example.org", "Subject: Wellcome\r\n\r\n");

    let problem = client.problem("/messages?to=bob@example.org&subject=Welcome&wait=1ms", 409);

    assert!(
        problem["detail"].as_str().unwrap().contains("✗ subject  wanted \"Welcome\", got \"Wellcome\""),
        "{problem}"
    );
    assert_eq!(problem["report"]["near_misses"][0]["clauses"][1]["matched"], false);
}

#[test]
fn lists_continue_after_a_cursor() {
    let (server, client) = start();
    for n in 0..300 {
        server.deliver("bob@example.org", format!("Subject: {n}\r\n\r\n"));
    }

    let mut subjects = Vec::new();
    let mut after = 0;
    loop {
        let page = client.json(&format!("/messages?after={after}&limit=77"));
        let messages = page["messages"].as_array().unwrap();
        if messages.is_empty() {
            break;
        }
        subjects.extend(messages.iter().map(|mail| mail["subject"].as_str().unwrap().to_owned()));
        after = page["next"].as_u64().unwrap();
    }

    assert_eq!(subjects, (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
    let filtered = client.json("/messages?subject=~^29.$");
    assert_eq!(filtered["messages"].as_array().unwrap().len(), 10);
}

#[test]
fn sessions_and_transcripts() {
    let (server, client) = start();
    talk(&server, MAIL);
    assert_eq!(client.post("/settled", &json!(null)).status(), 204);

    let session = client.json("/sessions/s1");
    assert_eq!(session["listener"], "smtp");
    assert_eq!(session["helo"], "app.example");
    assert_eq!(session["ended"]["ending"], "clean");
    assert_eq!(client.json("/sessions")["sessions"][0]["id"], "s1");
    assert!(
        client
            .text("/sessions/s1/transcript")
            .ends_with("C: <m1>\nS: 250 2.0.0 Ok: queued as m1\nC: QUIT\nS: 221 2.0.0 Bye\n")
    );
    assert!(client.text("/transcript?verbatim=true").contains("\nC: https://example.org/confirm\nC: .\n"));
    assert_eq!(problem(client.delete("/sessions/s1"), 409)["detail"], "session s1 has ended");

    let mut open = connect(server.smtp().address());
    open.read_exact(&mut [0; 4]).unwrap();
    assert_eq!(client.delete("/sessions/s2").status(), 204);
    open.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn the_journal_can_be_read_after_a_cursor_and_waited_for() {
    let (server, client) = start();
    talk(&server, MAIL);
    client.post("/settled", &json!(null));

    let all = client.json("/journal");
    let kinds: Vec<&str> = all["records"].as_array().unwrap().iter().map(|r| r["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["opened", "exchange"]);
    assert_eq!(kinds.last(), Some(&"ended"));
    let message = client.json("/journal?event=smtp.message&limit=1");
    assert_eq!(message["records"][0]["captured"], "m1");
    assert_eq!(message["records"][0]["said"], "250 2.0.0 Ok: queued as m1\r\n");
    let next = all["next"].as_u64().unwrap();
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| client.json(&format!("/journal?after={next}&session=s2&event=smtp.quit&count=2&wait=20s")));
        talk(&server, "QUIT\n");
        assert_eq!(waiting.join().unwrap()["records"][1]["kind"], "closed");
    });
    let more = client.json("/journal?after=0&wait=20s&count=2&limit=1");
    assert_eq!((&more["records"][0]["seq"], more["records"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!(more["next"], 1, "the records beyond the limit come next");
    client.problem(&format!("/journal?after={}&wait=1ms&session=s9", next + 1000), 409);

    let last = i64::MAX;
    for list in ["messages", "records"].into_iter().zip(["messages", "journal"]) {
        assert_eq!(client.json(&format!("/{}?after={last}", list.1))[list.0], json!([]));
        client.problem(&format!("/{}?after={last}&wait=1ms", list.1), 409);
    }

    client.delete("/messages");
    assert!(client.problem("/journal?after=1", 410)["first"].as_u64().unwrap() > next);
}

#[test]
fn mail_is_delivered_and_cleared() {
    let (_server, client) = start();

    let mut delivered = client.post("/deliver", &json!({ "to": ["bob@example.org"], "raw": "Subject: hi\r\n\r\n" }));
    assert_eq!(delivered.status(), 201);
    assert_eq!(delivered.headers()["location"], "/v1/messages/m1");
    assert_eq!(delivered.body_mut().read_json::<Value>().unwrap()["subject"], "hi");
    let raw = client
        .agent
        .post(format!("{}/deliver?to=bob@example.org&to=ann@example.org&from=app@example.org", client.base))
        .content_type("message/rfc822")
        .send(&b"Subject: \xff\r\n\r\n"[..])
        .unwrap();
    assert_eq!(raw.status(), 201);
    client.post("/deliver", &json!({ "to": ["bob@example.org"], "raw_base64": "U3ViamVjdDogeA0KDQo=" }));
    assert_eq!(client.json("/accounts")["accounts"][0]["mailboxes"][0]["entries"], 3);
    assert_eq!(client.json("/accounts/bob@example.org/mailboxes/INBOX")["entries"][2]["message"], "m3");
    client.problem("/accounts/bob@example.org/mailboxes/Trash", 404);

    let taken: Value = client.delete("/messages").body_mut().read_json().unwrap();
    assert_eq!(taken["messages"].as_array().unwrap().len(), 3);
    assert_eq!(client.json("/messages")["messages"], json!([]));
    assert_eq!(client.json("/accounts/bob@example.org/mailboxes/INBOX")["entries"], json!([]));
    assert_eq!(client.post("/reset", &json!(null)).status(), 200);
    client.post("/deliver", &json!({ "to": ["bob@example.org"], "raw": "" }));
    assert_eq!(client.json("/messages/m1")["size"], 0);
}

#[test]
fn a_reset_restores_the_initial_state_except_for_what_is_kept() {
    let (_server, client) = start();
    let rules = || client.json("/rules")["rules"].as_array().unwrap().len();
    let add = |id: &str| {
        let added = client.post("/rules", &json!({ "id": id, "on": "smtp.noop", "do": { "reply": "250 no" } }));
        assert_eq!(added.status(), 201);
    };
    let message = json!({ "user": "bob@example.org", "mailbox": "News", "text": "Subject: hi" });
    let own = json!({ "id": "own", "on": "smtp.rset", "do": { "reply": "250 no" } });
    let scenario = json!({ "scenario": { "mailjig": 1, "message": [message], "rule": [own] } });

    let put = client.agent.put(format!("{}/scenario", client.base)).send_json(&scenario).unwrap();
    assert_eq!(put.status(), 200);
    assert_eq!(client.json("/accounts/bob@example.org/mailboxes/News")["entries"][0]["uid"], 1);
    add("one");
    let number = || client.json("/rules/own")["number"].clone();
    client.agent.put(format!("{}/scenario", client.base)).send_json(&scenario).unwrap();
    assert_eq!(number(), "r3", "numbering continues");
    client.post("/clock/pause", &json!(null));
    assert_eq!(client.post("/reset?keep=rules,scenario,clock", &json!(null)).status(), 200);
    assert_eq!((rules(), client.json("/clock")["paused"].as_bool()), (2, Some(true)));
    assert_eq!(number(), "r3");
    assert_eq!(client.json("/accounts/bob@example.org/mailboxes/News")["entries"][0]["uid"], 1);

    assert_eq!(client.post("/reset", &json!(null)).status(), 200);
    assert_eq!((rules(), client.json("/clock")["paused"].as_bool()), (0, Some(false)));
    assert_eq!(client.json("/accounts")["accounts"], json!([]));
    assert_eq!(problem(client.post("/reset?keep=rules,mail", &json!(null)), 400)["field"], "keep");

    add("one");
    add("two");
    assert_eq!(client.delete("/rules").status(), 204);
    assert_eq!(rules(), 0);
}

#[test]
fn long_transcripts_and_journals_are_sent_in_pieces_and_complete() {
    let (server, client) = start();
    let inbox = server.account("bob@example.org").inbox();
    inbox.add(vec![b'x'; 3 << 20]);
    let lines: String = (0..2000).map(|n| format!("NOOP {n}\n")).collect();
    talk(&server, &format!("EHLO x\n{lines}QUIT\n"));
    talk(&server, "QUIT\n");
    server.settled().block();

    for verbatim in [false, true] {
        let transcript = server.transcript();
        let whole = if verbatim { transcript.verbatim() } else { transcript.to_string() };
        assert_eq!(client.text(&format!("/transcript?verbatim={verbatim}")), whole);
    }
    assert_eq!(client.text("/sessions/s1/transcript"), server.transcript_of(server.sessions()[0].no).to_string());
    let all = client.json("/journal?limit=100000");
    let records = all["records"].as_array().unwrap();
    assert!(records.len() > 4000, "{}", records.len());
    let seqs: Vec<u64> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(all["next"], seqs.len());
    let some = client.json("/journal?limit=700&after=100");
    assert_eq!((some["records"].as_array().unwrap().len(), some["next"].as_u64()), (700, Some(800)));
    assert_eq!(client.json("/journal?limit=700&event=pop3.quit")["records"], json!([]));
}

#[test]
fn the_server_reports_its_endpoints_and_health() {
    let (server, client) = start();

    assert_eq!(client.json("")["name"], "mailjig");
    assert_eq!(client.json("/health")["status"], "ok");
    assert_eq!(
        client.json("/health")["listeners"],
        json!(["smtp", "submission", "smtps", "lmtp", "imap", "imaps", "pop3", "pop3s"])
    );
    let counts = ["messages", "discarded", "accounts", "discarded_accounts", "sessions", "records", "first_record"];
    let health = |client: &Client| counts.map(|count| client.json("/health")[count].as_u64().unwrap());
    assert_eq!(health(&client), [0, 0, 0, 0, 0, 0, 1]);
    talk(&server, MAIL);
    server.deliver("bob@example.org", "");
    let mut open = connect(server.smtp().address());
    open.read_exact(&mut [0; 4]).unwrap();
    server.settled().block();
    let records = client.json("/journal")["records"].as_array().unwrap().len() as u64;
    assert_eq!(health(&client), [2, 0, 2, 0, 1, records, 1]);
    client.delete("/messages");
    assert_eq!(health(&client), [0, 0, 2, 0, 1, 0, records + 2], "the removal is a record too");
    drop(open);
    let endpoints = &client.json("/endpoints")["endpoints"];
    assert_eq!(endpoints["smtp"]["url"], server.smtp().url());
    assert_eq!(endpoints["http"]["url"], server.api());
    assert_eq!(endpoints["submission"]["starttls"], "before-login");
    assert_eq!(endpoints["submission"]["login_required"], true);
    assert_eq!(endpoints["imaps"]["starttls"], Value::Null);
    assert_eq!(endpoints["imaps"]["implicit_tls"], true);
    assert_eq!(client.text("/tls/ca.pem"), server.ca());
}

#[test]
fn every_error_is_a_problem_that_names_the_field() {
    let (_server, client) = start();

    for (path, status, field) in [
        ("/nothing", 404, Value::Null),
        ("/messages/m7", 404, Value::Null),
        ("/messages/x7", 400, json!("m")),
        ("/sessions/m1", 400, json!("s")),
        ("/messages?too=bob", 400, json!("too")),
        ("/messages?limit=many", 400, json!("limit")),
        ("/messages?limit=1&limit=2", 400, json!("limit")),
        ("/messages?subject=~(", 400, json!("subject")),
        ("/messages?wait=soon", 400, json!("wait")),
        ("/messages?count=2", 400, json!("count")),
        ("/messages?header=X-Kind", 400, json!("header")),
        ("/journal?event=smtp.rctp", 400, json!("event")),
        ("/journal?session=m1", 400, json!("session")),
        ("/health?verbose", 400, json!("verbose")),
        ("/transcript?verbatim=maybe", 400, json!("verbatim")),
        ("/messages/%ff", 400, json!("path")),
    ] {
        assert_eq!(client.problem(path, status)["field"], field, "{path}");
    }
    let wrong = |body: Value| problem(client.post("/deliver", &body), 400)["field"].clone();
    assert_eq!(wrong(json!({ "to": [], "raw": "" })), "to");
    assert_eq!(wrong(json!({ "to": ["a@b"] })), "raw");
    assert_eq!(wrong(json!({ "to": ["a@b"], "raw_base64": "!" })), "raw_base64");
    for (body, field) in [
        (json!({ "too": [] }), "too"),
        (json!({ "raw": "x" }), "to"),
        (json!({ "to": "bob@example.org", "raw": "x" }), "to"),
        (json!({ "to": ["bob@example.org", 7], "raw": "x" }), "to[1]"),
        (json!("bob@example.org"), "body"),
    ] {
        let problem = problem(client.post("/deliver", &body), 422);
        assert_eq!(problem["field"], field, "{body}");
        assert!(problem["detail"].as_str().unwrap().starts_with("the body is wrong: "), "{problem}");
    }
    assert_eq!(problem(client.delete("/health"), 405)["title"], "Method Not Allowed");
    let text = client.agent.post(format!("{}/deliver", client.base)).send("{}").unwrap();
    assert_eq!(problem(text, 422)["field"], "to", "the content type of JSON does not matter");

    let server = MailServer::builder().account("ann@example.org", "secret").start();
    let stranger = Client::of(&server).post("/deliver", &json!({ "to": ["eve@example.org"], "raw": "" }));
    assert_eq!(problem(stranger, 422)["field"], "to");
}

#[test]
fn foreign_hosts_and_foreign_pages_are_refused() {
    let (_server, client) = start();
    let with = |name: &str, value: &str| {
        let request = client.agent.get(format!("{}/health", client.base)).header(name, value);
        request.call().unwrap().status().as_u16()
    };

    for host in ["localhost", "localhost:8025", "127.0.0.1", "[::1]:8025", "app.localhost", "host.docker.internal"] {
        assert_eq!(with("host", host), 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "evil.example:8025"] {
        assert_eq!(with("host", host), 421, "{host}");
    }
    assert_eq!(with("origin", "http://evil.example"), 200);
    let reset = client.agent.post(format!("{}/reset", client.base)).header("origin", "http://evil.example");
    problem(reset.send_empty().unwrap(), 403);

    let foreign = client.agent.get(format!("{}/health", client.base)).header("host", "evil.example").call().unwrap();
    let detail = problem(foreign, 421)["detail"].to_string();
    assert!(detail.contains("evil.example") && detail.contains("--allow-host"), "{detail}");
    let server = MailServer::builder().allow_host("Mail.Test").start();
    let allowed = client.agent.get(format!("{}/v1/health", server.api())).header("host", "mail.test:8025");
    assert_eq!(allowed.call().unwrap().status(), 200);
}

#[test]
fn loads_by_a_page_of_another_site_are_refused() {
    let (_server, client) = start();
    let get = |headers: &[(&str, &str)]| {
        let request = client.agent.get(format!("{}/health", client.base));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.call().unwrap().status().as_u16()
    };

    assert_eq!(get(&[("sec-fetch-site", "same-origin")]), 200);
    assert_eq!(get(&[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")]), 200);
    // A link that a user followed.
    assert_eq!(get(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]), 200);
    assert_eq!(get(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]), 403);
    assert_eq!(get(&[("sec-fetch-site", "cross-site")]), 403);
    let form = client.agent.post(format!("{}/reset", client.base));
    let form = form.header("sec-fetch-site", "cross-site").header("sec-fetch-mode", "navigate");
    problem(form.send_empty().unwrap(), 403);
}

#[test]
fn responses_forbid_content_type_sniffing() {
    let (server, client) = start();
    server.deliver("bob@example.org", "Subject: x\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n");

    let base = client.base.strip_suffix("/v1").unwrap();
    let v1 = ["/messages", "/messages/m1/raw", "/messages/m1/html", "/nothing", "/tls/ca.pem", "/messages?x=y"];
    for path in v1.map(|path| format!("/v1{path}")).iter().map(String::as_str).chain(["/", "/favicon.ico"]) {
        let response = client.agent.get(format!("{base}{path}")).call().unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff", "{path}");
    }
    let foreign = client.agent.get(format!("{base}/v1")).header("host", "evil.example").call().unwrap();
    assert_eq!(foreign.headers()["x-content-type-options"], "nosniff");
}

#[test]
fn deliveries_have_the_same_limits_as_clients() {
    let server = MailServer::builder().max_message_size(100).max_recipients(2).start();
    let client = Client::of(&server);
    let deliver = |from: &str, to: &[&str], raw: &str| {
        let mut response = client.post("/deliver", &json!({ "from": from, "to": to, "raw": raw }));
        let body: Value = response.body_mut().read_json().unwrap();
        (response.status().as_u16(), body["field"].as_str().unwrap_or_default().to_owned())
    };
    let wrong = |status: u16, field: &str| (status, field.to_owned());

    assert_eq!(deliver("", &["a@b", "c@d"], &"x".repeat(100)).0, 201);
    assert_eq!(deliver("", &["a@b"], &"x".repeat(101)), wrong(413, "raw"));
    assert_eq!(deliver("", &["a@b", "c@d", "e@f"], "x"), wrong(422, "to"));
    assert_eq!(deliver("", &["a@b\r\nRCPT TO:<c@d>"], "x"), wrong(400, "to"));
    assert_eq!(deliver("", &[""], "x"), wrong(400, "to"));
    assert_eq!(deliver("a\n@b", &["c@d"], "x"), wrong(400, "from"));
    for path in
        ["/accounts/bob%0d%0a/mailboxes/INBOX", "/accounts/bob/mailboxes/A%0d%0aB", "/accounts/%09/mailboxes/INBOX"]
    {
        let put = client.post(path, &json!({ "raw": "x" }));
        assert_eq!(problem(put, 422)["field"], "path", "{path}");
    }
    assert_eq!(client.json("/accounts")["accounts"].as_array().unwrap().len(), 2);

    // Twice the largest message and a mebibyte, for base64 and JSON around it.
    let largest = (1 << 20) + 200;
    let send = |octets: usize| {
        let request = client.agent.post(format!("{}/deliver?to=a@b", client.base)).content_type("message/rfc822");
        problem(request.send(&vec![b'x'; octets][..]).unwrap(), 413)["detail"].as_str().unwrap().to_owned()
    };
    assert!(!send(largest).contains("a body has"), "the message is too large, and not the body");
    assert_eq!(send(largest + 1), format!("a body has at most {largest} octets"));
}

#[test]
fn mailboxes_can_be_seeded_and_inspected() {
    let (server, client) = start();
    let archive = "/accounts/bob@example.org/mailboxes/Archive%2F2026";

    let put = json!({ "raw": "Subject: x\r\n\r\n", "flags": ["\\Seen", "$Work"], "date": "2020-01-01T12:00:00Z" });
    let mut put = client.post(archive, &put);
    assert_eq!(put.status(), 201);
    let entry: Value = put.body_mut().read_json().unwrap();
    assert_eq!((&entry["uid"], &entry["flags"]), (&json!(1), &json!(["\\Seen", "$Work"])));
    let raw = client
        .agent
        .post(format!("{}{archive}?flag=%5CFlagged", client.base))
        .content_type("message/rfc822")
        .send(&b"Subject: \xff\r\n\r\n"[..])
        .unwrap();
    assert_eq!(raw.status(), 201);

    let entries = client.json(archive)["entries"].clone();
    assert_eq!(entries[0]["date"], "2020-01-01T12:00:00.000000Z");
    assert_eq!(entries[1]["flags"], json!(["\\Flagged"]));
    let mut raw = client.agent.get(format!("{}{archive}/2/raw", client.base)).call().unwrap();
    assert_eq!(raw.body_mut().read_to_vec().unwrap(), b"Subject: \xff\r\n\r\n");
    let account = client.json("/accounts/bob@example.org");
    assert_eq!(account["mailboxes"][1]["name"], "Archive/2026");
    assert_eq!(account["mailboxes"][1]["unseen"], 1);
    assert_eq!(client.json("/messages")["messages"], json!([]));
    assert_eq!(server.account("bob@example.org").mailbox("Archive/2026").entries().len(), 2);

    client.problem("/accounts/eve@example.org", 404);
    client.problem(&format!("{archive}/9/raw"), 404);
    for (body, field) in [
        (json!({ "raw": "", "flags": ["\\Unheard"] }), "flags"),
        (json!({ "raw": "", "date": "yesterday" }), "date"),
        (json!({ "raw": "", "raw_base64": "" }), "raw"),
    ] {
        let mut refused = client.post(archive, &body);
        assert!(refused.status().is_client_error());
        assert_eq!(refused.body_mut().read_json::<Value>().unwrap()["field"], field);
    }
}

#[test]
fn a_request_can_wait_for_sessions() {
    let (server, client) = start();
    let mut imap = connect(server.imap().address());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.json("/sessions?user=bob@example.org&idling=true&wait=20s"));
        imap.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc IDLE\r\n").unwrap();
        assert_eq!(waiting.join().unwrap()["sessions"][0]["mailbox"], "INBOX");
    });
    assert_eq!(client.json("/sessions?idling=false")["sessions"], json!([]));
    assert_eq!(client.json("/sessions?listener=imap&open=true&tls=false")["sessions"][0]["idling"], true);
    let problem = client.problem("/sessions?listener=pop3&wait=1ms", 409);
    assert!(problem["detail"].as_str().unwrap().ends_with("s1 imap: listener wanted \"pop3\", got \"imap\""));
    server.settled().block();
    let problem = client.problem("/sessions?open=true&count=0&wait=1ms", 409);
    assert_eq!(
        problem["detail"],
        "within 1ms, 1 session is still open\n  s1 imap, logged in as bob@example.org, 0 messages; the server waits for the client"
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.json("/sessions?user=bob@example.org&open=true&count=0&wait=20s"));
        drop(imap);
        assert_eq!(waiting.join().unwrap()["sessions"], json!([]));
    });
    assert_eq!(client.problem("/sessions?count=0", 400)["field"], "count");
}

impl Client {
    fn put(&self, path: &str, body: &Value) -> Response<Body> {
        self.agent.put(format!("{}{path}", self.base)).send_json(body).unwrap()
    }
}

/// Sends NOOP on a new SMTP connection, and returns the reply.
fn noop(server: &MailServer) -> String {
    let mut client = std::io::BufReader::new(connect(server.smtp().address()));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut client, &mut line).unwrap();
    client.get_mut().write_all(b"NOOP\r\n").unwrap();
    line.clear();
    std::io::BufRead::read_line(&mut client, &mut line).unwrap();
    line.trim_end().to_owned()
}

#[test]
fn a_rule_can_be_added_counted_disabled_and_removed() {
    let (server, client) = start();
    let rule = json!({ "id": "busy", "on": "smtp.noop", "do": { "reply": "451 4.3.0 busy" }, "expect": ">=1" });
    let mut added = client.post("/rules", &rule);
    assert_eq!(added.status(), 201);
    assert_eq!(added.headers()["location"], "/v1/rules/r1");
    assert_eq!(added.body_mut().read_json::<Value>().unwrap()["rule"]["do"], json!([{ "reply": "451 4.3.0 busy" }]));

    assert_eq!(client.post("/verify", &json!(null)).status(), 409);
    assert_eq!(noop(&server), "451 4.3.0 busy");
    assert_eq!(client.json("/rules/busy")["fired"], 1);
    assert_eq!(client.post("/verify", &json!(null)).status(), 204);

    assert_eq!(client.post("/rules/r1/disable", &json!(null)).status(), 204);
    assert_eq!(noop(&server), "250 2.0.0 Ok");
    assert_eq!(client.json("/rules")["rules"][0]["near_misses"][0]["reason"], "disabled");
    assert_eq!(client.post("/rules/r1/enable", &json!(null)).status(), 204);
    let other = json!({ "id": "other", "on": "smtp.noop", "do": { "pass": { "status": "250 other" } } });
    assert_eq!(client.put("/rules/r1", &other).status(), 200);
    assert_eq!(noop(&server), "250 other");
    assert_eq!(client.delete("/rules/r1").status(), 204);
    assert_eq!(client.delete("/rules/r1").status(), 404);
    assert_eq!(noop(&server), "250 2.0.0 Ok");
}

#[test]
fn firings_without_effect_are_counted_separately() {
    let (server, client) = start();
    let rule = json!({ "id": "typo", "on": "smtp.noop", "do": { "edit": { "find": "Okay", "replace": "No" } }, "expect": ">=1" });
    client.post("/rules", &rule);
    assert_eq!(noop(&server), "250 2.0.0 Ok");

    let shown = client.json("/rules")["rules"][0].clone();
    assert_eq!((&shown["fired"], &shown["without_effect"]), (&json!(1), &json!(1)));
    assert_eq!(shown["near_misses"][0]["reason"], "no-effect");
    let report = problem(client.post("/verify", &json!(null)), 409);
    assert_eq!(report["report"]["failed"][0]["without_effect"], 1);
    assert_eq!(client.delete("/rules/typo").status(), 204);

    let nowhere = json!({ "on": "smtp.message", "do": [{ "deliver": { "mailbox": "a//b" } }, { "pass": true }] });
    let refused = problem(client.post("/rules", &nowhere), 422);
    assert_eq!(refused["problems"][0]["help"], "a level of the name is empty");
}

#[test]
fn a_scenario_applies_when_the_call_returns() {
    let (server, client) = start();
    let text = "mailjig = 1\n[state]\nphase = \"up\"\n[[rule]]\nid = \"down\"\non = \"smtp.noop\"\n\
                when = { state.phase = \"down\" }\ndo = { reply = \"421 down\" }\nexpect = \"=1\"\n";
    assert_eq!(client.put("/scenario", &json!({ "text": text })).status(), 200);
    assert_eq!(noop(&server), "250 2.0.0 Ok");
    assert_eq!(client.json("/state"), json!({ "phase": "up" }));
    let report = problem(client.post("/verify", &json!(null)), 409);
    assert_eq!(report["report"]["failed"][0]["near_misses"][0]["reason"], "state");
    assert!(report["detail"].as_str().unwrap().contains("state.phase  wanted down  got \"up\", set by the scenario"));

    assert_eq!(client.put("/state", &json!({ "phase": "down" })).status(), 204);
    assert_eq!(noop(&server), "421 down");
    assert_eq!(client.post("/verify", &json!(null)).status(), 204);
    assert_eq!(
        client.put("/scenario", &json!({ "name": "smtp-421-after-n", "params": { "n": 7 }, "seed": 3 })).status(),
        200
    );
    assert_eq!(client.json("/scenario")["seed"], 3);
    assert_eq!(client.delete("/scenario").status(), 204);
    assert_eq!(client.json("/rules"), json!({ "rules": [] }));
}

#[test]
fn a_change_caused_by_a_change_has_the_same_position_in_the_journal() {
    let (_server, client) = start();
    let text = "mailjig = 1\n[state]\nfirst = false\nsecond = false\nthird = false\n\
                [[rule]]\nid = \"once\"\non = \"state.changed\"\ntimes = 1\ndo = { set = { second = true } }\n\
                [[rule]]\nid = \"then\"\non = \"state.changed\"\nwhen = { state.second = true }\ndo = { note = \"then\" }\n\
                [[rule]]\nid = \"near\"\non = \"state.changed\"\nwhen = { state.third = true }\ndo = { note = \"third\" }\n";
    assert_eq!(client.put("/scenario", &json!({ "text": text })).status(), 200);

    assert_eq!(client.put("/state", &json!({ "first": true })).status(), 204);

    let rule = client.json("/rules/near");
    let places = rule["near_misses"].as_array().unwrap().iter().map(|near| near["journal_ref"].as_u64().unwrap());
    let place = client.json("/journal")["records"][0]["seq"].as_u64().unwrap();
    assert_eq!(places.collect::<Vec<_>>(), [place, place]);
}

#[test]
fn a_request_can_wait_for_a_rule() {
    let (server, client) = start();
    client.post("/rules", &json!({ "id": "busy", "on": "smtp.noop", "do": [{ "reply": "451 4.3.0 later" }] }));

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| client.json("/rules/busy?fired=2&wait=60s"));
        assert_eq!(noop(&server), "451 4.3.0 later");
        assert_eq!(noop(&server), "451 4.3.0 later");
        assert_eq!(waiting.join().unwrap()["fired"], 2);
    });
    let late = problem(client.get("/rules/busy?fired=3&wait=1ms"), 409);
    assert_eq!(late["report"]["failed"][0]["wanted"], ">=3");
    problem(client.get("/rules/busy?fired=3"), 409);
    problem(client.get("/rules/bussy?fired=1&wait=60s"), 404);
    assert_eq!(problem(client.get("/rules/busy?wait=5s"), 400)["field"], "wait");
}

#[test]
fn an_error_in_a_rule_names_the_member() {
    let (_server, client) = start();
    let silly = json!({ "on": "smtp.rcpt", "do": [{ "pass": true }, { "cut": { "at": 3 } }] });
    let refused = problem(client.post("/rules", &silly), 422);
    assert_eq!(refused["field"], "/do/1");
    assert_eq!(refused["problems"][0]["help"], "move `cut` before `pass`");
    let wrong = json!({ "on": "smtp.rcp", "do": [{ "repyl": "451 later" }] });
    let problem = problem(client.post("/rules", &wrong), 422);
    assert_eq!(problem["field"], "/on");
    assert_eq!(problem["problems"][0]["help"], "did you mean `smtp.rcpt`?");
    assert_eq!(problem["problems"][1]["place"], "/do/0/repyl");
    let unknown = client.put("/scenario", &json!({ "name": "smtp-graylist" }));
    assert!(self::problem(unknown, 422)["detail"].as_str().unwrap().contains("did you mean `smtp-greylist`?"));
    self::problem(client.put("/scenario", &json!({})), 400);
    for by in ["soon", "1000000000h"] {
        assert_eq!(self::problem(client.post("/clock/advance", &json!({ "by": by })), 400)["field"], "by", "{by}");
    }
}

#[test]
fn the_clock_can_be_advanced_over_http() {
    let (server, client) = start();
    let mut idle = std::io::BufReader::new(connect(server.smtp().address()));
    let mut line = String::new();
    std::io::BufRead::read_line(&mut idle, &mut line).unwrap();
    assert_eq!(client.post("/clock/pause", &json!(null)).status(), 200);
    assert_eq!(client.json("/clock")["paused"], true);
    assert_eq!(client.post("/clock/advance", &json!({ "by": "5m" })).status(), 200);
    line.clear();
    std::io::BufRead::read_line(&mut idle, &mut line).unwrap();
    assert_eq!(line, "421 4.4.2 I have waited too long for you\r\n");
    assert_eq!(client.post("/clock/resume", &json!(null)).status(), 200);
}
