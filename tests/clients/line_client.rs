//! A client that sends commands and reads lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::deadline::connect;

pub(crate) struct LineClient(BufReader<TcpStream>);

impl LineClient {
    /// A connection after its greeting.
    pub(crate) fn greeted(address: SocketAddr) -> Self {
        let mut client = Self(BufReader::new(connect(address)));
        client.line();
        client
    }

    /// The next line, without CRLF.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.strip_suffix("\r\n").expect("a line").to_owned()
    }

    pub(crate) fn say(&mut self, line: &str) {
        self.send(&format!("{line}\r\n"));
    }

    /// Sends text without a line end.
    pub(crate) fn send(&mut self, text: &str) {
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn octets(&mut self, octets: &[u8]) {
        self.0.get_mut().write_all(octets).unwrap();
    }

    /// Sends a line. Returns the next line of the server.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.say(line);
        self.line()
    }

    /// Sends an IMAP command. Returns the lines of its reply, the tagged one last.
    pub(crate) fn command(&mut self, command: &str) -> Vec<String> {
        self.say(&format!("a {command}"));
        let mut lines = vec![self.line()];
        while !lines.last().unwrap().starts_with("a ") {
            lines.push(self.line());
        }
        lines
    }

    /// Whether the server has closed the connection, having sent nothing more.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.0.fill_buf().unwrap().is_empty()
    }
}

/// Sends these lines on a new connection, and returns all that the server sends until it closes it. They may end with
/// LF.
pub(crate) fn talk(address: SocketAddr, lines: &str) -> String {
    let mut client = connect(address);
    client.write_all(lines.replace("\r\n", "\n").replace('\n', "\r\n").as_bytes()).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    said
}
