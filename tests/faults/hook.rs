//! The HTTP server that the examples of `ask` ask.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::sync::OnceLock;
use std::thread;

use super::clients::deadline::DEADLINE;
use super::clients::posted::posted;

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

fn answer(mut socket: TcpStream) {
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    let event = String::from_utf8(posted(&socket)).unwrap();
    let is = |protocol: &str| event.contains(&format!("\"event\":\"{protocol}."));
    let reply = if is("imap") { "NO later" } else { "-ERR later" };
    let reply = if is("smtp") || is("lmtp") { "451 4.7.1 later" } else { reply };
    let body = format!("[{{\"reply\":\"{reply}\"}}]");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    socket.write_all((head + &body).as_bytes()).unwrap();
}
