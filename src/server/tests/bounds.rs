//! How much a server keeps that is told to keep only so much.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use super::{connect, reply, tagged};
use crate::base::{Seq, SessionNo};
use crate::journal::{Kind, Transcript};
use crate::server::{Listener, Server, Settings};
use crate::world::{Draft, Keep, World};

#[test]
fn what_is_beyond_the_bounds_goes_oldest_first_and_is_counted() {
    let mut settings = Settings::default();
    settings.keep = Some(Keep { messages: 100, octets: u64::MAX / 2, accounts: 100 });
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
    settings.keep = Some(Keep { messages: 10, octets: 1 << 20, accounts: 100 });
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
    settings.keep = Some(Keep { messages, octets, accounts });
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
