//! Plays dialogues against machines without sockets or a runtime.

mod text;

use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use text::{Dialogue, Step};

use super::imap::{self, Imap};
use super::pop3::{self, Pop3};
use super::smtp::{self, Dialect, Smtp};
use super::{
    CapabilityOverride, Leniencies, Leniency, Lenient, Listener, Machine, MailStore, MailTxn, Next, Protocol, StartTls,
};
use crate::base::{SessionNo, Timestamp};
use crate::mail::{Accounts, InternalDate, Member, Namespace, Origin};
use crate::sasl::Mechanism;

/// The internal date of all seeded messages: 2026-01-01T00:00:00Z.
const SEEDED: Timestamp = Timestamp::from_micros(1_767_225_600_000_000);

#[test]
fn every_smtp_dialogue_passes() {
    every_dialogue_goes_as_written(Protocol::Smtp, smtp, Smtp::capabilities);
}

#[test]
fn every_lmtp_dialogue_passes() {
    every_dialogue_goes_as_written(Protocol::Lmtp, lmtp, Smtp::capabilities);
}

#[test]
fn every_imap_dialogue_passes() {
    every_dialogue_goes_as_written(Protocol::Imap, imap, Imap::capabilities);
}

#[test]
fn every_pop3_dialogue_passes() {
    every_dialogue_goes_as_written(Protocol::Pop3, pop3, Pop3::capabilities);
}

fn every_dialogue_goes_as_written<M: Machine>(
    protocol: Protocol,
    machine: fn(&Dialogue) -> M,
    capabilities: fn(&M) -> String,
) {
    let dialogues = dialogues(protocol);
    for (name, script) in &dialogues {
        play(name, script, machine(script), capabilities, usize::MAX);
        play(name, script, machine(script), capabilities, 1);
    }
    println!("{} dialogues, each in one piece and octet by octet", dialogues.len());
}

/// Dialogues that are impossible: of commands that are allowed in any state, take any argument, or are always refused.
const CANNOT: &[(Protocol, &[&str])] = &[
    (
        Protocol::Smtp,
        &[
            "helo.wrong-state",
            "ehlo.wrong-state",
            "rset.wrong-state",
            "noop.wrong-state",
            "noop.bad-syntax",
            "vrfy.wrong-state",
            "expn.wrong-state",
            "help.wrong-state",
            "help.bad-syntax",
            "quit.wrong-state",
        ],
    ),
    (Protocol::Imap, &["capability.wrong-state", "noop.wrong-state", "logout.wrong-state", "id.wrong-state"]),
    (Protocol::Pop3, &["capa.wrong-state", "lang.wrong-state", "quit.wrong-state"]),
];

#[test]
fn every_command_has_a_dialogue_for_each_outcome() {
    let verbs = [
        (Protocol::Smtp, smtp::verbs().collect::<Vec<_>>()),
        (Protocol::Imap, imap::verbs().collect()),
        (Protocol::Pop3, pop3::verbs().collect()),
    ];
    for ((protocol, verbs), (_, cannot)) in verbs.into_iter().zip(CANNOT) {
        let names: BTreeSet<String> = dialogues(protocol).into_iter().map(|(name, _)| name).collect();
        let ways = ["ok", "wrong-state", "bad-syntax"];
        let wanted = verbs.into_iter().flat_map(|verb| ways.map(|way| format!("{verb}.{way}").to_lowercase()));

        let (impossible, possible): (Vec<_>, Vec<_>) = wanted.partition(|name| cannot.contains(&name.as_str()));

        let missing: Vec<_> = possible.iter().filter(|name| !names.contains(*name)).collect();
        assert!(missing.is_empty(), "{protocol}: there is no dialogue for {missing:?}");
        let surprising: Vec<_> = impossible.iter().filter(|name| names.contains(*name)).collect();
        assert!(surprising.is_empty(), "{protocol}: {surprising:?} is impossible, but there is a dialogue");
    }
}

#[test]
fn nothing_panics_on_mangled_dialogues() {
    mangle(Protocol::Smtp, smtp);
    mangle(Protocol::Lmtp, lmtp);
    mangle(Protocol::Imap, imap);
    mangle(Protocol::Pop3, pop3);
}

/// Plays the client's side of dialogues with octets changed, doubled, removed and swapped.
fn mangle<M: Machine>(protocol: Protocol, machine: fn(&Dialogue) -> M) {
    const SIGNS: &[u8] = b"(){}\"\\*%[]<>~+:,. \r\n\x000179&=";
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut draw = move |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below.max(1) as u64) as usize
    };
    for (_, script) in &dialogues(protocol) {
        for _ in 0..60 {
            let mut player = Player::new(script, machine(script), |_| String::new());
            for (_, step) in &script.steps {
                let Step::Client(octets) = step else { continue };
                let mut octets = octets.clone();
                for _ in 0..draw(4) {
                    let (at, to) = (draw(octets.len()), draw(octets.len()));
                    match draw(6) {
                        _ if octets.is_empty() => {}
                        0 => octets[at] = draw(256) as u8,
                        1 => octets.insert(at, SIGNS[draw(SIGNS.len())]),
                        2 => drop(octets.remove(at)),
                        3 => octets.swap(at, to),
                        4 => octets.extend_from_within(at.min(to)..at.max(to)),
                        _ => octets.truncate(at),
                    }
                }
                player.input.extend_from_slice(&octets);
                player.run();
                if matches!(player.after, After::Secures) {
                    player.input.clear();
                    player.machine.secured();
                    player.after = After::Goes;
                }
            }
        }
    }
}

/// The dialogues of a protocol by their names.
fn dialogues(protocol: Protocol) -> Vec<(String, Dialogue)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/dialogues").join(protocol.name());
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let script = Dialogue::parse(&fs::read_to_string(&path).unwrap());
            (name.clone(), script.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    all.sort_by(|one, two| one.0.cmp(&two.0));
    all
}

fn smtp(script: &Dialogue) -> Smtp {
    smtp_as(Dialect::Smtp, script)
}

fn lmtp(script: &Dialogue) -> Smtp {
    smtp_as(Dialect::Lmtp, script)
}

fn smtp_as(dialect: Dialect, script: &Dialogue) -> Smtp {
    let mut limits = smtp::Limits::default();
    limits.line = script.number("limit.line").map_or(limits.line, |octets| octets as usize);
    limits.message = script.number("limit.message").unwrap_or(limits.message);
    limits.recipients = script.number("limit.recipients").map_or(limits.recipients, |count| count as usize);
    let config = smtp::Config {
        dialect,
        host: "mail.test".into(),
        starttls: starttls(script),
        requires_auth: script.settings("auth").any(|its| its == "required"),
        lenient: lenient(Protocol::Smtp, script),
        xclient: script.settings("xclient").any(|its| its == "yes"),
        needs_qualified: script.settings("submission").any(|its| its == "strict"),
        holds: dialect == Dialect::Smtp,
        seed: 1,
        limits,
    };
    Smtp::new(Arc::new(config), false, false)
}

fn imap(script: &Dialogue) -> Imap {
    let mut limits = imap::Limits::default();
    limits.command = script.number("limit.command").map_or(limits.command, |octets| octets as usize);
    limits.message = script.number("limit.message").unwrap_or(limits.message);
    let tolerance = if script.settings("strict").any(|value| value == "yes") {
        imap::Tolerance::STRICT
    } else {
        imap::Tolerance::default()
    };
    let config = imap::Config {
        tolerance,
        host: "mail.test".into(),
        starttls: starttls(script),
        seed: 1,
        limits,
        lenient: lenient(Protocol::Imap, script),
    };
    Imap::new(Arc::new(config), false, false)
}

fn pop3(script: &Dialogue) -> Pop3 {
    let mut policy = pop3::Policy::default();
    if let Some(form) = script.settings("uidl").next() {
        policy.unique_ids = pop3::UniqueIds::parse(form).expect("uidl = form of unique ids");
    }
    if let Some(expire) = script.settings("expire").next() {
        policy.expire = pop3::Expire::parse(expire).expect("expire = never or days");
    }
    for expire in script.settings("expire_for") {
        let (login, expire) = expire.split_once(' ').expect("expire_for = login days");
        policy.set_expire_for(login, pop3::Expire::parse(expire).expect("expire_for = login days"));
    }
    policy.login_delay = Duration::from_secs(script.number("login_delay").unwrap_or(0));
    let limits = pop3::Limits::default();
    let config = pop3::Config {
        host: "mail.test".into(),
        starttls: starttls(script),
        seed: 1,
        limits,
        policy,
        lenient: lenient(Protocol::Pop3, script),
    };
    Pop3::new(Arc::new(config), false, false)
}

fn lenient(protocol: Protocol, script: &Dialogue) -> Lenient {
    let mut all = Leniencies::default();
    for name in script.settings("lenient").flat_map(str::split_whitespace) {
        let named = Leniency::ALL.iter().find(|its| its.name() == name).expect("lenient = names");
        all.add(protocol, *named).expect("the protocol has it");
    }
    let listener = Listener::ALL.iter().find(|its| its.protocol() == protocol).expect("every protocol has a listener");
    all.of(*listener)
}

fn starttls(script: &Dialogue) -> StartTls {
    let named = script.settings("starttls").next().unwrap_or("never");
    *StartTls::ALL.iter().find(|its| its.name() == named).expect("starttls = never, offered, …")
}

/// Plays a dialogue. The client's octets come in pieces of at most this size.
fn play<M: Machine>(name: &str, script: &Dialogue, machine: M, capabilities: fn(&M) -> String, piece: usize) {
    let mut player = Player::new(script, machine, capabilities);
    player.run();
    for (number, step) in &script.steps {
        match step {
            Step::Client(octets) => {
                for piece in octets.chunks(piece.min(octets.len()).max(1)) {
                    player.input.extend_from_slice(piece);
                    player.run();
                }
            }
            Step::Server(expected) => {
                for expected in text::with_capabilities(expected, player.announced()).split("\r\n") {
                    let line = player.line();
                    let line = line
                        .unwrap_or_else(|| panic!("{name}:{number}: the server sent nothing instead of {expected}"));
                    assert_eq!(String::from_utf8_lossy(&line), *expected, "{name}:{number}");
                }
            }
            Step::Tls => {
                assert!(matches!(player.after, After::Secures), "{name}:{number}: the server does not begin TLS");
                if !player.machine.keeps_cleartext() {
                    player.input.clear();
                }
                player.machine.secured();
                player.after = After::Goes;
                player.run();
            }
            Step::Fin => {}
        }
    }
    assert_eq!(String::from_utf8_lossy(&player.said), "", "{name}: the server sends more than the dialogue has");
}

struct Player<M> {
    machine: M,
    mail: MailStore,
    input: BytesMut,
    said: Vec<u8>,
    /// For each reply in `said`: its remaining octets, and the capabilities of the machine at that time.
    replies: VecDeque<(usize, String)>,
    capabilities: fn(&M) -> String,
    after: After,
}

enum After {
    Goes,
    Secures,
    Ends,
}

impl<M: Machine> Player<M> {
    /// A player with the accounts and the mail that the head of the dialogue declares.
    fn new(script: &Dialogue, machine: M, capabilities: fn(&M) -> String) -> Self {
        let members = script.settings("account").map(|account| {
            let (login, password) = account.split_once(' ').expect("account = login password");
            let of_login = |key: &'static str| {
                let lines = script.settings(key).filter_map(|line| line.strip_prefix(login)?.strip_prefix(' '));
                lines.flat_map(|words| words.split(' ')).map(Box::from).collect()
            };
            let (tokens, addresses) = (of_login("tokens"), of_login("addresses"));
            Member { login: login.into(), password: password.into(), tokens, addresses }
        });
        let delimiter = script.settings("delimiter").next().and_then(|its| its.chars().next()).unwrap_or('/');
        let namespace = Namespace::new(script.settings("namespace").next().unwrap_or_default(), delimiter);
        let mut player = Self {
            machine,
            mail: MailStore::new(Accounts::new(members.collect(), namespace, 1)),
            input: BytesMut::new(),
            said: Vec::new(),
            replies: VecDeque::new(),
            capabilities,
            after: After::Goes,
        };
        if let Some(overrides) = player.machine.capability_overrides() {
            overrides.set_accounts(&player.mail.accounts);
            if let Some(names) = script.settings("mechanisms").next() {
                let mechanisms = Some(Mechanism::parse_all(names.split(' ')).expect("mechanisms = names"));
                overrides.change(&CapabilityOverride { mechanisms, ..CapabilityOverride::default() });
            }
        }
        player.seed(script);
        player
    }

    /// Seeds the mailboxes.
    fn seed(&mut self, script: &Dialogue) {
        let date = InternalDate { at: SEEDED, zone: 0 };
        let mut txn = MailTxn::new(&mut self.mail, Origin::Delivered, SEEDED);
        for mailbox in script.settings("mailbox") {
            let (login, name) = mailbox.split_once(' ').expect("mailbox = login name");
            txn.mailbox_of(login, name).expect("the mailbox is valid");
        }
        for (login, mailbox, octets, flags) in script.mail() {
            let place = txn.mailbox_of(login, mailbox).expect("the mailbox is valid");
            let flags = txn.flags(place, flags.into_iter()).expect("the flags are valid");
            txn.append(place, flags, Some(date), octets.into());
        }
    }

    /// The next line of the server.
    fn line(&mut self) -> Option<Vec<u8>> {
        let end = memchr::memmem::find(&self.said, b"\r\n")?;
        let mut taken = end + 2;
        while let Some((octets, _)) = self.replies.front_mut().filter(|_| taken > 0) {
            let of_this = taken.min(*octets);
            (*octets, taken) = (*octets - of_this, taken - of_this);
            self.replies.pop_front_if(|(octets, _)| *octets == 0);
        }
        Some(self.said.drain(..end + 2).take(end).collect())
    }

    /// The capabilities of the machine at the time of the reply to which the next line belongs.
    fn announced(&self) -> &str {
        self.replies.iter().find(|(octets, _)| *octets > 0).map_or("", |(_, capabilities)| capabilities)
    }

    fn run(&mut self) {
        while matches!(self.after, After::Goes) {
            let Some(decoded) = self.machine.decode(&mut self.input) else { return };
            let mut request = Some(decoded.request);
            while let Some(asked) = request.take() {
                let (origin, now) = (Origin::Session(SessionNo(1)), Timestamp::from_micros(0));
                let mut txn = MailTxn::new(&mut self.mail, origin, now);
                let step = self.machine.perform(asked, &mut txn);
                step.reply.pieces().for_each(|piece| self.said.extend_from_slice(piece));
                self.replies.push_back((step.reply.len(), (self.capabilities)(&self.machine)));
                match step.next {
                    Next::Continue => {}
                    Next::More(rest) => request = Some(rest),
                    Next::Layer(_) => self.after = After::Secures,
                    Next::End => self.after = After::Ends,
                }
            }
        }
    }
}
