//! Bounds on what a client can make the driver wait for or keep.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::toy::{
    WRITE, connect, connect_holding_little, connect_holding_little_by_tls, ending, line, say, start,
    start_holding_little, start_holding_little_by_tls, transcript,
};
use crate::base::{Seq, SessionNo};
use crate::drive::{Engine, runtime};
use crate::journal::{Ending, Opened};
use crate::protocol::{Event, Listener, Reply};
use crate::rule::step::tests::step;
use crate::rule::{Condition, Field, On, Rule, Test};
use crate::world::{EndCommand, SessionCommand, World};

/// Maximum time that a test waits.
const DEADLINE: Duration = Duration::from_secs(20);

/// Far more than sockets and the driver hold.
const MUCH: usize = 64 << 20;

fn advance(engine: &Arc<Engine>, by: Duration) {
    runtime().block_on(engine.advance(by)).unwrap();
}

#[test]
fn a_client_that_reads_nothing_is_disconnected() {
    let (engine, address) = start();
    engine.pause();
    let mut client = connect(address);
    say(&mut client, "flood\n");
    // One octet of the flood: the rest fills the socket buffers.
    client.read_exact(&mut [0]).unwrap();

    advance(&engine, WRITE - Duration::from_secs(1));
    assert!(engine.read(|world| world.sessions()) == 1, "the write timeout has not passed");
    advance(&engine, Duration::from_secs(1));

    assert_eq!(ending(&engine, SessionNo(1)), Ending::NotReading);
}

#[test]
fn advancing_the_clock_waits_only_once_for_a_client_that_does_not_read() {
    let (engine, _address) = start();
    engine.pause();
    let peer = ([127, 0, 0, 1], 1).into();
    let (_, handle, _) =
        engine.admit(|_| (Opened { listener: Listener::Smtp, peer, local: peer, offers_starttls: false }, ()));
    let now = engine.clock().moment();
    handle.block(now.plus(WRITE));

    advance(&engine, Duration::ZERO);

    let is_waited_for = [handle.signal(now), handle.signal(now)];
    assert_eq!(is_waited_for, [false, false]);
    assert!(handle.signal(now.plus(WRITE)), "the write timeout has passed");
    handle.work();
    handle.rest(now.plus(WRITE));
    assert!(handle.signal(now), "the client reads again");
}

#[test]
fn a_client_that_reads_slowly_is_not_disconnected() {
    let (engine, address) = start();
    engine.pause();
    let mut client = connect(address);
    say(&mut client, "flood\nend\n");
    client.read_exact(&mut [0]).unwrap();
    advance(&engine, WRITE * 2 / 3);
    let before = engine.next_due();

    // The client reads some octets, and the kernel takes more.
    let began = Instant::now();
    let mut octets = 1;
    while engine.next_due() == before {
        assert!(began.elapsed() < DEADLINE, "the server continues");
        client.read_exact(&mut [0; 4096]).unwrap();
        octets += 4096;
    }
    advance(&engine, WRITE * 2 / 3);
    octets += client.read_to_end(&mut Vec::new()).unwrap();

    assert_eq!(octets, (8 << 20) + 5);
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);
}

#[test]
fn reading_for_longer_than_the_idle_timeout_is_not_idleness() {
    let (engine, address) = start();
    engine.pause();
    let mut client = connect(address);
    say(&mut client, "flood\n");
    client.read_exact(&mut [0]).unwrap();
    let mut octets = 1;
    // Longer than the idle timeout.
    advance(&engine, WRITE * 2 / 3);
    let (before, began) = (engine.next_due(), Instant::now());
    while engine.next_due() == before {
        assert!(began.elapsed() < DEADLINE, "the server continues");
        client.read_exact(&mut [0; 4096]).unwrap();
        octets += 4096;
    }
    client.read_exact(&mut vec![0; (8 << 20) - octets]).unwrap();

    say(&mut client, "two\n");
    assert_eq!(line(&mut client), "two");
}

#[test]
fn a_partial_write_restarts_the_write_timeout() {
    let (engine, address) = start_holding_little();
    engine.pause();
    let mut client = connect_holding_little(address);
    say(&mut client, "flood\n");
    reads_a_part(&engine, client.get_mut());

    let (engine, address, certificate) = start_holding_little_by_tls();
    engine.pause();
    let mut client = connect_holding_little_by_tls(address, certificate);
    say(&mut client, "flood\n");
    reads_a_part(&engine, &mut client.get_mut().sock);
}

/// The client reads a part of the pending octets, which restarts its write timeout.
fn reads_a_part(engine: &Arc<Engine>, client: &mut TcpStream) {
    client.read_exact(&mut [0]).unwrap();
    advance(engine, WRITE * 2 / 3);
    let before = engine.next_due();

    // More than is buffered between server and client, and less than the 64 KiB that are written at once.
    client.read_exact(&mut [0; 24 << 10]).unwrap();

    let renewed = Some(engine.clock().now().plus(WRITE));
    let began = Instant::now();
    while engine.next_due() != renewed {
        assert!(began.elapsed() < DEADLINE, "from {before:?} to {:?}, not to {renewed:?}", engine.next_due());
        thread::yield_now();
    }
}

#[test]
fn a_busy_session_queues_a_bounded_number_of_commands() {
    let (engine, address) = start();
    let mut client = connect(address);
    say(&mut client, "flood\n");
    // One octet of the flood: the rest fills the socket buffers.
    client.read_exact(&mut [0]).unwrap();

    let say = || (SessionNo(1), SessionCommand::Say(Reply::from(b"more\r\n".to_vec())), None);
    engine.update(|world, _| world.commands.extend((0..1_000).map(|_| say())));
    assert!(engine.read(|world| world.sessions()) == 1, "the queue is full");
    engine.update(|world, _| world.commands.push(say()));

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Ruled);
    let text = engine.read(|world| world.rules_report().unwrap().to_string());
    assert!(text.contains("rules sent more commands to this session than it could take while it was busy"), "{text}");
}

#[test]
fn reading_ahead_is_bounded() {
    let (_engine, address) = start();
    let mut client = connect(address);
    say(&mut client, "flood\n");
    client.get_mut().set_write_timeout(Some(Duration::from_millis(500))).unwrap();

    let written = client.get_mut().write_all(&b"0123456789abcde\n".repeat(MUCH / 16));

    assert_eq!(written.map_err(|error| error.kind()), Err(ErrorKind::WouldBlock));
}

#[test]
fn input_read_ahead_during_the_last_reply_is_answered() {
    for (last_words, is_input_closed, wanted) in
        [("two\nend\n", false, Ending::Clean), ("two\n", true, Ending::ClientClosed)]
    {
        let (engine, address) = start_holding_little();
        let mut early = Rule::new("early", vec![On::from(Event::SmtpNoop)], Vec::new(), "here");
        early.when = vec![Condition { field: Field::Early, test: Test::Truth(true) }];
        let early = engine.update(|world, now| world.mount(Arc::new(early), now));
        let mut client = connect_holding_little(address);
        // More than the socket buffers hold, less than the server collects before it writes.
        let long = "x".repeat(60_000);

        say(&mut client, &format!("{long}\n"));
        client.get_mut().read_exact(&mut [0]).unwrap();
        say(&mut client, last_words);
        if is_input_closed {
            client.get_mut().shutdown(Shutdown::Write).unwrap();
        }

        let mut decoded = String::new();
        client.read_to_string(&mut decoded).unwrap();
        let farewell = if is_input_closed { "" } else { "bye\r\n" };
        assert!(
            decoded == format!("{}\r\ntwo\r\n{farewell}", &long[1..]),
            "{:?}",
            &decoded[decoded.len().saturating_sub(20)..]
        );
        assert_eq!(ending(&engine, SessionNo(1)), wanted);
        let were_early = engine.read(|world| world.rulebook.get(early).unwrap().fired);
        assert_eq!(were_early, last_words.lines().count() as u64, "all but the first line");
    }
}

#[test]
fn when_a_rule_stops_reading_nothing_is_read_during_a_reply_either() {
    let (engine, address) = start_holding_little();
    let steps = vec![step("read = 'stop'"), step("pass = true")];
    let stop = Rule::new("stop", vec![On::from(Event::SmtpNoop)], steps, "here");
    engine.update(|world, now| world.mount(Arc::new(stop), now));
    engine.pause();
    let mut client = connect_holding_little(address);
    say(&mut client, "flood\n");
    client.read_exact(&mut [0]).unwrap();

    say(&mut client, "two\n");
    client.read_exact(&mut vec![0; (8 << 20) - 1]).unwrap();
    advance(&engine, WRITE);

    let mut rest = String::new();
    client.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "too slow\r\n");
}

#[test]
fn an_awaited_line_is_kept_up_to_a_bound() {
    let (engine, address) = start();
    let steps = vec![step("await = '*'"), step("pass = true")];
    let awaits = Rule::new("awaits", vec![On::from(Event::SmtpNoop)], steps, "here");
    engine.update(|world, now| world.mount(Arc::new(awaits), now));
    let mut client = connect(address);

    say(&mut client, "anything\n");
    let written = client.get_mut().write_all(&vec![b'x'; MUCH]);

    let kind = written.map_err(|error| error.kind());
    assert!(matches!(kind, Err(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)), "{kind:?}");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Broken);
}

#[test]
fn the_lost_octets_of_a_goodbye_are_recorded() {
    const OCTETS: usize = 64 << 20;
    let (engine, address) = start();
    let mut client = connect(address);
    let goodbye = Reply::from(vec![b'x'; OCTETS]);

    let kick = SessionCommand::End(EndCommand::Kick(goodbye));
    engine.update(|world, _| world.commands.push((SessionNo(1), kick, None)));

    assert_eq!(ending(&engine, SessionNo(1)), Ending::Kicked);
    let transcript = transcript(&engine);
    let (_, lost) = transcript.rsplit_once("-- only ").expect("the transcript has the lost octets");
    let (left, rest) = lost.split_once(' ').unwrap();
    assert!(rest.starts_with(&format!("of the {OCTETS} octets of this reply were sent\n")), "{rest}");
    let mut came = Vec::new();
    client.read_to_end(&mut came).unwrap();
    assert_eq!(left, came.len().to_string());
}

#[test]
fn input_dropped_after_the_end_is_bounded() {
    let (_engine, address) = start();
    let mut client = connect(address);
    say(&mut client, "end\n");
    assert_eq!(line(&mut client), "bye");

    let written = client.get_mut().write_all(&vec![b'x'; MUCH]);

    let kind = written.map_err(|error| error.kind());
    assert!(matches!(kind, Err(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)), "{kind:?}");
}

#[test]
fn a_client_may_continue_to_send_after_a_half_close() {
    let (engine, address) = start();
    let half = Rule::new("half", vec![On::from(Event::SmtpNoop)], vec![step("close = 'half'")], "here");
    engine.update(|world, now| world.mount(Arc::new(half), now));
    let mut client = connect(address);

    say(&mut client, "anything\n");
    assert_eq!(client.read(&mut [0]).unwrap(), 0);
    client.get_mut().write_all(&vec![b'x'; MUCH]).unwrap();

    assert!(engine.read(|world| world.sessions()) == 1, "the session lasts as long as the client");
    drop(client);
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Ruled);
}

#[test]
fn closing_does_not_wait_for_the_client_forever() {
    let (engine, address) = start();
    let mut client = connect(address);
    let with_a_session = Arc::strong_count(&engine);

    say(&mut client, "end\n");
    assert_eq!(line(&mut client), "bye");
    assert_eq!(ending(&engine, SessionNo(1)), Ending::Clean);

    // The client is connected and silent; its driver ends and frees what it holds.
    let began = Instant::now();
    while Arc::strong_count(&engine) >= with_a_session {
        assert!(began.elapsed() < DEADLINE, "the driver is still there");
        thread::yield_now();
    }
}

#[test]
fn records_have_the_order_of_their_times() {
    let (engine, _address) = start();
    let (send, receive) = mpsc::channel();
    thread::scope(|scope| {
        let engine = &engine;
        scope.spawn(move || receive.iter().for_each(|()| engine.update(World::note_bug)));
        for _ in 0..500 {
            engine.read(|_| {
                send.send(()).unwrap();
                // Time for the other thread to advance as far as it can.
                let began = Instant::now();
                while began.elapsed() < Duration::from_micros(200) {
                    std::hint::spin_loop();
                }
            });
            engine.update(World::note_bug);
            engine.pause();
            engine.resume();
        }
        drop(send);
    });

    let times = engine.read(|world| {
        let records = world.journal.since(Seq(0)).unwrap();
        records.map(|(_, record)| record.at).collect::<Vec<_>>()
    });
    assert_eq!(times.len(), 1_000);
    assert!(times.is_sorted());
}
