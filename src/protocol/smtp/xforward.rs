//! XFORWARD (`XFORWARD_README` of Postfix): a trusted relay tells from which client it has the next message. Unlike XCLIENT,
//! this changes nothing but what is captured.

use super::command::SmtpCommand;
use super::perform::{Answer, say};
use super::refusal::Refusal;
use super::xclient::{Attribute, address, attributes, wrong};
use super::{Smtp, SmtpState};
use crate::mail::Forwarded;

/// The attributes, as EHLO announces them.
pub(super) const ATTRIBUTES: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"];

/// The attributes of a command and their values; `None` if that is not available.
pub(crate) type Xforward = Vec<(&'static str, Option<Box<str>>)>;

/// Parses the attributes.
pub(super) fn parse(argument: &str) -> Result<SmtpCommand, Refusal> {
    let mut told = Vec::new();
    for Attribute { word, name, value } in attributes("XFORWARD", &ATTRIBUTES, argument)? {
        let value: Option<Box<str>> = value.map(Into::into);
        set(&mut Forwarded::default(), name, value.as_deref()).map_err(|why| wrong("XFORWARD", word, why))?;
        told.push((name, value));
    }
    Ok(SmtpCommand::Xforward(told))
}

/// Takes over an attribute.
fn set(forwarded: &mut Forwarded, name: &str, value: Option<&str>) -> Result<(), &'static str> {
    let text = || value.map(Box::from);
    match name {
        "NAME" => forwarded.name = text(),
        "ADDR" => forwarded.address = value.map(|its| address(its).ok_or("it is not an address")).transpose()?,
        "PORT" => forwarded.port = value.map(|its| its.parse().map_err(|_| "it is not a port")).transpose()?,
        "PROTO" => forwarded.protocol = text(),
        "HELO" => forwarded.helo = text(),
        "IDENT" => forwarded.ident = text(),
        "SOURCE" => {
            let source = value.map(str::to_ascii_uppercase);
            if source.as_deref().is_some_and(|its| !["LOCAL", "REMOTE"].contains(&its)) {
                return Err("it is neither LOCAL nor REMOTE");
            }
            forwarded.source = source.map(Into::into);
        }
        _ => {}
    }
    Ok(())
}

impl Smtp {
    /// Notes what is told for the next message. Several commands add up.
    pub(super) fn xforward(&mut self, told: &Xforward) -> Answer {
        if !self.config.xclient {
            return Err(Refusal::new("550 5.7.0", "this listener does not trust its clients with XFORWARD"));
        }
        self.may_follow_chunks()?;
        if matches!(self.state, SmtpState::Transaction(_)) {
            return Err(Refusal::sequence("a transaction is open; end it with RSET before XFORWARD"));
        }
        let forwarded = self.forwarded.get_or_insert_default();
        for (name, value) in told {
            set(forwarded, name, value.as_deref()).expect("the attributes were parsed");
        }
        Ok(say("250 2.0.0 Ok"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_read() {
        let mut forwarded = Forwarded::default();
        for argument in [
            "NAME=spike.example addr=IPV6:::1 PORT=4242 PROTO=ESMTP HELO=a+20b IDENT=4BQ source=local",
            "NAME=[UNAVAILABLE]",
        ] {
            let Ok(SmtpCommand::Xforward(told)) = parse(argument) else { panic!("{argument}") };
            told.iter().for_each(|(name, value)| set(&mut forwarded, name, value.as_deref()).unwrap());
        }

        let wanted = Forwarded {
            name: None,
            address: "::1".parse().ok(),
            port: Some(4242),
            protocol: Some("ESMTP".into()),
            helo: Some("a b".into()),
            ident: Some("4BQ".into()),
            source: Some("LOCAL".into()),
        };
        assert_eq!(forwarded, wanted);
    }

    #[test]
    fn an_invalid_attribute_is_refused() {
        for argument in ["", "ADDR", "LOGIN=bob", "ADDR=::1", "PORT=x", "SOURCE=here", "HELO=+2", "IDENT=+0d"] {
            assert_eq!(parse(argument).unwrap_err().code(), "501", "{argument}");
        }
    }
}
