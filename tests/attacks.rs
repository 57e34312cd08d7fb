//! Attacks on servers over all wires: the server is strict by default, and vulnerable where a test chooses so.

use std::fmt::Write;

use clients::wire::Wire;
use mailjig::{Leniency, MailServer, Protocol};

#[path = "clients/mod.rs"]
mod clients;

/// An attack in the middle of a session.
struct Attack {
    name: &'static str,
    protocol: &'static str,
    octets: Vec<u8>,
    /// How the replies begin, one for each that is final.
    replies: &'static [&'static str],
    messages: usize,
}

fn attack(
    name: &'static str,
    protocol: &'static str,
    octets: impl AsRef<[u8]>,
    replies: &'static [&'static str],
    messages: usize,
) -> Attack {
    Attack { name, protocol, octets: octets.as_ref().to_vec(), replies, messages }
}

/// A message whose content has this text, and behind it a message to be smuggled.
fn smuggling(end: &str) -> String {
    let begin = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n";
    format!("{begin}Subject: one\r\n\r\nhello{end}{begin}Subject: smuggled\r\n\r\n.\r\n")
}

const ENDS: [(Leniency, &str); 5] = [
    (Leniency::LfDotLf, "\n.\n"),
    (Leniency::LfDotCrlf, "\n.\r\n"),
    (Leniency::CrlfDotLf, "\r\n.\n"),
    (Leniency::CrDotCr, "\r.\r"),
    (Leniency::CrDotCrlf, "\r.\r\n"),
];

fn attacks() -> Vec<Attack> {
    let mut all = Vec::new();
    for protocol in ["smtp", "lmtp"] {
        all.extend([
            attack("a bare CR in a command", protocol, "NOOP\rRSET\r\n", &["500"], 0),
            attack("a bare CR behind a command", protocol, "RSET \rNOOP\r\n", &["501"], 0),
            attack("a bare LF behind a command", protocol, "RSET\nNOOP\r\n", &["500", "250"], 0),
            attack("a NUL in an address", protocol, "MAIL FROM:<a@example.org\0@b>\r\n", &["501"], 0),
            attack("a command in an address", protocol, "MAIL FROM:<a@example.org>\rRCPT TO:<b@c>\r\n", &["501"], 0),
            attack("a parameter in an address", protocol, "MAIL FROM:<a@example.org SIZE=1>\r\n", &["501"], 0),
            attack("a second address", protocol, "MAIL FROM:<a@example.org><b@c>\r\n", &["501"], 0),
            attack("a line over the limit", protocol, format!("NOOP {}\r\n", "x".repeat(100_000)), &["500"], 0),
            attack(
                "a line over the limit, with a command",
                protocol,
                format!("{}\nRSET\r\n", "x".repeat(4096)),
                &["500", "250"],
                0,
            ),
            attack("an HTTP request", protocol, "POST / HTTP/1.1\r\n\r\nMAIL FROM:<a@b>\r\n", &["421"], 0),
        ]);
        // The dot and the command are octets of the chunk (RFC 3030 §2).
        let chunk = "hello\r\n.\r\nMAIL FROM:<evil@example.org>\r\n";
        let begin = "MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n";
        let whole = format!("{begin}BDAT {} LAST\r\n{chunk}", chunk.len());
        all.push(attack("a command in a chunk", protocol, whole, &["250", "250", "250"], 1));
        for (leniency, end) in ENDS {
            all.push(attack(
                leniency.name(),
                protocol,
                smuggling(end) + "\r\n.\r\n",
                &["250", "250", "354", "250", "500", "500"],
                1,
            ));
        }
    }
    all.extend([
        attack("a bare LF behind a command", "pop3", "NOOP\nNOOP\r\n", &["-ERR", "-ERR"], 0),
        attack("a bare CR in a command", "pop3", "USER bob\rPASS x\r\n", &["-ERR"], 0),
        attack("a NUL in a name", "pop3", "USER bob\0\r\n", &["-ERR"], 0),
        attack("a line over the limit", "pop3", format!("USER {}\r\n", "x".repeat(100_000)), &["-ERR"], 0),
        attack("an HTTP request", "pop3", "GET / HTTP/1.1\r\n\r\nUSER bob\r\n", &["-ERR"], 0),
        attack("a bare LF behind a command", "imap", "a NOOP\nb NOOP\r\n", &["a BAD", "b OK"], 0),
        attack("a NUL in a name", "imap", "a LOGIN bob\0 x\r\n", &["a BAD"], 0),
        attack("a line over the limit", "imap", format!("a LOGIN {} x\r\n", "x".repeat(100_000)), &["a BAD"], 0),
        attack("an HTTP request", "imap", "GET / HTTP/1.1\r\n\r\na NOOP\r\n", &["* BYE"], 0),
    ]);
    all
}

/// What is said before and behind an attack.
fn frame(protocol: &str) -> (&'static str, &'static str) {
    match protocol {
        "smtp" => ("EHLO client.example\r\n", "QUIT\r\n"),
        "lmtp" => ("LHLO client.example\r\n", "QUIT\r\n"),
        "pop3" => ("CAPA\r\n", "QUIT\r\n"),
        _ => ("z NOOP\r\n", "z LOGOUT\r\n"),
    }
}

/// The replies to an attack: the final lines between the first answer and the last.
fn replies(said: &str, protocol: &str) -> Vec<String> {
    let lines = said.lines().skip(1);
    let is_final = |line: &&str| match protocol {
        "smtp" | "lmtp" => line.as_bytes().get(3) == Some(&b' '),
        "pop3" => line.starts_with("+OK") || line.starts_with("-ERR"),
        _ => !line.starts_with("* ") || line.starts_with("* BYE"),
    };
    let mut all: Vec<String> = lines.filter(is_final).skip(1).map(str::to_owned).collect();
    // The answer to the goodbye; IMAP also says BYE before it.
    let is_goodbye =
        |line: &String| ["221", "+OK goodbye", "z OK", "* BYE Goodbye"].iter().any(|its| line.starts_with(its));
    all.retain(|line| !is_goodbye(line));
    all
}

/// What the server says, until it closes the connection.
fn said(wire: &mut Wire) -> String {
    let mut said = Vec::new();
    while let Ok(octets) = wire.read() {
        said.extend(octets);
    }
    String::from_utf8_lossy(&said).into_owned()
}

/// Makes an attack over each wire. Returns how it went otherwise than expected.
fn run(attack: &Attack, server: &dyn Fn() -> MailServer) -> String {
    let Attack { name, protocol, octets, replies: wanted, messages } = attack;
    let mut failed = String::new();
    for wire_name in ["tcp", "tls", "octet"] {
        let server = server();
        let mut wire = Wire::connect(&server, protocol, wire_name == "tls");
        let (before, behind) = frame(protocol);
        let all = [before.as_bytes(), octets, behind.as_bytes()].concat();
        match wire_name {
            // Long lines in single octets would take long.
            "octet" if all.len() < 4096 => all.iter().for_each(|octet| wire.bytes(&[*octet])),
            _ => wire.bytes(&all),
        }
        let said = said(&mut wire);
        server.settled().block();
        let got = replies(&said, protocol);
        let fits = got.len() == wanted.len() && got.iter().zip(*wanted).all(|(got, wanted)| got.starts_with(wanted));
        if !fits || server.messages().len() != *messages {
            let count = server.messages().len();
            writeln!(failed, "{protocol}, {name}, over {wire_name}: {count} messages; {got:#?} instead of {wanted:?}")
                .unwrap();
        }
    }
    failed
}

#[test]
fn the_server_is_strict_by_default() {
    let server = || MailServer::builder().submission_requires_auth(false).start();
    let failed: String = attacks().iter().map(|attack| run(attack, &server)).collect();
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn a_lenient_server_is_vulnerable_to_smuggling() {
    let mut failed = String::new();
    for (leniency, end) in ENDS {
        for (protocol, its) in [("smtp", Protocol::Smtp), ("lmtp", Protocol::Lmtp)] {
            let replies = &["250", "250", "354", "250", "250", "250", "354", "250"];
            let attack = attack(leniency.name(), protocol, smuggling(end), replies, 2);
            let server = || MailServer::builder().submission_requires_auth(false).lenient(its, leniency).start();
            failed += &run(&attack, &server);
        }
    }
    assert!(failed.is_empty(), "{failed}");
}
