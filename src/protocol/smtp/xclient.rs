//! XCLIENT (`XCLIENT_README` of Postfix): a trusted client, such as a proxy, tells for which client it speaks.

use std::net::{IpAddr, Ipv6Addr};

use super::command::SmtpCommand;
use super::refusal::{Refusal, visible};
use super::{Request, Smtp, SmtpState};
use crate::protocol::{MailTxn, Outcome, Status};

/// The attributes, as EHLO announces them.
pub(super) const ATTRIBUTES: [&str; 8] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];

/// What is told of the client. Attributes that the server does not use are only checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Xclient {
    address: Option<IpAddr>,
    port: Option<u16>,
    helo: Option<Box<str>>,
    login: Option<Box<str>>,
}

/// Parses the attributes.
pub(super) fn parse(argument: &str) -> Result<SmtpCommand, Refusal> {
    let mut client = Xclient::default();
    let mut words = argument.split(' ').filter(|word| !word.is_empty()).peekable();
    if words.peek().is_none() {
        return Err(Refusal::parameters("it must be XCLIENT attribute=value"));
    }
    for word in words {
        let wrong = |why: &str| Refusal::parameters(&format!("Bad XCLIENT attribute {}: {why}", visible(word)));
        let (name, value) = word.split_once('=').ok_or_else(|| wrong("it has no value"))?;
        let name = name.to_ascii_uppercase();
        if !ATTRIBUTES.contains(&name.as_str()) {
            return Err(wrong("it is unknown"));
        }
        if ["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|its| its.eq_ignore_ascii_case(value)) {
            continue;
        }
        let value = decoded(value).ok_or_else(|| wrong("the value is not xtext"))?;
        match name.as_str() {
            "ADDR" => client.address = Some(address(&value).ok_or_else(|| wrong("it is not an address"))?),
            "DESTADDR" => drop(address(&value).ok_or_else(|| wrong("it is not an address"))?),
            "PORT" => client.port = Some(value.parse().map_err(|_| wrong("it is not a port"))?),
            "DESTPORT" => drop(value.parse::<u16>().map_err(|_| wrong("it is not a port"))?),
            "PROTO" if !["SMTP", "ESMTP"].iter().any(|its| its.eq_ignore_ascii_case(&value)) => {
                return Err(wrong("it is neither SMTP nor ESMTP"));
            }
            "HELO" => client.helo = Some(value.into()),
            "LOGIN" => client.login = Some(value.into()),
            _ => {}
        }
    }
    Ok(SmtpCommand::Xclient(client))
}

/// An IPv4 address, or an IPv6 address after `IPV6:`.
fn address(text: &str) -> Option<IpAddr> {
    match text.split_at_checked(5) {
        Some((prefix, address)) if prefix.eq_ignore_ascii_case("IPV6:") => {
            address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => text.parse().ok().filter(IpAddr::is_ipv4),
    }
}

/// Decodes xtext (RFC 3461 §4): `+XX` for an octet. Control characters are refused.
fn decoded(value: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        if *first != b'+' {
            octets.push(*first);
            continue;
        }
        let (digits, behind) = behind.split_at_checked(2)?;
        let is_hex = digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F'));
        octets.push(u8::from_str_radix(std::str::from_utf8(digits).ok().filter(|_| is_hex)?, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(octets).ok().filter(|text| !text.chars().any(char::is_control))
}

impl Smtp {
    /// Takes over what is told, and begins the session again with the greeting.
    pub(super) fn xclient(&mut self, client: Xclient, txn: &mut MailTxn<'_>) -> Result<Outcome<Request>, Refusal> {
        if !self.config.xclient {
            return Err(Refusal::new("550 5.7.0", "this listener does not trust its clients with XCLIENT"));
        }
        if matches!(self.state, SmtpState::Transaction(_)) {
            return Err(Refusal::sequence("a transaction is open; end it with RSET before XCLIENT"));
        }
        self.state = SmtpState::Idle;
        self.is_introduced = false;
        self.is_logged_in = client.login.is_some();
        if let Some(login) = &client.login {
            txn.enter(login);
        }
        if let Some(helo) = &client.helo {
            txn.introduce(helo);
        }
        txn.client_is(client.address, client.port);
        let greeting = self.greet();
        // A busy server would end the session here.
        debug_assert_eq!(greeting.status, Some(Status::Positive));
        Ok(greeting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(argument: &str) -> Xclient {
        match parse(argument) {
            Ok(SmtpCommand::Xclient(client)) => client,
            other => panic!("{argument}: {other:?}"),
        }
    }

    #[test]
    fn attributes_are_read() {
        let all = parsed(
            "name=spike.example addr=192.0.2.1 PORT=4242 PROTO=esmtp HELO=a+20b+2Bc LOGIN=bob@example.org \
             DESTADDR=IPV6:::1 DESTPORT=25",
        );
        let wanted = Xclient {
            address: Some(IpAddr::from([192, 0, 2, 1])),
            port: Some(4242),
            helo: Some("a b+c".into()),
            login: Some("bob@example.org".into()),
        };
        assert_eq!(all, wanted);
        assert_eq!(parsed("ADDR=ipv6:2001:db8::1").address, "2001:db8::1".parse().ok());
        assert_eq!(parsed("ADDR=[UNAVAILABLE] NAME=[tempunavail] LOGIN=[UNAVAILABLE]"), Xclient::default());
    }

    #[test]
    fn an_invalid_attribute_is_refused() {
        for argument in [
            "",
            "ADDR",
            "COLOR=red",
            "ADDR=::1",
            "ADDR=IPV6:192.0.2.1",
            "ADDR=somewhere",
            "PORT=65536",
            "PROTO=HTTP",
            "HELO=+2",
            "HELO=+0d",
            "HELO=+0D+0A",
            "HELO=+FF",
            "DESTPORT=x",
            "DESTADDR=x",
        ] {
            assert_eq!(parse(argument).unwrap_err().code(), "501", "{argument}");
        }
    }
}
