//! What only a whole server can show from inside: attacks on STARTTLS, and the world as a fold over its journal.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Listener, Server, Settings};
use crate::base::{Seq, SessionNo};
use crate::journal::{Kind, Transcript};
use crate::mail::{Accounts, Change, Mailbox, Namespace};
use crate::protocol::Event;
use crate::rule::{On, Rule, Shape, Step};
use crate::world::{Draft, World};

fn server() -> Server {
    Server::start(Settings::default()).unwrap()
}

fn connect(server: &Server, listener: Listener) -> BufReader<TcpStream> {
    let socket = TcpStream::connect(server.endpoint(listener).unwrap().address()).unwrap();
    socket.set_nodelay(true).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut client = BufReader::new(socket);
    reply(&mut client);
    client
}

/// The last line of a reply.
fn reply(client: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        client.read_line(&mut line).unwrap();
        assert!(line.ends_with("\r\n"), "the server closed the connection after {line:?}");
        if line.as_bytes()[3] != b'-' {
            return line.trim_end().to_owned();
        }
    }
}

fn trusting(server: &Server) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(server.ca().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(versions.with_root_certificates(roots).with_no_client_auth())
}

fn secure(
    client: BufReader<TcpStream>,
    config: &Arc<ClientConfig>,
) -> BufReader<StreamOwned<ClientConnection, TcpStream>> {
    assert!(client.buffer().is_empty(), "the server spoke between its reply and the handshake");
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    BufReader::new(StreamOwned::new(connection, client.into_inner()))
}

#[test]
fn what_is_pipelined_behind_starttls_is_counted_and_never_acts() {
    let server = server();
    let config = trusting(&server);
    let smuggled = "EHLO evil.example\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<bob@example.org>\r\n";
    let mut client = connect(&server, Listener::Smtp);

    client.get_mut().write_all(format!("EHLO x\r\nSTARTTLS\r\n{smuggled}").as_bytes()).unwrap();
    reply(&mut client);
    assert_eq!(reply(&mut client), "220 2.0.0 Ready to start TLS");
    let mut client = secure(client, &config);
    client.get_mut().write_all(b"RCPT TO:<bob@example.org>\r\nEHLO x\r\nDATA\r\nQUIT\r\n").unwrap();

    assert_eq!(reply(&mut client), "503 5.5.1 Bad sequence of commands: EHLO or HELO comes first");
    assert!(reply(&mut client).starts_with("250 "));
    assert_eq!(reply(&mut client), "503 5.5.1 Bad sequence of commands: MAIL and RCPT come before DATA");
    assert!(reply(&mut client).starts_with("221 "));
    let text = server.engine().look(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string());
    let expected = format!("-- {} octets came in the clear behind STARTTLS and were dropped\n-- TLS\n", smuggled.len());
    assert!(text.contains(&expected), "{text}");
    assert!(!text.contains("evil"), "{text}");
}

#[test]
fn nothing_is_smuggled_over_starttls_of_imap_or_stls_of_pop3() {
    let server = server();
    let config = trusting(&server);
    for (listener, begin, ready, smuggled, probe, answer) in [
        (
            Listener::Imap,
            "a STARTTLS\r\n",
            "a OK Begin the TLS handshake",
            "b LOGIN evil@example.org x\r\nc CREATE evil\r\nd APPEND INBOX {4",
            "e SELECT INBOX\r\nf LOGOUT\r\n",
            "e BAD log in first",
        ),
        (
            Listener::Pop3,
            "STLS\r\n",
            "+OK begin the TLS handshake",
            "USER evil@example.org\r\nPASS x\r\nSTA",
            "STAT\r\nQUIT\r\n",
            "-ERR log in first",
        ),
    ] {
        let mut client = connect(&server, listener);
        client.get_mut().write_all(format!("{begin}{smuggled}").as_bytes()).unwrap();
        assert_eq!(reply(&mut client), ready);
        let mut client = secure(client, &config);
        client.get_mut().write_all(probe.as_bytes()).unwrap();
        assert_eq!(reply(&mut client), answer);
        let _goodbye = client.read_to_end(&mut Vec::new());

        let text = server.engine().look(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string());
        let dropped =
            format!("-- {} octets came in the clear behind STARTTLS and were dropped\n-- TLS\n", smuggled.len());
        assert!(text.contains(&dropped), "{text}");
        assert!(!text.contains("evil"), "{text}");
    }
    assert_eq!(server.engine().look(|world| world.mail.accounts.iter().count()), 0);
}

#[test]
fn ten_thousand_handshakes_behind_a_dripped_reply_none_of_which_hangs() {
    const HANDSHAKES: usize = 10_000;
    let server = server();
    server.engine().act(|world, now| {
        let pace = Step::Shape(Shape::Pace { chunk: 1, gap: Duration::ZERO });
        world.mount(Arc::new(Rule::new("drip", vec![On::from(Event::SmtpStarttls)], vec![pace], "here")), now);
    });
    let config = trusting(&server);
    let done = AtomicUsize::new(0);

    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while done.fetch_add(1, Ordering::Relaxed) < HANDSHAKES {
                    let mut client = connect(&server, Listener::Smtp);
                    client.get_mut().write_all(b"STARTTLS\r\n").unwrap();
                    // As eager a client as can be: the ClientHello follows the last octet of the reply at once.
                    assert_eq!(reply(&mut client), "220 2.0.0 Ready to start TLS");
                    let mut client = secure(client, &config);
                    client.get_mut().write_all(b"QUIT\r\n").unwrap();
                    assert!(reply(&mut client).starts_with("221 "));
                }
            });
        }
    });

    let secured = server.engine().look(|world| {
        let records = world.journal.since(Seq(0)).unwrap();
        records.filter(|(_, record)| matches!(record.kind, Kind::Secured(_))).count()
    });
    assert_eq!(secured, HANDSHAKES);
}

#[test]
fn a_client_that_speaks_no_tls_is_told_and_recorded() {
    let server = server();
    let socket = TcpStream::connect(server.endpoint(Listener::Smtps).unwrap().address()).unwrap();
    let mut client = BufReader::new(socket);

    client.get_mut().write_all(b"EHLO in the clear\r\n").unwrap();
    let _alert = client.read_to_end(&mut Vec::new());

    let text = loop {
        let text = server.engine().look(|world| Transcript::of(&world.journal, world.journal.sessions()).to_string());
        if !text.is_empty() {
            break text;
        }
        std::thread::yield_now();
    };
    assert!(text.starts_with("-- the TLS handshake failed: the client sent something that is not TLS"), "{text}");
}

/// A pseudo-random number below `below`.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// Everything about accounts that a client could ever see.
fn picture(accounts: &Accounts) -> String {
    let mut out = String::new();
    for (_, account) in accounts.iter() {
        out += &format!("{} {:?}\n", account.login, account.subscriptions);
        for mailbox in &account.mailboxes {
            let entries: Vec<_> = mailbox
                .entries()
                .iter()
                .map(|entry| (entry.uid, entry.modseq, entry.flags, entry.date, entry.message.raw().as_ptr()))
                .collect();
            let Mailbox {
                no, name, special_use, uid_validity, uid_next, highest_modseq, recent_from, keywords, ..
            } = mailbox;
            out += &format!(
                "{no:?} {name} {special_use:?} {uid_validity} {uid_next} {highest_modseq} {recent_from} {keywords:?} \
                 {entries:?}\n"
            );
        }
    }
    out
}

/// Every change in the journal, in order, with the place of its record.
fn changes(world: &World) -> Vec<(Seq, Change)> {
    let mut changes = Vec::new();
    for (seq, record) in world.journal.since(Seq(0)).unwrap() {
        let done = match &record.kind {
            Kind::Exchange(exchange) => exchange.detail.as_ref().map(|detail| &detail.done),
            Kind::Part { detail, .. } => detail.as_ref().map(|detail| &detail.done),
            Kind::Outside(detail) => Some(&detail.done),
            _ => None,
        };
        changes.extend(done.into_iter().flat_map(|done| &done.changes).map(|change| (seq, change.clone())));
    }
    changes
}

fn keep_picture(server: &Server, n: usize, prefixes: &mut Vec<(Seq, String)>) {
    if n.is_multiple_of(100) {
        prefixes.push(server.engine().look(|world| (world.journal.tip(), picture(&world.mail.accounts))));
    }
}

/// An IMAP client that is logged in, as one of the first of forty users.
fn reader(server: &Server, user: u64) -> BufReader<TcpStream> {
    let mut client = connect(server, Listener::Imap);
    write!(client.get_mut(), "a LOGIN user{user}@example.org x\r\nz SELECT INBOX\r\n").unwrap();
    tagged(&mut client);
    client
}

/// Reads up to the answer to the command with the tag `z`.
fn tagged(client: &mut impl BufRead) {
    let mut line = String::new();
    while !line.starts_with("z ") {
        line.clear();
        assert!(client.read_line(&mut line).unwrap() > 0, "the server closed the connection");
    }
}

fn read_something(client: &mut BufReader<TcpStream>, random: &mut u64) {
    let (n, name) = (draw(random, 12) + 1, ["INBOX", "Work", "Work/2026", "Play"][draw(random, 4) as usize]);
    let flag = ["\\Seen", "\\Deleted", "$Work", "\\Flagged", "$Play"][draw(random, 5) as usize];
    let line = match draw(random, 16) {
        0 | 1 => format!("SELECT {name}"),
        2 => format!("CREATE {name}"),
        3 => format!("DELETE {name}"),
        4 => format!("RENAME {name} {}", ["Old", "Older/still", "Play"][draw(random, 3) as usize]),
        5 => format!("SUBSCRIBE {name}"),
        6 => format!("UNSUBSCRIBE {name}"),
        7 => format!("APPEND {name} ({flag}) {{12+}}\r\nSubject: x\r\n"),
        8..=10 => format!("UID STORE {n}:{} +FLAGS ({flag})", n + 2),
        11 => format!("UID STORE {n}:* -FLAGS ({flag})"),
        12 => format!("UID COPY {n}:* {name}"),
        13 => format!("UID MOVE {n} {name}"),
        14 => "EXPUNGE".to_owned(),
        _ => format!("UID FETCH {n} BODY[]"),
    };
    write!(client.get_mut(), "z {line}\r\n").unwrap();
    tagged(client);
}

/// A POP3 client that is logged in.
fn maildrop(server: &Server) -> BufReader<TcpStream> {
    let mut client = connect(server, Listener::Pop3);
    for line in ["USER user3@example.org", "PASS x"] {
        write!(client.get_mut(), "{line}\r\n").unwrap();
        assert!(reply(&mut client).starts_with("+OK"));
    }
    client
}

fn take_something(server: &Server, mut client: BufReader<TcpStream>, random: &mut u64) -> BufReader<TcpStream> {
    let line = match draw(random, 5) {
        0 => "RSET".to_owned(),
        1 => "QUIT".to_owned(),
        n => format!("DELE {n}"),
    };
    write!(client.get_mut(), "{line}\r\n").unwrap();
    reply(&mut client);
    if line == "QUIT" { maildrop(server) } else { client }
}

#[test]
fn the_world_is_a_fold_over_its_journal() {
    const COMMANDS: usize = 10_000;
    let server = server();
    let mut random = 0x2545_f491_4f6c_dd1d;
    let mut clients: Vec<_> = (0..3).map(|_| connect(&server, Listener::Smtp)).collect();
    let mut readers: Vec<_> = (0..3).map(|n| reader(&server, n)).collect();
    let mut maildrop = maildrop(&server);
    let mut prefixes: Vec<(Seq, String)> = Vec::new();

    for n in 0..COMMANDS {
        if draw(&mut random, 2) == 0 {
            read_something(&mut readers[draw(&mut random, 3) as usize], &mut random);
            if draw(&mut random, 10) == 0 {
                maildrop = take_something(&server, maildrop, &mut random);
            }
            keep_picture(&server, n, &mut prefixes);
            continue;
        }
        let client = &mut clients[draw(&mut random, 3) as usize];
        let user = draw(&mut random, 40);
        let line = match draw(&mut random, 12) {
            0 => "EHLO client.example".to_owned(),
            1 => "RSET".to_owned(),
            2 => format!("AUTH PLAIN {}", data_encoding::BASE64.encode(format!("\0user{user}\0secret").as_bytes())),
            3 => "VRFY bob".to_owned(),
            4 | 5 => "MAIL FROM:<ann@example.org>".to_owned(),
            6..=9 => format!("RCPT TO:<user{user}@example.org>"),
            _ => "DATA".to_owned(),
        };
        write!(client.get_mut(), "{line}\r\n").unwrap();
        if reply(client).starts_with("354 ") {
            write!(client.get_mut(), "Subject: {n}\r\n\r\nhello\r\n.\r\n").unwrap();
            assert!(reply(client).starts_with("250 "));
        }
        keep_picture(&server, n, &mut prefixes);
    }

    server.engine().look(|world| {
        let changes = changes(world);
        assert!(changes.len() > COMMANDS / 20, "only {} changes", changes.len());
        for (tip, picture_then) in prefixes {
            let mut folded = Accounts::new(Vec::new(), Namespace::default(), 1);
            changes.iter().filter(|(seq, _)| *seq <= tip).for_each(|(_, change)| folded.apply(change));
            assert_eq!(picture(&folded), picture_then, "at {tip}");
        }
    });
}

#[test]
fn journal_and_mailboxes_hold_the_same_bytes() {
    let server = server();
    let mut client = connect(&server, Listener::Smtp);

    for line in ["EHLO x", "MAIL FROM:<>", "RCPT TO:<a@example.org>", "RCPT TO:<b@example.org>", "DATA", "hi\r\n."] {
        write!(client.get_mut(), "{line}\r\n").unwrap();
        reply(&mut client);
    }

    server.engine().look(|world| {
        let captured = world.journal.messages()[0].message.raw().as_ptr();
        let filed: Vec<_> = world
            .mail
            .accounts
            .iter()
            .flat_map(|(_, account)| account.mailboxes[0].entries())
            .map(|entry| entry.message.raw().as_ptr())
            .collect();
        assert_eq!(filed, [captured, captured]);
    });
}

#[test]
fn what_is_beyond_the_bounds_goes_oldest_first_and_is_counted() {
    let mut settings = Settings::default();
    settings.keep = Some(crate::world::Keep { messages: 100, octets: u64::MAX / 2, accounts: 100 });
    let server = Server::start(settings).unwrap();
    let mut client = connect(&server, Listener::Smtp);
    write!(client.get_mut(), "EHLO x\r\n").unwrap();
    reply(&mut client);

    for _ in 0..1000 {
        write!(client.get_mut(), "MAIL FROM:<>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n").unwrap();
        (0..3).for_each(|_| drop(reply(&mut client)));
        write!(client.get_mut(), "hi\r\n.\r\n").unwrap();
        reply(&mut client);
    }

    server.engine().look(|world| {
        let kept = world.journal.messages().len();
        assert!((100..=106).contains(&kept), "{kept} are kept");
        assert_eq!(world.evicted() as usize + kept, 1000);
        let (_, account) = world.mail.accounts.iter().next().unwrap();
        assert_eq!(account.mailboxes[0].entries().len(), kept);
        assert!(world.journal.since(Seq(0)).is_err(), "a cursor below the floor is told");
        let text = Transcript::of(&world.journal, world.journal.session(SessionNo(1)).into_iter()).to_string();
        assert!(text.contains("C: <m1000>") && !text.contains("C: <m1>\n"), "the transcript goes with the records");
    });
}

#[test]
fn sessions_without_mail_are_bounded_too() {
    let mut settings = Settings::default();
    settings.keep = Some(crate::world::Keep { messages: 10, octets: 1 << 20, accounts: 100 });
    let server = Server::start(settings).unwrap();
    let mut lasting = connect(&server, Listener::Smtp);
    for _ in 0..300 {
        write!(connect(&server, Listener::Smtp).get_mut(), "QUIT\r\n").unwrap();
    }

    for _ in 0..1000 {
        write!(lasting.get_mut(), "NOOP\r\n").unwrap();
        assert!(reply(&mut lasting).starts_with("250 "));
    }

    server.engine().look(|world| {
        assert!(world.journal.len() <= 680, "{} records are kept", world.journal.len());
        assert!(world.journal.sessions().count() < 300);
        let text = Transcript::of(&world.journal, world.journal.session(SessionNo(1)).into_iter()).to_string();
        assert!(text.ends_with("C: NOOP\nS: 250 2.0.0 Ok\n") && text.lines().count() < 700, "{text}");
    });
}

/// A server that keeps so much, and a client that has said hello.
fn keeping(messages: usize, octets: u64, accounts: usize) -> (Server, BufReader<TcpStream>) {
    let mut settings = Settings::default();
    settings.keep = Some(crate::world::Keep { messages, octets, accounts });
    let server = Server::start(settings).unwrap();
    let mut client = connect(&server, Listener::Smtp);
    write!(client.get_mut(), "HELO x\r\n").unwrap();
    reply(&mut client);
    (server, client)
}

fn send(client: &mut BufReader<TcpStream>, to: &str, body: &str) {
    write!(client.get_mut(), "MAIL FROM:<>\r\nRCPT TO:<{to}>\r\nDATA\r\n").unwrap();
    (0..3).for_each(|_| drop(reply(client)));
    write!(client.get_mut(), "{body}\r\n.\r\n").unwrap();
    reply(client);
}

/// The numbers of what is in bob's INBOX.
fn in_inbox(world: &World) -> Vec<u32> {
    let (_, account) = world.mail.accounts.iter().next().unwrap();
    account.inbox().entries().iter().map(|entry| entry.message.no().number()).collect()
}

fn put(server: &Server, octets: usize) {
    let draft = Draft { raw: vec![b'x'; octets].into(), ..Draft::default() };
    server.engine().act(|world, now| world.put("bob@example.org", "INBOX", draft, now)).unwrap();
}

#[test]
fn the_oldest_goes_first_whether_it_was_captured_or_put() {
    let (server, mut client) = keeping(32, u64::MAX / 2, 100);
    for n in 0..200 {
        match n % 3 {
            0 => put(&server, 10),
            _ => send(&mut client, "bob@example.org", "hi"),
        }
    }

    server.engine().look(|world| {
        let kept = in_inbox(world);
        assert!((32..=34).contains(&kept.len()), "{kept:?}");
        assert_eq!(kept, (200 - kept.len() as u32 + 1..=200).collect::<Vec<_>>());
        let captured: Vec<u32> = world.journal.messages().iter().map(|its| its.message.no().number()).collect();
        assert_eq!(captured, kept.iter().copied().filter(|no| no % 3 != 1).collect::<Vec<_>>());
        assert_eq!(world.evicted() as usize, 200 - kept.len());
    });
}

#[test]
fn octets_are_bounded_and_the_newest_stays() {
    let (server, mut client) = keeping(1000, 10_000, 100);
    for _ in 0..50 {
        put(&server, 1000);
        send(&mut client, "bob@example.org", &"x".repeat(998));
    }
    server.engine().look(|world| {
        let kept = in_inbox(world);
        assert!((9..=10).contains(&kept.len()) && kept.last() == Some(&100), "{kept:?}");
    });

    put(&server, 50_000);
    server.engine().look(|world| assert_eq!(in_inbox(world), [101]));
}

#[test]
fn what_is_evicted_is_freed_though_records_name_it() {
    let (server, mut client) = keeping(32, u64::MAX / 2, 100);
    send(&mut client, "bob@example.org", "hi");
    put(&server, 100);
    let mut imap = connect(&server, Listener::Imap);
    let messages: Vec<_> = server.engine().look(|world| {
        let (_, account) = world.mail.accounts.iter().next().unwrap();
        account.inbox().entries().iter().map(|entry| entry.message.reference()).collect()
    });
    write!(imap.get_mut(), "a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nz COPY 1:2 INBOX\r\n").unwrap();
    tagged(&mut imap);
    write!(imap.get_mut(), "z FETCH 1:* (BODY[] BODY[TEXT])\r\n").unwrap();
    tagged(&mut imap);
    let verbatim = || {
        server
            .engine()
            .look(|world| Transcript::of(&world.journal, world.journal.session(SessionNo(2)).into_iter()).verbatim())
    };
    assert!(messages.iter().all(|message| message.message().is_some()));
    assert!(verbatim().contains("xxxxxxxxx"));

    (0..100).for_each(|_| put(&server, 10));

    assert!(messages.iter().all(|message| message.message().is_none()));
    assert!(verbatim().contains("<m2>") && !verbatim().contains("xxxxxxxxx"), "{}", verbatim());
}

#[test]
fn accounts_are_bounded_and_those_in_use_stay() {
    let (server, mut client) = keeping(1000, u64::MAX / 2, 32);
    let mut imap = connect(&server, Listener::Imap);
    write!(imap.get_mut(), "z LOGIN me@example.org x\r\n").unwrap();
    tagged(&mut imap);

    (0..100).for_each(|n| send(&mut client, &format!("user{n}@example.org"), "hi"));

    server.engine().look(|world| {
        let logins: Vec<&str> = world.mail.accounts.iter().map(|(_, account)| &*account.login).collect();
        assert!((32..=34).contains(&logins.len()), "{logins:?}");
        assert_eq!((logins[0], logins[logins.len() - 1]), ("me@example.org", "user99@example.org"));
        assert_eq!(world.evicted_accounts() as usize, 101 - logins.len());
        let records = world.journal.since(world.journal.floor()).unwrap();
        let notes = records.filter(|(_, record)| matches!(record.kind, Kind::Noted(_)));
        assert!(notes.count() > 0, "it is said");
    });
}

#[test]
fn what_is_said_is_bounded_in_octets() {
    let (server, mut client) = keeping(1000, 100_000, 100);
    for _ in 0..1000 {
        write!(client.get_mut(), "NOOP {}\r\n", "x".repeat(500)).unwrap();
        reply(&mut client);
    }

    server.engine().look(|world| {
        assert!(world.journal.octets() <= 107_000, "{} octets", world.journal.octets());
        assert!(world.journal.octets() >= 90_000, "{} octets", world.journal.octets());
    });
}
