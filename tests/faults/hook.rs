//! The HTTP server that the examples of `ask` ask.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;

use super::clients::deadline::DEADLINE;

/// The address in the examples.
const EXAMPLE: &str = "127.0.0.1:9000";

/// These steps, with the address of a server that refuses everything.
pub(super) fn addressed(steps: &str) -> String {
    if !steps.contains(EXAMPLE) {
        return steps.to_owned();
    }
    static PORT: OnceLock<u16> = OnceLock::new();
    let port = PORT.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || listener.incoming().for_each(|socket| answer(socket.unwrap())));
        port
    });
    steps.replace(EXAMPLE, &format!("127.0.0.1:{port}"))
}

fn answer(socket: TcpStream) {
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut request = BufReader::new(socket);
    let (mut line, mut octets) = (String::new(), 0);
    while request.read_line(&mut line).unwrap() > 2 {
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            octets = length.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut event = vec![0; octets];
    request.read_exact(&mut event).unwrap();
    let event = String::from_utf8(event).unwrap();
    let is = |protocol: &str| event.contains(&format!("\"event\":\"{protocol}."));
    let reply = if is("imap") { "NO later" } else { "-ERR later" };
    let reply = if is("smtp") || is("lmtp") { "451 4.7.1 later" } else { reply };
    let body = format!("[{{\"reply\":\"{reply}\"}}]");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    request.get_mut().write_all((head + &body).as_bytes()).unwrap();
}
