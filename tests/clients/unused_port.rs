//! Ports that nobody listens at.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// The first port: below those that the system gives to sockets, so that none takes it before the test does.
const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A port that nobody listens at, another one at each call.
pub(crate) fn unused_port() -> u16 {
    static CALLS: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    let ports = (0..COUNT).map(|_| FIRST + (start + CALLS.fetch_add(1, Ordering::Relaxed)) % COUNT);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.into_iter().find(is_free).expect("a free port")
}
