//! How much one session does before it yields to others.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use super::toy::{Toy, tls_provider};
use crate::base::Seq;
use crate::drive::driver::Driver;
use crate::drive::socket::Socket;
use crate::drive::wire::Wire;
use crate::drive::{Engine, runtime};
use crate::journal::{Opened, RecordKind};
use crate::mail::Namespace;
use crate::protocol::Listener;
use crate::world::World;

/// A session whose driver is polled by hand, and its client.
fn session() -> (Arc<Engine>, Driver<Toy>, TcpStream) {
    let engine = Engine::new(World::new(Vec::new().into(), Namespace::default(), 1, None));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let local = listener.local_addr().unwrap();
    let client = TcpStream::connect(local).unwrap();
    let (socket, peer) = listener.accept().unwrap();
    socket.set_nonblocking(true).unwrap();
    let _entered = runtime().enter();
    let wire = Wire::new(Socket::new(tokio::net::TcpStream::from_std(socket).unwrap()));
    let (session, handle, _) =
        engine.admit(|_| (Opened { listener: Listener::Smtp, peer, local, offers_starttls: false }, ()));
    let driver = Driver::new(Arc::clone(&engine), session, Toy::default(), handle, tls_provider(), wire);
    (engine, driver, client)
}

fn exchanges(engine: &Engine) -> usize {
    engine.read(|world| {
        let records = world.journal.since(Seq(0)).unwrap();
        records.filter(|(_, record)| matches!(record.kind, RecordKind::Exchange(_))).count()
    })
}

struct Ring(mpsc::SyncSender<()>);

impl Wake for Ring {
    fn wake(self: Arc<Self>) {
        let _rung_already = self.0.try_send(());
    }
}

#[test]
fn pipelined_requests_are_processed_in_portions() {
    const LINES: usize = 2000;
    let (engine, driver, mut client) = session();
    client.write_all(&b"x\n".repeat(LINES)).unwrap();
    let (send, receive) = mpsc::sync_channel(1);
    let waker = Waker::from(Arc::new(Ring(send)));
    let _entered = runtime().enter();
    let mut driving = pin!(driver.run(false, false));

    let (mut done, mut most) = (0, 0);
    loop {
        assert!(driving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        let now = exchanges(&engine);
        (done, most) = (now, most.max(now - done));
        if done == 1 + LINES {
            break;
        }
        receive.recv_timeout(Duration::from_secs(20)).expect("the session continues");
    }

    assert!((32..=128).contains(&most), "{most} requests at once");
}

/// Even if the client reads at full speed.
#[test]
fn a_long_reply_is_sent_in_portions() {
    const OCTETS: usize = 8 << 20;
    let (_engine, driver, mut client) = session();
    client.write_all(b"flood\n").unwrap();
    client.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (send, receive) = mpsc::sync_channel(1);
    let waker = Waker::from(Arc::new(Ring(send)));
    let reading = std::thread::spawn(move || {
        let (mut came, mut buffer) = (0, vec![0; 1 << 20]);
        while came < OCTETS {
            came += client.read(&mut buffer).unwrap();
        }
        client
    });
    let _entered = runtime().enter();
    let mut driving = pin!(driver.run(false, false));

    let mut turns = 0;
    while !reading.is_finished() {
        assert!(driving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        turns += 1;
        let _or_all_is_said = receive.recv_timeout(Duration::from_millis(100));
    }

    assert!(reading.join().is_ok());
    assert!(turns >= 25, "{turns} turns");
}

#[test]
fn input_is_still_read_after_the_end() {
    let (engine, driver, mut client) = session();
    client.write_all(b"end\n").unwrap();
    client.write_all(&[b'x'; 100_000]).unwrap();
    let (send, receive) = mpsc::sync_channel(1);
    let waker = Waker::from(Arc::new(Ring(send)));
    let _entered = runtime().enter();
    let mut driving = pin!(driver.run(false, false));
    let mut is_driving = || driving.as_mut().poll(&mut Context::from_waker(&waker)).is_pending();

    let mut is_there = is_driving();
    while engine.read(|world| world.sessions()) > 0 {
        receive.recv_timeout(Duration::from_secs(20)).expect("the session ends");
        is_there = is_driving();
    }
    assert!(is_there, "the socket is still open for the client's input");

    drop(client);
    while is_driving() {
        receive.recv_timeout(Duration::from_secs(20)).expect("the driver ends when the client is gone");
    }
}
