//! Clients that write a mail and its end separately, and let Nagle's algorithm delay the second write until the first
//! is acknowledged: milliseconds for each mail, one after the other, on one connection, compared with a client that
//! writes all at once. Compare the ratios of one run.
//!
//! `cargo bench --bench apart`. Missing programs are listed at the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{SmtpTransport, Transport};
use mailjig::{Endpoint, MailServer};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const MAILS: usize = 100;
const BODY: &[u8] = b"From: ann@example.org\r\nTo: bob@example.org\r\nSubject: apart\r\n\r\nOne line.\r\n";

#[derive(Clone, Copy, PartialEq)]
enum Road {
    Plain,
    Starttls,
    Implicit,
}

const ROADS: [Road; 3] = [Road::Plain, Road::Starttls, Road::Implicit];

impl Road {
    fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Starttls => "starttls",
            Self::Implicit => "implicit",
        }
    }

    fn smtp(self, server: &MailServer) -> &Endpoint {
        if self == Self::Implicit { server.smtps() } else { server.smtp() }
    }

    fn imap(self, server: &MailServer) -> &Endpoint {
        if self == Self::Implicit { server.imaps() } else { server.imap() }
    }
}

/// Sends the mails; returns the milliseconds for each, or `None` if the client is not installed.
type Client = fn(&MailServer, Road) -> Option<f64>;

const CLIENTS: &[(&str, Client)] = &[
    ("one write", |server, road| Some(raw(server, road, &[&[BODY, b".\r\n"].concat()]))),
    ("two writes", |server, road| Some(raw(server, road, &[BODY, b".\r\n"]))),
    ("lettre", |server, road| Some(lettre(server, road))),
    ("imaplib, APPEND", |server, road| script("python3", IMAPLIB, road.imap(server), road)),
    ("nodemailer", |server, road| script("node", NODEMAILER, road.smtp(server), road)),
];

const IMAPLIB: &str = "
import imaplib, ssl, sys, time
port, road, mails = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
context = ssl._create_unverified_context()
client = imaplib.IMAP4_SSL('localhost', port, ssl_context=context) if road == 'implicit' else imaplib.IMAP4('localhost', port)
if road == 'starttls':
    client.starttls(context)
client.login('ann@example.org', 'secret')
began = time.monotonic()
for _ in range(mails):
    assert client.append('INBOX', None, None, b'Subject: apart\\r\\n\\r\\nOne line.\\r\\n')[0] == 'OK'
print((time.monotonic() - began) * 1000 / mails)
";

const NODEMAILER: &str = "
const [port, road, mails] = process.argv.slice(1);
const transport = require('nodemailer').createTransport({
  host: 'localhost', port: Number(port), secure: road === 'implicit', requireTLS: road === 'starttls',
  ignoreTLS: road === 'plain', tls: { rejectUnauthorized: false }, pool: true, maxConnections: 1, maxMessages: Infinity,
});
(async () => {
  const mail = { from: 'ann@example.org', to: 'bob@example.org', subject: 'apart', text: 'One line.' };
  await transport.sendMail(mail);
  const began = process.hrtime.bigint();
  for (let i = 0; i < Number(mails); i++) await transport.sendMail(mail);
  console.log(Number(process.hrtime.bigint() - began) / 1e6 / Number(mails));
  transport.close();
})();
";

fn main() {
    let server = MailServer::builder().submission_requires_auth(false).start();
    let mut missing = Vec::new();
    print!("{:<18}", "ms for each mail");
    ROADS.iter().for_each(|road| print!(" {:>10}", road.name()));
    println!();
    for (name, client) in CLIENTS {
        let times: Vec<f64> = ROADS.iter().filter_map(|road| client(&server, *road)).collect();
        if times.len() < ROADS.len() {
            missing.push(*name);
            continue;
        }
        print!("{name:<18}");
        times.iter().for_each(|time| print!(" {time:>10.3}"));
        println!();
    }
    if !missing.is_empty() {
        println!("\nNOT MEASURED, because not installed or failed: {}", missing.join(", "));
    }
}

/// A client with Nagle's algorithm that sends its mail in these writes.
fn raw(server: &MailServer, road: Road, writes: &[&[u8]]) -> f64 {
    let socket = TcpStream::connect(road.smtp(server).address()).expect("it listens");
    match road {
        Road::Plain => {
            let mut client = BufReader::new(socket);
            reply(&mut client);
            send(&mut client, writes)
        }
        Road::Starttls => {
            let mut client = BufReader::new(socket);
            reply(&mut client);
            ask(&mut client, "EHLO client.example\r\n");
            ask(&mut client, "STARTTLS\r\n");
            send(&mut BufReader::new(secure(server, client.into_inner())), writes)
        }
        Road::Implicit => {
            let mut client = BufReader::new(secure(server, socket));
            reply(&mut client);
            send(&mut client, writes)
        }
    }
}

fn secure(server: &MailServer, socket: TcpStream) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes()).expect("it is PEM")).expect("it is an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("ring has both").with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").expect("a name");
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).expect("it is complete"), socket)
}

fn send<S: Read + Write>(client: &mut BufReader<S>, writes: &[&[u8]]) -> f64 {
    ask(client, "EHLO client.example\r\n");
    let began = Instant::now();
    for _ in 0..MAILS {
        ask(client, "MAIL FROM:<ann@example.org>\r\n");
        ask(client, "RCPT TO:<bob@example.org>\r\n");
        ask(client, "DATA\r\n");
        for octets in writes {
            client.get_mut().write_all(octets).expect("the server listens");
        }
        reply(client);
    }
    began.elapsed().as_secs_f64() * 1e3 / MAILS as f64
}

fn ask<S: Read + Write>(client: &mut BufReader<S>, command: &str) {
    client.get_mut().write_all(command.as_bytes()).expect("the server listens");
    reply(client);
}

fn reply(client: &mut BufReader<impl Read>) {
    let mut line = String::new();
    while line.as_bytes().get(3) != Some(&b' ') {
        line.clear();
        client.read_line(&mut line).expect("the server answers");
        assert!(line.starts_with(['2', '3']), "{line:?}");
    }
}

fn lettre(server: &MailServer, road: Road) -> f64 {
    let ca = Certificate::from_pem(server.ca().as_bytes()).expect("it is PEM");
    let tls = TlsParameters::builder("localhost".to_owned()).add_root_certificate(ca).build().expect("it is valid");
    let transport = SmtpTransport::builder_dangerous("localhost").port(road.smtp(server).port()).tls(match road {
        Road::Plain => Tls::None,
        Road::Starttls => Tls::Required(tls),
        Road::Implicit => Tls::Wrapper(tls),
    });
    let transport = transport.pool_config(PoolConfig::new().max_size(1)).build();
    let mail = lettre::Message::builder()
        .from("Ann <ann@example.org>".parse().expect("an address"))
        .to("Bob <bob@example.org>".parse().expect("an address"))
        .body("One line.\r\n".to_owned())
        .expect("it is complete");
    transport.send(&mail).expect("lettre delivers");
    let began = Instant::now();
    for _ in 0..MAILS {
        transport.send(&mail).expect("lettre delivers");
    }
    began.elapsed().as_secs_f64() * 1e3 / MAILS as f64
}

/// Runs a script, which prints the milliseconds for each mail.
fn script(language: &str, text: &str, endpoint: &Endpoint, road: Road) -> Option<f64> {
    let flag = if language == "node" { "-e" } else { "-c" };
    let output = Command::new(language)
        .args([flag, text, &endpoint.port().to_string(), road.name(), &MAILS.to_string()])
        .env("NODE_PATH", "target/clients/node_modules")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}
