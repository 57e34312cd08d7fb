//! Server-sent events: filters, resuming, and what a slow reader is told.

use std::io::Read;
use std::sync::Arc;
use std::thread;

use clients::api_client::ApiClient;
use clients::event_stream::Stream;
use clients::line_client::talk;
use clients::web_socket::WebSocket;
use mailjig::MailServer;
use serde_json::json;

#[path = "clients/mod.rs"]
mod clients;

const MAIL: &str = "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: hi\r\n\r\n.\r\nQUIT\r\n";

#[test]
fn the_journal_as_a_stream_has_the_records_of_the_list() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    talk(server.smtp().address(), MAIL);
    let listed = api.ok("/journal")["records"].as_array().unwrap().clone();

    let streamed = Stream::of(&api, "/journal", None).take(listed.len());

    for (event, record) in streamed.iter().zip(&listed) {
        assert_eq!((event.id, Some(event.event.as_str())), (record["seq"].as_u64(), record["kind"].as_str()));
        assert_eq!(event.data, *record);
    }
    let second = streamed[1].id;
    assert_eq!(Stream::of(&api, "/journal", second).take(3), streamed[2..5]);
    let both = format!("/journal?after={}", streamed[4].id.unwrap());
    assert_eq!(Stream::of(&api, &both, second).take(1), streamed[2..3], "the header counts more than `after`");
    assert_eq!(Stream::of(&api, &both, None).take(1), streamed[5..6]);
}

#[test]
fn a_stream_has_the_records_that_match_and_goes_on() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let mut rcpt = Stream::of(&api, "/journal?event=smtp.rcpt&kind=exchange", None);
    let mut of_session = Stream::of(&api, "/journal?session=s2&kind=ended", None);

    talk(server.smtp().address(), MAIL);
    talk(server.smtp().address(), MAIL);

    let heard = rcpt.take(2);
    assert!(heard.iter().all(|event| event.data["heard"] == "RCPT TO:<bob@example.org>"), "{heard:?}");
    assert_eq!([&heard[0].data["session"], &heard[1].data["session"]], ["s1", "s2"]);
    assert_eq!(of_session.take(1)[0].data["session"], "s2");
}

#[test]
fn messages_as_a_stream_come_once_after_their_reply() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    server.deliver("bob@example.org", "Subject: first\r\n\r\n");
    let mut all = Stream::of(&api, "/messages", None);
    let mut of_bob = Stream::of(&api, "/messages?to=bob@example.org&stream=true", None);

    server.deliver("eve@example.org", "Subject: second\r\n\r\n");
    talk(server.smtp().address(), MAIL);

    let heard = all.take(3);
    let listed = api.ok("/messages")["messages"].as_array().unwrap().clone();
    assert_eq!(heard.iter().map(|event| event.data.clone()).collect::<Vec<_>>(), listed);
    assert!(heard.iter().all(|event| event.event == "message" && event.id == event.data["seq"].as_u64()), "{heard:?}");
    assert_eq!(of_bob.take(2), [heard[0].clone(), heard[2].clone()]);
    assert_eq!(Stream::of(&api, "/messages", heard[1].id).take(1), heard[2..]);
}

#[test]
fn what_a_stream_cannot_do_is_refused() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    talk(server.smtp().address(), MAIL);
    let tip = api.ok("/journal")["next"].as_u64().unwrap();
    api.delete("/messages");

    for (path, status, detail) in [
        ("/journal?stream=true&limit=3".to_owned(), 400, "takes no `limit`"),
        ("/messages?stream=true&wait=3s".to_owned(), 400, "takes no `wait`"),
        ("/journal?stream=true&kind=exhange".to_owned(), 400, "write one of `opened`, `proxied`"),
        (format!("/journal?stream=true&after={}", tip - 1), 410, "were discarded"),
        (format!("/journal?stream=true&after={}", tip + 1000), 410, "is of an earlier run"),
        (format!("/messages?stream=true&after={}", tip + 1000), 410, "is of an earlier run"),
    ] {
        let refused = api.get(&path);
        assert!(refused.detail(status).contains(detail), "{refused}");
    }
    api.with(&[("last-event-id", "x")]).get("/journal?stream=true").expect(400);
}

#[test]
fn a_stream_ends_with_its_server() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    api.post("/servers", &json!({})).expect(201);
    let mut stream = Stream::of(&api, "/servers/1/messages", None);
    let mut updates = Stream::of(&api, "/servers/1/updates", None);
    api.post("/servers/1/deliver", &json!({ "to": ["bob@example.org"], "raw": "Subject: hi\r\n\r\n" }));
    assert_eq!(stream.take(1)[0].data["subject"], "hi");
    assert_eq!(updates.take(2)[1].data["messages"], true);

    api.delete("/servers/1");

    assert_eq!(stream.next(), None);
    assert_eq!(updates.next(), None);
}

#[test]
fn streams_of_other_products_end_with_their_server() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    for _ in 0..3 {
        api.post("/servers", &json!({})).expect(201);
    }
    let mut events = api.stream("/servers/1/mailhog/api/v1/events");
    let sockets = ["/v1/servers/2/api/v2/websocket", "/v1/servers/3/api/events"]
        .map(|path| WebSocket::open(&server, path, "").unwrap());

    for n in 1..=3 {
        api.delete(format!("/servers/{n}"));
    }

    // Their deadlines are shorter than the time of the streams between two signs of life.
    events.read_to_end(&mut Vec::new()).unwrap();
    sockets.into_iter().for_each(WebSocket::ends);
}

/// Reads nothing while more arrives than is kept, and than the sockets hold.
#[test]
fn a_slow_reader_is_told_what_it_missed() {
    const COUNT: usize = 300;
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    let limits = json!({ "listeners": ["smtp"], "limits": { "keep": 10 } });
    api.post("/servers", &limits).expect(201);
    let mut stream = Stream::of(&api, "/servers/1/messages", None);
    let deliver = |n: usize| {
        let raw = format!("Subject: {n} {}\r\n\r\n", "x".repeat(100_000));
        api.post("/servers/1/deliver", &json!({ "to": ["bob@example.org"], "raw": raw })).expect(201);
    };
    (1..=COUNT).for_each(deliver);

    let (mut last, mut gaps, mut is_told) = (0, 0, false);
    while last < COUNT {
        let event = stream.next().unwrap();
        if event.event == "gone" {
            is_told = true;
            continue;
        }
        let n = event.data["id"].as_str().unwrap()[1..].parse::<usize>().unwrap();
        assert!(n == last + 1 || is_told && n > last, "after {last} came {n}, and nothing was told");
        gaps += usize::from(n > last + 1);
        (last, is_told) = (n, false);
    }
    assert!(gaps > 0, "the reader was not slow enough for this test");
}

/// Thousands of records are appended while the client loses its connection at random places.
#[test]
fn resuming_under_load_loses_nothing_and_repeats_nothing() {
    const SESSIONS: usize = 100;
    const MAILS: usize = 10;
    let server = Arc::new(MailServer::start());
    let api = ApiClient::of(&server);
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let server = Arc::clone(&server);
            let mail = MAIL.strip_prefix("HELO x\r\n").unwrap().strip_suffix("QUIT\r\n").unwrap().repeat(MAILS);
            let mail = format!("HELO x\r\n{mail}QUIT\r\n");
            thread::spawn(move || (0..SESSIONS / 2).for_each(|_| drop(talk(server.smtp().address(), &mail))))
        })
        .collect();

    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut records, mut ended) = (Vec::new(), 0);
    let mut messages: Vec<u64> = Vec::new();
    while ended < SESSIONS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut stream = Stream::of(&api, "/journal", records.last().copied());
        for _ in 0..random % 700 {
            if ended == SESSIONS {
                break;
            }
            let event = stream.next().unwrap();
            records.extend(event.id);
            ended += usize::from(event.event == "ended");
        }
        let mut stream = Stream::of(&api, "/messages", messages.last().copied());
        let due = (SESSIONS * MAILS - messages.len()).min(random as usize % 70);
        messages.extend(stream.take(due).iter().filter_map(|event| event.id));
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let rest = SESSIONS * MAILS - messages.len();
    messages.extend(Stream::of(&api, "/messages", messages.last().copied()).take(rest).iter().filter_map(|its| its.id));

    let listed = |path: &str, what: &str| -> Vec<u64> {
        let list = api.ok(path);
        list[what].as_array().unwrap().iter().map(|its| its["seq"].as_u64().unwrap()).collect()
    };
    let all = listed("/journal?limit=1000000", "records");
    assert!(all.len() > 5000, "{}", all.len());
    assert_eq!(records, all[..records.len()]);
    assert_eq!(records.len(), all.len());
    assert_eq!(messages, listed("/messages?limit=1000000", "messages"));
}
