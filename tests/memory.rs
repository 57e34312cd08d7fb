//! The memory of a captured message: its octets are stored once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use clients::deadline::connect;
use mailjig::MailServer;

#[path = "clients/mod.rs"]
mod clients;

/// Counts the requested octets; a block that grows counts only its growth.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);
/// Octets that are allocated and not freed.
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// The counters belong to the process, so only one test runs at a time.
static ALONE: Mutex<()> = Mutex::new(());

// Unavoidable: the interface of an allocator is unsafe. It only counts and forwards.
#[expect(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.fetch_add(size.saturating_sub(layout.size()), Ordering::Relaxed);
        LIVE.fetch_add(size, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const MEGABYTE: usize = 1_000_000;

/// Sends a mail and returns how much was allocated meanwhile, by server and client.
fn cost(client: &mut BufReader<TcpStream>, mail: &str, body: &[u8]) -> usize {
    let mut say = |line: &[u8]| {
        client.get_mut().write_all(line).unwrap();
        loop {
            let buffered = client.fill_buf().unwrap();
            let octets = buffered.len();
            let is_whole = buffered.ends_with(b"\r\n");
            client.consume(octets);
            if is_whole {
                return;
            }
        }
    };
    let before = ALLOCATED.load(Ordering::Relaxed);
    say(mail.as_bytes());
    say(b"RCPT TO:<bob@example.org>\r\n");
    say(b"DATA\r\n");
    say(body);
    ALLOCATED.load(Ordering::Relaxed) - before
}

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn a_message_of_a_megabyte_allocates_a_megabyte() {
    let _alone = alone();
    let server = MailServer::start();
    let mut client = BufReader::new(connect(server.smtp().address()));
    client.fill_buf().unwrap();
    client.get_mut().write_all(b"EHLO x\r\n").unwrap();
    let mut body = b"The quick brown fox jumps over the lazy dog once more.\r\n".repeat(MEGABYTE / 56 + 1);
    body.truncate(MEGABYTE - 2);
    body.extend_from_slice(b"\r\n");
    let size = body.len();
    body.extend_from_slice(b".\r\n");
    // Allocate here what is allocated only once.
    let small = b"hi\r\n.\r\n";
    cost(&mut client, "MAIL FROM:<ann@example.org>\r\n", small);
    cost(&mut client, "MAIL FROM:<ann@example.org>\r\n", small);

    let declared = cost(&mut client, &format!("MAIL FROM:<ann@example.org> SIZE={size}\r\n"), &body);
    let undeclared = cost(&mut client, "MAIL FROM:<ann@example.org>\r\n", &body);

    let bound = MEGABYTE * 11 / 10 + (64 << 10);
    assert!(declared <= bound, "{declared} octets for a mail of {size} with SIZE=");
    // Grown by half each time, then shrunk: at most that much more was requested and freed.
    assert!(undeclared <= bound + MEGABYTE / 2, "{undeclared} octets for a mail of {size} without SIZE=");
    let last = server.messages().pop().unwrap();
    assert_eq!(last.raw()[..], body[..size]);
    println!("{declared} octets with SIZE=, {undeclared} without, for a mail of {size}");
}

/// A client that has sent HELO.
fn greeted(server: &MailServer) -> BufReader<TcpStream> {
    let mut client = BufReader::new(connect(server.smtp().address()));
    client.read_line(&mut String::new()).unwrap();
    client.get_mut().write_all(b"HELO x\r\n").unwrap();
    client.read_line(&mut String::new()).unwrap();
    client
}

/// A body of this many octets, and its end.
fn body(octets: usize) -> Vec<u8> {
    let mut body = b"The quick brown fox jumps over the lazy dog once more.\r\n".repeat(octets / 56 + 1);
    body.truncate(octets - 2);
    body.extend_from_slice(b"\r\n.\r\n");
    body
}

/// Sends this many mails of this many octets to this many recipients, and returns the octets kept for each mail.
fn kept_of_each(server: &MailServer, mails: usize, octets: usize, recipients: usize) -> usize {
    let mut client = greeted(server);
    let recipients: String = (0..recipients).map(|i| format!("RCPT TO:<bob{i}@example.org>\r\n")).collect();
    let body = body(octets);
    let mut send = || {
        let head = format!("MAIL FROM:<ann@example.org>\r\n{recipients}DATA\r\n");
        client.get_mut().write_all(head.as_bytes()).unwrap();
        let mut line = String::new();
        while !line.starts_with("354 ") {
            line.clear();
            client.read_line(&mut line).unwrap();
        }
        client.get_mut().write_all(&body).unwrap();
        client.read_line(&mut line).unwrap();
    };
    // Allocate here what is allocated only once.
    send();
    server.settled().block();
    let before = LIVE.load(Ordering::Relaxed);
    (0..mails).for_each(|_| send());
    server.settled().block();
    LIVE.load(Ordering::Relaxed).saturating_sub(before) / mails
}

#[test]
fn a_captured_mail_costs_little_more_than_its_octets() {
    let _alone = alone();
    for (mails, octets, recipients, most) in [
        (2000, 2048, 1, 2048 * 3 / 2),
        (8, MEGABYTE, 1, MEGABYTE * 102 / 100),
        (4, MEGABYTE, 100, MEGABYTE * 106 / 100),
    ] {
        let server = MailServer::start();
        let kept = kept_of_each(&server, mails, octets, recipients);
        println!("{kept} octets are kept of a mail of {octets} to {recipients}: {:.3}", kept as f64 / octets as f64);
        assert!(kept <= most, "{kept} octets are kept of a mail of {octets} to {recipients}");
    }
}

#[test]
fn cleared_memory_is_freed() {
    let _alone = alone();
    let server = MailServer::start();
    kept_of_each(&server, 3, 2048, 1);
    server.clear();
    let before = LIVE.load(Ordering::Relaxed);

    kept_of_each(&server, 3000, 2048, 1);
    server.wait_for_session(mailjig::matchers::session::open().not()).block();
    server.clear();
    let cleared = LIVE.load(Ordering::Relaxed);
    kept_of_each(&server, 3000, 2048, 1);
    server.account("bob0@example.org").inbox().generate(3000);
    server.wait_for_session(mailjig::matchers::session::open().not()).block();
    server.reset();
    let reset = LIVE.load(Ordering::Relaxed);

    println!("{before} octets before, {cleared} after clearing, {reset} after a reset");
    assert!(cleared <= before * 11 / 10, "{before} octets before, {cleared} after clearing");
    assert!(reset <= before * 11 / 10, "{before} octets before, {reset} after a reset");
}
