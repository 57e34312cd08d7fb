//! Scripts as text.

use std::fmt;

use super::{ClientData, ClientLine, Divergence, Head, Script, ScriptStep};
use crate::base::{short, visible};

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head.fmt(f)?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{}", line.step))
    }
}

impl fmt::Display for Head {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::default() {
            return Ok(());
        }
        for text in &self.about {
            written(f, "#", text)?;
            writeln!(f)?;
        }
        if let Some(protocol) = self.protocol {
            writeln!(f, "# protocol = {}", protocol.name())?;
        }
        if let Some(listener) = self.listener {
            writeln!(f, "# listener = {}", listener.name())?;
        }
        if let Some(divergence) = &self.on_divergence {
            writeln!(f, "# on_divergence = {divergence}")?;
        }
        writeln!(f, "---")
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Close => f.write_str("close"),
            Self::Reply(text) => write!(f, "reply {text}"),
        }
    }
}

impl fmt::Display for ScriptStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Say(text) => written(f, "S:", text.written()),
            Self::SayOctets(octets) => written(f, "S|", octets.written()),
            Self::Client(line) => line.fmt(f),
            Self::Optional(text) => written(f, "C?", text.written()),
            Self::Never(pattern) => written(f, "C!", expression(pattern.written())),
            Self::Wait(span) => write!(f, "W: {}", short(*span)),
            Self::Close(mode) => write!(f, "X: {}", mode.name()),
            Self::Goto(label) => write!(f, "=> {label}"),
            Self::Label(label) => write!(f, "@{label}"),
            Self::Tls => f.write_str("TLS"),
            Self::Login(user) => write!(f, "LOGIN {}", user.written()),
            Self::Pass => f.write_str("PASS"),
            Self::Comment(text) => written(f, "--", text),
        }
    }
}

impl fmt::Display for ClientLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(text) => written(f, "C:", text.written()),
            Self::Octets(octets) => written(f, "C|", octets.written()),
            Self::Regex(pattern) => written(f, "C~", expression(pattern.written())),
            Self::Any(name) => written(f, "C*", name.as_deref().unwrap_or_default()),
            Self::Data(ClientData { name, octets }) => {
                written(f, "C.", name.as_deref().unwrap_or_default())?;
                let mut rest = octets.as_deref().unwrap_or_default();
                while let Some(end) = memchr::memmem::find(rest, b"\r\n") {
                    data_line(f, &rest[..end])?;
                    rest = &rest[end + 2..];
                }
                if rest.is_empty() { Ok(()) } else { write!(f, "\n|| {}", visible(rest)) }
            }
        }
    }
}

/// A line of data: as text, or with escapes.
fn data_line(f: &mut fmt::Formatter<'_>, line: &[u8]) -> fmt::Result {
    match std::str::from_utf8(line) {
        Ok("") => f.write_str("\n|"),
        Ok(text) if !text.chars().any(char::is_control) => write!(f, "\n| {text}"),
        Ok(_) | Err(_) => write!(f, "\n|| {}\\r\\n", visible(line)),
    }
}

/// A pattern without the sign of a regular expression.
fn expression(written: &str) -> &str {
    written.strip_prefix('~').unwrap_or(written)
}

/// The sign of a line and its text.
fn written(f: &mut fmt::Formatter<'_>, sign: &str, text: &str) -> fmt::Result {
    if text.is_empty() { f.write_str(sign) } else { write!(f, "{sign} {text}") }
}
