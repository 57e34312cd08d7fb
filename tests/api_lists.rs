//! Lists over HTTP that begin with the newest, and the search for words.

use clients::api_client::{ApiClient, NONE, start};
use clients::line_client::{LineClient, talk};
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

/// The identifiers in a list.
fn ids(list: &Value) -> Vec<&str> {
    let items = list.get("messages").or_else(|| list.get("sessions")).and_then(Value::as_array).unwrap();
    items.iter().map(|item| item["id"].as_str().unwrap()).collect()
}

/// Every page of a list that goes back, the newest first, and the first cursor `next`.
fn pages(api: &ApiClient, path: &str) -> (Vec<Vec<String>>, Value) {
    let first = api.ok(path);
    let mut pages = vec![first.clone()];
    loop {
        let before = match &pages.last().unwrap()["older"] {
            Value::String(session) => session.clone(),
            Value::Number(cursor) => cursor.to_string(),
            _ => break,
        };
        pages.push(api.ok(format!("{path}&before={before}")));
    }
    (pages.iter().map(|page| ids(page).into_iter().map(str::to_owned).collect()).collect(), first["next"].clone())
}

#[test]
fn the_newest_messages_come_first_page_by_page() {
    let (server, api) = start();
    for n in 1..=7 {
        let to = if n % 2 == 0 { "even@example.org" } else { "odd@example.org" };
        server.deliver(to, "Subject: hi\r\n\r\n");
    }

    assert_eq!(pages(&api, "/messages?order=newest").0, [["m7", "m6", "m5", "m4", "m3", "m2", "m1"]]);
    let (three, next) = pages(&api, "/messages?order=newest&limit=3");
    assert_eq!(three, [vec!["m7", "m6", "m5"], vec!["m4", "m3", "m2"], vec!["m1"]]);
    for filter in ["to=even@example.org", "to=even*"] {
        let even = pages(&api, &format!("/messages?order=newest&limit=2&{filter}")).0;
        assert_eq!(even.concat(), ["m6", "m4", "m2"], "{filter}");
    }
    let third = api.ok("/messages?limit=3")["next"].clone();
    let after = pages(&api, &format!("/messages?order=newest&limit=3&after={third}")).0;
    assert_eq!(after, [vec!["m7", "m6", "m5"], vec!["m4"]], "and no older ones");
    assert_eq!(ids(&api.ok(format!("/messages?order=newest&limit=3&after={next}"))), [""; 0]);

    server.deliver("new@example.org", "Subject: hi\r\n\r\n");
    assert_eq!(ids(&api.ok(format!("/messages?after={next}"))), ["m8"], "the newest list says where to go on");
    assert_eq!(api.ok("/messages?order=oldest"), api.ok("/messages"));
    assert!(api.ok("/messages").get("older").is_none());
}

#[test]
fn messages_whose_reply_was_not_sent_come_before_the_newest() {
    let (server, api) = start();
    server.clock().pause();
    server.deliver("bob@example.org", "Subject: first\r\n\r\n");
    let rule = json!({ "on": "smtp.message", "do": [{ "pass": "silent" }, { "wait": "1h" }, { "reply": "250 Ok" }], "when": { "from": "slow@example.org" } });
    api.post("/rules", &rule).expect(201);
    let mut clients: Vec<LineClient> = Vec::new();
    for n in 2..=3 {
        let mut client = LineClient::greeted(server.smtp().address());
        for line in ["HELO x", "MAIL FROM:<slow@example.org>", "RCPT TO:<bob@example.org>", "DATA"] {
            client.ask(line);
        }
        client.say("Subject: slow\r\n\r\n.");
        clients::deadline::until("it is captured", || api.get(format!("/messages/m{n}")).status == 200);
        clients.push(client);
    }
    server.deliver("bob@example.org", "Subject: last\r\n\r\n");

    let all = api.ok("/messages?order=newest");
    assert_eq!(ids(&all), ["m3", "m2", "m4", "m1"]);
    assert_eq!(all["messages"][0]["seq"], Value::Null);
    assert_eq!(pages(&api, "/messages?order=newest&limit=1").0, [vec!["m3", "m2", "m4"], vec!["m1"]]);
    assert_eq!(pages(&api, "/messages?order=newest&limit=2").0, [["m3", "m2", "m4", "m1"]]);
    assert_eq!(pages(&api, "/messages?order=newest&limit=1&from=slow*").0, [vec!["m3", "m2"]]);
    assert_eq!(ids(&api.ok(format!("/messages?order=newest&before={}", all["next"]))), ["m1"], "and none without seq");

    api.post("/clock/advance", &json!({ "by": "2h" })).expect(200);
    clients.iter_mut().for_each(|client| assert!(client.line().starts_with("250 ")));
    let later = api.ok(format!("/messages?after={}&wait=5s&count=2", all["next"]));
    assert_eq!(ids(&later).len(), 2, "they come after the cursor when their replies were sent");
}

#[test]
fn what_a_list_of_the_newest_cannot_do_is_refused() {
    let (server, api) = start();
    server.deliver("bob@example.org", "Subject: hi\r\n\r\n");

    for (path, field) in [
        ("/messages?order=first", "order"),
        ("/messages?before=7", "before"),
        ("/messages?order=oldest&before=7", "before"),
        ("/messages?order=newest&wait=1s", "wait"),
        ("/messages?order=newest&count=2", "count"),
        ("/messages?order=newest&none_within=1s", "none_within"),
        ("/messages?order=newest&stream=true", "order"),
        ("/messages?stream=true&before=1", "before"),
    ] {
        assert_eq!(api.get(path).field(400), field, "{path}");
    }
    let order = api.get("/messages?order=first").detail(400);
    assert_eq!(order, "`first` is not an order; write `oldest` or `newest`");
    assert_eq!(api.get("/messages?order=newest&before=999").expect(410)["first"], 0, "of an earlier run");
    assert_eq!(api.ok("/messages?order=newest&before=0"), json!({ "messages": [], "next": 0, "older": null }));
}

const BILL: &str = "From: Élodie <billing@shop.example>\r\nTo: Bob <bob@example.org>\r\nBcc: audit@shop.example\r\n\
    Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= and your bill\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain\r\n\r\nFor December, 12.50.\r\n\
    --b\r\nContent-Type: text/html\r\n\r\n<p class=fancy>Thank <b>y</b>ou &amp; goodbye</p>\r\n\
    --b\r\nContent-Type: application/pdf; name=Invoice-7.pdf\r\nContent-Disposition: attachment\r\n\r\nsecret\r\n--b--\r\n";

#[test]
fn a_search_finds_every_word_wherever_it_is() {
    let (server, api) = start();
    server.deliver_from("bounces@shop.example", "Bob+tag@example.org", BILL);
    server.deliver("eve@example.org", "Subject: december\r\n\r\n");

    for words in [
        "grüße bill",
        "GR\u{dc}ẞE",
        "élodie",
        "billing@",
        "audit@shop",
        "bounces@shop.example",
        "BOB+TAG@",
        "december 12.50",
        "you &",
        "invoice-7",
    ] {
        assert!(ids(&api.ok(format!("/messages?search={}", encoded(words)))).contains(&"m1"), "{words}");
    }
    for words in ["fancy", "secret", "december reminder", "text/html", "bill*", "bill december elodie@"] {
        assert!(!ids(&api.ok(format!("/messages?search={}", encoded(words)))).contains(&"m1"), "{words}");
    }
    assert_eq!(ids(&api.ok("/messages?search=december&to=eve@example.org&order=newest")), ["m2"]);
}

#[test]
fn a_search_finds_each_form_of_a_letter() {
    let (server, api) = start();
    for subject in ["ΟΔΟΣ", "ΟΔΟΣΑ"] {
        server.deliver("bob@example.org", format!("Subject: {subject}\r\n\r\n"));
    }

    // A sigma has another form in lower case at the end of a word.
    for (words, found) in [("ΟΔΟΣ", 2), ("οδος", 2), ("οδοσ", 2), ("ΟΣ", 2), ("ΟΔΟΣΑ", 1), ("οδοσα", 1), ("ΣΑ", 1)]
    {
        let listed = api.ok(format!("/messages?search={}", encoded(words)));
        assert_eq!(ids(&listed).len(), found, "{words}: {listed}");
    }
}

#[test]
fn a_search_without_words_is_refused_wherever_it_is_read() {
    let (server, api) = start();
    server.deliver("bob@example.org", "Subject: hi\r\n\r\n");

    for blank in ["", "+", "%09+"] {
        for path in ["/messages", "/messages/latest", "/messages?order=newest", "/messages?stream=true"] {
            let path = format!("{path}{}search={blank}", if path.contains('?') { '&' } else { '?' });
            assert_eq!(api.get(&path).field(400), "search", "{path}");
        }
        assert_eq!(api.delete(format!("/messages?search={blank}")).field(400), "search", "{blank}");
    }
    assert_eq!(api.post("/expectations", &json!({ "search": " " })).field(400), "search");
    let hook = json!({ "url": "http://127.0.0.1:9/", "messages": { "search": "" } });
    assert_eq!(api.post("/webhooks", &hook).field(400), "messages.search");
    assert_eq!(api.delete("/messages?body=").field(400), "body");
    assert_eq!(ids(&api.ok("/messages")), ["m1"], "nothing was deleted");
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn a_search_is_a_filter_like_the_others() {
    let (server, api) = start();
    server.deliver("bob@example.org", "Subject: Your bill\r\n\r\n");
    server.deliver("eve@example.org", "Subject: Hello\r\n\r\n");

    assert_eq!(api.ok("/messages/latest?search=BILL")["id"], "m1");
    let late = api.get("/messages?search=bill+december&wait=1ms").expect(409);
    assert!(late["detail"].as_str().unwrap().contains("search \"bill december\""), "{late}");
    assert!(late["detail"].as_str().unwrap().contains("a message without \"december\""), "{late}");
    let expected = api.post("/expectations", &json!({ "search": "your bill", "times": 1 })).expect(201);
    assert_eq!((&expected["matched"], &expected["matcher"]), (&json!(1), &json!("search \"your bill\"")));
    let hook = json!({ "url": "http://127.0.0.1:9/", "messages": { "search": "bill" } });
    api.post("/webhooks", &hook).expect(201);
    assert_eq!(ids(&api.delete("/messages?search=hello").expect(200)), ["m2"]);
    assert_eq!(ids(&api.ok("/messages")), ["m1"]);
}

#[test]
fn the_newest_sessions_come_first_page_by_page() {
    let (server, api) = start();
    for n in 1..=5 {
        let address = if n % 2 == 0 { server.smtp().address() } else { server.submission().address() };
        talk(address, "QUIT\r\n");
    }

    let all = ["s5", "s4", "s3", "s2", "s1"];
    assert_eq!(pages(&api, "/sessions?order=newest").0, [all]);
    assert_eq!(pages(&api, "/sessions?order=newest&limit=2").0, [vec!["s5", "s4"], vec!["s3", "s2"], vec!["s1"]]);
    assert_eq!(pages(&api, "/sessions?order=newest&limit=1&listener=smtp").0.concat(), ["s4", "s2"]);
    assert_eq!(ids(&api.ok("/sessions?order=newest&before=s3")), ["s2", "s1"]);
    assert_eq!(ids(&api.ok("/sessions?limit=2")), ["s1", "s2"]);
    assert_eq!(ids(&api.ok("/sessions?limit=2&wait=5s&count=3")), ["s1", "s2"]);
    assert!(api.ok("/sessions").get("older").is_none());
    for (path, field) in [
        ("/sessions?before=s3", "before"),
        ("/sessions?order=newest&before=x", "before"),
        ("/sessions?order=newest&wait=1s", "wait"),
        ("/sessions?order=newest&count=1", "count"),
    ] {
        assert_eq!(api.get(path).field(400), field, "{path}");
    }
}

#[test]
fn a_session_says_what_was_refused_and_which_rules_fired() {
    let (server, api) = start();
    for (id, on) in [("slow", "smtp.noop"), ("never", "smtp.vrfy"), ("full", "smtp.rcpt")] {
        api.post("/rules", &json!({ "id": id, "on": on, "do": { "reply": "450 no" } })).expect(201);
    }
    let rule = json!({ "id": "noted", "on": "smtp.quit", "do": [{ "note": "bye" }, { "pass": true }] });
    api.post("/rules", &rule).expect(201);

    talk(
        server.smtp().address(),
        "XYZZY\r\nHELO x\r\nNOOP\r\nNOOP\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nQUIT\r\n",
    );
    talk(server.smtp().address(), "QUIT\r\n");
    api.post("/settled", &json!({})).expect(204);

    let [first, second] = ["s1", "s2"].map(|session| api.ok(format!("/sessions/{session}")));
    assert_eq!((&first["refused"], &first["rules"]), (&json!(4), &json!(["slow", "full", "noted"])));
    assert_eq!((&second["refused"], &second["rules"]), (&json!(0), &json!(["noted"])));
    let records = api.ok("/journal?session=s1")["records"].as_array().unwrap().len();
    assert_eq!(first["records"], records);
    assert_eq!(api.ok("/sessions")["sessions"], json!([first, second]));
    let sessions = server.sessions();
    assert_eq!((sessions[0].refused, sessions[0].rules.concat().as_str()), (4, "slowfullnoted"));
}

#[test]
fn a_session_says_what_it_left_unfinished() {
    let (server, api) = start();
    let begin = |lines: &[&str], rest: &str| {
        let mut client = LineClient::greeted(server.smtp().address());
        for line in lines {
            client.ask(line);
        }
        client.send(rest);
    };
    begin(&["HELO x", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"], "Subject: lo");
    begin(&["HELO x", "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.org>", "DATA"], "");
    begin(&["HELO x"], "MAIL FRO");
    begin(&["HELO x"], "");
    api.post("/settled", &NONE).expect(204);

    let left = api.ok("/sessions?open=false")["sessions"].as_array().unwrap().clone();
    let left: Vec<&Value> = left.iter().map(|session| &session["ended"]["unfinished"]).collect();
    assert_eq!(
        left,
        [
            &json!({ "within": "DATA", "octets": 11 }),
            &json!({ "within": "DATA", "octets": 0 }),
            &json!({ "within": null, "octets": 8 }),
            &Value::Null
        ]
    );
}
