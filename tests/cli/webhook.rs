//! `--webhook`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use serde_json::{Value, json};

use super::deadline::{DEADLINE, until};
use super::{Running, port};

/// The next request to a webhook, and the connection that waits for the answer.
fn request(listener: &TcpListener) -> (Value, TcpStream) {
    let (socket, _) = listener.accept().unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut client = BufReader::new(socket);
    let (mut length, mut line) = (0, String::new());
    while client.read_line(&mut line).unwrap() > 2 {
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; length];
    client.read_exact(&mut body).unwrap();
    (serde_json::from_slice(&body).unwrap(), client.into_inner())
}

/// Accepts what was sent.
fn accept(mut socket: TcpStream) {
    socket.write_all(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n").unwrap();
    socket.shutdown(Shutdown::Both).unwrap();
}

#[test]
fn a_webhook_gets_the_messages_and_counts_what_was_discarded_before_delivery() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let hook = format!("http://{}/hook", listener.local_addr().unwrap());
    let mut server = Running::start(&["--json", "--keep=2", "--webhook", &hook]);
    let ready: Value = serde_json::from_str(&server.line()).unwrap();
    let url = format!("http://127.0.0.1:{}/v1", port(&ready, "http"));
    let deliver = |subject: &str| {
        let mail = json!({ "to": ["bob@example.org"], "raw": format!("Subject: {subject}\r\n\r\n") });
        let post = ureq::post(format!("{url}/deliver")).config().timeout_global(Some(DEADLINE)).build();
        post.send_json(mail).unwrap();
    };
    let state = || -> Value {
        let get = ureq::get(format!("{url}/webhooks/w1")).config().timeout_global(Some(DEADLINE)).build();
        get.call().unwrap().body_mut().read_json().unwrap()
    };

    deliver("first");
    let (first, waiting) = request(&listener);
    ["second", "third", "fourth", "fifth"].into_iter().for_each(deliver);
    accept(waiting);
    let (fourth, waiting) = request(&listener);
    accept(waiting);
    let (fifth, waiting) = request(&listener);
    accept(waiting);

    let subjects = [first, fourth, fifth].map(|message| message["subject"].clone());
    assert_eq!(subjects, ["first", "fourth", "fifth"]);
    until("all are delivered", || state()["delivered"] == 3);
    let state = state();
    assert_eq!((&state["url"], &state["discarded"], &state["behind"]), (&json!(hook), &json!(1), &json!(0)), "{state}");
    server.until("webhook w1: what came before");
}
