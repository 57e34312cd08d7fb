//! The memory of a connection in IDLE.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicIsize, Ordering};

use clients::deadline::until;
use clients::wire::Wire;
use mailjig::MailServer;

#[path = "clients/mod.rs"]
mod clients;

/// Counts the allocated octets.
struct Counting;

static THERE: AtomicIsize = AtomicIsize::new(0);

// Unavoidable: the interface of an allocator is unsafe. It only counts and forwards.
#[expect(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        THERE.fetch_add(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        THERE.fetch_sub(layout.size() as isize, Ordering::Relaxed);
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const CLIENTS: usize = 10;
const KEPT: isize = 64 << 10;

#[test]
fn an_idle_connection_frees_its_buffers() {
    for is_tls in [false, true] {
        let server = MailServer::start();
        let mail = format!("Subject: large\r\n\r\n{}", "All work and no play.\r\n".repeat(50_000));
        server.account("bob@example.org").mailbox("INBOX").add(mail.into_bytes());
        let mut clients: Vec<Wire> = (0..CLIENTS).map(|_| ready(&server, is_tls)).collect();
        let before = THERE.load(Ordering::Relaxed);

        for client in &mut clients {
            client.say("c FETCH 1 BODY.PEEK[]\r\n");
            up_to(client, b"c OK Fetched\r\n");
        }

        let most = KEPT * CLIENTS as isize;
        until("the buffers are given back", || THERE.load(Ordering::Relaxed) - before < most);
    }
}

fn ready(server: &MailServer, is_tls: bool) -> Wire {
    let mut client = Wire::connect(server, "imap", is_tls);
    client.line();
    client.say("a LOGIN bob@example.org x\r\n");
    up_to(&mut client, b" You are logged in\r\n");
    client.say("b SELECT INBOX\r\n");
    up_to(&mut client, b"b OK [READ-WRITE] Selected\r\n");
    client
}

fn up_to(client: &mut Wire, end: &[u8]) {
    let mut tail = Vec::new();
    while !tail.ends_with(end) {
        tail.extend(client.read().unwrap());
        tail.drain(..tail.len().saturating_sub(end.len()));
    }
}
