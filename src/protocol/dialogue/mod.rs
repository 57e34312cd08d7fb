//! Plays dialogues against machines, without a runtime.

mod script;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::BytesMut;
use script::{Script, Step};

use super::smtp::{self, Smtp};
use super::{Desk, Machine, Next};
use crate::base::{SessionNo, Timestamp};
use crate::mail::{Accounts, Member, Origin};

#[test]
fn every_smtp_dialogue_goes_as_written() {
    let dialogues = dialogues("smtp");
    for (name, script) in &dialogues {
        play(name, script, smtp(script), usize::MAX);
        play(name, script, smtp(script), 1);
    }
    println!("{} dialogues, each in one piece and octet by octet", dialogues.len());
}

/// What cannot happen: a command that is right in any state, or whatever stands behind it, or that is always refused.
const CANNOT: &[&str] = &[
    "helo.wrong-state",
    "ehlo.wrong-state",
    "rset.wrong-state",
    "noop.wrong-state",
    "noop.bad-syntax",
    "vrfy.wrong-state",
    "expn.ok",
    "expn.wrong-state",
    "help.wrong-state",
    "help.bad-syntax",
    "quit.wrong-state",
];

#[test]
fn every_smtp_command_has_a_dialogue_for_each_way_it_can_go() {
    let names: BTreeSet<String> = dialogues("smtp").into_iter().map(|(name, _)| name).collect();
    let wanted = smtp::verbs()
        .flat_map(|verb| ["ok", "wrong-state", "bad-syntax"].map(|way| format!("{verb}.{way}").to_lowercase()));

    let (impossible, possible): (Vec<_>, Vec<_>) = wanted.partition(|name| CANNOT.contains(&name.as_str()));

    let missing: Vec<_> = possible.iter().filter(|name| !names.contains(*name)).collect();
    assert!(missing.is_empty(), "there is no dialogue for {missing:?}");
    let surprising: Vec<_> = impossible.iter().filter(|name| names.contains(*name)).collect();
    assert!(surprising.is_empty(), "{surprising:?} cannot happen, and yet there is a dialogue");
}

/// The dialogues of a protocol by their names.
fn dialogues(protocol: &str) -> Vec<(String, Script)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/dialogues").join(protocol);
    let mut all: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            let script = Script::parse(&fs::read_to_string(&path).unwrap());
            (name.clone(), script.unwrap_or_else(|error| panic!("{name}: {error}")))
        })
        .collect();
    all.sort_by(|one, two| one.0.cmp(&two.0));
    all
}

fn smtp(script: &Script) -> Smtp {
    let is = |key: &str, value: &str| script.settings(key).any(|its| its == value);
    let mut limits = smtp::Limits::default();
    limits.line = script.number("limit.line").map_or(limits.line, |octets| octets as usize);
    limits.message = script.number("limit.message").unwrap_or(limits.message);
    limits.recipients = script.number("limit.recipients").map_or(limits.recipients, |count| count as usize);
    let config = smtp::Config {
        host: "mail.test".into(),
        offers_tls: is("starttls", "on"),
        requires_tls: is("tls", "required"),
        requires_auth: is("auth", "required"),
        limits,
    };
    Smtp::new(Arc::new(config), false, false)
}

/// Plays a dialogue, the client's octets in pieces of at most this size.
fn play<M: Machine>(name: &str, script: &Script, machine: M, piece: usize) {
    let members = script.settings("account").map(|account| {
        let (login, password) = account.split_once(' ').expect("account = login password");
        Member { login: login.into(), password: password.into(), addresses: Vec::new() }
    });
    let mut player = Player {
        machine,
        accounts: Accounts::new(members.collect(), 1),
        next_message: 1,
        input: BytesMut::new(),
        said: Vec::new(),
        after: After::Goes,
    };
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
                let end = memchr::memmem::find(&player.said, b"\r\n");
                let end = end.unwrap_or_else(|| panic!("{name}:{number}: the server says nothing; wanted {expected}"));
                let line: Vec<u8> = player.said.drain(..end + 2).take(end).collect();
                assert_eq!(String::from_utf8_lossy(&line), *expected, "{name}:{number}");
            }
            Step::Tls => {
                assert!(matches!(player.after, After::Secures), "{name}:{number}: the server does not shake hands");
                player.input.clear();
                player.machine.secured();
                player.after = After::Goes;
            }
            Step::Fin => {}
        }
    }
    assert_eq!(String::from_utf8_lossy(&player.said), "", "{name}: the server says more than is written");
}

struct Player<M> {
    machine: M,
    accounts: Accounts,
    next_message: u32,
    input: BytesMut,
    said: Vec<u8>,
    after: After,
}

enum After {
    Goes,
    Secures,
    Ends,
}

impl<M: Machine> Player<M> {
    fn run(&mut self) {
        while matches!(self.after, After::Goes) {
            let Some(heard) = self.machine.decode(&mut self.input) else { return };
            let mut request = Some(heard.request);
            while let Some(asked) = request.take() {
                let (origin, now) = (Origin::Session(SessionNo(1)), Timestamp::from_micros(0));
                let mut desk = Desk::new(&mut self.accounts, &mut self.next_message, origin, now);
                let step = self.machine.perform(asked, &mut desk);
                self.said.extend_from_slice(step.reply.as_bytes());
                match step.next {
                    Next::Continue => {}
                    Next::More(rest) => request = Some(rest),
                    Next::Secure => self.after = After::Secures,
                    Next::End => self.after = After::Ends,
                }
            }
        }
    }
}
