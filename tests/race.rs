//! Waits over HTTP while mail arrives on many connections: each is woken by its own message, none misses it, and none is
//! woken before the reply was sent.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

use clients::deadline::connect;
use mailjig::MailServer;
use serde_json::Value;

#[path = "clients/mod.rs"]
mod clients;

const WAITERS: usize = 100;
const SENDS: usize = 100;

/// A connection that asks and answers without waiting in between.
struct Connection(BufReader<TcpStream>);

impl Connection {
    fn to(address: SocketAddr) -> Self {
        Self(BufReader::new(connect(address)))
    }

    fn say(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// An HTTP response with its length.
    fn response(&mut self) -> (String, Value) {
        let (status, mut length) = (self.line(), 0);
        loop {
            let line = self.line().to_ascii_lowercase();
            if line == "\r\n" {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// What has arrived already.
    fn arrived(&mut self) -> Vec<u8> {
        let mut arrived = self.0.buffer().to_vec();
        self.0.consume(arrived.len());
        self.0.get_ref().set_nonblocking(true).unwrap();
        let rest = self.0.get_mut().read_to_end(&mut arrived);
        assert_eq!(rest.unwrap_err().kind(), ErrorKind::WouldBlock);
        self.0.get_ref().set_nonblocking(false).unwrap();
        arrived
    }
}

#[test]
fn each_wait_is_woken_by_its_own_message_after_its_reply() {
    let server = MailServer::start();
    let (http, smtp) = (server.api().trim_start_matches("http://").parse().unwrap(), server.smtp().address());

    let waiters: Vec<_> = (0..WAITERS).map(|waiter| thread::spawn(move || wait_and_send(waiter, http, smtp))).collect();
    waiters.into_iter().for_each(|waiter| waiter.join().unwrap());

    assert_eq!(server.messages().len(), WAITERS * SENDS);
}

/// Sends mails and waits for each, beside all others. The wait is asked for first, last, or in between.
fn wait_and_send(waiter: usize, http: SocketAddr, smtp: SocketAddr) {
    let (mut http, mut smtp) = (Connection::to(http), Connection::to(smtp));
    smtp.line();
    smtp.say("HELO x\r\n");
    smtp.line();
    for n in 0..SENDS {
        let address = format!("w{waiter}-{n}@example.org");
        let get = format!("GET /v1/messages?to={address}&wait=60s HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let mut ask = |when: usize| (n % 3 == when).then(|| http.say(&get));
        ask(0);
        smtp.say(&format!("MAIL FROM:<>\r\nRCPT TO:<{address}>\r\nDATA\r\n"));
        ask(1);
        (0..3).for_each(|_| drop(smtp.line()));
        smtp.say("Subject: hi\r\n\r\nhi\r\n.\r\n");
        ask(2);

        let (status, answer) = http.response();

        let replied = smtp.arrived();
        assert!(replied.starts_with(b"250 2.0.0"), "woken before the reply: {replied:?}");
        assert!(status.starts_with("HTTP/1.1 200"), "{status}{answer}");
        assert_eq!(answer["messages"].as_array().unwrap().len(), 1, "{answer}");
        assert_eq!(answer["messages"][0]["envelope"]["recipients"][0]["address"], address.as_str());
    }
}
