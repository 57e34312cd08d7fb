//! `/v1/updates`: events that say what has changed.

use clients::api_client::ApiClient;
use clients::event_stream::Stream;
use clients::line_client::talk;
use mailjig::MailServer;
use serde_json::{Value, json};

#[path = "clients/mod.rs"]
mod clients;

const MAIL: &str = "HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: hi\r\n\r\n.\r\nQUIT\r\n";

const FLAGS: [&str; 5] = ["messages", "removed", "mailboxes", "rules", "reset"];

/// A stream of updates after its first event.
struct Updates {
    api: ApiClient,
    stream: Stream,
}

impl Updates {
    fn of(server: &MailServer) -> Self {
        let api = ApiClient::of(server);
        let mut stream = Stream::of(&api, "/updates", None);
        stream.take(1);
        Self { api, stream }
    }

    /// What the next event says, and the sessions that it names.
    fn next(&mut self) -> (Vec<&'static str>, Value) {
        let update = self.stream.take(1).remove(0).data;
        (said(&update), update["sessions"].clone())
    }

    /// What the events up to the last record of the journal say, after the server has settled.
    fn settled(&mut self) -> (Vec<&'static str>, Vec<String>) {
        self.api.post("/settled", &json!({})).expect(204);
        let (mut all, mut sessions) = (Vec::new(), Vec::new());
        loop {
            let update = self.stream.take(1).remove(0).data;
            all.extend(said(&update));
            sessions.extend(update["sessions"].as_array().unwrap().iter().map(|its| its.as_str().unwrap().to_owned()));
            if update["seq"] == self.api.ok("/journal")["next"] {
                break;
            }
        }
        sessions.dedup();
        (FLAGS.into_iter().filter(|flag| all.contains(flag)).collect(), sessions)
    }
}

fn said(update: &Value) -> Vec<&'static str> {
    FLAGS.into_iter().filter(|flag| update[flag] == true).collect()
}

#[test]
fn the_first_event_says_where_the_journal_is() {
    let server = MailServer::start();
    let api = ApiClient::of(&server);
    talk(server.smtp().address(), MAIL);
    api.post("/settled", &json!({})).expect(204);
    let tip = api.ok("/journal")["next"].clone();

    let first = Stream::of(&api, "/updates", None).take(1).remove(0);
    let resumed = Stream::of(&api, "/updates", first.id).take(1).remove(0);

    assert_eq!((first.event.as_str(), first.id), ("update", tip.as_u64()));
    let nothing = json!({ "messages": false, "removed": false, "sessions": [], "mailboxes": false, "rules": false });
    assert_eq!(first.data, merged(&nothing, &json!({ "seq": tip, "reset": false })));
    assert_eq!(said(&resumed.data), FLAGS, "what happened without a record is not known, so everything may have");
    assert_eq!(resumed.data["sessions"], Value::Null);
}

fn merged(one: &Value, other: &Value) -> Value {
    one.as_object().unwrap().clone().into_iter().chain(other.as_object().unwrap().clone()).collect()
}

#[test]
fn an_event_says_what_has_changed() {
    let server = MailServer::start();
    let mut updates = Updates::of(&server);
    let api = updates.api.clone();

    talk(server.smtp().address(), MAIL);
    assert_eq!(updates.settled(), (vec!["messages", "mailboxes"], vec!["s1".to_owned()]));
    talk(server.smtp().address(), "NOOP\r\nQUIT\r\n");
    assert_eq!(updates.settled(), (vec![], vec!["s2".to_owned()]));
    api.put("/accounts/eve@example.org/mailboxes/Work", &json!({})).expect(201);
    assert_eq!(updates.settled(), (vec!["mailboxes"], vec![]));
    api.put("/state", &json!({ "phase": "up" })).expect(204);
    assert_eq!(updates.settled(), (vec!["rules"], vec![]));
    api.post("/rules", &json!({ "id": "q", "on": "smtp.noop", "do": { "reply": "250 x" } })).expect(201);
    assert_eq!(updates.next(), (vec!["rules"], json!([])));
    talk(server.smtp().address(), "NOOP\r\nQUIT\r\n");
    assert_eq!(updates.settled(), (vec!["rules"], vec!["s3".to_owned()]));
}

#[test]
fn an_event_says_what_has_changed_without_a_record() {
    let server = MailServer::start();
    let mut updates = Updates::of(&server);
    let api = updates.api.clone();
    server.deliver("bob@example.org", "Subject: hi\r\n\r\n");
    api.delete("/accounts/bob@example.org").expect(204);
    updates.settled();

    api.delete("/messages/m1").expect(204);
    assert_eq!(updates.next(), (vec!["messages", "removed"], json!([])));
    api.delete("/messages").expect(200);
    assert_eq!(updates.next().0, ["removed"], "of the records");
    api.post("/rules", &json!({ "id": "q", "on": "smtp.noop", "do": { "reply": "250 x" } })).expect(201);
    assert_eq!(updates.next(), (vec!["rules"], json!([])));
    for path in ["/rules/q/disable", "/rules/q/enable"] {
        api.post(path, &json!({})).expect(204);
        assert_eq!(updates.next(), (vec!["rules"], json!([])), "{path}");
    }
    for path in ["/clock/pause", "/clock/resume"] {
        api.post(path, &json!({})).expect(200);
        assert_eq!(updates.next(), (vec!["rules"], json!([])), "{path}");
    }
    api.post("/clock/advance", &json!({ "by": "1h" })).expect(200);
    assert_eq!(updates.next(), (vec!["rules"], json!([])));
}

#[test]
fn an_event_says_that_the_server_was_reset() {
    let server = MailServer::start();
    let mut updates = Updates::of(&server);

    updates.api.post("/reset", &json!({})).expect(200);

    assert_eq!(updates.next(), (FLAGS.to_vec(), Value::Null));
}

#[test]
fn many_changes_make_few_events() {
    const COUNT: usize = 2000;
    let server = MailServer::start();
    let mut updates = Updates::of(&server);
    let mail = MAIL.strip_prefix("HELO x\r\n").unwrap().strip_suffix("QUIT\r\n").unwrap().repeat(COUNT);

    talk(server.smtp().address(), &format!("HELO x\r\n{mail}QUIT\r\n"));

    updates.api.post("/settled", &json!({})).expect(204);
    let tip = updates.api.ok("/journal?limit=100000")["next"].as_u64();
    let mut events = 1;
    while updates.stream.take(1)[0].id < tip {
        events += 1;
    }
    assert!(events < COUNT / 4, "{events} events");
}
