//! Deliberate panics.

use std::io::Read;
use std::sync::Arc;

use super::toy::{connect, ending, line, say, start};
use crate::base::{Seq, SessionNo};
use crate::journal::Ending;
use crate::mail::{Change, Origin};
use crate::protocol::MailTxn;
use crate::scenario::Scenario;
use crate::world::World;

#[test]
fn a_panic_ends_only_its_own_session() {
    for bug in ["panic", "panic at once", "open and panic", "watch", "end and panic"] {
        let (engine, address) = start();
        let (mut one, mut two) = (connect(address), connect(address));

        say(&mut one, &format!("{bug}\n"));

        assert_eq!(ending(&engine, SessionNo(1)), Ending::Bug, "{bug}");
        assert!(engine.read(|world| world.rules_report().is_some()), "{bug}: verification fails");
        assert!(engine.read(|world| world.sessions()) == 1, "{bug}");
        one.read_to_end(&mut Vec::new()).unwrap();
        say(&mut two, "still there\n");
        assert_eq!(line(&mut two), "still there", "{bug}");
    }
}

/// The names of the accounts that the recorded changes open.
fn opened(world: &World) -> Vec<String> {
    let records = world.journal.since(Seq(0)).unwrap();
    let changes = records.flat_map(|(_, record)| record.kind.changes());
    let opened = changes.filter_map(|change| {
        let Change::Open { login, .. } = change else { return None };
        Some(login.to_string())
    });
    opened.collect()
}

#[test]
fn changes_before_a_panic_are_recorded() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "open and panic\n");

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Bug);
    assert_eq!(engine.read(opened), ["bob"]);
    assert!(engine.read(|world| world.mail.accounts.find("bob").is_some()));
}

#[test]
fn a_rules_changes_before_a_panic_are_recorded_once() {
    let (engine, address) = start();
    let text = "mailjig = 1
        [[rule]]
        on = 'state.changed'
        do = [{ mailbox = { user = 'carl', name = 'INBOX', renumber = true } }]
        [[rule]]
        on = 'smtp.noop'
        do = [{ mailbox = { user = 'bob', name = 'INBOX', renumber = true } }, { set = { x = 1 } }, { pass = true }]";
    let loaded = Scenario::text("bug.toml", text).load().unwrap();
    engine.update(|world, now| loaded.rules.iter().for_each(|rule| _ = world.mount(Arc::clone(rule), now)));
    let mut client = connect(address);

    say(&mut client, "panic\n");

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Bug);
    assert_eq!(engine.read(opened), ["carl", "bob"]);
}

#[test]
fn a_panic_in_a_timer_is_recorded_and_the_other_timers_run() {
    let (engine, address) = start();

    engine.update_alone(|world, now| {
        MailTxn::new(&mut world.mail, Origin::Delivered, now).open("bob");
        panic!("a deliberate panic in a timer")
    });

    assert_eq!(engine.read(opened), ["bob"]);
    assert!(engine.read(|world| world.rules_report().is_some()), "verification fails");
    let mut client = connect(address);
    say(&mut client, "still there\n");
    assert_eq!(line(&mut client), "still there");
}
