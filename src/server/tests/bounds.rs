//! The bounds on what a server keeps.

use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::{connect, reply, tagged};
use crate::base::{Seq, SessionNo};
use crate::journal::{RecordKind, Transcript};
use crate::mail::Member;
use crate::protocol::Listener;
use crate::rule::{Variable, VariableValue};
use crate::scenario::Scenario;
use crate::server::{Server, Settings};
use crate::world::{Draft, Keep, World};

#[test]
fn the_oldest_beyond_the_bounds_are_evicted_and_counted() {
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

    server.engine().read(|world| {
        let kept = world.journal.messages().len();
        assert!((100..=106).contains(&kept), "{kept} are kept");
        assert_eq!(world.evicted() as usize + kept, 1000);
        let (_, account) = world.mail.accounts.iter().next().unwrap();
        assert_eq!(account.inbox().entries().len(), kept);
        assert!(world.journal.since(Seq(0)).is_err(), "reading from below the floor is an error");
        let text = Transcript::of(&world.journal, world.journal.session(SessionNo(1)).into_iter()).to_string();
        assert!(
            text.contains("C: <m1000>") && !text.contains("C: <m1>\n"),
            "the transcript is evicted with the records"
        );
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

    server.engine().read(|world| {
        assert!(world.journal.len() <= 680, "{} records are kept", world.journal.len());
        assert!(world.journal.sessions().count() < 300);
        let text = Transcript::of(&world.journal, world.journal.session(SessionNo(1)).into_iter()).to_string();
        assert!(text.ends_with("C: NOOP\nS: 250 2.0.0 Ok\n") && text.lines().count() < 700, "{text}");
    });
}

/// A server with these bounds, and a client that has sent HELO; the reply is recorded as sent.
fn keeping(messages: usize, octets: u64, accounts: usize) -> (Server, BufReader<TcpStream>) {
    let mut settings = Settings::default();
    settings.keep = Some(Keep { messages, octets, accounts });
    let server = Server::start(settings).unwrap();
    let mut client = connect(&server, Listener::Smtp);
    write!(client.get_mut(), "HELO x\r\n").unwrap();
    reply(&mut client);
    let began = Instant::now();
    while !server.engine().read(|world| world.journal.is_settled()) {
        assert!(began.elapsed() < Duration::from_secs(20), "open exchanges must close within 20 s");
        thread::yield_now();
    }
    (server, client)
}

fn send(client: &mut BufReader<TcpStream>, to: &str, body: &str) {
    write!(client.get_mut(), "MAIL FROM:<>\r\nRCPT TO:<{to}>\r\nDATA\r\n").unwrap();
    (0..3).for_each(|_| drop(reply(client)));
    write!(client.get_mut(), "{body}\r\n.\r\n").unwrap();
    reply(client);
}

/// The numbers of the messages in bob's INBOX.
fn in_inbox(world: &World) -> Vec<u32> {
    let (_, account) = world.mail.accounts.iter().next().unwrap();
    account.inbox().entries().iter().map(|entry| entry.message.no().number()).collect()
}

fn put(server: &Server, octets: usize) {
    let draft = Draft { raw: vec![b'x'; octets].into(), ..Draft::default() };
    server.engine().update(|world, now| world.put("bob@example.org", "INBOX", draft, now)).unwrap();
}

#[test]
fn the_oldest_is_evicted_first_whether_sent_or_put_into_a_mailbox() {
    let (server, mut client) = keeping(32, u64::MAX / 2, 100);
    for n in 0..200 {
        match n % 3 {
            0 => put(&server, 10),
            _ => send(&mut client, "bob@example.org", "hi"),
        }
    }

    server.engine().read(|world| {
        let kept = in_inbox(world);
        assert!((32..=34).contains(&kept.len()), "{kept:?}");
        assert_eq!(kept, (200 - kept.len() as u32 + 1..=200).collect::<Vec<_>>());
        let captured: Vec<u32> = world.journal.messages().iter().map(|its| its.message.no().number()).collect();
        assert_eq!(captured, kept.iter().copied().filter(|no| no % 3 != 1).collect::<Vec<_>>());
        assert_eq!(world.evicted() as usize, 200 - kept.len());
    });
}

/// Runs `step` that many times and collects `count` after each.
fn counted<T>(server: &Server, steps: usize, step: impl Fn(usize), count: impl Fn(&World) -> T) -> Vec<T> {
    let counted = (0..steps).map(|n| {
        step(n);
        server.engine().read(&count)
    });
    counted.collect()
}

fn make(server: &Server, login: &str, mailbox: &str) {
    server.engine().update(|world, now| world.make(login, mailbox, now)).unwrap();
}

#[test]
fn the_bound_may_be_exceeded_by_a_sixteenth_before_eviction() {
    const ALL: u64 = u64::MAX / 2;
    let (server, _client) = keeping(32, ALL, 100);
    let messages = counted(&server, 40, |_| put(&server, 10), |world| in_inbox(world).len());
    assert_eq!(messages, (1..=34).chain(32..=34).chain(32..=34).collect::<Vec<_>>());

    let (server, _client) = keeping(1000, 1600, 100);
    let messages = counted(&server, 21, |_| put(&server, 100), |world| in_inbox(world).len());
    assert_eq!(messages, (1..=17).chain([16, 17, 16, 17]).collect::<Vec<_>>());

    let (server, _client) = keeping(1000, ALL, 32);
    let open = |n| make(&server, &format!("user{n}@example.org"), "INBOX");
    let accounts = counted(&server, 40, open, |world| world.mail.accounts.len());
    assert_eq!(accounts, (1..=34).chain(32..=34).chain(32..=34).collect::<Vec<_>>());

    let (server, _client) = keeping(1, ALL, 100);
    server.engine().update(|world, now| _ = world.clear(now));
    let create = |n| make(&server, "bob@example.org", &format!("Box{n}"));
    let records = counted(&server, 78, create, |world| world.journal.len());
    assert_eq!(records, (1..=68).chain(64..=68).chain(64..=68).collect::<Vec<_>>());
}

#[test]
fn exceeding_the_maximum_of_counted_keys_fails_verification() {
    let text = "mailjig = 1\n[state]\nn = 0\n\
                [[rule]]\nid = 'busy'\non = 'state.changed'\nper = '{state.n}'\ndo = { pass = true }\n\
                [[expect]]\nid = 'each'\nevent = 'state.changed'\nsame = 'state.n'\ncount = '=1'\n";
    let server = Server::start(Settings::default()).unwrap();
    server.load(Arc::new(Scenario::text("busy.toml", text).load().unwrap())).unwrap();

    server.engine().update(|world, now| {
        for n in 0..=100_000 {
            world.set_state(vec![(Variable { name: "n".into(), is_session: false }, VariableValue::Number(n))], now);
        }
    });

    let report = server.engine().read(|world| world.rules_report().unwrap().to_string());
    for id in ["busy", "each"] {
        let failure =
            format!("✗ mailjig failed: `{id}` counts too many keys; events with further keys are not counted\n");
        assert_eq!(report.matches(&failure).count(), 1, "{report}");
    }
}

#[test]
fn record_octets_may_also_exceed_the_bound_by_a_sixteenth() {
    const MOST: u64 = 100_000;
    let (server, _client) = keeping(1000, MOST, 100);
    let create = |n| make(&server, "bob@example.org", &format!("Box{n}"));

    let octets = counted(&server, 1000, create, |world| world.journal.octets());

    let drops: Vec<u64> = octets.windows(2).filter(|pair| pair[1] < pair[0]).map(|pair| pair[1]).collect();
    assert!(!drops.is_empty() && drops.iter().all(|left| (MOST - 1000..=MOST).contains(left)), "{drops:?}");
    let highest = octets.into_iter().max().unwrap();
    assert!((MOST * 17 / 16 - 1000..=MOST * 17 / 16).contains(&highest), "{highest}");
}

#[test]
fn accounts_in_use_or_on_a_closed_list_are_kept() {
    let (server, _client) = keeping(1000, u64::MAX / 2, 1);
    // Its domain is written in another form at the login.
    make(&server, "user0@bücher.example", "INBOX");
    let _users: Vec<_> = (0..3)
        .map(|n| {
            let mut imap = connect(&server, Listener::Imap);
            write!(imap.get_mut(), "z LOGIN user{n}@xn--bcher-kva.example x\r\n").unwrap();
            tagged(&mut imap);
            imap
        })
        .collect();
    let mut settings = Settings::default();
    settings.keep = Some(Keep { messages: 1000, octets: u64::MAX / 2, accounts: 1 });
    let member = |n: u32| Member {
        login: format!("user{n}@example.org").into(),
        password: "x".into(),
        tokens: Vec::new(),
        addresses: Vec::new(),
    };
    settings.members = Arc::new((0..3).map(member).collect());
    let closed = Server::start(settings).unwrap();
    (0..3).for_each(|n| make(&closed, &format!("user{n}@example.org"), "INBOX"));

    for server in [server, closed] {
        server.engine().read(|world| {
            assert_eq!(world.mail.accounts.len(), 3);
            let mut records = world.journal.since(world.journal.floor()).unwrap();
            assert!(
                !records.any(|(_, record)| matches!(record.kind, RecordKind::Noted(_))),
                "no account is reported as closed"
            );
        });
    }
}

#[test]
fn octets_are_bounded_and_the_newest_stays() {
    let (server, mut client) = keeping(1000, 10_000, 100);
    for _ in 0..50 {
        put(&server, 1000);
        send(&mut client, "bob@example.org", &"x".repeat(998));
    }
    server.engine().read(|world| {
        let kept = in_inbox(world);
        assert!((9..=10).contains(&kept.len()) && kept.last() == Some(&100), "{kept:?}");
    });

    put(&server, 50_000);
    server.engine().read(|world| assert_eq!(in_inbox(world), [101]));
}

#[test]
fn an_evicted_message_is_freed_though_records_refer_to_it() {
    let (server, mut client) = keeping(32, u64::MAX / 2, 100);
    send(&mut client, "bob@example.org", "hi");
    put(&server, 100);
    let mut imap = connect(&server, Listener::Imap);
    let are_kept: Vec<_> = server.engine().read(|world| {
        let (_, account) = world.mail.accounts.iter().next().unwrap();
        account.inbox().entries().iter().map(|entry| entry.message.is_kept()).collect()
    });
    write!(imap.get_mut(), "a LOGIN bob@example.org x\r\nb SELECT INBOX\r\nz COPY 1:2 INBOX\r\n").unwrap();
    tagged(&mut imap);
    write!(imap.get_mut(), "z FETCH 1:* (BODY[] BODY[TEXT])\r\n").unwrap();
    tagged(&mut imap);
    let verbatim = || {
        server
            .engine()
            .read(|world| Transcript::of(&world.journal, world.journal.session(SessionNo(2)).into_iter()).verbatim())
    };
    assert!(are_kept.iter().all(|is_kept| is_kept()));
    assert!(verbatim().contains("xxxxxxxxx"));

    (0..100).for_each(|_| put(&server, 10));

    assert!(!are_kept.iter().any(|is_kept| is_kept()));
    assert!(verbatim().contains("<m2>") && !verbatim().contains("xxxxxxxxx"), "{}", verbatim());
}

#[test]
fn accounts_are_bounded_and_those_in_use_are_kept() {
    let (server, mut client) = keeping(1000, u64::MAX / 2, 32);
    let mut imap = connect(&server, Listener::Imap);
    write!(imap.get_mut(), "z LOGIN me@example.org x\r\n").unwrap();
    tagged(&mut imap);

    (0..100).for_each(|n| send(&mut client, &format!("user{n}@example.org"), "hi"));

    server.engine().read(|world| {
        let logins: Vec<&str> = world.mail.accounts.iter().map(|(_, account)| &*account.login).collect();
        assert!((32..=34).contains(&logins.len()), "{logins:?}");
        assert_eq!((logins[0], logins[logins.len() - 1]), ("me@example.org", "user99@example.org"));
        assert_eq!(world.evicted_accounts() as usize, 101 - logins.len());
        let records = world.journal.since(world.journal.floor()).unwrap();
        let notes = records.filter(|(_, record)| matches!(record.kind, RecordKind::Noted(_)));
        assert!(notes.count() > 0, "the eviction is noted");
    });
}

#[test]
fn mail_and_accounts_of_the_scenario_are_not_evicted() {
    let (server, mut client) = keeping(32, u64::MAX / 2, 32);
    let text = "mailjig = 1\n[[mailbox]]\nuser = \"amy@example.org\"\nname = \"INBOX\"\ngenerate = 3\n";
    server.load(Arc::new(Scenario::text("amy.toml", text).load().unwrap())).unwrap();

    (0..100).for_each(|n| send(&mut client, &format!("user{n}@example.org"), "hi"));

    server.engine().read(|world| {
        let amy = world.mail.accounts.find("amy@example.org").and_then(|no| world.mail.accounts.account(no));
        assert_eq!(amy.unwrap().inbox().entries().len(), 3);
        assert!(world.evicted() > 60 && world.evicted_accounts() > 60);
    });
}

#[test]
fn client_input_is_bounded_in_octets() {
    let (server, mut client) = keeping(1000, 100_000, 100);
    for _ in 0..1000 {
        write!(client.get_mut(), "NOOP {}\r\n", "x".repeat(500)).unwrap();
        reply(&mut client);
    }

    server.engine().read(|world| {
        assert!(world.journal.octets() <= 107_000, "{} octets", world.journal.octets());
        assert!(world.journal.octets() >= 90_000, "{} octets", world.journal.octets());
    });
}
