//! `send -bs`: SMTP on standard input and output, forwarded to the server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use super::status::SmtpError;
use crate::cli::client::failure::Failure;
use crate::cli::client::output::print;

/// Forwards octets in both directions until the server closes the connection.
pub(super) fn relay(mut socket: TcpStream) -> Result<(), Failure> {
    let lost = |error: io::Error| SmtpError::Lost(format!("the connection to the server was lost: {error}"));
    let to_server = socket.try_clone().map_err(lost)?;
    // It ends with the process: reading from standard input cannot be interrupted.
    thread::spawn(move || forward(to_server));
    let mut portion = vec![0; 1 << 16];
    loop {
        let octets = socket.read(&mut portion).map_err(lost)?;
        if octets == 0 {
            return Ok(());
        }
        print(&portion[..octets])?;
    }
}

/// Sends standard input. When it ends, the server hears that nothing more will come.
fn forward(mut socket: TcpStream) {
    let mut input = io::stdin().lock();
    let mut portion = vec![0; 1 << 16];
    while let Ok(octets @ 1..) = input.read(&mut portion) {
        if socket.write_all(&portion[..octets]).is_err() {
            // The other direction reports the lost connection.
            return;
        }
    }
    let _it_may_be_closed = socket.shutdown(Shutdown::Write);
}
