//! What a mail costs in memory: its octets, once.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use deadline::connect;
use mailjig::MailServer;

#[path = "clients/deadline.rs"]
#[allow(dead_code)]
mod deadline;

/// Counts what is asked for; what a block grows by counts, not the block again.
struct Counting;

static ALLOCATED: AtomicUsize = AtomicUsize::new(0);

// The one place that cannot do without: an allocator is unsafe by its interface. It only counts and passes on.
#[expect(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATED.fetch_add(size.saturating_sub(layout.size()), Ordering::Relaxed);
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const MEGABYTE: usize = 1_000_000;

/// Sends a mail and gives how much was allocated meanwhile, in the server and out of it.
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

#[test]
fn a_mail_of_a_megabyte_allocates_a_megabyte() {
    let server = MailServer::start();
    let mut client = BufReader::new(connect(server.smtp().address()));
    client.fill_buf().unwrap();
    client.get_mut().write_all(b"EHLO x\r\n").unwrap();
    let mut body = b"The quick brown fox jumps over the lazy dog once more.\r\n".repeat(MEGABYTE / 56 + 1);
    body.truncate(MEGABYTE - 2);
    body.extend_from_slice(b"\r\n");
    let size = body.len();
    body.extend_from_slice(b".\r\n");
    // Whatever is made once is made here.
    let small = b"hi\r\n.\r\n";
    cost(&mut client, "MAIL FROM:<ann@example.org>\r\n", small);
    cost(&mut client, "MAIL FROM:<ann@example.org>\r\n", small);

    let declared = cost(&mut client, &format!("MAIL FROM:<ann@example.org> SIZE={size}\r\n"), &body);
    let undeclared = cost(&mut client, "MAIL FROM:<ann@example.org>\r\n", &body);

    let bound = MEGABYTE * 11 / 10 + (64 << 10);
    assert!(declared <= bound, "{declared} octets for a mail of {size} with SIZE=");
    // Grown by half each time, then shrunk: at most that much more was asked for, and given back.
    assert!(undeclared <= bound + MEGABYTE / 2, "{undeclared} octets for a mail of {size} without SIZE=");
    let last = server.messages().pop().unwrap();
    assert_eq!(last.raw()[..], body[..size]);
    println!("{declared} octets with SIZE=, {undeclared} without, for a mail of {size}");
}
