//! Folding the journal, written out and read back, gives the same world.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::{connect, reply, server, tagged};
use crate::base::Seq;
use crate::journal::{Journal, LogReader, LogWriter, RecordKind, Transcript, Weight};
use crate::mail::{Accounts, Mailbox, Message, Namespace};
use crate::protocol::Listener;
use crate::rule::{Variable, VariableValue, shown};
use crate::scenario::Scenario;
use crate::server::Server;
use crate::world::{Draft, World};

/// A pseudo-random number below `below`.
fn draw(state: &mut u64, below: u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state % below
}

/// Everything about accounts that a client can observe.
fn picture(accounts: &Accounts) -> String {
    let mut out = String::new();
    for (_, account) in accounts.iter() {
        out += &format!("{} {:?}\n", account.login, account.subscriptions);
        for mailbox in account.mailboxes() {
            let octets = |message: &Message| BuildHasherDefault::<DefaultHasher>::default().hash_one(message.raw());
            let entries: Vec<_> = mailbox
                .entries()
                .iter()
                .map(|entry| (entry.uid, entry.modseq, entry.flags, entry.date, octets(&entry.message)))
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

fn keep_picture(server: &Server, n: usize, prefixes: &mut Vec<(Seq, String)>) {
    if n.is_multiple_of(100) {
        prefixes.push(server.engine().read(|world| (world.journal.tip(), picture(&world.mail.accounts))));
    }
}

/// A logged-in IMAP client, as one of the first forty users.
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

/// A logged-in POP3 client.
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

/// Sends a message over LMTP to one to four recipients, some of which a rule refuses at RCPT or at delivery. Returns
/// the replies for the accepted recipients.
fn deliver_something(client: &mut BufReader<TcpStream>, random: &mut u64) -> Vec<String> {
    let say = |client: &mut BufReader<TcpStream>, line: &str| {
        write!(client.get_mut(), "{line}\r\n").unwrap();
        reply(client)
    };
    say(client, "LHLO queue.example");
    say(client, "MAIL FROM:<ann@example.org>");
    let recipients = 0..=draw(random, 4);
    let replies = recipients.map(|_| say(client, &format!("RCPT TO:<user{}@example.org>", draw(random, 40))));
    let accepted = replies.filter(|reply| reply.starts_with("250 ")).count();
    if !say(client, "DATA").starts_with("354 ") {
        return Vec::new();
    }
    write!(client.get_mut(), "Subject: queued\r\n\r\nhello\r\n.\r\n").unwrap();
    (0..accepted).map(|_| reply(client)).collect()
}

/// Rules with every effect on mail, immediate and delayed, and on variables.
const MEDDLING: &str = r#"
mailjig = 1
[state]
tides = 0
[[message]]
id = "news"
generate = true
[[message]]
mailbox = "Given"
generate = true
flags = ["\\Seen"]
[[message]]
user = "scenario@example.org"
generate = true
[[rule]]
id = "tide"
on = "state.changed"
do = { deliver = { user = "user1@example.org", mailbox = "News", message = "news" } }
[[rule]]
on = "smtp.message"
chance = 0.2
do = [{ deliver = false }, { pass = true }, { set = { tides = "+1" } }]
[[rule]]
on = "smtp.message"
chance = 0.2
do = [{ deliver = { mailbox = "Work" } }, { pass = true }]
[[rule]]
on = "smtp.message"
chance = 0.2
do = [{ deliver = { user = "user2@example.org", mailbox = "Late" }, after = "2ms" }, { pass = true }]
[[rule]]
on = "lmtp.rcpt"
chance = 0.2
do = { reply = "550 5.1.1 unknown" }
[[rule]]
on = "lmtp.delivery"
chance = 0.2
do = { reply = "452 4.2.2 full" }
[[rule]]
on = "lmtp.message"
chance = 0.2
do = { deliver = { mailbox = "Queue" } }
[[rule]]
on = "mail.delivered"
chance = 0.3
do = { flag = { user = "user3@example.org", mailbox = "INBOX", all = true, add = ["\\Flagged", "$Rule"], remove = ["\\Seen"] } }
[[rule]]
on = "imap.create"
do = [{ pass = true }, { expunge = { mailbox = "INBOX", msn = 1, tell = "now" } }]
[[rule]]
on = "imap.subscribe"
do = [{ pass = true }, { mailbox = { user = "user30@example.org", name = "INBOX", uidvalidity = "+1", renumber = "reverse" } }]
"#;

const CLOSED: &str = r#"
mailjig = 1
[[user]]
name = "ann@example.org"
password = "secret"
"#;

/// Changes mail or variables from outside of any session.
fn change_something(server: &Server, random: &mut u64) {
    let user = format!("user{}@example.org", draw(random, 40));
    match draw(random, 3) {
        0 => drop(server.deliver("", &[user.as_str(), "user1@example.org"], "Subject: x\r\n\r\n".into()).unwrap()),
        1 => {
            let flags = ["\\Seen", "$Work"].map(Box::from);
            let draft = Draft { raw: "Subject: put\r\n\r\n".into(), flags: flags.to_vec().into(), date: None };
            server.engine().update(|world, now| world.put(&user, "Work/2026", draft, now)).unwrap();
        }
        _ => {
            let set =
                (Variable { name: "asked".into(), is_session: false }, VariableValue::Number(draw(random, 9) as i64));
            server.engine().update(|world, now| world.set_state(vec![set], now));
        }
    }
}

/// The variables according to the journal, without the scenario's initial ones.
fn recorded_variables(world: &World) -> BTreeMap<String, String> {
    let notes = world.journal.since(Seq(0)).unwrap().filter_map(|(_, record)| match &record.kind {
        RecordKind::Noted(noted) if noted.weight == Weight::State => Some(&noted.text),
        _ => None,
    });
    let recorded = notes.filter_map(|text| text.strip_prefix("state.")?.split_once(" = "));
    recorded.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[test]
fn the_world_is_a_fold_over_its_journal() {
    const COMMANDS: usize = 10_000;
    let server = server();
    server.engine().update(|world, _| world.journal.log = Some(LogWriter::default()));
    server.load(Arc::new(Scenario::text("meddling.toml", MEDDLING).load().unwrap())).unwrap();
    let mut random = 0x2545_f491_4f6c_dd1d;
    let mut clients: Vec<_> = (0..3).map(|_| connect(&server, Listener::Smtp)).collect();
    let mut readers: Vec<_> = (0..3).map(|n| reader(&server, n)).collect();
    let mut maildrop = maildrop(&server);
    let mut queue = connect(&server, Listener::Lmtp);
    let mut was_partly_refused = false;
    let mut prefixes: Vec<(Seq, String)> = Vec::new();

    for n in 0..COMMANDS {
        if draw(&mut random, 20) == 0 {
            change_something(&server, &mut random);
        }
        if n == COMMANDS * 3 / 4 {
            server.engine().read(|world| {
                let state = world.rulebook.variables.state().iter();
                let variables = state.map(|(name, set)| (name.to_string(), shown(&set.value.as_value())));
                assert_eq!(recorded_variables(world), variables.collect());
            });
            // The scenario's accounts and mail are removed with it.
            server.unload();
        }
        if draw(&mut random, 2) == 0 {
            read_something(&mut readers[draw(&mut random, 3) as usize], &mut random);
            if draw(&mut random, 10) == 0 {
                maildrop = take_something(&server, maildrop, &mut random);
            }
            keep_picture(&server, n, &mut prefixes);
            continue;
        }
        if draw(&mut random, 10) == 0 {
            let replies = deliver_something(&mut queue, &mut random);
            let is_refused = |reply: &String| reply.starts_with("452 ");
            was_partly_refused |= replies.iter().any(is_refused) && !replies.iter().all(is_refused);
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

    assert!(was_partly_refused);

    let mut reader = LogReader::new(Accounts::new(Vec::new(), Namespace::default(), 1));
    server.engine().read(|world| {
        let lines = &world.journal.log.as_ref().unwrap().lines;
        for (tip, picture_then) in prefixes {
            read_through(&mut reader, lines, tip);
            assert_eq!(picture(&reader.accounts), picture_then, "at {tip}");
        }
        read_through(&mut reader, lines, world.journal.tip());
        assert_same(&reader.journal, &world.journal);
        assert!(lines.len() > COMMANDS);
    });

    server.engine().update(|world, now| world.reset(&[], now));
    (0..20).for_each(|_| change_something(&server, &mut random));
    server.load(Arc::new(Scenario::text("closed.toml", CLOSED).load().unwrap())).unwrap();

    server.engine().read(|world| {
        let lines = &world.journal.log.as_ref().unwrap().lines;
        read_through(&mut reader, lines, world.journal.tip());
        assert_eq!(picture(&reader.accounts), picture(&world.mail.accounts));
        let password = |login| reader.accounts.member(login)?.password();
        assert_eq!(password("ann@example.org"), Some("secret"));
        assert_eq!(password("bob@example.org"), None);
        assert_same(&reader.journal, &world.journal);
        let deliveries = ["\"is_delivery\":true", "\"is_delivery\":false"];
        let changes = ["\"close\":{", "\"is_reversed\":true", "\"admit\":{", "\"reset\":{"];
        for change in deliveries.iter().chain(&changes) {
            assert!(lines.iter().any(|line| line.contains(change)), "no record has {change}");
        }
    });
}

fn read_through(reader: &mut LogReader, lines: &[String], tip: Seq) {
    let read = reader.journal.tip().number() as usize;
    for line in &lines[read..tip.number() as usize] {
        reader.read(line).unwrap();
    }
}

/// Compares everything that readers of a journal can observe.
fn assert_same(read: &Journal, was: &Journal) {
    assert_eq!((read.tip(), read.floor(), read.is_settled()), (was.tip(), was.floor(), was.is_settled()));
    for (seq, record) in was.since(was.floor()).unwrap() {
        assert_eq!(format!("{:?}", read.get(seq)), format!("{:?}", Some(record)), "record {seq}");
    }
    let sessions = |journal: &Journal| journal.sessions().map(|log| log.facts().clone()).collect::<Vec<_>>();
    assert_eq!(sessions(read), sessions(was));
    let text = |journal: &Journal| Transcript::of(journal, journal.sessions()).verbatim();
    assert!(text(read) == text(was), "the transcripts differ");
    let mail = |journal: &Journal| journal.closed_since(Seq(0), None).map(|its| format!("{its:?}")).collect();
    let (read, was): (Vec<String>, Vec<String>) = (mail(read), mail(was));
    assert_eq!(read, was);
}
