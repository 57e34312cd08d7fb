//! The HTTP API: messages, sessions, journal, rules, waits and errors.

use std::io::{Read, Write};

use clients::api_client::{ApiClient, NONE, start};
use clients::deadline::connect;
use clients::line_client::{LineClient, talk};
use clients::tls_client::{TlsClient, strict, with_certificate};
use mailjig::{Listener, MailServer, TlsProfile};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// The content type of a body that is a message.
const RAW: (&str, &str) = ("content-type", "message/rfc822");

const MAIL: &str = "EHLO app.example\nMAIL FROM:<app@example.org> SIZE=60\nRCPT TO:<bob@example.org>\n\
                    RCPT TO:<carol@example.org>\nDATA\nFrom: App <app@example.org>\nTo: bob@example.org\n\
                    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\n\nhttps://example.org/confirm\n.\nQUIT\n";

#[test]
fn every_view_of_a_message_is_returned() {
    let (server, api) = start();
    talk(server.smtp().address(), MAIL);

    let list = api.ok("/messages?to=carol@example.org&subject=Gr*&link=*confirm");
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
    assert_eq!(api.ok("/messages/m1")["id"], "m1");
    assert_eq!(api.get("/messages/1/raw").octets, server.messages()[0].raw()[..]);
    assert_eq!(api.get("/messages/m1/text").text(), "https://example.org/confirm\r\n");
    assert_eq!(api.ok("/messages/m1/links"), json!(["https://example.org/confirm"]));
    assert_eq!(api.ok("/messages/m1/headers")[1], json!({ "name": "To", "value": "bob@example.org" }));
    api.get("/messages/m1/html").problem(404);
}

#[test]
fn the_parameters_of_the_envelope_are_returned_as_sent_and_decoded() {
    let (server, api) = start();
    let mail = "EHLO app.example\nMAIL FROM:<ann@example.org> Body=8bitMIME BY=-5;NT MT-PRIORITY=-3 AUTH=a+2Bb Ret=HDRS ENVID=QQ+2B1\n\
                RCPT TO:<bob@example.org> NOTIFY=DELAY,SUCCESS ORCPT=rfc822;all+2Bx@example.org\n\
                RCPT TO:<eve@example.org> NOTIFY=NEVER\nDATA\n\n.\nQUIT\n";

    talk(server.smtp().address(), mail);

    assert_eq!(
        api.ok("/messages/m1")["envelope"],
        json!({
            "from": {
                "address": "ann@example.org", "parameters": {
                    "Body": "8bitMIME", "BY": "-5;NT", "MT-PRIORITY": "-3", "AUTH": "a+2Bb", "Ret": "HDRS", "ENVID": "QQ+2B1",
                },
                "deliver_by": { "seconds": -5, "returns": false, "trace": true }, "priority": -3, "auth": "a+b",
                "body": "8bitmime", "ret": "hdrs", "envid": "QQ+1",
            },
            "recipients": [
                {
                    "address": "bob@example.org", "verdict": "accepted",
                    "parameters": { "NOTIFY": "DELAY,SUCCESS", "ORCPT": "rfc822;all+2Bx@example.org" },
                    "notify": ["success", "delay"], "orcpt": { "type": "rfc822", "address": "all+x@example.org" },
                },
                {
                    "address": "eve@example.org", "verdict": "accepted",
                    "parameters": { "NOTIFY": "NEVER" }, "notify": ["never"],
                },
            ],
        })
    );
}

#[test]
fn the_time_until_which_a_message_is_held_is_returned() {
    let server = MailServer::builder().submission_requires_auth(false).start();
    let api = ApiClient::of(&server);
    let mail = |hold: &str| format!("MAIL FROM:<ann@example.org> {hold}\nRCPT TO:<bob@example.org>\nDATA\n\n.\n");
    let talk_of_both =
        ["EHLO me\n", &mail("HOLDFOR=60"), &mail("HOLDUNTIL=2099-01-01T00:00:00+01:00"), "QUIT\n"].concat();

    talk(server.submission().address(), &talk_of_both);

    let sender = |id: &str| api.ok(format!("/messages/{id}"))["envelope"]["from"].clone();
    assert_eq!(
        sender("m1"),
        json!({ "address": "ann@example.org", "parameters": { "HOLDFOR": "60" }, "hold_for": 60 })
    );
    assert_eq!(sender("m2")["hold_until"], "2098-12-31T23:00:00.000000Z");
}

#[test]
fn parts_are_listed_and_returned_decoded() {
    let (server, api) = start();
    server.deliver(
        "bob@example.org",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<b>hi</b>\r\n--b\r\n\
         Content-Type: text/csv; name=a.csv\r\nContent-Transfer-Encoding: base64\r\n\r\nYSxi\r\n--b--\r\n",
    );

    let parts = api.ok("/messages/m1/parts");
    assert_eq!(parts[1]["filename"], "a.csv");
    assert_eq!(parts[1]["attachment"], true);
    let csv = api.get("/messages/m1/parts/2");
    assert_eq!(csv.header("content-type"), ["text/csv"]);
    assert_eq!(csv.header("x-content-type-options"), ["nosniff"]);
    assert_eq!(csv.text(), "a,b");
    let html = api.get("/messages/m1/html");
    assert!(html.header("content-security-policy")[0].starts_with("sandbox"));
    assert_eq!(html.text(), "<b>hi</b>");
    api.get("/messages/m1/parts/3").problem(404);
}

#[test]
fn nested_parts_are_listed_after_the_part_that_contains_them() {
    let (server, api) = start();
    server.deliver(
        "bob@example.org",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n\
         Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ninner\r\n--c--\r\n--b--\r\n",
    );
    let listed = |path: &str| -> Vec<(String, u64, String)> {
        let parts = api.ok(path);
        let text = |part: &Value, member: &str| part[member].as_str().unwrap().to_owned();
        let tuple = |part: &Value| (text(part, "number"), part["depth"].as_u64().unwrap(), text(part, "content_type"));
        parts.as_array().unwrap().iter().map(tuple).collect()
    };
    let part = |number: &str, depth, media_type: &str| (number.to_owned(), depth, media_type.to_owned());

    assert_eq!(listed("/messages/m1/parts"), [part("1", 1, "text/plain"), part("2", 1, "message/rfc822")]);
    assert_eq!(
        listed("/messages/m1/parts?nested=true"),
        [
            part("", 0, "multipart/mixed"),
            part("1", 1, "text/plain"),
            part("2", 1, "message/rfc822"),
            part("2", 2, "multipart/mixed"),
            part("2.1", 3, "text/plain"),
        ]
    );
    assert_eq!(api.get("/messages/m1/parts/2").header("content-type"), ["message/rfc822"]);
    assert_eq!(api.get("/messages/m1/parts/2.1").text(), "inner");
}

#[test]
fn a_wait_is_answered_when_the_mail_arrives() {
    let (server, api) = start();

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| api.ok("/messages?to=bob@example.org&wait=20s&count=2"));
        talk(server.smtp().address(), MAIL);
        talk(server.smtp().address(), MAIL);
        let found = waiting.join().unwrap();
        assert_eq!(found["messages"].as_array().unwrap().len(), 2);
        let next = found["next"].as_u64().unwrap();
        assert_eq!(api.ok(format!("/messages?after={next}"))["messages"], json!([]));
        talk(server.smtp().address(), MAIL);
        let third = api.ok(format!("/messages?after={next}&wait=20s"));
        assert_eq!(third["messages"][0]["id"], "m3");
    });
}

#[test]
fn a_wait_that_times_out_is_a_conflict_with_the_report() {
    let (server, api) = start();
    server.deliver("bob@example.org", "Subject: Wellcome\r\n\r\n");

    let problem = api.get("/messages?to=bob@example.org&subject=Welcome&wait=1ms").problem(409);

    assert!(
        problem["detail"].as_str().unwrap().contains("✗ subject  wanted \"Welcome\", got \"Wellcome\""),
        "{problem}"
    );
    assert_eq!(problem["report"]["near_misses"][0]["clauses"][1]["matched"], false);
}

#[test]
fn lists_continue_after_a_cursor() {
    let (server, api) = start();
    for n in 0..300 {
        server.deliver("bob@example.org", format!("Subject: {n}\r\n\r\n"));
    }

    let mut subjects = Vec::new();
    let mut after = 0;
    loop {
        let page = api.ok(format!("/messages?after={after}&limit=77"));
        let messages = page["messages"].as_array().unwrap();
        if messages.is_empty() {
            break;
        }
        subjects.extend(messages.iter().map(|mail| mail["subject"].as_str().unwrap().to_owned()));
        after = page["next"].as_u64().unwrap();
    }

    assert_eq!(subjects, (0..300).map(|n| n.to_string()).collect::<Vec<_>>());
    let filtered = api.ok("/messages?subject=~^29.$");
    assert_eq!(filtered["messages"].as_array().unwrap().len(), 10);
}

#[test]
fn sessions_and_transcripts() {
    let (server, api) = start();
    talk(server.smtp().address(), MAIL);
    api.post("/settled", &NONE).expect(204);

    let session = api.ok("/sessions/s1");
    assert_eq!(session["listener"], "smtp");
    assert_eq!(session["helo"], "app.example");
    assert_eq!(session["ended"]["ending"], "clean");
    assert_eq!(api.ok("/sessions")["sessions"][0]["id"], "s1");
    assert!(
        api.get("/sessions/s1/transcript")
            .text()
            .ends_with("C: <m1>\nS: 250 2.0.0 Ok: queued as m1\nC: QUIT\nS: 221 2.0.0 Bye\n")
    );
    assert!(api.get("/transcript?verbatim=true").text().contains("\nC: https://example.org/confirm\nC: .\n"));
    assert_eq!(api.delete("/sessions/s1").detail(409), "session s1 has ended");

    let mut open = connect(server.smtp().address());
    open.read_exact(&mut [0; 4]).unwrap();
    api.delete("/sessions/s2").expect(204);
    open.read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn the_journal_can_be_read_after_a_cursor_and_waited_for() {
    let (server, api) = start();
    talk(server.smtp().address(), MAIL);
    api.post("/settled", &NONE);

    let all = api.ok("/journal");
    let kinds: Vec<&str> = all["records"].as_array().unwrap().iter().map(|r| r["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds[..2], ["opened", "exchange"]);
    assert_eq!(kinds.last(), Some(&"ended"));
    let message = api.ok("/journal?event=smtp.message&limit=1");
    assert_eq!(message["records"][0]["captured"], "m1");
    assert_eq!(message["records"][0]["said"], "250 2.0.0 Ok: queued as m1\r\n");
    let next = all["next"].as_u64().unwrap();
    std::thread::scope(|scope| {
        let waiting =
            scope.spawn(|| api.ok(format!("/journal?after={next}&session=s2&event=smtp.quit&count=2&wait=20s")));
        talk(server.smtp().address(), "QUIT\n");
        assert_eq!(waiting.join().unwrap()["records"][1]["kind"], "closed");
    });
    let more = api.ok("/journal?after=0&wait=20s&count=2&limit=1");
    assert_eq!((&more["records"][0]["seq"], more["records"].as_array().unwrap().len()), (&json!(1), 1));
    assert_eq!(more["next"], 1, "the records beyond the limit come next");
    api.get(format!("/journal?after={next}&wait=1ms&session=s9")).problem(409);

    for list in ["messages", "journal"] {
        assert_eq!(api.get(format!("/{list}?after={}", i64::MAX)).problem(410)["first"], 0, "it is of an earlier run");
    }

    api.delete("/messages");
    assert!(api.get("/journal?after=1").problem(410)["first"].as_u64().unwrap() > next);
}

#[test]
fn mail_is_delivered_and_cleared() {
    let (_server, api) = start();

    let delivered = api.post("/deliver", &json!({ "to": ["bob@example.org"], "raw": "Subject: hi\r\n\r\n" }));
    assert_eq!(delivered.expect(201)["subject"], "hi");
    assert_eq!(delivered.header("location"), ["/v1/messages/m1"]);
    let path = "/deliver?to=bob@example.org&to=ann@example.org&from=app@example.org";
    api.with(&[RAW]).send("POST", path, b"Subject: \xff\r\n\r\n").expect(201);
    api.post("/deliver", &json!({ "to": ["bob@example.org"], "raw_base64": "U3ViamVjdDogeA0KDQo=" }));
    assert_eq!(api.ok("/accounts")["accounts"][0]["mailboxes"][0]["entries"], 3);
    assert_eq!(api.ok("/accounts/bob@example.org/mailboxes/INBOX")["entries"][2]["message"], "m3");
    api.get("/accounts/bob@example.org/mailboxes/Trash").problem(404);

    let taken: Value = api.delete("/messages").json();
    assert_eq!(taken["messages"].as_array().unwrap().len(), 3);
    assert_eq!(api.ok("/messages")["messages"], json!([]));
    assert_eq!(api.ok("/accounts/bob@example.org/mailboxes/INBOX")["entries"], json!([]));
    api.post("/reset", &NONE).expect(200);
    api.post("/deliver", &json!({ "to": ["bob@example.org"], "raw": "" }));
    assert_eq!(api.ok("/messages/m1")["size"], 0);
}

#[test]
fn a_reset_restores_the_initial_state_except_for_what_is_kept() {
    let (_server, api) = start();
    let rules = || api.ok("/rules")["rules"].as_array().unwrap().len();
    let add = |id: &str| {
        api.post("/rules", &json!({ "id": id, "on": "smtp.noop", "do": { "reply": "250 no" } })).expect(201);
    };
    let message = json!({ "user": "bob@example.org", "mailbox": "News", "text": "Subject: hi" });
    let own = json!({ "id": "own", "on": "smtp.rset", "do": { "reply": "250 no" } });
    let scenario = json!({ "scenario": { "mailjig": 1, "message": [message], "rule": [own] } });

    api.put("/scenario", &scenario).expect(200);
    assert_eq!(api.ok("/accounts/bob@example.org/mailboxes/News")["entries"][0]["uid"], 1);
    add("one");
    let number = || api.ok("/rules/own")["number"].clone();
    api.put("/scenario", &scenario);
    assert_eq!(number(), "r3", "numbering continues");
    api.post("/clock/pause", &NONE);
    api.post("/reset?keep=rules,scenario,clock", &NONE).expect(200);
    assert_eq!((rules(), api.ok("/clock")["paused"].as_bool()), (2, Some(true)));
    assert_eq!(number(), "r3");
    assert_eq!(api.ok("/accounts/bob@example.org/mailboxes/News")["entries"][0]["uid"], 1);

    api.post("/reset", &NONE).expect(200);
    assert_eq!((rules(), api.ok("/clock")["paused"].as_bool()), (0, Some(false)));
    assert_eq!(api.ok("/accounts")["accounts"], json!([]));
    assert_eq!(api.post("/reset?keep=rules,mail", &NONE).field(400), "keep");

    add("one");
    add("two");
    api.delete("/rules").expect(204);
    assert_eq!(rules(), 0);
}

#[test]
fn long_transcripts_and_journals_are_sent_in_pieces_and_complete() {
    let (server, api) = start();
    let inbox = server.account("bob@example.org").inbox();
    inbox.add(vec![b'x'; 3 << 20]);
    let lines: String = (0..2000).map(|n| format!("NOOP {n}\n")).collect();
    talk(server.smtp().address(), &format!("EHLO x\n{lines}QUIT\n"));
    talk(server.smtp().address(), "QUIT\n");
    server.settled().block();

    for verbatim in [false, true] {
        let transcript = server.transcript();
        let whole = if verbatim { transcript.verbatim() } else { transcript.to_string() };
        assert_eq!(api.get(format!("/transcript?verbatim={verbatim}")).text(), whole);
    }
    assert_eq!(api.get("/sessions/s1/transcript").text(), server.transcript_of(server.sessions()[0].no).to_string());
    let all = api.ok("/journal?limit=100000");
    let records = all["records"].as_array().unwrap();
    assert!(records.len() > 4000, "{}", records.len());
    let seqs: Vec<u64> = records.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(all["next"], seqs.len());
    let some = api.ok("/journal?limit=700&after=100");
    assert_eq!((some["records"].as_array().unwrap().len(), some["next"].as_u64()), (700, Some(800)));
    assert_eq!(api.ok("/journal?limit=700&event=pop3.quit")["records"], json!([]));
}

#[test]
fn the_server_reports_its_endpoints_and_health() {
    let (server, api) = start();

    assert_eq!(api.ok("")["name"], "mailjig");
    assert_eq!(api.ok("/health")["status"], "ok");
    assert_eq!(
        api.ok("/health")["listeners"],
        json!(["smtp", "submission", "smtps", "lmtp", "imap", "imaps", "pop3", "pop3s"])
    );
    let counts = ["messages", "discarded", "accounts", "discarded_accounts", "sessions", "records", "first_record"];
    let health = || counts.map(|count| api.ok("/health")[count].as_u64().unwrap());
    assert_eq!(health(), [0, 0, 0, 0, 0, 0, 1]);
    talk(server.smtp().address(), MAIL);
    server.deliver("bob@example.org", "");
    let mut open = connect(server.smtp().address());
    open.read_exact(&mut [0; 4]).unwrap();
    server.settled().block();
    let records = api.ok("/journal")["records"].as_array().unwrap().len() as u64;
    assert_eq!(health(), [2, 0, 2, 0, 1, records, 1]);
    api.delete("/messages");
    assert_eq!(health(), [0, 0, 2, 0, 1, 0, records + 2], "the removal is a record too");
    drop(open);
    let endpoints = &api.ok("/endpoints")["endpoints"];
    assert_eq!(endpoints["smtp"]["url"], server.smtp().url());
    assert_eq!(endpoints["http"]["url"], server.api());
    assert_eq!(endpoints["submission"]["starttls"], "before-login");
    assert_eq!(endpoints["submission"]["login_required"], true);
    assert_eq!(endpoints["imaps"]["starttls"], Value::Null);
    assert_eq!(endpoints["imaps"]["implicit_tls"], true);
    assert_eq!(api.get("/tls/ca.pem").text(), server.ca());
}

#[test]
fn every_error_is_a_problem_that_names_the_field() {
    let (_server, api) = start();

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
        assert_eq!(api.get(path).problem(status)["field"], field, "{path}");
    }
    let wrong = |body: Value| api.post("/deliver", &body).field(400);
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
        let problem = api.post("/deliver", &body).problem(422);
        assert_eq!(problem["field"], field, "{body}");
        assert!(problem["detail"].as_str().unwrap().starts_with("the body is wrong: "), "{problem}");
    }
    assert_eq!(api.delete("/health").problem(405)["title"], "Method Not Allowed");
    let text = api.with(&[("content-type", "text/plain; charset=utf-8")]).send("POST", "/deliver", "{}");
    assert_eq!(text.field(422), "to", "the content type of JSON does not matter");

    let server = MailServer::builder().account("ann@example.org", "secret").start();
    let stranger = ApiClient::of(&server).post("/deliver", &json!({ "to": ["eve@example.org"], "raw": "" }));
    assert_eq!(stranger.field(422), "to");
}

#[test]
fn foreign_hosts_and_foreign_pages_are_refused() {
    let (_server, api) = start();
    let with = |name, value| api.with(&[(name, value)]).get("/health").status;

    for host in ["localhost", "localhost:8025", "127.0.0.1", "[::1]:8025", "app.localhost", "host.docker.internal"] {
        assert_eq!(with("host", host), 200, "{host}");
    }
    for host in ["evil.example", "localhost.evil.example", "evil.example:8025"] {
        assert_eq!(with("host", host), 421, "{host}");
    }
    assert_eq!(with("origin", "http://evil.example"), 200);
    api.with(&[("origin", "http://evil.example")]).post("/reset", &NONE).problem(403);

    let detail = api.with(&[("host", "evil.example")]).get("/health").detail(421);
    assert!(detail.contains("evil.example") && detail.contains("--allow-host"), "{detail}");
    let server = MailServer::builder().allow_host("Mail.Test").start();
    ApiClient::of(&server).with(&[("host", "mail.test:8025")]).ok("/health");
}

#[test]
fn loads_by_a_page_of_another_site_are_refused() {
    let (_server, api) = start();
    let get = |headers: &[(&'static str, &str)]| api.with(headers).get("/health").status;

    assert_eq!(get(&[("sec-fetch-site", "same-origin")]), 200);
    assert_eq!(get(&[("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")]), 200);
    // A link that a user followed.
    assert_eq!(get(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]), 200);
    assert_eq!(get(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")]), 403);
    assert_eq!(get(&[("sec-fetch-site", "cross-site")]), 403);
    let form = api.with(&[("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]);
    form.post("/reset", &NONE).problem(403);
}

#[test]
fn responses_forbid_content_type_sniffing() {
    let server = MailServer::start();
    let root = ApiClient::at(server.api());
    server.deliver("bob@example.org", "Subject: x\r\nContent-Type: text/html\r\n\r\n<b>x</b>\r\n");

    let v1 = ["/messages", "/messages/m1/raw", "/messages/m1/html", "/nothing", "/tls/ca.pem", "/messages?x=y"];
    for path in v1.map(|path| format!("/v1{path}")).iter().map(String::as_str).chain(["/", "/favicon.ico"]) {
        assert_eq!(root.get(path).header("x-content-type-options"), ["nosniff"], "{path}");
    }
    let foreign = root.with(&[("host", "evil.example")]).get("/v1");
    assert_eq!(foreign.header("x-content-type-options"), ["nosniff"]);
}

#[test]
fn deliveries_have_the_same_limits_as_clients() {
    let server = MailServer::builder().max_message_size(100).max_recipients(2).start();
    let api = ApiClient::of(&server);
    let deliver =
        |from: &str, to: &[&str], raw: &str| api.post("/deliver", &json!({ "from": from, "to": to, "raw": raw }));

    deliver("", &["a@b", "c@d"], &"x".repeat(100)).expect(201);
    assert_eq!(deliver("", &["a@b"], &"x".repeat(101)).field(413), "raw");
    assert_eq!(deliver("", &["a@b", "c@d", "e@f"], "x").field(422), "to");
    assert_eq!(deliver("", &["a@b\r\nRCPT TO:<c@d>"], "x").field(400), "to");
    assert_eq!(deliver("", &[""], "x").field(400), "to");
    assert_eq!(deliver("a\n@b", &["c@d"], "x").field(400), "from");
    for path in
        ["/accounts/bob%0d%0a/mailboxes/INBOX", "/accounts/bob/mailboxes/A%0d%0aB", "/accounts/%09/mailboxes/INBOX"]
    {
        assert_eq!(api.post(path, &json!({ "raw": "x" })).field(422), "path", "{path}");
    }
    assert_eq!(api.ok("/accounts")["accounts"].as_array().unwrap().len(), 2);

    // Twice the largest message and a mebibyte, for base64 and JSON around it.
    let largest = (1 << 20) + 200;
    let send = |octets: usize| api.with(&[RAW]).send("POST", "/deliver?to=a@b", vec![b'x'; octets]).detail(413);
    assert!(!send(largest).contains("a body has"), "the message is too large, and not the body");
    assert_eq!(send(largest + 1), format!("a body has at most {largest} octets"));
}

#[test]
fn mailboxes_can_be_seeded_and_inspected() {
    let (server, api) = start();
    let archive = "/accounts/bob@example.org/mailboxes/Archive%2F2026";

    let put = json!({ "raw": "Subject: x\r\n\r\n", "flags": ["\\Seen", "$Work"], "date": "2020-01-01T12:00:00Z" });
    let entry = api.post(archive, &put).expect(201);
    assert_eq!((&entry["uid"], &entry["flags"]), (&json!(1), &json!(["\\Seen", "$Work"])));
    let raw = b"Subject: \xff\r\n\r\n";
    api.with(&[RAW]).send("POST", format!("{archive}?flag=%5CFlagged"), raw).expect(201);

    let entries = api.ok(archive)["entries"].clone();
    assert_eq!(entries[0]["date"], "2020-01-01T12:00:00.000000Z");
    assert_eq!(entries[1]["flags"], json!(["\\Flagged"]));
    assert_eq!(api.get(format!("{archive}/2/raw")).octets, raw);
    let account = api.ok("/accounts/bob@example.org");
    assert_eq!(account["mailboxes"][1]["name"], "Archive/2026");
    assert_eq!(account["mailboxes"][1]["unseen"], 1);
    assert_eq!(api.ok("/messages")["messages"], json!([]));
    assert_eq!(server.account("bob@example.org").mailbox("Archive/2026").entries().len(), 2);

    api.get("/accounts/eve@example.org").problem(404);
    api.get(format!("{archive}/9/raw")).problem(404);
    for (body, field) in [
        (json!({ "raw": "", "flags": ["\\Unheard"] }), "flags"),
        (json!({ "raw": "", "date": "yesterday" }), "date"),
        (json!({ "raw": "", "raw_base64": "" }), "raw"),
    ] {
        let refused = api.post(archive, &body);
        assert!((400..500).contains(&refused.status));
        assert_eq!(refused.json()["field"], field);
    }
}

#[test]
fn a_request_can_wait_for_sessions() {
    let (server, api) = start();
    let mut imap = connect(server.imap().address());
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| api.ok("/sessions?user=bob@example.org&idling=true&wait=20s"));
        imap.write_all(b"a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nc IDLE\r\n").unwrap();
        assert_eq!(waiting.join().unwrap()["sessions"][0]["mailbox"], "INBOX");
    });
    assert_eq!(api.ok("/sessions?idling=false")["sessions"], json!([]));
    assert_eq!(api.ok("/sessions?listener=imap&open=true&tls=false")["sessions"][0]["idling"], true);
    let problem = api.get("/sessions?listener=pop3&wait=1ms").problem(409);
    assert!(problem["detail"].as_str().unwrap().ends_with("s1 imap: listener wanted \"pop3\", got \"imap\""));
    server.settled().block();
    let problem = api.get("/sessions?open=true&count=0&wait=1ms").problem(409);
    assert_eq!(
        problem["detail"],
        "within 1ms, 1 session is still open\n  s1 imap, logged in as bob@example.org, 0 messages; the server waits for the client"
    );
    assert_eq!(problem["report"]["failure"], "within 1ms, 1 session is still open");
    assert!(problem["report"]["sessions"][0].as_str().unwrap().starts_with("s1 imap, "), "{problem}");
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| api.ok("/sessions?user=bob@example.org&open=true&count=0&wait=20s"));
        drop(imap);
        assert_eq!(waiting.join().unwrap()["sessions"], json!([]));
    });
    assert_eq!(api.get("/sessions?count=0").field(400), "count");
}

/// The reply to NOOP on a new SMTP connection.
fn noop(server: &MailServer) -> String {
    LineClient::greeted(server.smtp().address()).ask("NOOP")
}

#[test]
fn a_rule_can_be_added_counted_disabled_and_removed() {
    let (server, api) = start();
    let rule = json!({ "id": "busy", "on": "smtp.noop", "do": { "reply": "451 4.3.0 busy" }, "expect": ">=1" });
    let added = api.post("/rules", &rule);
    assert_eq!(added.header("location"), ["/v1/rules/r1"]);
    assert_eq!(added.expect(201)["rule"]["do"], json!([{ "reply": "451 4.3.0 busy" }]));

    api.post("/verify", &NONE).expect(409);
    assert_eq!(noop(&server), "451 4.3.0 busy");
    assert_eq!(api.ok("/rules/busy")["fired"], 1);
    api.post("/verify", &NONE).expect(204);

    api.post("/rules/r1/disable", &NONE).expect(204);
    assert_eq!(noop(&server), "250 2.0.0 Ok");
    assert_eq!(api.ok("/rules")["rules"][0]["near_misses"][0]["reason"], "disabled");
    api.post("/rules/r1/enable", &NONE).expect(204);
    let other = json!({ "id": "other", "on": "smtp.noop", "do": { "pass": { "status": "250 other" } } });
    api.put("/rules/r1", &other).expect(200);
    assert_eq!(noop(&server), "250 other");
    api.delete("/rules/r1").expect(204);
    api.delete("/rules/r1").expect(404);
    assert_eq!(noop(&server), "250 2.0.0 Ok");
}

#[test]
fn firings_without_effect_are_counted_separately() {
    let (server, api) = start();
    let rule = json!({ "id": "typo", "on": "smtp.noop", "do": { "edit": { "find": "Okay", "replace": "No" } }, "expect": ">=1" });
    api.post("/rules", &rule);
    assert_eq!(noop(&server), "250 2.0.0 Ok");

    let shown = api.ok("/rules")["rules"][0].clone();
    assert_eq!((&shown["fired"], &shown["without_effect"]), (&json!(1), &json!(1)));
    assert_eq!(shown["near_misses"][0]["reason"], "no-effect");
    let report = api.post("/verify", &NONE).problem(409);
    assert_eq!(report["report"]["failed"][0]["without_effect"], 1);
    api.delete("/rules/typo").expect(204);

    let nowhere = json!({ "on": "smtp.message", "do": [{ "deliver": { "mailbox": "a//b" } }, { "pass": true }] });
    let refused = api.post("/rules", &nowhere).problem(422);
    assert_eq!(refused["problems"][0]["help"], "a level of the name is empty");
}

#[test]
fn a_scenario_applies_when_the_call_returns() {
    let (server, api) = start();
    let text = "mailjig = 1\n[state]\nphase = \"up\"\n[[rule]]\nid = \"down\"\non = \"smtp.noop\"\n\
                when = { state.phase = \"down\" }\ndo = { reply = \"421 down\" }\nexpect = \"=1\"\n";
    api.put("/scenario", &json!({ "text": text })).expect(200);
    assert_eq!(noop(&server), "250 2.0.0 Ok");
    assert_eq!(api.ok("/state"), json!({ "phase": "up" }));
    let report = api.post("/verify", &NONE).problem(409);
    assert_eq!(report["report"]["failed"][0]["near_misses"][0]["reason"], "state");
    assert!(report["detail"].as_str().unwrap().contains("state.phase  wanted down  got \"up\", set by the scenario"));

    api.put("/state", &json!({ "phase": "down" })).expect(204);
    assert_eq!(noop(&server), "421 down");
    api.post("/verify", &NONE).expect(204);
    api.put("/scenario", &json!({ "name": "smtp-421-after-n", "params": { "n": 7 }, "seed": 3 })).expect(200);
    assert_eq!(api.ok("/scenario")["seed"], 3);
    api.delete("/scenario").expect(204);
    assert_eq!(api.ok("/rules"), json!({ "rules": [] }));
}

#[test]
fn a_change_caused_by_a_change_has_the_same_position_in_the_journal() {
    let (_server, api) = start();
    let text = "mailjig = 1\n[state]\nfirst = false\nsecond = false\nthird = false\n\
                [[rule]]\nid = \"once\"\non = \"state.changed\"\ntimes = 1\ndo = { set = { second = true } }\n\
                [[rule]]\nid = \"then\"\non = \"state.changed\"\nwhen = { state.second = true }\ndo = { note = \"then\" }\n\
                [[rule]]\nid = \"near\"\non = \"state.changed\"\nwhen = { state.third = true }\ndo = { note = \"third\" }\n";
    api.put("/scenario", &json!({ "text": text })).expect(200);

    api.put("/state", &json!({ "first": true })).expect(204);

    let rule = api.ok("/rules/near");
    let places = rule["near_misses"].as_array().unwrap().iter().map(|near| near["journal_ref"].as_u64().unwrap());
    let place = api.ok("/journal")["records"][0]["seq"].as_u64().unwrap();
    assert_eq!(places.collect::<Vec<_>>(), [place, place]);
}

#[test]
fn a_request_can_wait_for_a_rule() {
    let (server, api) = start();
    api.post("/rules", &json!({ "id": "busy", "on": "smtp.noop", "do": [{ "reply": "451 4.3.0 later" }] }));

    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| api.ok("/rules/busy?fired=2&wait=60s"));
        assert_eq!(noop(&server), "451 4.3.0 later");
        assert_eq!(noop(&server), "451 4.3.0 later");
        assert_eq!(waiting.join().unwrap()["fired"], 2);
    });
    let late = api.get("/rules/busy?fired=3&wait=1ms").problem(409);
    assert_eq!(late["report"]["failed"][0]["wanted"], ">=3");
    api.get("/rules/busy?fired=3").problem(409);
    api.get("/rules/bussy?fired=1&wait=60s").problem(404);
    assert_eq!(api.get("/rules/busy?wait=5s").field(400), "wait");
}

#[test]
fn an_error_in_a_rule_names_the_member() {
    let (_server, api) = start();
    let silly = json!({ "on": "smtp.rcpt", "do": [{ "pass": true }, { "cut": { "at": 3 } }] });
    let refused = api.post("/rules", &silly).problem(422);
    assert_eq!(refused["field"], "do[1]");
    assert_eq!(refused["problems"][0]["help"], "move `cut` before `pass`");
    let wrong = json!({ "on": "smtp.rcp", "do": [{ "repyl": "451 later" }] });
    let problem = api.post("/rules", &wrong).problem(422);
    assert_eq!(problem["field"], "on");
    assert_eq!(problem["problems"][0]["help"], "did you mean `smtp.rcpt`?");
    assert_eq!(problem["problems"][1]["place"], "/do/0/repyl");
    let unknown = api.put("/scenario", &json!({ "name": "smtp-graylist" }));
    assert!(unknown.detail(422).contains("did you mean `smtp-greylist`?"));
    assert_eq!(unknown.field(422), "name");
    for (params, field) in [(json!({ "n": "five" }), "params.n"), (json!({ "n": 2, "x": 1 }), "params.x")] {
        let source = json!({ "name": "smtp-421-after-n", "params": params });
        assert_eq!(api.put("/scenario", &source).field(422), field);
    }
    api.put("/scenario", &json!({})).problem(400);
    for by in ["soon", "1000000000h"] {
        assert_eq!(api.post("/clock/advance", &json!({ "by": by })).field(400), "by", "{by}");
    }
}

#[test]
fn the_clock_can_be_advanced_over_http() {
    let (server, api) = start();
    let mut idle = LineClient::greeted(server.smtp().address());
    let _also_idle = LineClient::greeted(server.smtp().address());
    let _more_patient = LineClient::greeted(server.imap().address());
    api.post("/clock/pause", &NONE).expect(200);
    assert_eq!(api.ok("/clock")["paused"], true);
    let advanced = api.post("/clock/advance", &json!({ "by": "5m" })).expect(200);
    assert_eq!((&advanced["paused"], &advanced["timed_out"]), (&json!(true), &json!(2)));
    assert_eq!(idle.line(), "421 4.4.2 I have waited too long for you");
    assert_eq!(api.post("/clock/advance", &json!({ "by": "1m" })).expect(200)["timed_out"], 0);
    assert_eq!(api.post("/clock/advance", &json!({ "by": "30m" })).expect(200)["timed_out"], 1);
    api.post("/clock/resume", &NONE).expect(200);
}

#[test]
fn a_session_has_what_a_proxy_told() {
    let server = MailServer::builder().xclient(Listener::Smtp).proxy_protocol(Listener::Lmtp).start();
    let api = ApiClient::of(&server);
    talk(
        server.smtp().address(),
        "EHLO c\nXCLIENT NAME=a+2Bb.example DESTPORT=25\nXCLIENT PROTO=smtp DESTADDR=IPV6:::2\nQUIT\n",
    );
    talk(server.lmtp().address(), "PROXY TCP4 192.0.2.1 192.0.2.9 4242 24\nQUIT\n");
    talk(server.submission().address(), "QUIT\n");
    server.settled().block();

    let told: Vec<Value> = (1..=3).map(|n| api.ok(format!("/sessions/s{n}"))["proxied"].take()).collect();

    let without = json!({ "destination": "::2", "destination_port": 25, "name": "a+b.example", "protocol": "SMTP",
                          "authority": null, "tls": null });
    assert_eq!(told[0], without);
    assert_eq!((&told[1]["destination"], &told[1]["destination_port"]), (&json!("192.0.2.9"), &json!(24)));
    assert_eq!(told[2], Value::Null);
}

#[test]
fn an_envelope_has_what_a_relay_told_of_its_client() {
    let server = MailServer::builder().xclient(Listener::Smtp).start();
    let api = ApiClient::of(&server);
    let mail = "MAIL FROM:<>\nRCPT TO:<bob@example.org>\nDATA\n\n.\n";
    let told = "XFORWARD NAME=a+2Bb.example ADDR=IPV6:::2\nXFORWARD IDENT=4BQ SOURCE=local\n";
    talk(server.smtp().address(), &format!("EHLO c\n{told}{mail}{mail}{told}RSET\n{mail}{told}EHLO c\n{mail}QUIT\n"));

    let all: Vec<Value> = (1..=4).map(|n| api.ok(format!("/messages/m{n}"))["envelope"]["forwarded"].take()).collect();

    let forwarded = json!({ "name": "a+b.example", "address": "::2", "port": null, "protocol": null, "helo": null,
                            "ident": "4BQ", "source": "LOCAL" });
    assert_eq!(all, [forwarded, Value::Null, Value::Null, Value::Null]);
}

#[test]
fn a_session_has_what_is_known_of_its_handshake() {
    let profile = TlsProfile::new().client_cert("requested").client_ca("any").alpn(["mail"]);
    let server = MailServer::builder().tls(profile).start();
    let api = ApiClient::of(&server);
    let mut config = with_certificate(&server, &server.client_certificate("bob@example.org"));
    config.alpn_protocols = vec![b"mail".to_vec()];
    let mut client = TlsClient::connect(&server, Listener::Smtps, config, "localhost").unwrap();
    client.say("QUIT\r\n");
    let distrusting = strict(&MailServer::start());
    let _alert = TlsClient::before(&server, Listener::Smtps, distrusting, "localhost").handshake();
    let mut late = TlsClient::connect(&server, Listener::Imaps, strict(&server), "localhost").unwrap();
    late.fail();
    api.ok("/sessions?open=true&count=0&wait=20s");

    let mut tls = api.ok("/sessions/s1")["tls"].take();
    let mut certificate = tls["client_certificate"].take();
    let (der, sha256) = (certificate["der"].take(), certificate["sha256"].take());
    assert!(der.as_str().unwrap().starts_with("MII") && sha256.as_str().unwrap().len() == 64, "{der} {sha256}");
    assert_eq!(certificate, json!({ "names": ["bob@example.org"], "verified": false, "der": null, "sha256": null }));
    assert_eq!(
        tls,
        json!({ "version": "TLSv1.3", "cipher": "TLS_AES_256_GCM_SHA384", "group": "x25519", "alpn": "mail", "resumed": false,
                "sni": "localhost", "certificate": "good", "client_certificate": null })
    );

    let mut failed = api.ok("/sessions/s2");
    let offered = failed["tls_failure"]["offered"].take();
    assert_eq!((&offered["sni"], &offered["alpn"]), (&json!("localhost"), &json!([])));
    let words = "the client refused with the TLS alert";
    let why = format!("{words} unknown_ca: it does not trust the authority of the server's certificate");
    let failure = json!({ "reason": why, "after_handshake": false, "alert": "unknown_ca", "certificate": "good", "offered": null });
    assert_eq!((&failed["tls"], &failed["tls_failure"]), (&Value::Null, &failure));
    assert_eq!(failed["ended"]["ending"], "tls-failed");
    let record = &api.ok("/journal?kind=unsecured&session=s2")["records"][0];
    assert_eq!((&record["reason"], &record["alert"]), (&json!(why), &json!("unknown_ca")));
    let late = api.ok("/sessions/s3");
    assert_eq!((&late["tls"]["resumed"], &late["tls_failure"]["after_handshake"]), (&json!(false), &json!(true)));

    for (filter, wanted) in [
        ("tls=false", vec!["s2"]),
        ("tls_failed=true", vec!["s2", "s3"]),
        ("tls_failed=false", vec!["s1"]),
        ("alert=unknown_ca", vec!["s2"]),
        ("alert=!", vec!["s2", "s3"]),
        ("sni=LOCALHOST&certificate=go*", vec!["s1", "s2", "s3"]),
        ("client_certificate=bob@*", vec!["s1"]),
        ("resumed=true", vec![]),
    ] {
        let found = api.ok(format!("/sessions?{filter}"));
        let ids: Vec<&str> =
            found["sessions"].as_array().unwrap().iter().map(|its| its["id"].as_str().unwrap()).collect();
        assert_eq!(ids, wanted, "{filter}");
    }
    let unknown = api.get("/sessions?certificate=expried").expect(400);
    assert_eq!(unknown["detail"], "unknown certificate `expried`; did you mean `expired`?");
}
