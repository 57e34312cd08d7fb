//! The client's side of SMTP (RFC 5321): one message in a session of its own.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::dsn::Dsn;
use super::status::SmtpError;
use crate::cli::client::output::harmless;

/// Octets of a reply that are read at most.
const LONGEST_REPLY: u64 = 1 << 20;

/// What the client asks when the server refuses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Stage {
    Greeting,
    Sender,
    Recipient,
    Message,
}

#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The text of each line, without the code.
    pub(super) lines: Vec<String>,
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, harmless(&self.lines.join(" / "), &[]))
    }
}

/// A reply that refuses something.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) stage: Stage,
    /// The address that is refused.
    pub(super) about: Option<String>,
    pub(super) reply: Reply,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.about.as_deref().map(|address| harmless(address, &[])).unwrap_or_default();
        match self.stage {
            Stage::Greeting => write!(f, "the server refuses the session: {}", self.reply),
            Stage::Sender => write!(f, "the server refuses the sender <{address}>: {}", self.reply),
            Stage::Recipient => write!(f, "the server refuses the recipient <{address}>: {}", self.reply),
            Stage::Message => write!(f, "the server refuses the message: {}", self.reply),
        }
    }
}

/// What is to be sent.
pub(super) struct Outgoing {
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    /// With CRLF at the end of each line.
    pub(super) message: Vec<u8>,
    pub(super) dsn: Dsn,
}

/// What became of it: the server accepted the message for at least one recipient.
pub(super) struct Sent {
    pub(super) accepted: Vec<String>,
    pub(super) refused: Vec<Refused>,
    pub(super) reply: Reply,
}

/// A session with a server.
pub(super) struct Dialogue {
    input: BufReader<TcpStream>,
    /// The keywords of the server's extensions, in capitals.
    extensions: Vec<String>,
    is_verbose: bool,
}

impl Dialogue {
    /// Reads the greeting and says EHLO, or HELO to a server that does not know EHLO.
    pub(super) fn begin(socket: TcpStream, patience: Duration, is_verbose: bool) -> Result<Self, SmtpError> {
        let timeouts = socket.set_read_timeout(Some(patience)).and_then(|()| socket.set_write_timeout(Some(patience)));
        timeouts.and_then(|()| socket.set_nodelay(true)).map_err(|error| lost(&error))?;
        let mut its = Self { input: BufReader::new(socket), extensions: Vec::new(), is_verbose };
        let greeting = its.reply().map_err(SmtpError::at_greeting)?;
        its.accept(Stage::Greeting, None, greeting)?;
        let hello = its.ask("EHLO localhost")?;
        let hello = if matches!(hello.code, 500..=504) { its.ask("HELO localhost")? } else { hello };
        let hello = its.accept(Stage::Greeting, None, hello)?;
        let keyword = |line: &String| line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        its.extensions = hello.lines.iter().skip(1).map(keyword).collect();
        Ok(its)
    }

    /// Sends the message to those recipients that the server accepts, and ends the session.
    pub(super) fn send(mut self, outgoing: &Outgoing) -> Result<Sent, SmtpError> {
        let sent = self.transact(outgoing);
        if !matches!(sent, Err(SmtpError::Lost(_) | SmtpError::NotSmtp(_))) {
            // The outcome is known, whatever the server says to this.
            let _ = self.ask("QUIT");
        }
        sent
    }

    fn transact(&mut self, outgoing: &Outgoing) -> Result<Sent, SmtpError> {
        let dsn = self.dsn(outgoing);
        let of_dsn = dsn.map(Dsn::of_mail).unwrap_or_default();
        let mail = format!("MAIL FROM:<{}>{}{of_dsn}", outgoing.sender, self.parameters(outgoing)?);
        let reply = self.ask(&mail)?;
        self.accept(Stage::Sender, Some(&outgoing.sender), reply)?;
        let of_dsn = dsn.map(Dsn::of_rcpt).unwrap_or_default();
        let (mut accepted, mut refused) = (Vec::new(), Vec::new());
        for recipient in &outgoing.recipients {
            let reply = self.ask(&format!("RCPT TO:<{recipient}>{of_dsn}"))?;
            match self.accept(Stage::Recipient, Some(recipient), reply) {
                Ok(_) => accepted.push(recipient.clone()),
                Err(SmtpError::Refused(its)) if its.reply.code != 421 => refused.push(its),
                Err(error) => return Err(error),
            }
        }
        if accepted.is_empty() {
            return Err(SmtpError::Refused(refused.remove(0)));
        }
        let reply = self.ask("DATA")?;
        if reply.code != 354 {
            return Err(SmtpError::Refused(Refused { stage: Stage::Message, about: None, reply }));
        }
        self.log("C", &format!("<{} octets>", outgoing.message.len()));
        let reply = self.exchange(&stuffed(&outgoing.message))?;
        let reply = self.accept(Stage::Message, None, reply)?;
        Ok(Sent { accepted, refused, reply })
    }

    fn has(&self, extension: &str) -> bool {
        self.extensions.iter().any(|its| its == extension)
    }

    /// What the sender wants to be notified of, if the server has the extension for it. A message without it is better
    /// than none, as with sendmail.
    fn dsn<'o>(&self, outgoing: &'o Outgoing) -> Option<&'o Dsn> {
        let dsn = Some(&outgoing.dsn).filter(|dsn| dsn.is_wanted())?;
        if !self.has("DSN") {
            complain!("mailjig: the server does not announce DSN, so `-N`, `-R` and `-V` have no effect");
            return None;
        }
        Some(dsn)
    }

    /// The parameters of MAIL, of the extensions that the server has, without those of DSN.
    fn parameters(&self, outgoing: &Outgoing) -> Result<String, SmtpError> {
        let has = |name: &str| self.has(name);
        let mut parameters = String::new();
        if has("SIZE") {
            parameters += &format!(" SIZE={}", outgoing.message.len());
        }
        if !outgoing.message.is_ascii() && has("8BITMIME") {
            parameters += " BODY=8BITMIME";
        }
        let mut addresses = outgoing.recipients.iter().chain([&outgoing.sender]);
        match addresses.find(|address| !address.is_ascii()) {
            Some(_) if has("SMTPUTF8") => parameters += " SMTPUTF8",
            Some(address) => {
                let why = "needs the extension SMTPUTF8, which the server does not have";
                return Err(SmtpError::BadAddress(format!("the address <{address}> {why}")));
            }
            None => {}
        }
        Ok(parameters)
    }

    fn accept(&self, stage: Stage, about: Option<&str>, reply: Reply) -> Result<Reply, SmtpError> {
        match reply.code {
            200..=299 => Ok(reply),
            _ => Err(SmtpError::Refused(Refused { stage, about: about.map(str::to_owned), reply })),
        }
    }

    fn ask(&mut self, command: &str) -> Result<Reply, SmtpError> {
        self.log("C", command);
        self.exchange(format!("{command}\r\n").as_bytes())
    }

    /// Writes octets and reads the reply. A server that closes the connection early may have said why.
    fn exchange(&mut self, octets: &[u8]) -> Result<Reply, SmtpError> {
        let written = self.input.get_mut().write_all(octets);
        let reply = self.reply();
        match (written, reply) {
            (Err(error), Err(_)) => Err(lost(&error)),
            (_, reply) => reply,
        }
    }

    fn reply(&mut self) -> Result<Reply, SmtpError> {
        let (mut lines, mut left) = (Vec::new(), LONGEST_REPLY);
        loop {
            let mut line = Vec::new();
            let octets = (&mut self.input).take(left).read_until(b'\n', &mut line).map_err(|error| lost(&error))?;
            left -= octets as u64;
            if line.last() != Some(&b'\n') {
                let why = match (left, &line[..]) {
                    (0, _) => {
                        return Err(SmtpError::NotSmtp(format!("the reply is longer than {LONGEST_REPLY} octets")));
                    }
                    (_, []) => "before it replied".to_owned(),
                    (_, line) => format!("within a reply: {}", harmless(&String::from_utf8_lossy(line), &[])),
                };
                return Err(SmtpError::Lost(format!("the server closed the connection {why}")));
            }
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            self.log("S", line);
            let (code, is_last, text) = reply_line(line).ok_or_else(|| {
                SmtpError::NotSmtp(format!("the server's reply is not SMTP: {}", harmless(line, &[])))
            })?;
            lines.push(text.to_owned());
            if is_last {
                return Ok(Reply { code, lines });
            }
        }
    }

    /// With `-v`, a line of the session.
    fn log(&self, who: &str, line: &str) {
        if self.is_verbose {
            complain!("{who}: {}", harmless(line, &[]));
        }
    }
}

/// The code of a line of a reply, whether it is the last one, and its text (RFC 5321 §4.2.1).
fn reply_line(line: &str) -> Option<(u16, bool, &str)> {
    let code = line.get(..3).filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()?;
    match line.get(3..4) {
        Some("-") => Some((code, false, &line[4..])),
        Some(" ") => Some((code, true, &line[4..])),
        None => Some((code, true, "")),
        Some(_) => None,
    }
}

/// The message for DATA: a line that begins with a dot gets another one, and a line with one dot ends it
/// (RFC 5321 §4.5.2).
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 8);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// The connection was lost.
fn lost(error: &io::Error) -> SmtpError {
    // Both kinds stand for a timeout, depending on the system.
    match matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
        true => SmtpError::Lost("the server did not reply in time; `--timeout` says how long to wait".to_owned()),
        false => SmtpError::Lost(format!("the connection to the server was lost: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_replies_are_read() {
        for (line, read) in [
            ("250 2.0.0 Ok", Some((250, true, "2.0.0 Ok"))),
            ("250-SIZE 1", Some((250, false, "SIZE 1"))),
            ("250", Some((250, true, ""))),
            ("25", None),
            ("2505", None),
            ("+50 x", None),
            ("HTTP/1.1 400", None),
            ("25é x", None),
        ] {
            assert_eq!(reply_line(line), read, "{line}");
        }
    }

    #[test]
    fn dots_are_stuffed() {
        for (message, sent) in [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".\r\n..b\r\nc.\r\n", "..\r\n...b\r\nc.\r\n.\r\n"),
            ("no end", "no end\r\n.\r\n"),
        ] {
            assert_eq!(String::from_utf8(stuffed(message.as_bytes())).unwrap(), sent);
        }
    }
}
