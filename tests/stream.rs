//! Server-sent events: filters, resuming, and what a slow reader is told.

use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Arc;
use std::thread;

use deadline::{DEADLINE, connect};
use mailjig::MailServer;
use serde_json::{Value, json};
use ureq::{Agent, BodyReader};

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: Option<u64>,
    event: String,
    data: Value,
}

/// A stream that is read; dropping it disconnects.
struct Stream(BufReader<BodyReader<'static>>);

impl Stream {
    /// The next event; `None` at the end of the stream.
    fn next(&mut self) -> Option<Event> {
        let mut next = Event { id: None, event: String::new(), data: Value::Null };
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).unwrap() == 0 {
                return None;
            }
            match line.trim_end().split_once(": ") {
                Some(("id", id)) => next.id = Some(id.parse().unwrap()),
                Some(("event", event)) => next.event = event.to_owned(),
                Some(("data", data)) => next.data = serde_json::from_str(data).unwrap(),
                Some(_) => {}
                None if next.data.is_null() => {}
                None => return Some(next),
            }
        }
    }

    fn take(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.next().expect("the stream goes on")).collect()
    }
}

struct Client {
    agent: Agent,
    base: String,
}

impl Client {
    fn of(server: &MailServer) -> Self {
        let agent =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(3 * DEADLINE)).build().into();
        Self { agent, base: server.api().to_owned() }
    }

    fn get(&self, path: &str) -> (u16, Value) {
        let mut response = self.agent.get(format!("{}{path}", self.base)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_json().unwrap())
    }

    fn post(&self, path: &str, body: &Value) -> u16 {
        self.agent.post(format!("{}{path}", self.base)).send_json(body).unwrap().status().as_u16()
    }

    fn stream(&self, path: &str, last: Option<u64>) -> Stream {
        let mut request = self.agent.get(format!("{}{path}", self.base)).header("Accept", "text/event-stream");
        if let Some(last) = last {
            request = request.header("Last-Event-ID", last.to_string());
        }
        let response = request.call().unwrap();
        assert_eq!(
            (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
            (200, "text/event-stream")
        );
        Stream(BufReader::new(response.into_body().into_reader()))
    }
}

/// Has a session send what it says, and reads until it ends.
fn talk(server: &MailServer, says: &str) {
    let mut client = connect(server.smtp().address());
    client.write_all(says.as_bytes()).unwrap();
    client.read_to_string(&mut String::new()).unwrap();
}

const MAIL: &str = "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: hi\r\n\r\n.\r\nQUIT\r\n";

#[test]
fn the_journal_as_a_stream_has_the_records_of_the_list() {
    let server = MailServer::start();
    let client = Client::of(&server);
    talk(&server, MAIL);
    let listed = client.get("/v1/journal").1["records"].as_array().unwrap().clone();

    let streamed = client.stream("/v1/journal", None).take(listed.len());

    for (event, record) in streamed.iter().zip(&listed) {
        assert_eq!((event.id, Some(event.event.as_str())), (record["seq"].as_u64(), record["kind"].as_str()));
        assert_eq!(event.data, *record);
    }
    let second = streamed[1].id;
    assert_eq!(client.stream("/v1/journal", second).take(3), streamed[2..5]);
    let both = format!("/v1/journal?after={}", streamed[4].id.unwrap());
    assert_eq!(client.stream(&both, second).take(1), streamed[2..3], "the header counts more than `after`");
    assert_eq!(client.stream(&both, None).take(1), streamed[5..6]);
}

#[test]
fn a_stream_has_the_records_that_match_and_goes_on() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let mut rcpt = client.stream("/v1/journal?event=smtp.rcpt&kind=exchange", None);
    let mut of_session = client.stream("/v1/journal?session=s2&kind=ended", None);

    talk(&server, MAIL);
    talk(&server, MAIL);

    let heard = rcpt.take(2);
    assert!(heard.iter().all(|event| event.data["heard"] == "RCPT TO:<bob@example.org>"), "{heard:?}");
    assert_eq!([&heard[0].data["session"], &heard[1].data["session"]], ["s1", "s2"]);
    assert_eq!(of_session.take(1)[0].data["session"], "s2");
}

#[test]
fn messages_as_a_stream_come_once_after_their_reply() {
    let server = MailServer::start();
    let client = Client::of(&server);
    server.deliver("bob@example.org", "Subject: first\r\n\r\n");
    let mut all = client.stream("/v1/messages", None);
    let mut of_bob = client.stream("/v1/messages?to=bob@example.org&stream=true", None);

    server.deliver("eve@example.org", "Subject: second\r\n\r\n");
    talk(&server, MAIL);

    let heard = all.take(3);
    let listed = client.get("/v1/messages").1["messages"].as_array().unwrap().clone();
    assert_eq!(heard.iter().map(|event| event.data.clone()).collect::<Vec<_>>(), listed);
    assert!(heard.iter().all(|event| event.event == "message" && event.id == event.data["seq"].as_u64()), "{heard:?}");
    assert_eq!(of_bob.take(2), [heard[0].clone(), heard[2].clone()]);
    assert_eq!(client.stream("/v1/messages", heard[1].id).take(1), heard[2..]);
}

#[test]
fn what_a_stream_cannot_do_is_refused() {
    let server = MailServer::start();
    let client = Client::of(&server);
    talk(&server, MAIL);
    let tip = client.get("/v1/journal").1["next"].as_u64().unwrap();
    client.agent.delete(format!("{}/v1/messages", client.base)).call().unwrap();

    for (path, status, detail) in [
        ("/v1/journal?stream=true&limit=3".to_owned(), 400, "takes no `limit`"),
        ("/v1/messages?stream=true&wait=3s".to_owned(), 400, "takes no `wait`"),
        ("/v1/journal?stream=true&kind=exhange".to_owned(), 400, "write one of `opened`, `exchange`"),
        (format!("/v1/journal?stream=true&after={}", tip - 1), 410, "were discarded"),
        (format!("/v1/journal?stream=true&after={}", tip + 1000), 410, "is of an earlier run"),
        (format!("/v1/messages?stream=true&after={}", tip + 1000), 410, "is of an earlier run"),
    ] {
        let (got, problem) = client.get(&path);
        assert_eq!(got, status, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(detail), "{path}: {problem}");
    }
    let request = client.agent.get(format!("{}/v1/journal?stream=true", client.base)).header("Last-Event-ID", "x");
    assert_eq!(request.call().unwrap().status(), 400);
}

#[test]
fn a_stream_ends_with_its_server() {
    let server = MailServer::start();
    let client = Client::of(&server);
    assert_eq!(client.post("/v1/servers", &json!({})), 201);
    let mut stream = client.stream("/v1/servers/1/messages", None);
    client.post("/v1/servers/1/deliver", &json!({ "to": ["bob@example.org"], "raw": "Subject: hi\r\n\r\n" }));
    assert_eq!(stream.take(1)[0].data["subject"], "hi");

    client.agent.delete(format!("{}/v1/servers/1", client.base)).call().unwrap();

    assert_eq!(stream.next(), None);
}

#[test]
fn streams_of_other_products_end_with_their_server() {
    let server = MailServer::start();
    let client = Client::of(&server);
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (n, (path, headers)) in (1..).zip([
        ("mailhog/api/v1/events", "Connection: close\r\n"),
        ("api/v2/websocket", upgrade),
        ("api/events", upgrade),
    ]) {
        assert_eq!(client.post("/v1/servers", &json!({})), 201);
        let host = server.api().strip_prefix("http://").unwrap();
        let mut stream = BufReader::new(connect(host.parse().unwrap()));
        let request = format!("GET /v1/servers/{n}/{path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n");
        stream.get_mut().write_all(request.as_bytes()).unwrap();
        let mut head = stream.by_ref().lines().map(Result::unwrap).take_while(|line| !line.is_empty());
        let status = head.next().unwrap();
        assert!(status.contains(" 101 ") || status.contains(" 200 "), "{path}: {status}");
        head.for_each(drop);

        client.agent.delete(format!("{}/v1/servers/{n}", client.base)).call().unwrap();

        // It has a deadline, which is shorter than the time of the streams between two signs of life.
        stream.read_to_end(&mut Vec::new()).unwrap();
    }
}

/// Reads nothing while more arrives than is kept, and than the sockets hold.
#[test]
fn a_slow_reader_is_told_what_it_missed() {
    const COUNT: usize = 300;
    let server = MailServer::start();
    let client = Client::of(&server);
    let limits = json!({ "listeners": ["smtp"], "limits": { "keep": 10 } });
    assert_eq!(client.post("/v1/servers", &limits), 201);
    let mut stream = client.stream("/v1/servers/1/messages", None);
    let deliver = |n: usize| {
        let raw = format!("Subject: {n} {}\r\n\r\n", "x".repeat(100_000));
        assert_eq!(client.post("/v1/servers/1/deliver", &json!({ "to": ["bob@example.org"], "raw": raw })), 201);
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
    let client = Client::of(&server);
    let senders: Vec<_> = (0..2)
        .map(|_| {
            let server = Arc::clone(&server);
            let mail = MAIL.strip_prefix("HELO x\r\n").unwrap().strip_suffix("QUIT\r\n").unwrap().repeat(MAILS);
            thread::spawn(move || (0..SESSIONS / 2).for_each(|_| talk(&server, &format!("HELO x\r\n{mail}QUIT\r\n"))))
        })
        .collect();

    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let (mut records, mut ended) = (Vec::new(), 0);
    let mut messages: Vec<u64> = Vec::new();
    while ended < SESSIONS {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let mut stream = client.stream("/v1/journal", records.last().copied());
        for _ in 0..random % 700 {
            if ended == SESSIONS {
                break;
            }
            let event = stream.next().unwrap();
            records.extend(event.id);
            ended += usize::from(event.event == "ended");
        }
        let mut stream = client.stream("/v1/messages", messages.last().copied());
        let due = (SESSIONS * MAILS - messages.len()).min(random as usize % 70);
        messages.extend(stream.take(due).iter().filter_map(|event| event.id));
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    let rest = SESSIONS * MAILS - messages.len();
    messages.extend(client.stream("/v1/messages", messages.last().copied()).take(rest).iter().filter_map(|its| its.id));

    let listed = |path: &str, what: &str| -> Vec<u64> {
        let (_, list) = client.get(path);
        list[what].as_array().unwrap().iter().map(|its| its["seq"].as_u64().unwrap()).collect()
    };
    let all = listed("/v1/journal?limit=1000000", "records");
    assert!(all.len() > 5000, "{}", all.len());
    assert_eq!(records, all[..records.len()]);
    assert_eq!(records.len(), all.len());
    assert_eq!(messages, listed("/v1/messages?limit=1000000", "messages"));
}
