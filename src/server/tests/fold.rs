//! The world as a fold over its journal.

use std::io::{BufReader, Write};
use std::net::TcpStream;

use super::{connect, reply, server, tagged};
use crate::base::Seq;
use crate::journal::Kind;
use crate::mail::{Accounts, Change, Mailbox, Namespace};
use crate::server::{Listener, Server};
use crate::world::World;

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
