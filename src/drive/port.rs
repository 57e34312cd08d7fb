//! Ports: how they are bound, and how they are kept while a listener is closed.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Socket, Type};

/// Backlog: connections that the kernel queues for a busy listener.
const BACKLOG: i32 = 1024;

/// A listening socket; the kernel queues connections until they are accepted.
pub(crate) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    open(reserve(address)?)
}

/// A socket that is bound but does not listen: the kernel refuses connections to its port, and does not give the port to
/// a program that asks for any.
pub(super) fn reserve(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // Allows ports in TIME_WAIT, but not ports with a listener. (On Windows the option means something else.)
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Listens on a port that was kept.
pub(super) fn open(socket: Socket) -> io::Result<TcpListener> {
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_reserved_port_refuses_connections_and_is_given_to_nobody() {
        let any = ([127, 0, 0, 1], 0).into();
        let reserved = reserve(any).unwrap();
        let address = reserved.local_addr().unwrap().as_socket().unwrap();
        assert_eq!(TcpStream::connect(address).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        // For a port of its choice, the kernel judges like this, whatever the options of the sockets are.
        let other = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        assert_eq!(other.bind(&address.into()).unwrap_err().kind(), io::ErrorKind::AddrInUse);

        let listener = open(reserved).unwrap();

        assert_eq!(listener.local_addr().unwrap(), address);
        TcpStream::connect(address).unwrap();
    }
}
