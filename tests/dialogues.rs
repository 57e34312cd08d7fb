//! Every dialogue over four wires: plain TCP, TLS, one octet in each segment, and one flight in each segment. The same
//! dialogue gives the same transcript, whatever the segments.

#[path = "../src/protocol/dialogue/text.rs"]
mod text;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clients::capabilities;
use clients::deadline::connect;
use mailjig::rules::{Mounted, any_protocol, imap, lmtp, on, pop3, smtp};
use mailjig::{Leniency, Listener, Mail, MailServer, Protocol, StartTls, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use text::{Dialogue, Step};

#[path = "clients/mod.rs"]
mod clients;

const WIRES: [&str; 4] = ["tcp", "tls", "octet", "flight"];

#[test]
fn every_dialogue_passes_over_every_wire() {
    every_dialogue(&|_| Vec::new());
}

#[test]
fn rules_that_do_not_fire_change_no_octet() {
    // The last condition is always false.
    every_dialogue(&|server| {
        vec![
            server.mount(on(smtp::any()).when("conn", ">=1").when("state.never", "so").reply("554 never")),
            server.mount(on(lmtp::any()).when("conn", ">=1").when("state.never", "so").reply("554 never")),
            server.mount(on(imap::any()).when("conn", ">=1").when("state.never", "so").reply("NO never")),
            server.mount(on(pop3::any()).when("conn", ">=1").when("state.never", "so").reply("-ERR never")),
        ]
    });
}

#[test]
fn rules_that_pass_change_no_octet() {
    every_dialogue(&|server| {
        vec![server.mount(on(any_protocol::command()).pass()), server.mount(on(any_protocol::command()).hold())]
    });
}

/// Plays every dialogue over every wire, with the rules that `rules` mounts: each dialogue must reach one of them.
fn every_dialogue(rules: &dyn Fn(&MailServer) -> Vec<Mounted>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dialogues");
    let folders = ["smtp", "lmtp", "imap", "pop3"].map(|protocol| fs::read_dir(folder.join(protocol)).unwrap());
    let mut files: Vec<_> = folders.into_iter().flatten().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut ran: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut announced = Announced::default();
    for file in &files {
        let protocol = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        let name = format!("{protocol}/{}", file.file_stem().unwrap().to_string_lossy());
        let script =
            Dialogue::parse(&fs::read_to_string(file).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut first: Option<String> = None;
        wires_of(protocol).for_each(|wire| ran.entry(wire).or_default().1 += 1);
        for wire in wires(protocol, &script) {
            let transcript = play(&format!("{name} over {wire}"), protocol, &script, wire, rules, &mut announced);
            let transcript = without_channel_binding(transcript);
            // Announced only under TLS (RFC 8689 §2).
            let transcript = transcript.replace("S: 250-REQUIRETLS\n", "");
            let same = first.get_or_insert_with(|| transcript.clone());
            assert_eq!(transcript, *same, "{name} over {wire} and over another wire");
            ran.entry(wire).or_default().0 += 1;
        }
    }
    for wire in WIRES {
        let (count, all) = ran.get(wire).copied().unwrap_or_default();
        println!("{wire:<6} {count} of {all} dialogues");
        assert!(count * 10 >= all * 9, "too few dialogues run over {wire}");
    }
}

/// A transcript without the mechanisms with channel binding, which are announced only under TLS.
fn without_channel_binding(transcript: String) -> String {
    let names = ["1", "256", "512"].map(|bits| format!("SCRAM-SHA-{bits}-PLUS"));
    names
        .iter()
        .fold(transcript, |text, name| text.replace(&format!(" AUTH={name}"), "").replace(&format!(" {name}"), ""))
}

/// The wires of a protocol: LMTP has no listener that begins with TLS.
fn wires_of(protocol: &str) -> impl Iterator<Item = &'static str> {
    let has_tls = protocol != "lmtp";
    WIRES.into_iter().filter(move |wire| has_tls || *wire != "tls")
}

/// The wires for a dialogue: STARTTLS requires wires that begin in cleartext.
fn wires(protocol: &str, script: &Dialogue) -> Vec<&'static str> {
    let named: Vec<&str> = script.settings("wires").flat_map(str::split_whitespace).collect();
    let begins_in_the_clear = script.settings("starttls").next().is_some();
    let fits = |wire: &&str| (named.is_empty() || named.contains(wire)) && !(begins_in_the_clear && **wire == *"tls");
    wires_of(protocol).filter(fits).collect()
}

fn server(protocol: &str, script: &Dialogue) -> MailServer {
    let protocol = Protocol::parse(protocol).unwrap();
    let mut builder = MailServer::builder()
        .host("mail.test")
        .submission_requires_auth(script.settings("auth").any(|value| value == "required"));
    let starttls = script.settings("starttls").next().unwrap_or("never");
    let starttls = *StartTls::ALL.iter().find(|its| its.name() == starttls).unwrap();
    for listener in [Listener::Submission, Listener::Lmtp, Listener::Imap, Listener::Pop3] {
        builder = builder.starttls(listener, starttls);
    }
    builder = builder.imap_strict(script.settings("strict").any(|value| value == "yes"));
    if let Some(delimiter) = script.settings("delimiter").next() {
        builder = builder.delimiter(delimiter.chars().next().unwrap());
    }
    if let Some(namespace) = script.settings("namespace").next() {
        builder = builder.namespace(namespace);
    }
    if let Some(octets) = script.number("limit.command") {
        builder = builder.max_command_size(octets as usize);
    }
    if let Some(octets) = script.number("limit.line") {
        builder = builder.max_line_length(octets as usize);
    }
    if let Some(octets) = script.number("limit.message") {
        builder = builder.max_message_size(octets);
    }
    if let Some(count) = script.number("limit.recipients") {
        builder = builder.max_recipients(count as usize);
    }
    if let Some(form) = script.settings("uidl").next() {
        builder = builder.pop3_unique_ids(form);
    }
    builder = builder.submission_strict(script.settings("submission").any(|value| value == "strict"));
    for name in script.settings("lenient").flat_map(str::split_whitespace) {
        let named = *Leniency::ALL.iter().find(|its| its.name() == name).unwrap();
        builder = builder.lenient(protocol, named);
    }
    if script.settings("xclient").any(|value| value == "yes") {
        builder = builder.xclient(Listener::Submission).xclient(Listener::Smtps);
    }
    builder = builder.pop3_expire(script.number("expire").map(|days| days as u32));
    for expire in script.settings("expire_for") {
        let (login, days) = expire.split_once(' ').unwrap();
        builder = builder.pop3_expire_for(login, days.parse::<u32>().unwrap());
    }
    builder = builder.pop3_login_delay(Duration::from_secs(script.number("login_delay").unwrap_or(0)));
    for account in script.settings("account") {
        let (login, password) = account.split_once(' ').unwrap();
        let addresses = script.settings("addresses").filter_map(|line| line.strip_prefix(login)?.strip_prefix(' '));
        let addresses: Vec<&str> = addresses.flat_map(|words| words.split(' ')).collect();
        builder = builder.account_of(login, password, &addresses);
    }
    for tokens in script.settings("tokens") {
        let (login, tokens) = tokens.split_once(' ').unwrap();
        builder = builder.access_tokens(login, &tokens.split(' ').collect::<Vec<_>>());
    }
    if let Some(names) = script.settings("mechanisms").next() {
        builder = builder.auth(names.split(' '));
    }
    let server = builder.without(Listener::Smtp).start();
    for mailbox in script.settings("mailbox") {
        let (login, name) = mailbox.split_once(' ').unwrap();
        server.account(login).mailbox(name).create();
    }
    for (login, mailbox, octets, flags) in script.mail() {
        let seeded = Mail::new(octets).dated(Timestamp::from_micros(1_767_225_600_000_000));
        let seeded = flags.into_iter().fold(seeded, |mail, flag| mail.flag(flag));
        server.account(login).mailbox(mailbox).add(seeded);
    }
    server
}

/// What servers announce, by the settings, by whether the session has TLS, and by whether the client is logged in.
#[derive(Default)]
struct Announced(HashMap<(String, Settings, bool, bool), String>);

type Settings = Vec<(String, String)>;

impl Announced {
    /// What another server with the same settings announces.
    fn get(&mut self, protocol: &str, script: &Dialogue, is_secured: bool, is_logged_in: bool) -> &str {
        let is_relevant = |(key, _): &&(String, String)| !matches!(key.as_str(), "mail" | "mailbox" | "wires");
        let settings: Settings = script.settings.iter().filter(is_relevant).cloned().collect();
        let key = (protocol.to_owned(), settings, is_secured, is_logged_in);
        self.0.entry(key).or_insert_with(|| {
            let mut script = script.clone();
            // After a login no mechanisms are announced, and a list of them may close LOGIN.
            script.settings.retain(|(key, _)| !(is_logged_in && key == "mechanisms"));
            let server = server(protocol, &script);
            let mut client = Client::connect(&server, protocol, is_secured);
            let place = "asking for capabilities";
            client.line(place);
            if is_logged_in {
                let account = script.settings("account").next().unwrap_or("bob@example.org secret");
                client.send(format!("in LOGIN {account}\r\n").as_bytes(), place);
                client.line(place);
            }
            client.send(capabilities::question(protocol).as_bytes(), place);
            capabilities::announced(protocol, || client.line(place))
        })
    }
}

/// Plays a dialogue; returns its transcript with bodies in place.
fn play(
    name: &str,
    protocol: &str,
    script: &Dialogue,
    wire: &str,
    rules: &dyn Fn(&MailServer) -> Vec<Mounted>,
    announced: &mut Announced,
) -> String {
    let server = server(protocol, script);
    let mounted = rules(&server);
    let mut client = Client::connect(&server, protocol, wire == "tls");
    let (mut is_secured, mut is_logged_in) = (wire == "tls", false);
    let mut said = Vec::new();
    let mut flight = Vec::new();
    for (number, step) in &script.steps {
        let place = format!("{name}, line {number}");
        match step {
            Step::Client(octets) if wire == "flight" => flight.extend_from_slice(octets),
            Step::Client(octets) if wire == "octet" => octets.chunks(1).for_each(|octet| client.send(octet, &place)),
            Step::Client(octets) => client.send(octets, &place),
            Step::Server(expected) => {
                client.send(&std::mem::take(&mut flight), &place);
                is_logged_in |= protocol == "imap" && capabilities::is_login(expected);
                let expected = match expected.contains("<caps>") {
                    true => {
                        let announced = announced.get(protocol, script, is_secured, is_logged_in);
                        text::with_capabilities(expected, announced)
                    }
                    false => expected.clone(),
                };
                for line in expected.split("\r\n") {
                    assert_eq!(client.line(&place), line, "{place}");
                    said.push(line.to_owned());
                }
            }
            Step::Tls => {
                is_secured = true;
                client.secure(&server);
            }
            Step::Fin => client.close(),
        }
    }
    server.settled().block();
    assert!(client.said.is_empty(), "{name}: the server sends more than the dialogue has");
    assert!(mounted.is_empty() || mounted.iter().any(|rule| rule.asked() > 0), "{name}: no rule was evaluated");
    let transcript = server.transcript();
    check(name, script, &said, &transcript.verbatim());
    check_capabilities(name, script, &transcript.to_string());
    // The head names the listener.
    transcript.verbatim().split_once("---\n").expect("a head").1.to_owned()
}

/// A printed transcript shows `<caps>` wherever the dialogue does, with the mechanisms that it sets.
fn check_capabilities(name: &str, script: &Dialogue, printed: &str) {
    let label =
        script.settings("mechanisms").next().map_or("<caps>".to_owned(), |names| format!("<caps auth {names}>"));
    let mut printed = printed.lines();
    for (_, step) in &script.steps {
        if let Step::Server(line) = step
            && line.contains("<caps>")
        {
            let line = format!("S: {line}").replace("<caps>", &label);
            assert!(printed.any(|its| its == line), "{name}: the transcript does not show {line}");
        }
    }
}

/// Checks that the transcript has the dialogue's lines, each side's in order.
fn check(name: &str, script: &Dialogue, said: &[String], transcript: &str) {
    // A brace that would begin a variable is doubled in transcripts.
    let transcript = &transcript.replace("{{", "{");
    let side = |who: &str| -> Vec<&str> { transcript.lines().filter(|line| line.starts_with(who)).collect() };
    let server = said.iter().map(|line| if line.is_empty() { "S:".to_owned() } else { format!("S: {line}") });
    assert_eq!(side("S"), server.collect::<Vec<_>>(), "the server's side of {name}");
    let client = script.steps.iter().filter_map(|(_, step)| match step {
        Step::Client(octets) => Some(String::from_utf8(octets.clone()).ok()),
        Step::Server(_) | Step::Tls | Step::Fin => None,
    });
    let client: Vec<_> = client.collect();
    // Octets that are not lines of text, and overlong lines, print in another form than written.
    let is_plain = |said: &&Option<String>| {
        let line = said.as_deref().and_then(|said| said.strip_suffix("\r\n"));
        line.is_some_and(|line| line.len() < 500 && !line.contains(char::is_control))
    };
    if client.iter().all(|said| is_plain(&said)) && !transcript.contains(", not recorded") {
        let line = |said: &String| {
            if said == "\r\n" { "C:".to_owned() } else { format!("C: {}", said.trim_end_matches(['\r', '\n'])) }
        };
        let written: Vec<String> = client.iter().flatten().map(line).collect();
        assert_eq!(side("C"), written, "the client's side of {name}");
    }
}

enum Road {
    Clear(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

struct Client {
    road: Option<Road>,
    said: Vec<u8>,
}

impl Client {
    fn connect(server: &MailServer, protocol: &str, is_tls: bool) -> Self {
        let endpoint = match (protocol, is_tls) {
            ("lmtp", _) => server.lmtp(),
            ("imap", true) => server.imaps(),
            ("imap", false) => server.imap(),
            ("pop3", true) => server.pop3s(),
            ("pop3", false) => server.pop3(),
            (_, true) => server.smtps(),
            (_, false) => server.submission(),
        };
        let socket = connect(endpoint.address());
        socket.set_nodelay(true).unwrap();
        let mut client = Self { road: Some(Road::Clear(socket)), said: Vec::new() };
        if is_tls {
            client.secure(server);
        }
        client
    }

    fn stream(&mut self) -> &mut dyn Stream {
        match self.road.as_mut().unwrap() {
            Road::Clear(stream) => stream,
            Road::Tls(stream) => &mut **stream,
        }
    }

    fn send(&mut self, octets: &[u8], place: &str) {
        let sent = self.stream().write_all(octets).and_then(|()| self.stream().flush());
        sent.unwrap_or_else(|error| panic!("{place}: {error}"));
    }

    fn line(&mut self, place: &str) -> String {
        loop {
            if let Some(end) = self.said.windows(2).position(|pair| pair == b"\r\n") {
                let line: Vec<u8> = self.said.drain(..end + 2).collect();
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            let mut piece = [0; 4096];
            match self.stream().read(&mut piece) {
                Ok(0) => panic!("{place}: the server closed the connection"),
                Ok(octets) => self.said.extend_from_slice(&piece[..octets]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("{place}: {error}"),
            }
        }
    }

    fn secure(&mut self, server: &MailServer) {
        assert!(self.said.is_empty(), "the server sent something before the handshake");
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from("localhost").unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let Some(Road::Clear(socket)) = self.road.take() else { panic!("TLS is already active") };
        self.road = Some(Road::Tls(Box::new(StreamOwned::new(connection, socket))));
    }

    fn close(&mut self) {
        match self.road.as_mut().unwrap() {
            Road::Clear(stream) => stream.shutdown(Shutdown::Write).unwrap(),
            Road::Tls(stream) => {
                stream.conn.send_close_notify();
                stream.flush().unwrap();
            }
        }
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}
