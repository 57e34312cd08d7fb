//! Waits with a deadline, so that a test fails and does not hang.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What has not come by now does not come, on a busy machine either.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A connection whose reads and writes fail after the deadline.
pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpStream::connect_timeout(&address, DEADLINE).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket.set_write_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Waits until this is so.
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < DEADLINE, "{what}: not so after {DEADLINE:?}");
        std::thread::yield_now();
    }
}
