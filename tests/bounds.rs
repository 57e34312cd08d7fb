//! Timeouts and limits: how long the server waits for clients, and how much it accepts from them.

use std::future::Future;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use clients::deadline::{DEADLINE, connect, until};
use clients::wire::Wire;
use mailjig::matchers::{any, session, subject, to};
use mailjig::{Ending, MailServer, Scenario};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

#[path = "clients/mod.rs"]
mod clients;

#[test]
fn cleartext_input_before_the_reply_to_starttls_is_discarded() {
    let text = "mailjig = 1\n[[rule]]\non = 'smtp.starttls'\ndo = [{ wait = '1h' }, { pass = true }]\n";
    let server = MailServer::builder().scenario(Scenario::text("late.toml", text)).manual_clock().start();
    let mut wire = Wire::connect(&server, "smtp", false);
    wire.line();
    wire.say("EHLO x\r\n");
    wire.line();
    wire.say("STARTTLS\r\n");
    until("the server has read it", || server.transcript().to_string().contains("C: STARTTLS\n"));

    // The server does not read it while it waits.
    wire.say("NOOP\r\n");
    server.clock().advance(Duration::from_secs(3600));
    assert_eq!(wire.line(), b"220 2.0.0 Ready to start TLS\r\n");
    let mut wire = wire.secure(&server);
    wire.say("NOOP\r\n");

    assert_eq!(wire.line(), b"250 2.0.0 Ok\r\n");
    let text = server.transcript().to_string();
    assert!(text.contains("-- 6 octets were sent in cleartext after STARTTLS and discarded\n"), "{text}");
}

#[test]
fn a_handshake_that_takes_too_long_ends_the_session() {
    let mut hello = Vec::new();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(RootCertStore::empty()).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut hello).unwrap();

    for said in [&b""[..], &hello[..20], &hello] {
        let server = MailServer::builder().handshake_timeout(Duration::from_millis(100)).start();
        let mut client = connect(server.imaps().address());
        client.write_all(said).unwrap();

        let ended = server.wait_for_session(session::open().not()).block();

        let octets = said.len();
        assert_eq!(ended.ended.map(|(_, ending)| ending), Some(Ending::TlsFailed), "after {octets} octets");
        let text = server.transcript().to_string();
        assert!(text.contains("not finished within 0.1 s"), "after {octets} octets: {text}");
    }
}

/// Begins IDLE in the INBOX.
fn idle(wire: &mut Wire) {
    for (command, last) in [("A LOGIN bob@example.org x", "A OK"), ("B SELECT INBOX", "B OK"), ("C IDLE", "+ ")] {
        wire.say(&format!("{command}\r\n"));
        let mut came = String::new();
        while !came.lines().any(|line| line.starts_with(last)) {
            came.push_str(&String::from_utf8(wire.read().unwrap()).unwrap());
        }
    }
}

#[test]
fn news_does_not_extend_the_idle_timeout() {
    let text = "mailjig = 1\n[[rule]]\non = 'imap.idle'\ndo = [{ pass = true }, { raw = '* OK still here\\r\\n', after = '28m' }]\n";
    let server = MailServer::builder().scenario(Scenario::text("news.toml", text)).manual_clock().start();
    let mut wire = Wire::connect(&server, "imap", false);
    wire.line();
    idle(&mut wire);

    server.clock().advance(Duration::from_secs(28 * 60));
    assert_eq!(wire.line(), b"* OK still here\r\n");
    server.deliver("bob@example.org", "Subject: news\r\n\r\n");
    assert!(wire.line().starts_with(b"* 1 EXISTS\r\n"));
    server.settled().block();
    assert_eq!(server.find(any()).len(), 1);
    server.clock().advance(Duration::from_secs(2 * 60));

    assert!(wire.line().starts_with(b"* BYE "));
    let ended = server.wait_for_session(session::open().not()).block();
    assert_eq!(ended.ended.map(|(_, ending)| ending), Some(Ending::Idle));
}

#[test]
fn a_client_that_ends_its_input_after_starttls_does_not_delay_others() {
    let server = MailServer::start();
    let mut wire = Wire::connect(&server, "smtp", false);
    wire.line();

    wire.say("STARTTLS\r\n");
    wire.fin();

    assert_eq!(wire.line(), b"220 2.0.0 Ready to start TLS\r\n");
    let ended = server.wait_for_session(session::open().not()).within(DEADLINE).block();
    assert_eq!(ended.ended.map(|(_, ending)| ending), Some(Ending::TlsFailed));
}

#[test]
fn advance_returns_after_everything_due_was_sent() {
    let text = "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = [{ wait = '1h' }, { pass = true }]\n\
                [[rule]]\non = 'smtp.rset'\ndo = [{ pass = true }, { raw = 'later\\r\\n', after = '1h' }]\n";
    let server = MailServer::builder().scenario(Scenario::text("waits.toml", text)).manual_clock().start();
    for round in 0..30 {
        let [mut waits, mut after] = [(); 2].map(|()| {
            let mut wire = Wire::connect(&server, "smtp", false);
            wire.line();
            wire
        });
        after.say("RSET\r\n");
        after.line();
        waits.say("NOOP\r\n");
        until("the server has read it", || server.transcript().to_string().matches("C: NOOP\n").count() > round);

        server.clock().advance(Duration::from_secs(3600));

        // No further wait is needed.
        assert!(!waits.is_silent() && !after.is_silent(), "round {round}");
    }
}

#[test]
fn resuming_the_clock_wakes_waiters() {
    let text = "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = [{ wait = '10ms' }, { pass = true }]\n\
                [[rule]]\non = 'smtp.rset'\ndo = [{ pass = true }, { raw = 'later\\r\\n', after = '10ms' }]\n\
                [[rule]]\non = 'smtp.vrfy'\ndo = [{ pass = true }, { listen = { down = '10ms' } }]\n";
    let server = MailServer::builder().scenario(Scenario::text("waits.toml", text)).manual_clock().start();
    let [mut session, mut deferred, mut listeners] = [(); 3].map(|()| {
        let mut wire = Wire::connect(&server, "smtp", false);
        wire.line();
        wire
    });
    session.say("NOOP\r\n");
    until("the server has read it", || server.transcript().to_string().contains("C: NOOP\n"));
    deferred.say("RSET\r\n");
    assert_eq!(deferred.line(), b"250 2.0.0 Ok\r\n");
    listeners.say("VRFY bob\r\n");
    listeners.line();
    let is_open = || TcpStream::connect_timeout(&server.smtp().address(), DEADLINE).is_ok();
    until("the listeners are closed", || !is_open());

    server.clock().resume();

    assert_eq!(session.line(), b"250 2.0.0 Ok\r\n");
    assert_eq!(deferred.line(), b"later\r\n");
    until("the listeners are open", is_open);
}

#[test]
fn advance_waits_only_once_for_a_listener_whose_port_is_taken() {
    let later: String = (2..=100).map(|n| format!(", {{ note = 'due', after = '{n}s' }}")).collect();
    let text = format!(
        "mailjig = 1\n[[rule]]\non = 'smtp.noop'\ndo = [{{ listen = {{ down = '1s' }} }}{later}, {{ pass = true }}]\n"
    );
    let server = MailServer::builder().scenario(Scenario::text("taken.toml", text)).manual_clock().start();
    let mut wire = Wire::connect(&server, "smtp", false);
    wire.line();
    wire.say("NOOP\r\n");
    wire.line();
    let mut taken = None;
    until("the listener is closed", || {
        taken = TcpListener::bind(server.smtp().address()).ok();
        taken.is_some()
    });

    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            server.clock().advance(Duration::from_secs(100));
            is_done.store(true, Ordering::Relaxed);
        });
        until("the time has come", || is_done.load(Ordering::Relaxed));
    });

    drop(taken);
    until("the listener is open", || TcpStream::connect_timeout(&server.smtp().address(), DEADLINE).is_ok());

    let address = server.smtp().address();
    let failures = std::panic::catch_unwind(AssertUnwindSafe(|| drop(server))).unwrap_err();
    let failures = failures.downcast::<String>().unwrap();
    let wanted = format!("smtp stays closed for now: it cannot listen on {address} again: ");
    assert!(failures.contains(&wanted), "{failures}");
}

#[test]
fn the_replies_to_pipelined_requests_are_sent_in_one_write() {
    let server = MailServer::start();
    let mut smtp = Wire::connect(&server, "smtp", true);
    smtp.line();

    smtp.say(&"NOOP\r\n".repeat(50));

    // Each write is a TLS record.
    assert_eq!(smtp.read().unwrap(), b"250 2.0.0 Ok\r\n".repeat(50));
}

#[test]
fn a_small_reply_in_parts_is_sent_in_one_write() {
    let server = MailServer::start();
    server.account("bob@example.org").inbox().generate(400);
    let mut imap = Wire::connect(&server, "imap", true);
    imap.line();
    for (command, last) in [("A LOGIN bob@example.org x", "A OK"), ("B SELECT INBOX", "B OK")] {
        imap.say(&format!("{command}\r\n"));
        let mut came = String::new();
        while !came.lines().any(|line| line.starts_with(last)) {
            came.push_str(&String::from_utf8(imap.read().unwrap()).unwrap());
        }
    }

    imap.say("C FETCH 1:* FLAGS\r\n");

    let came = imap.read().unwrap();
    assert!(came.starts_with(b"* 1 FETCH ") && came.ends_with(b"C OK Fetched\r\n"));
}

/// Whether a task was woken.
#[derive(Default)]
struct Task(AtomicBool);

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

impl Task {
    fn poll<F: Future>(self: &Arc<Self>, future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(&Arc::clone(self).into()))
    }

    fn is_woken(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[test]
fn a_wait_wakes_the_task_that_polled_it_last() {
    for by_address in [true, false] {
        let server = MailServer::start();
        let wait = if by_address { server.wait_for(to("bob@example.org")) } else { server.wait_for(subject("Hi")) };
        // Nothing else wakes it.
        let mut wait = Box::pin(wait.within(Duration::from_secs(3600)));
        let (first, last) = (Arc::new(Task::default()), Arc::new(Task::default()));
        assert!(first.poll(wait.as_mut()).is_pending());
        assert!(last.poll(wait.as_mut()).is_pending());

        server.deliver("bob@example.org", "Subject: Hi\r\n\r\n");

        until("the task that polled last is woken", || last.is_woken());
        assert!(!first.is_woken());
        assert!(last.poll(wait.as_mut()).is_ready());
    }
}

#[test]
fn a_deadline_wakes_the_task_that_polled_last() {
    let server = MailServer::start();
    let mut none = Box::pin(server.none_within(Duration::from_millis(100), any()));
    let (first, last) = (Arc::new(Task::default()), Arc::new(Task::default()));
    assert!(first.poll(none.as_mut()).is_pending());
    assert!(last.poll(none.as_mut()).is_pending());

    until("the task that polled last is woken", || last.is_woken());

    assert!(!first.is_woken());
    assert!(last.poll(none.as_mut()).is_ready());
}

#[test]
fn new_mail_during_an_awaited_line_in_idle_is_announced_after_it() {
    let text = "mailjig = 1\n[[rule]]\non = 'imap.idle'\ndo = [{ pass = true }, { await = 'wait' }]\n";
    let server = MailServer::builder().scenario(Scenario::text("await.toml", text)).start();
    let mut wire = Wire::connect(&server, "imap", false);
    wire.line();
    idle(&mut wire);

    server.deliver("bob@example.org", "Subject: news\r\n\r\n");
    wire.say("wait\r\n");

    assert!(wire.line().starts_with(b"* 1 EXISTS\r\n"));
    wire.say("DONE\r\n");
    assert!(wire.line().starts_with(b"C OK "));
}

#[test]
fn input_before_a_line_is_awaited_belongs_to_that_line() {
    let text = "mailjig = 1\n[[rule]]\non = 'smtp.lapse'\ndo = [{ reply = '421 still there?' }, { await = 'NOOP' }]\n";
    let server = MailServer::builder().scenario(Scenario::text("await.toml", text)).manual_clock().start();
    let mut wire = Wire::connect(&server, "smtp", false);
    wire.line();
    wire.say("NO");
    until("the server has read it", || {
        let wait = server.wait_for(any()).within(Duration::ZERO);
        smol::block_on(wait.outcome()).unwrap_err().to_string().contains("in a line, 2 octets so far")
    });
    server.clock().advance(Duration::from_secs(300));
    assert_eq!(wire.line(), b"421 still there?\r\n");

    wire.say("OP\r\nRSET\r\n");

    assert_eq!(wire.line(), b"250 2.0.0 Ok\r\n");
    server.verify().block();
}
