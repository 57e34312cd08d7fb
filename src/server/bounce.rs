//! Reports about messages to their senders, for a test: delivered here, or sent to another server over SMTP.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::Server;
use crate::mail::{Bounce, Bounced, Message, NoBounce, Reporter};

/// How long the other server may take for a report, from the connection to the last reply.
const PATIENCE: Duration = Duration::from_secs(60);
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
    /// The other server does not announce this extension, which the report needs.
    Unable(&'static str),
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
        let until = Instant::now() + PATIENCE;
        let stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(lost)?;
        Relay { to, stream: BufReader::new(TimedStream { stream, until }) }.send(&self.settings.host, &report)
    }

    /// Composed outside of the lock: it has a copy of the message.
    fn report(&self, message: &Message, bounce: &Bounce) -> Result<Bounced, NotBounced> {
        let reporter = Reporter { host: &self.settings.host, now: self.engine.update(|_, now| now) };
        bounce.compose(message, &reporter).map_err(NotBounced::None)
    }
}

/// A connection that fails after a time, however slowly the octets come.
struct TimedStream {
    stream: TcpStream,
    until: Instant,
}

impl TimedStream {
    fn rest(&self) -> io::Result<Option<Duration>> {
        let rest = self.until.saturating_duration_since(Instant::now());
        if rest.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(rest)) }
    }
}

impl Read for TimedStream {
    fn read(&mut self, octets: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.rest()?)?;
        self.stream.read(octets)
    }
}

impl Write for TimedStream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.rest()?)?;
        self.stream.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// An SMTP session as a client.
struct Relay {
    to: SocketAddr,
    stream: BufReader<TimedStream>,
}

impl Relay {
    fn send(mut self, host: &str, report: &Bounced) -> Result<(), NotBounced> {
        self.reply("the connection", '2')?;
        let announced = self.command("EHLO", &format!("EHLO {host}"), '2')?;
        self.command("MAIL", &format!("MAIL FROM:<>{}", parameters(report, &announced)?), '2')?;
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

    fn command(&mut self, name: &'static str, line: &str, wanted: char) -> Result<String, NotBounced> {
        self.write(format!("{line}\r\n").as_bytes())?;
        self.reply(name, wanted)
    }

    fn write(&mut self, octets: &[u8]) -> Result<(), NotBounced> {
        self.stream.get_mut().write_all(octets).map_err(|error| NotBounced::Lost(self.to, error))
    }

    /// Reads a reply (RFC 5321 §4.2.1), which must be of this class.
    fn reply(&mut self, to: &'static str, wanted: char) -> Result<String, NotBounced> {
        let mut reply = String::new();
        loop {
            let mut line = Vec::new();
            let rest = LONGEST_REPLY.saturating_sub(reply.len() as u64);
            let read = (&mut self.stream).take(rest).read_until(b'\n', &mut line);
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
            true => Ok(reply),
            false => Err(NotBounced::Refused(to, reply.trim_end().to_owned())),
        }
    }
}

/// The parameters of MAIL that the report needs (RFC 6152 §3, RFC 6531 §3.4), if the reply to EHLO announces them.
fn parameters(report: &Bounced, announced: &str) -> Result<String, NotBounced> {
    let keywords = announced.lines().skip(1).filter_map(|line| line.get(4..)?.split_ascii_whitespace().next());
    let keywords: Vec<&str> = keywords.collect();
    let mut out = String::new();
    for (is_needed, keyword, parameter) in
        [(!report.raw.is_ascii(), "8BITMIME", " BODY=8BITMIME"), (report.is_utf8, "SMTPUTF8", " SMTPUTF8")]
    {
        if is_needed && !keywords.iter().any(|its| its.eq_ignore_ascii_case(keyword)) {
            return Err(NotBounced::Unable(keyword));
        }
        out += if is_needed { parameter } else { "" };
    }
    Ok(out)
}

impl fmt::Display for NotBounced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None(why) => write!(f, "there is no report: {why}"),
            Self::Lost(to, error) => write!(f, "the server at {to} does not take the report: {error}"),
            Self::Unable(keyword) => {
                write!(f, "the report needs {keyword}, which the other server does not announce")
            }
            Self::Refused(what, reply) => write!(f, "the other server refused {what}: {reply}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_report_has_the_parameters_that_it_needs() {
        let announced = "250-mx.example\r\n250-8bitmime\r\n250 SMTPUTF8 x\r\n";
        for (raw, is_utf8, announced, expected) in [
            ("a", false, "250 mx.example\r\n", Ok("")),
            ("\u{FC}", false, announced, Ok(" BODY=8BITMIME")),
            ("a", true, announced, Ok(" SMTPUTF8")),
            ("\u{FC}", true, announced, Ok(" BODY=8BITMIME SMTPUTF8")),
            ("\u{FC}", false, "250-8BITMIME\r\n250 SIZE\r\n", Err("8BITMIME")),
            ("a", true, "250-mx.example\r\n250 8BITMIME\r\n", Err("SMTPUTF8")),
        ] {
            let report = Bounced { to: "a@example.org".into(), raw: raw.to_owned().into(), is_utf8 };
            let got = parameters(&report, announced).map_err(|why| why.to_string());
            let expected = expected.map(str::to_owned);
            let expected =
                expected.map_err(|its| format!("the report needs {its}, which the other server does not announce"));
            assert_eq!(got, expected, "{announced}");
        }
    }

    #[test]
    fn the_time_for_a_report_ends_although_octets_come() {
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = other.local_addr().unwrap();
        let stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
        let (mut slow, _) = other.accept().unwrap();
        slow.write_all(b"220-still\r\n").unwrap();
        let relay = Relay { to, stream: BufReader::new(TimedStream { stream, until: Instant::now() }) };
        let report = Bounced { to: "a@example.org".into(), raw: "".into(), is_utf8: false };

        let failed = relay.send("mail.example", &report).unwrap_err();

        assert!(matches!(&failed, NotBounced::Lost(_, error) if error.kind() == io::ErrorKind::TimedOut), "{failed}");
    }
}
