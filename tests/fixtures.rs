//! Every fixture is captured exactly as it was sent, over each protocol and over HTTP.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;

use clients::deadline::connect;
use mailjig::MailServer;

#[path = "clients/mod.rs"]
mod clients;

/// A message as it goes over the wire: dots stuffed, and a last line that ends (RFC 5321 §4.5.2).
fn stuffed(raw: &[u8]) -> Vec<u8> {
    let mut wire = Vec::new();
    let mut at_line_start = true;
    for (at, byte) in raw.iter().enumerate() {
        if at_line_start && *byte == b'.' {
            wire.push(b'.');
        }
        wire.push(*byte);
        at_line_start = raw[..=at].ends_with(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

fn reply(client: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        client.read_line(&mut line).unwrap();
        if line.as_bytes()[3] == b' ' {
            return line;
        }
    }
}

#[test]
fn every_fixture_is_captured_byte_for_byte() {
    let server = MailServer::start();
    let mut client = BufReader::new(connect(server.smtp().address()));
    reply(&mut client);
    client.get_mut().write_all(b"EHLO client.example\r\n").unwrap();
    reply(&mut client);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/mail");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 12, "fixtures are missing");

    for file in &files {
        let raw = fs::read(file).unwrap();
        assert!(raw.is_empty() || raw.ends_with(b"\r\n"), "{} does not end with a line", file.display());
        let mail = format!("MAIL FROM:<ann@example.org> BODY=8BITMIME SMTPUTF8 SIZE={}", raw.len());
        for line in [&mail, "RCPT TO:<bob@example.org>", "DATA"] {
            client.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
            assert!(matches!(reply(&mut client).as_bytes()[0], b'2' | b'3'), "{line}");
        }
        client.get_mut().write_all(&stuffed(&raw)).unwrap();
        assert!(reply(&mut client).starts_with("250 "));

        let captured = server.messages().pop().unwrap();
        assert_eq!(captured.raw()[..], raw[..], "{}", file.display());
        let delivered = server.deliver("bob@example.org", raw.clone());
        assert_eq!(delivered.raw()[..], raw[..]);
        assert_eq!(
            delivered.to_string().lines().skip(1).collect::<Vec<_>>(),
            captured.to_string().lines().skip(1).collect::<Vec<_>>()
        );
    }
}
