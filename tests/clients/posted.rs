//! Requests that the server posts to a test.

use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;

/// The body of an HTTP request.
pub(crate) fn posted(socket: &TcpStream) -> Vec<u8> {
    let mut request = BufReader::new(socket);
    let (mut line, mut octets) = (String::new(), 0);
    while request.read_line(&mut line).unwrap() > 2 {
        if let Some(length) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            octets = length.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut body = vec![0; octets];
    request.read_exact(&mut body).unwrap();
    body
}
