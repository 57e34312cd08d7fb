//! The journal over HTTP: records, and the author of each octet of a reply.

use std::time::Duration;

use clients::api_client::ApiClient;
use clients::deadline::until;
use clients::line_client::talk;
use clients::wire::Wire;
use mailjig::matchers::any;
use mailjig::{MailServer, Scenario};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

fn with(rules: &str) -> MailServer {
    MailServer::builder().scenario(Scenario::text("test.toml", format!("mailjig = 1\n{rules}"))).start()
}

fn connect(server: &MailServer, protocol: &str) -> Wire {
    let mut wire = Wire::connect(server, protocol, false);
    wire.line();
    wire
}

/// Sends this, and reads until `last` arrives.
fn ask(wire: &mut Wire, lines: &str, last: &str) {
    wire.say(lines);
    let mut said = String::new();
    while !said.contains(last) {
        said += &String::from_utf8_lossy(&wire.line());
    }
}

fn records(server: &MailServer) -> Vec<Value> {
    let journal = ureq::get(format!("{}/v1/journal", server.api())).call().unwrap().body_mut().read_json::<Value>();
    journal.unwrap()["records"].as_array().unwrap().clone()
}

/// What rules wrote, each with its rule.
fn written(server: &MailServer) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for record in records(server) {
        for its in record["rules"]["written"].as_array().into_iter().flatten() {
            let place = |end: &str| its[end].as_u64().unwrap() as usize;
            let said = record["said"].as_str().unwrap();
            all.push((its["by"].as_str().unwrap().to_owned(), said[place("from")..place("to")].to_owned()));
        }
    }
    all
}

#[test]
fn each_octet_keeps_its_author_through_filters() {
    let server = with(
        r#"
        [[rule]]
        id = "edit"
        on = "smtp.caps"
        do = [{ edit = { find = "250-PIPE", replace = "250-MUCH-LONGER-PIPE" } }, { pass = true }]

        [[rule]]
        id = "insert"
        on = "smtp.caps"
        do = [{ edit = { below = 1, insert = "250-INSERTED" } }, { pass = true }, { raw = "250 raw\r\n" }]

        [[rule]]
        id = "chopped"
        on = "smtp.noop"
        do = [{ hold = true }, { split = [4, 30] }, { cut = { at = 40, close = "fin" } }, { pass = true },
              { raw = "250 and a line that is cut off\r\n" }]

        [[rule]]
        id = "status"
        on = "imap.fetch"
        do = [{ data = { item = "FLAGS", value = "(\\Odd)" } }, { pass = { status = "OK as well" } }]
    "#,
    );
    server.account("me@example.org").inbox().add("Subject: one\r\n\r\nsome\r\nmore\r\n");
    let mut imap = connect(&server, "imap");
    ask(&mut imap, "A LOGIN me@example.org secret\r\nB SELECT INBOX\r\n", "B OK");
    ask(&mut imap, "C FETCH 1 (BODY[] FLAGS INTERNALDATE)\r\n", "C OK");
    let mut smtp = connect(&server, "smtp");
    ask(&mut smtp, "EHLO me\r\n", "250 raw");
    smtp.say("NOOP\r\n");
    smtp.octets(40).unwrap();

    let all = written(&server);
    let all: Vec<(&str, &str)> = all.iter().map(|(by, text)| (&**by, &**text)).collect();
    assert_eq!(
        all,
        [
            ("status", "(\\Odd)"),
            ("status", "C OK as well\r\n"),
            ("insert", "250-INSERTED\r\n"),
            ("edit", "MUCH-LONGER-PIPELINING\r\n"),
            ("insert", "250 raw\r\n"),
            ("chopped", "250 and a line that is cut"),
        ]
    );
}

#[test]
fn output_after_an_awaited_line_has_its_author_too() {
    let server = with(
        r#"
        [[rule]]
        id = "dialogue"
        on = "imap.noop"
        do = [{ raw = "+ first\r\n" }, { await = "ä*" }, { raw = "+ second\r\n" }, { await = "" }, { pass = true },
              { raw = "* 9 EXISTS\r\n" }]

        [[rule]]
        id = "fetch"
        on = "imap.fetch"
        do = [{ raw = "+ go on\r\n" }, { await = "*" }, { pass = true }]

        [[rule]]
        id = "stalled"
        on = "imap.check"
        do = [{ raw = "+ go on\r\n" }, { await = "*" }, { stall = "reply" }]
    "#,
    );
    server.account("me@example.org").inbox().add("Subject: one\r\n\r\nsome\r\nmore\r\n");
    let mut client = connect(&server, "imap");
    ask(&mut client, "A LOGIN me@example.org secret\r\nB SELECT INBOX\r\n", "B OK");
    ask(&mut client, "C NOOP\r\n", "first");
    ask(&mut client, "äwaited\r\n", "second");
    ask(&mut client, "\r\n", "EXISTS");
    ask(&mut client, "D FETCH 1 (BODY[] INTERNALDATE)\r\n", "go on");
    ask(&mut client, "a line\r\n", "D OK");
    ask(&mut client, "E CHECK\r\n", "go on");
    client.say("a line\r\n");

    let all = written(&server);
    let all: Vec<(&str, &str)> = all.iter().map(|(by, text)| (&**by, &**text)).collect();
    let transcript = server.transcript();
    assert_eq!(
        all,
        [
            ("dialogue", "+ first\r\n"),
            ("dialogue", "+ second\r\n"),
            ("dialogue", "* 9 EXISTS\r\n"),
            ("fetch", "+ go on\r\n"),
            ("stalled", "+ go on\r\n"),
        ]
    );
    let text = transcript.to_string();
    assert!(text.contains("S: + second\nC:\nS: C OK"), "{text}");
    let fetched =
        "C: a line\nS: * 1 FETCH (FLAGS (\\Seen \\Recent) INTERNALDATE \"<time>\" BODY[] {28}\nS: <m1>)\nS: D OK";
    assert!(text.contains(fetched), "{text}");
    let text = transcript.verbatim();
    assert!(text.contains(" BODY[] {28}\nS: Subject: one\nS:\nS: some\nS: more\nS: )\nS: D OK"), "{text}");
}

/// What rules noted, in order.
fn notes(server: &MailServer) -> Vec<String> {
    let noted = records(server).into_iter().filter(|record| record["kind"] == "noted");
    noted.map(|record| record["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn mail_delivered_is_an_event_of_any_delivery_but_not_of_append_or_copy() {
    let server = with(
        r#"
        [[rule]]
        on = "mail.delivered"
        do = { note = "{subject} for {user}" }
    "#,
    );
    let account = server.account("me@example.org");
    account.inbox().add("Subject: seeded\r\n\r\n");
    server.deliver("me@example.org", "Subject: by the test\r\n\r\n");
    let body = r#"{"to": ["me@example.org"], "raw": "Subject: over HTTP\r\n\r\n"}"#;
    let url = format!("{}/v1/deliver", server.api());
    ureq::post(url).header("content-type", "application/json").send(body).unwrap();
    let mut smtp = connect(&server, "smtp");
    ask(&mut smtp, "HELO me\r\nMAIL FROM:<>\r\nRCPT TO:<me@example.org>\r\nDATA\r\n", "354");
    ask(&mut smtp, "Subject: over SMTP\r\n\r\n.\r\n", "250");
    let mut imap = connect(&server, "imap");
    ask(&mut imap, "A LOGIN me@example.org secret\r\nB SELECT INBOX\r\nC COPY 1:* INBOX\r\n", "C OK");
    ask(&mut imap, "D APPEND INBOX {12+}\r\nSubject: x\r\n\r\n", "D OK");

    let user = "me@example.org";
    assert_eq!(
        notes(&server),
        ["by the test", "over HTTP", "over SMTP"].map(|subject| format!("{subject} for {user}"))
    );
}

#[test]
fn steps_after_a_login_apply_to_the_user_who_logged_in() {
    let server = with(
        r#"
        [[message]]
        id = "welcome"
        text = "Subject: welcome\n\n"

        [[rule]]
        on = "*.login"
        do = [{ pass = true }, { deliver = { mailbox = "INBOX", message = "welcome" } }]
    "#,
    );
    let mut imap = connect(&server, "imap");
    ask(&mut imap, "A LOGIN ann@example.org secret\r\n", "A OK");
    ask(&mut imap, "B SELECT INBOX\r\n", "B OK");

    assert_eq!(server.account("ann@example.org").inbox().entries().len(), 1);
    assert_eq!(notes(&server), [""; 0]);
}

#[test]
fn after_a_login_user_is_the_login_and_other_fields_are_of_the_request() {
    let credentials = data_encoding::BASE64.encode(b"\0ANN@EXAMPLE.ORG\0secret");
    for (protocol, lines, last, request) in [
        ("smtp", format!("EHLO me\r\nAUTH PLAIN {credentials}\r\n"), "235 ", "AUTH PLAIN"),
        ("imap", "a LOGIN ANN@EXAMPLE.ORG secret\r\n".to_owned(), "a OK", "LOGIN LOGIN"),
        ("pop3", "USER ANN@EXAMPLE.ORG\r\nPASS secret\r\n".to_owned(), "messages", "PASS USER"),
    ] {
        let server = with(
            r#"
            [[user]]
            name = "ann@example.org"
            password = "secret"

            [[message]]
            id = "welcome"
            text = "Subject: welcome\n\n"

            [[rule]]
            on = ["smtp.auth", "imap.auth", "pop3.auth"]
            when = { user = '~(?<asked>.*)' }
            do = [
              { note = "{user}" },
              { pass = true },
              { note = "{user} by {verb} {mech}, who asked for {asked}" },
              { deliver = { user = "{user}", mailbox = "News", message = "welcome" } },
              { kick = { user = "ann@example.org" }, after = "1h" },
              { kick = { user = "ann@example.org" } },
            ]
            expect = "=1"
        "#,
        );
        let mut client = connect(&server, protocol);
        ask(&mut client, &lines, last);
        while client.read().is_ok() {}

        let noted = format!("ann@example.org by {request}, who asked for ANN@EXAMPLE.ORG");
        assert_eq!(notes(&server), ["ANN@EXAMPLE.ORG", &noted], "{protocol}");
        assert_eq!(server.account("ann@example.org").mailbox("News").entries().len(), 1, "{protocol}");
        server.verify().block();
    }
}

#[test]
fn after_a_failed_login_user_is_the_one_who_tried() {
    let server = with(
        r#"
        [[user]]
        name = "ann@example.org"
        password = "secret"

        [[rule]]
        on = "imap.auth"
        do = [{ pass = true }, { note = "{user}" }]

        [[rule]]
        on = "imap.append"
        do = [{ pass = true }, { note = "{mailbox}" }]
    "#,
    );
    let mut client = connect(&server, "imap");
    ask(&mut client, "a LOGIN eve@example.org secret\r\n", "a NO");
    ask(&mut client, "b LOGIN ann@example.org secret\r\nc SELECT INBOX\r\n", "c OK");
    ask(&mut client, "d APPEND Elsewhere {14+}\r\nSubject: x\r\n\r\n\r\n", "d NO");

    assert_eq!(notes(&server), ["eve@example.org", "ann@example.org", "Elsewhere"]);
}

#[test]
fn a_variable_set_by_a_test_is_recorded_and_causes_an_event() {
    let server = with(
        r#"
        [state]
        phase = "up"

        [[rule]]
        on = "state.changed"
        do = { note = "now {state.phase}" }
    "#,
    );

    ureq::put(format!("{}/v1/state", server.api())).send(r#"{"phase": "down"}"#).unwrap();

    assert_eq!(notes(&server), ["state.phase = down", "now down"]);
    server.verify().block();
}

#[test]
fn octets_that_are_not_text_and_other_line_ends_are_exact() {
    let server = MailServer::start();
    let mut client = connect(&server, "smtp");
    ask(&mut client, "NOOP a\n", "500");
    client.bytes(b"NOOP \xff\r\n");
    client.line();

    let heard = records(&server).into_iter().filter(|record| record["kind"] == "exchange");
    let heard: Vec<Value> = heard.skip(1).collect();
    assert_eq!(heard[0]["heard"], "NOOP a\n");
    assert_eq!(heard[1]["heard"], "NOOP \u{fffd}");
    assert_eq!(heard[1]["heard_base64"], "Tk9PUCD/");
    assert_eq!(heard[1].get("said_base64"), None);
    let text = server.transcript().to_string();
    assert!(text.contains("C| NOOP a\\n\nS: 500"), "{text}");
    assert!(text.contains("C| NOOP \\xff\\r\\n\nS: "), "{text}");
}

#[test]
fn a_verbatim_transcript_has_the_octets_of_the_wire() {
    let server = MailServer::start();
    let mut client = connect(&server, "smtp");
    ask(&mut client, "EHLO me\r\n", "250 ");
    ask(&mut client, "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n", "354 ");
    let body = "..stuffed\r\n.forgotten\r\n.\nbeside a bare LF\r\nplain\r\n.\rbeside a bare CR\r\n.\r\n";
    ask(&mut client, body, "queued as m1");

    assert_eq!(
        &server.messages()[0].raw()[..],
        b".stuffed\r\nforgotten\r\n.\nbeside a bare LF\r\nplain\r\n.\rbeside a bare CR\r\n"
    );
    let text = server.transcript().verbatim();
    let lines = "C: ..stuffed\nC: .forgotten\nC| .\\nbeside a bare LF\\r\\n\nC: plain\nC| .\\rbeside a bare CR\\r\\n\nC: .\nS: 250";
    assert!(text.contains(lines), "{text}");
}

#[test]
fn a_record_says_whether_a_rule_cut_its_reply() {
    let server = with(
        r#"
        [[rule]]
        on = "smtp.noop"
        do = [{ cut = { at = 6, close = "fin" } }, { pass = true }]

        [[rule]]
        on = "smtp.rset"
        do = { wait = "1ms" }
    "#,
    );
    let mut client = connect(&server, "smtp");
    ask(&mut client, "RSET\r\n", "250 ");
    client.say("NOOP\r\n");
    client.octets(6).unwrap();
    server.wait_for_no_session().block();

    let all = records(&server);
    for (event, is_cut) in [("smtp.noop", true), ("smtp.rset", false)] {
        let record = all.iter().find(|record| record["event"] == event).unwrap();
        assert_eq!(record["rules"]["cut"], is_cut, "{event}");
    }
}

#[test]
fn a_line_that_was_cut_off_is_not_shown_as_complete() {
    let server = with(
        r#"
        [[rule]]
        on = "smtp.noop"
        do = [{ cut = { at = 6, close = "fin" } }, { pass = true }]

        [[rule]]
        on = "imap.noop"
        do = [{ raw = "A O" }, { wait = "1ms" }, { raw = "K Done\r\n* half" }]

        [[rule]]
        on = "pop3.retr"
        do = { cut = { at = 22, close = "fin" } }
    "#,
    );
    server.account("me@example.org").inbox().add("Subject: one\r\n\r\nsome\r\n");
    let mut client = connect(&server, "smtp");
    client.say("NOOP\r\n");
    client.octets(6).unwrap();
    let mut client = connect(&server, "imap");
    client.say("A NOOP\r\n");
    client.octets("A OK Done\r\n* half".len()).unwrap();
    let mut client = connect(&server, "pop3");
    ask(&mut client, "USER me@example.org\r\nPASS secret\r\n", "octets");
    client.say("RETR 1\r\n");
    client.octets(22).unwrap();

    let (text, verbatim) = (server.transcript().to_string(), server.transcript().verbatim());
    assert!(text.contains("C: NOOP\nS| 250 2.\n"), "{text}");
    assert!(text.contains("C: A NOOP\nS: A OK Done\nS| * half\n"), "{text}");
    assert!(text.contains("S: +OK 22 octets\nS| <m1, octets 1-7 of 22>\n"), "{text}");
    assert!(verbatim.contains("S: +OK 22 octets\nS| Subject\n"), "{verbatim}");
}

#[test]
fn a_line_that_ended_with_a_bare_lf_is_recorded_so() {
    let server = with(
        r#"
        [[rule]]
        id = "awaits"
        on = "smtp.noop"
        do = [{ reply = "334 " }, { await = "so" }, { reply = "250 {line}" }]
        expect = "=0"
    "#,
    );
    let mut client = connect(&server, "smtp");
    ask(&mut client, "NOOP\r\n", "334 ");
    ask(&mut client, "so\n", "250 ");
    let mut client = connect(&server, "imap");
    ask(&mut client, "A LOGIN me@example.org secret\r\n", "A OK");
    ask(&mut client, "B APPEND INBOX {14+}\r\nSubject: x\r\n\r\n \n", "B OK");

    let text = server.transcript().to_string();
    assert!(text.contains("S: 334 \nC| so\\n\nS: 250 "), "{text}");
    assert!(text.contains("C: B APPEND INBOX {14+}\nC| <m1> \\n\nS: B OK"), "{text}");
    let heard: Vec<Value> = records(&server).into_iter().filter(|record| record["kind"] == "part").collect();
    assert_eq!(heard[0]["heard"], "so\n");
    let report = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(server))).unwrap_err();
    let report = report.downcast::<String>().unwrap();
    assert!(report.contains("C  so␊"), "{report}");
}

#[test]
fn a_message_after_an_awaited_line_is_in_the_transcript() {
    let server = with(
        r#"
        [[rule]]
        on = "pop3.retr"
        do = [{ raw = "+ go on\r\n" }, { await = "*" }, { pass = true }]
    "#,
    );
    server.account("me@example.org").inbox().add("Subject: one\r\n\r\nsome\r\n");
    let mut client = connect(&server, "pop3");
    ask(&mut client, "USER me@example.org\r\nPASS secret\r\n", "octets");
    ask(&mut client, "RETR 1\r\n", "go on");
    ask(&mut client, "a line\r\n", "\r\n.\r\n");

    let text = server.transcript().verbatim();
    assert!(text.contains("C: a line\nS: +OK 22 octets\nS: Subject: one\nS:\nS: some\nS: .\n"), "{text}");
}

#[test]
fn an_incomplete_request_is_reported_and_recorded() {
    let mail = "EHLO me\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
    let login = "a LOGIN b@example.org x\r\n";
    for (protocol, before, last, begun, middle) in [
        ("smtp", mail, "354 ", "Subject: half", "in DATA, 13 octets so far"),
        ("smtp", mail, "354 ", "", "in DATA, 0 octets so far"),
        ("smtp", "NOOP\r\n", "250 ", "MAIL FR", "in a line, 7 octets so far"),
        ("pop3", "NOOP\r\n", "-ERR", "U", "in a line, 1 octet so far"),
        ("imap", login, "a OK", "b APPEND INBOX {20+}\r\nSubject: half", "in a literal, 35 octets so far"),
        ("imap", login, "a OK", "b CREATE {20+}\r\nhalf", "in a literal, 20 octets so far"),
    ] {
        let server = MailServer::start();
        let mut client = connect(&server, protocol);
        ask(&mut client, before, last);

        client.say(begun);
        until(middle, || {
            let wait = server.wait_for(any()).within(Duration::ZERO);
            let report = smol::block_on(wait.outcome()).unwrap_err().to_string();
            report.contains(&format!("the server waits for the client, {middle}"))
        });
        drop(client);
        server.wait_for_no_session().block();

        let ended = records(&server).into_iter().find(|record| record["kind"] == "ended").unwrap();
        assert_eq!(ended["unfinished"], begun.len(), "{middle}");
        let transcript = server.transcript().to_string();
        if !begun.is_empty() {
            assert_eq!(ended["heard"], begun, "{middle}");
            let lost = format!("C| {}\n-- {} octet", begun.replace("\r\n", "\\r\\n"), begun.len());
            assert!(transcript.contains(&lost), "{transcript}");
        }
    }
}

#[test]
fn a_transcript_over_http_equals_that_of_the_harness() {
    let server = with("[[rule]]\non = \"smtp.noop\"\ndo = [{ set = { phase = \"down\" } }, { pass = true }]\n");
    let mut smtp = Wire::connect(&server, "smtp", true);
    smtp.line();
    ask(&mut smtp, "NOOP\r\nQUIT\r\n", "221 ");
    server.settled().block();

    let path = format!("{}/v1/sessions/s1/transcript", server.api());
    let text = ureq::get(path).call().unwrap().body_mut().read_to_string().unwrap();

    assert_eq!(text, server.transcript().to_string());
    let wanted = "C: NOOP\nS: 250 2.0.0 Ok\nC: QUIT\nS: 221 2.0.0 Bye\n";
    assert!(
        text.starts_with("S: 220 ") && text.ends_with(wanted),
        "the transcript mentions neither TLS nor variables: {text}"
    );
}

#[test]
fn the_records_of_a_session_are_those_of_the_journal_in_any_portion() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let commands = |count: usize| format!("HELO x\r\n{}QUIT\r\n", "NOOP\r\n".repeat(count));
    for count in [3, 400, 5] {
        talk(server.smtp().address(), &commands(count));
    }
    api.post("/settled", &json!({})).expect(204);
    let all = api.ok("/journal?limit=100000");
    let of = |list: &Value| list["records"].as_array().unwrap().clone();
    let own: Vec<Value> = of(&all).into_iter().filter(|record| record["session"] == "s2").collect();

    let listed = api.ok("/journal?session=s2&limit=100000");

    assert!(own.len() > 800, "{}", own.len());
    assert_eq!((of(&listed), &listed["next"]), (own.clone(), &all["next"]));
    let (mut read, mut next) = (Vec::new(), 0);
    loop {
        let some = api.ok(format!("/journal?session=s2&limit=100&after={next}"));
        next = some["next"].as_u64().unwrap();
        match of(&some) {
            portion if portion.is_empty() => break,
            portion => read.extend(portion),
        }
    }
    assert_eq!((read, json!(next)), (own, all["next"].clone()));
    assert_eq!(of(&api.ok("/journal?session=s9")), Vec::<Value>::new());
    let waited = api.ok(format!("/journal?session=s2&wait=5s&count=3&limit=2&after={}", listed["records"][4]["seq"]));
    assert_eq!(of(&waited), of(&listed)[5..7]);
    assert_eq!(waited["next"], listed["records"][6]["seq"]);
}

#[test]
fn several_kinds_of_records_are_listed_together() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    talk(server.smtp().address(), "QUIT\r\n");

    let listed = api.ok("/journal?kind=opened,ended&wait=5s&count=2");

    let kinds: Vec<&Value> = listed["records"].as_array().unwrap().iter().map(|record| &record["kind"]).collect();
    assert_eq!(kinds, ["opened", "ended"]);
    assert_eq!(api.get("/journal?kind=opened,end").field(400), "kind");
}

#[test]
fn an_exchange_says_whether_the_client_was_early() {
    let server = MailServer::start();
    let mut client = connect(&server, "smtp");
    ask(&mut client, "HELO x\r\n", "250");
    ask(&mut client, "NOOP\r\nNOOP\r\nQUIT\r\n", "221");

    let exchanges = records(&server).into_iter().filter(|record| record["kind"] == "exchange");
    let early: Vec<(String, bool)> =
        exchanges.map(|its| (its["event"].as_str().unwrap().to_owned(), its["early"].as_bool().unwrap())).collect();
    let of = |event: &str| early.iter().filter(|its| its.0 == event).map(|its| its.1).collect::<Vec<_>>();
    assert_eq!((of("smtp.helo"), of("smtp.noop")), (vec![false], vec![false, true]), "{early:?}");
}

#[test]
fn records_say_what_labels_stand_for_when_asked() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let inbox = server.account("me@example.org").inbox();
    inbox.add("Subject: one\r\n\r\nsome\r\nmore\r\n");
    inbox.add("Subject: gr\u{fc}\u{df}e\r\n\r\nmore\r\n");
    let mut client = connect(&server, "imap");
    ask(&mut client, "A LOGIN me@example.org x\r\nB SELECT INBOX\r\nC CAPABILITY\r\n", "C OK");
    ask(&mut client, "D FETCH 1:2 (INTERNALDATE ENVELOPE BODY[])\r\n", "D OK");

    let listed = api.ok("/journal?labels=true");
    let labels = |record: &Value| -> Vec<(String, String)> {
        let text = |label: &Value| -> String {
            let side = record[label["side"].as_str().unwrap()].as_str().unwrap();
            let at = |n: usize| label["at"][n].as_u64().unwrap() as usize;
            side.chars().take(at(1)).skip(at(0)).collect()
        };
        let labels = record["labels"].as_array().into_iter().flatten();
        labels.map(|its| (text(its), its["octets"].as_str().unwrap().to_owned())).collect()
    };
    let found: Vec<(String, String)> = listed["records"].as_array().unwrap().iter().flat_map(labels).collect();
    let names: Vec<&str> = found.iter().map(|(label, _)| label.as_str()).collect();

    let said = listed["records"].to_string();
    assert!(said.contains("<m1>"), "a message has a label, which is not among these: {said}");
    assert_eq!(names, ["<caps>", "<caps>", "<caps>", "<time>", "<time>"], "{said}");
    assert!(found[2].1.starts_with("IMAP4rev1 "), "{found:?}");
    assert!(found[3..].iter().all(|(_, octets)| octets.ends_with(" +0000")), "{found:?}");
    assert!(!api.ok("/journal").to_string().contains("labels"), "only when asked");
}
