//! Reports about messages to their senders, for a test: delivered here, or sent to another server over SMTP.

use std::fmt;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Server;
use crate::mail::{Bounce, Bounced, Message, NoBounce, Reporter};

/// How long the other server may take for a reply.
const PATIENCE: Duration = Duration::from_secs(30);
/// The longest reply that is read.
const LONGEST_REPLY: u64 = 64 << 10;

/// Why a report was not sent.
#[derive(Debug)]
pub(crate) enum NotBounced {
    /// There is none to send.
    None(NoBounce),
    /// The other server cannot be reached, or hung up.
    Lost(SocketAddr, io::Error),
    /// The other server refused it with this reply to this command.
    Refused(&'static str, String),
}

impl Server {
    /// Delivers the report about a message to its sender, and returns it.
    pub(crate) fn bounce(&self, message: &Message, bounce: &Bounce) -> Result<Message, NotBounced> {
        let report = self.report(message, bounce)?;
        let delivered = self.engine.update(|world, now| world.deliver_report(report, now));
        delivered.map_err(NotBounced::None)
    }

    /// Sends the report about a message to another server, which is to deliver it. Blocks.
    pub(crate) fn bounce_to(&self, to: SocketAddr, message: &Message, bounce: &Bounce) -> Result<(), NotBounced> {
        let report = self.report(message, bounce)?;
        let lost = |error| NotBounced::Lost(to, error);
        let stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(lost)?;
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(lost)?;
        Relay { to, stream: BufReader::new(stream) }.send(&self.settings.host, &report)
    }

    /// Composed outside of the lock: it has a copy of the message.
    fn report(&self, message: &Message, bounce: &Bounce) -> Result<Bounced, NotBounced> {
        let reporter = Reporter { host: &self.settings.host, now: self.engine.update(|_, now| now) };
        bounce.compose(message, &reporter).map_err(NotBounced::None)
    }
}

/// An SMTP session as a client.
struct Relay {
    to: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Relay {
    fn send(mut self, host: &str, report: &Bounced) -> Result<(), NotBounced> {
        self.reply("the connection", '2')?;
        self.command("EHLO", &format!("EHLO {host}"), '2')?;
        self.command("MAIL", if report.is_utf8 { "MAIL FROM:<> SMTPUTF8" } else { "MAIL FROM:<>" }, '2')?;
        self.command("RCPT", &format!("RCPT TO:<{}>", report.to), '2')?;
        self.command("DATA", "DATA", '3')?;
        let mut stuffed = Vec::with_capacity(report.raw.len() + 16);
        for line in report.raw.split_inclusive(|octet| *octet == b'\n') {
            if line.starts_with(b".") {
                stuffed.push(b'.');
            }
            stuffed.extend_from_slice(line);
        }
        stuffed.extend_from_slice(b".\r\n");
        self.write(&stuffed)?;
        self.reply("the message", '2')?;
        // The message is delivered, whatever the server says now.
        let _farewell = self.write(b"QUIT\r\n");
        Ok(())
    }

    fn command(&mut self, name: &'static str, line: &str, wanted: char) -> Result<(), NotBounced> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.reply(name, wanted)
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), NotBounced> {
        self.stream.get_mut().write_all(octets).map_err(|error| NotBounced::Lost(self.to, error))
    }

    /// Reads a reply (RFC 5321 §4.2.1), which must be of this class.
    fn reply(&mut self, to: &'static str, wanted: char) -> Result<(), NotBounced> {
        let mut reply = String::new();
        loop {
            let mut line = Vec::new();
            let rest = LONGEST_REPLY.saturating_sub(reply.len() as u64);
            let read = io::Read::take(&mut self.stream, rest).read_until(b'\n', &mut line);
            match read {
                Err(error) => return Err(NotBounced::Lost(self.to, error)),
                Ok(0) => return Err(NotBounced::Lost(self.to, io::ErrorKind::UnexpectedEof.into())),
                Ok(_) => reply += &String::from_utf8_lossy(&line),
            }
            if line.get(3) != Some(&b'-') {
                break;
            }
        }
        match reply.starts_with(wanted) {
            true => Ok(()),
            false => Err(NotBounced::Refused(to, reply.trim_end().to_owned())),
        }
    }
}

impl fmt::Display for NotBounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(why) => write!(f, "there is no report: {why}"),
            Self::Lost(to, error) => write!(f, "the server at {to} does not take the report: {error}"),
            Self::Refused(what, reply) => write!(f, "the other server refused {what}: {reply}"),
        }
    }
}
