//! `--webhook`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};

use serde_json::{Value, json};

use super::clients::api_client::ApiClient;
use super::clients::deadline::{DEADLINE, until};
use super::serve_json;

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
    let (mut server, ready) = serve_json(&["--keep=2", "--webhook", &hook]);
    let api = ApiClient::at(format!("{}/v1", ready["endpoints"]["http"]["url"].as_str().unwrap()));
    let deliver = |subject: &str| {
        let mail = json!({ "to": ["bob@example.org"], "raw": format!("Subject: {subject}\r\n\r\n") });
        api.post("/deliver", &mail).expect(201);
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
    until("all are delivered", || api.ok("/webhooks/w1")["delivered"] == 3);
    let state = api.ok("/webhooks/w1");
    assert_eq!((&state["url"], &state["discarded"], &state["behind"]), (&json!(hook), &json!(1), &json!(0)), "{state}");
    server.until("webhook w1: what came before");
}
