//! XCLIENT (`XCLIENT_README` of Postfix): a trusted client, such as a proxy, tells for which client it speaks.

use std::net::{IpAddr, Ipv6Addr};

use super::command::SmtpCommand;
use super::refusal::{Refusal, visible};
use super::{Request, Smtp, SmtpState};
use crate::mail::xtext;
use crate::protocol::{MailTxn, Outcome, ToldClient};

/// The attributes, as EHLO announces them.
pub(super) const ATTRIBUTES: [&str; 8] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];

/// What is told of the client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Xclient {
    told: ToldClient,
    helo: Option<Box<str>>,
    login: Option<Box<str>>,
}

/// Parses the attributes.
pub(super) fn parse(argument: &str) -> Result<SmtpCommand, Refusal> {
    let mut client = Xclient::default();
    for Attribute { word, name, value } in attributes("XCLIENT", &ATTRIBUTES, argument)? {
        let Some(value) = value else { continue };
        let wrong = |why: &str| wrong("XCLIENT", word, why);
        let told = &mut client.told;
        match name {
            "ADDR" => told.address = Some(address(&value).ok_or_else(|| wrong("it is not an address"))?),
            "DESTADDR" => told.destination = Some(address(&value).ok_or_else(|| wrong("it is not an address"))?),
            "PORT" => told.port = Some(value.parse().map_err(|_| wrong("it is not a port"))?),
            "DESTPORT" => told.destination_port = Some(value.parse().map_err(|_| wrong("it is not a port"))?),
            "PROTO" if !["SMTP", "ESMTP"].iter().any(|its| its.eq_ignore_ascii_case(&value)) => {
                return Err(wrong("it is neither SMTP nor ESMTP"));
            }
            "PROTO" => told.protocol = Some(value.to_ascii_uppercase().into()),
            "NAME" => told.name = Some(value.into()),
            "HELO" => client.helo = Some(value.into()),
            "LOGIN" => client.login = Some(value.into()),
            _ => {}
        }
    }
    Ok(SmtpCommand::Xclient(client))
}

/// An attribute as written, its name, and its value; `None` if that is not available.
pub(super) struct Attribute<'a> {
    pub(super) word: &'a str,
    pub(super) name: &'static str,
    pub(super) value: Option<String>,
}

/// The attributes of XCLIENT or XFORWARD, in order.
pub(super) fn attributes<'a>(
    verb: &str,
    known: &[&'static str],
    argument: &'a str,
) -> Result<Vec<Attribute<'a>>, Refusal> {
    let words: Vec<&str> = argument.split(' ').filter(|word| !word.is_empty()).collect();
    if words.is_empty() {
        return Err(Refusal::parameters(&format!("it must be {verb} attribute=value")));
    }
    let read = |word: &'a str| {
        let (name, value) = word.split_once('=').ok_or_else(|| wrong(verb, word, "it has no value"))?;
        let name = known.iter().find(|its| its.eq_ignore_ascii_case(name));
        let name = *name.ok_or_else(|| wrong(verb, word, "it is unknown"))?;
        if ["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|its| its.eq_ignore_ascii_case(value)) {
            return Ok(Attribute { word, name, value: None });
        }
        let value = decoded(value).ok_or_else(|| wrong(verb, word, "the value is not xtext"))?;
        Ok(Attribute { word, name, value: Some(value) })
    };
    words.into_iter().map(read).collect()
}

/// The refusal of an attribute.
pub(super) fn wrong(verb: &str, word: &str, why: &str) -> Refusal {
    Refusal::parameters(&format!("Bad {verb} attribute {}: {why}", visible(word)))
}

/// An IPv4 address, or an IPv6 address after `IPV6:`.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    match text.split_at_checked(5) {
        Some((prefix, address)) if prefix.eq_ignore_ascii_case("IPV6:") => {
            address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
        }
        _ => text.parse().ok().filter(IpAddr::is_ipv4),
    }
}

/// Decodes xtext. Control characters are refused.
fn decoded(value: &str) -> Option<String> {
    String::from_utf8(xtext::octets(value)?).ok().filter(|text| !text.chars().any(char::is_control))
}

impl Smtp {
    /// Takes over what is told, and begins the session again with the greeting.
    pub(super) fn xclient(&mut self, client: Xclient, txn: &mut MailTxn<'_>) -> Result<Outcome<Request>, Refusal> {
        if !self.config.xclient {
            return Err(Refusal::new("550 5.7.0", "this listener does not trust its clients with XCLIENT"));
        }
        self.may_follow_chunks()?;
        if matches!(self.state, SmtpState::Transaction(_)) {
            return Err(Refusal::sequence("a transaction is open; end it with RSET before XCLIENT"));
        }
        let no_user = |_| Refusal::parameters("Bad XCLIENT attribute LOGIN: there is no such user");
        match client.login.map(|login| txn.account_of(&login)).transpose().map_err(no_user)? {
            Some((_, login)) => {
                txn.enter(&login);
                self.is_logged_in = true;
            }
            None if self.is_logged_in => {
                txn.leave();
                self.is_logged_in = false;
            }
            None => {}
        }
        self.state = SmtpState::Idle;
        self.is_introduced = false;
        self.forwarded = None;
        if let Some(helo) = &client.helo {
            txn.introduce(helo);
        }
        txn.client_is(client.told);
        Ok(self.greet())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Config, Dialect};
    use super::*;
    use crate::base::{SessionNo, Timestamp};
    use crate::mail::{Accounts, Member, Namespace, Origin};
    use crate::protocol::MailStore;

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
            told: ToldClient {
                address: Some(IpAddr::from([192, 0, 2, 1])),
                port: Some(4242),
                name: Some("spike.example".into()),
                protocol: Some("ESMTP".into()),
                destination: Some(IpAddr::from(Ipv6Addr::LOCALHOST)),
                destination_port: Some(25),
            },
            helo: Some("a b+c".into()),
            login: Some("bob@example.org".into()),
        };
        assert_eq!(all, wanted);
        assert_eq!(parsed("ADDR=ipv6:2001:db8::1").told.address, "2001:db8::1".parse().ok());
        assert_eq!(parsed("ADDR=[UNAVAILABLE] NAME=[tempunavail] LOGIN=[UNAVAILABLE]"), Xclient::default());
    }

    /// What the machine says to XCLIENT with these attributes, one after another, and the user that each names.
    fn told(machine: &mut Smtp, arguments: &[&str]) -> Vec<(String, Option<String>)> {
        let bob = Member { login: "bob".into(), password: "x".into(), tokens: Vec::new(), addresses: Vec::new() };
        let mut mail = MailStore::new(Accounts::new(vec![bob], Namespace::default(), 1));
        let mut told = |argument: &&str| {
            let mut txn = MailTxn::new(&mut mail, Origin::Session(SessionNo(1)), Timestamp::from_micros(0));
            let reply = machine.xclient(parsed(argument), &mut txn).unwrap().reply;
            let user =
                txn.close().facts.and_then(|facts| facts.user).map(|user| user.unwrap_or_default().into_string());
            (String::from_utf8_lossy(reply.text())[..3].to_owned(), user)
        };
        arguments.iter().map(&mut told).collect()
    }

    #[test]
    fn the_user_is_the_one_of_the_last_xclient() {
        let mut machine =
            Smtp::new(Arc::new(Config { xclient: true, ..Config::for_test(Dialect::Smtp) }), false, false);

        let told = told(&mut machine, &["PORT=1", "LOGIN=BOB", "PORT=2"]);

        let user = |name: &str| Some(name.to_owned());
        assert_eq!(told, [("220".into(), None), ("220".into(), user("bob")), ("220".into(), user(""))]);
    }

    /// A rule may have replaced its first greeting.
    #[test]
    fn a_busy_server_ends_the_session() {
        let mut machine = Smtp::new(Arc::new(Config { xclient: true, ..Config::for_test(Dialect::Smtp) }), false, true);

        assert_eq!(told(&mut machine, &["PORT=1"]), [("421".into(), None)]);
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
