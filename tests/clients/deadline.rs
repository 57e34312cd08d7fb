//! Waits with a deadline, so that a test fails instead of hanging.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Maximum time that a test waits, also on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A connection whose reads and writes fail after the deadline.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_write_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Waits until this is true.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "{what}: not true after {DEADLINE:?}");
        std::thread::yield_now();
    }
}
