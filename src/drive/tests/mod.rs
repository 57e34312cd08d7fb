//! Tests of the driver with a toy machine.

mod bounds;
mod bugs;
mod fairness;
mod layers;
mod toy;
mod waking;

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::time::Duration;

pub(super) use layers::Inverted;
use toy::{
    connect, connect_holding_little, connect_holding_little_by_tls, ending, kick, line, say, start,
    start_holding_little, start_holding_little_by_tls, transcript,
};

use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, Interest, Topic, runtime};
use crate::journal::{Ending, Left, RecordKind};
use crate::protocol::{Event, Reply};
use crate::rule::step::tests::step;
use crate::rule::{By, On, Rule};
use crate::world::SessionCommand;

#[test]
fn a_reply_in_parts_is_one_exchange() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "count\nend\n");
    for n in 0..1000 {
        assert_eq!(line(&mut client), n.to_string());
    }
    assert_eq!(line(&mut client), "bye");

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
    let closed = engine.read(|world| {
        let records = world.journal.since(Seq(0)).unwrap();
        records.filter(|(_, r)| matches!(r.kind, RecordKind::Closed { left: Left::All, .. })).count()
    });
    assert_eq!(closed, 3, "greeting, count and end");
    assert!(transcript(&engine).starts_with("S: hello\nC: count\nS: 0\nS: 1\nS: 2\n"));
}

#[test]
fn a_goodbye_arrives_although_input_is_left_unread() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "end\n");
    // More than one read takes.
    say(&mut client, &"and more\n".repeat(60_000));

    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "bye\r\n");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
}

#[test]
fn requests_before_the_client_closed_its_side_are_answered() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "one\ntwo\n");
    client.get_mut().shutdown(std::net::Shutdown::Write).unwrap();

    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "one\r\ntwo\r\n");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::ClientClosed);
    assert!(transcript(&engine).ends_with("-- the client closed the connection without QUIT or LOGOUT\n"));
}

#[test]
fn a_client_that_sends_all_before_it_reads_is_read_while_it_is_written_to() {
    let (engine, address) = start_holding_little();
    let mut client = connect_holding_little(address);

    // More than the sockets hold in either direction, less than what is read ahead.
    say(&mut client, "flood\n");
    say(&mut client, &"0123456789abcde\n".repeat(50_000));
    say(&mut client, "end\n");

    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest.len(), (8 << 20) + 50_000 * 17 + 5);
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
}

#[test]
fn a_session_is_ended_from_outside_even_while_it_cannot_write() {
    let (engine, address) = start();
    let mut client = connect(address);
    say(&mut client, "flood\n");
    // One octet of the flood: the rest fills the socket buffers.
    client.read_exact(&mut [0]).unwrap();

    assert!(kick(&engine, SessionNo(1)));

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Kicked);
    assert!(!kick(&engine, SessionNo(1)));
    assert!(
        transcript(&engine)
            .contains("of the 8388608 octets of this reply were sent\n-- ended by a test, or by a rule's `kick`\n")
    );
}

#[test]
fn a_session_ended_without_a_goodbye_records_none() {
    let (engine, address) = start();
    let _client = connect(address);

    assert!(kick(&engine, SessionNo(1)));

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Kicked);
    let exchanges = engine.read(|world| {
        let records = world.journal.since(Seq(0)).unwrap();
        records.filter(|(_, record)| matches!(record.kind, RecordKind::Exchange(_))).count()
    });
    assert_eq!(exchanges, 1, "the greeting");
}

#[test]
fn commands_arrive_in_the_order_of_the_turns_that_send_them() {
    /// The waker of the first turn takes the second turn at once. The greeting may wake it earlier.
    struct Second(Weak<Engine>, AtomicBool);
    impl Wake for Second {
        fn wake(self: Arc<Self>) {
            if self.1.load(Ordering::SeqCst) {
                let engine = self.0.upgrade().unwrap();
                engine.update(|world, _| world.commands.push(said("second")));
            }
        }
    }
    fn said(text: &str) -> (SessionNo, SessionCommand, Option<By>) {
        (SessionNo(1), SessionCommand::Say(Reply::default().line(&[text])), None)
    }
    let (engine, address) = start();
    let mut client = connect(address);
    let interest = Interest::of([Topic::Everything]);
    let second = Arc::new(Second(Arc::downgrade(&engine), AtomicBool::new(false)));
    let watch = engine.watch(interest, Arc::clone(&second).into());

    engine.update(|world, now| {
        second.1.store(true, Ordering::SeqCst);
        world.commands.push(said("first"));
        world.note_bug(now);
    });
    drop(watch);

    assert_eq!([line(&mut client), line(&mut client)], ["first", "second"]);
}

#[test]
fn a_server_that_stops_sends_a_goodbye() {
    let (engine, address) = start();
    let mut client = connect(address);

    engine.stop();

    assert_eq!(line(&mut client), "stopping");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::ServerStopped);
}

#[test]
fn a_reset_is_recorded_as_a_broken_connection() {
    let (engine, address) = start();
    let client = connect(address);

    socket2::SockRef::from(client.get_ref()).set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Broken);
}

#[test]
fn a_bad_tls_record_is_answered_with_an_alert() {
    let (engine, address, certificate) = start_holding_little_by_tls();
    let mut client = connect_holding_little_by_tls(address, certificate);

    client.get_mut().sock.write_all(b"\x17\x03\x03\x00\x14not a TLS ciphertext").unwrap();

    let failed = client.read(&mut [0]).unwrap_err();
    assert_eq!(failed.to_string(), "received fatal alert: BadRecordMac");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::TlsFailed);
}

#[test]
fn a_paced_reply_is_sent_in_pieces() {
    let (engine, address) = start();
    let pace = step("pace = { chunk = 3, gap = '5ms' }");
    let rule = Rule::new("drip", vec![On::from(Event::SmtpNoop)], vec![pace], "here");
    engine.update(|world, now| world.mount(Arc::new(rule), now));
    let mut client = connect(address);
    engine.pause();

    say(&mut client, "abcdefg\n");

    for piece in ["abc", "def", "g\r\n"] {
        let mut read = [0; 64];
        let octets = client.get_mut().read(&mut read).unwrap();
        assert_eq!(&read[..octets], piece.as_bytes());
        runtime().block_on(engine.advance(Duration::from_millis(5))).unwrap();
    }
}

#[test]
fn an_incomplete_request_is_not_answered() {
    let (engine, address) = start();
    let mut client = connect(address);

    say(&mut client, "half a li");
    client.get_mut().shutdown(std::net::Shutdown::Write).unwrap();

    assert_eq!(client.get_mut().read(&mut [0; 16]).map_err(|error| error.kind()), Ok::<_, ErrorKind>(0));
    assert_eq!(ending(&engine, SessionNo(1)), Ending::ClientClosed);
    assert!(transcript(&engine).contains("-- 9 octets of an incomplete request were lost\n"));
}

#[test]
fn any_bytes_print_as_text() {
    let (engine, address) = start();
    let mut client = connect(address);

    client.get_mut().write_all(b"caf\xc3\xa9\nnot \xff text\r\nend\n").unwrap();
    let _all = client.read_to_end(&mut Vec::new()).unwrap();

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
    let text = transcript(&engine);
    assert!(text.contains("C: café\nS: café\nC| not \\xff text\\r\\r\\n\n"), "{text}");
}
