//! Free ports from a range, for servers whose ports must be known before they start, as in a container.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::drive::bind;

/// A range of ports from which listeners take free ones, in turn.
#[derive(Debug)]
pub(crate) struct FreePorts {
    range: RangeInclusive<u16>,
    /// How many were tried, so that not every search begins at the ports that were taken first.
    tried: AtomicU32,
}

impl FreePorts {
    /// The ports of this range, which must not be empty.
    pub(crate) fn new(range: RangeInclusive<u16>) -> Self {
        Self { range, tried: AtomicU32::new(0) }
    }

    /// A listening socket at this IP address on a free port of the range.
    pub(super) fn bind(&self, mut address: SocketAddr) -> io::Result<TcpListener> {
        let (first, last) = (*self.range.start(), *self.range.end());
        let count = u32::from(last - first) + 1;
        for _ in 0..count {
            let step = self.tried.fetch_add(1, Ordering::Relaxed) % count;
            address.set_port(first + u16::try_from(step).unwrap_or(0));
            match bind(address) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                done => return done,
            }
        }
        Err(io::Error::other(format!("no port from {first} to {last} is free (`--server-ports`)")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_taken_from_the_range_and_freed_again() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        // Two neighbouring ports that are free now.
        let (first, range) = std::iter::repeat_with(|| bind(any).unwrap())
            .find_map(|socket| {
                let port = socket.local_addr().unwrap().port();
                let next = port.checked_add(1)?;
                let other = bind(([127, 0, 0, 1], next).into()).ok()?;
                Some(((socket, other), port..=next))
            })
            .unwrap();
        drop(first);
        let ports = FreePorts::new(range.clone());

        let (one, two) = (ports.bind(any).unwrap(), ports.bind(any).unwrap());
        let none = ports.bind(any).unwrap_err();
        drop(one);
        let again = ports.bind(any).unwrap();

        assert!(none.to_string().contains("is free (`--server-ports`)"), "{none}");
        let bound = |socket: &TcpListener| socket.local_addr().unwrap().port();
        assert!(range.contains(&bound(&two)) && range.contains(&bound(&again)) && bound(&two) != bound(&again));
    }
}
