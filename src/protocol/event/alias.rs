//! Other names of events, which are read wherever the name of an event is: the names that the RFCs give to commands,
//! and usual words. What prints or stores an event uses its own name.

use super::Event;
use crate::base::{meant, nearest, question};

/// Each alias, and the name that it stands for.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("*.connect", "*.greeting"),
    ("smtp.connect", "smtp.greeting"),
    ("smtp.ehlo", "smtp.caps"),
    ("lmtp.connect", "lmtp.greeting"),
    ("lmtp.lhlo", "lmtp.caps"),
    ("imap.connect", "imap.greeting"),
    ("imap.capability", "imap.caps"),
    ("imap.logout", "imap.quit"),
    ("imap.authenticate", "imap.auth"),
    ("imap.done", "imap.idle.done"),
    ("pop3.connect", "pop3.greeting"),
    ("pop3.capa", "pop3.caps"),
    ("pop3.starttls", "pop3.stls"),
    ("tcp.connect", "tcp.accept"),
];

/// The name of the event, or of the events with a star, that this name stands for: itself unless it is an alias.
pub(crate) fn canonical(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, its)| its)
}

/// The message and the suggestion for a name that no event has.
pub(crate) fn unknown_event(name: &str) -> (String, String) {
    let own = Event::ALL.iter().filter(|event| **event != Event::TcpSay).map(|event| event.name());
    let names: Vec<&str> = own.chain(ALIASES.iter().map(|(alias, _)| *alias)).collect();
    let (protocol, point) = name.split_once('.').unwrap_or((name, ""));
    let points = names.iter().filter_map(|its| its.strip_prefix(protocol)?.strip_prefix('.'));
    let of_protocol: Vec<String> = meant(point, points).iter().map(|point| format!("{protocol}.{point}")).collect();
    let renamed = |(alias, its): &(&str, &str)| Some(format!("{its}{}", name.strip_prefix(alias)?));
    let renamed: Vec<String> = ALIASES.iter().filter_map(renamed).filter(|its| names.contains(&&**its)).collect();
    let help = question(&renamed).or_else(|| question(&of_protocol)).or_else(|| nearest(name, names));
    let help = help.unwrap_or_else(|| "the manual's chapter on scenarios lists all events".to_owned());
    (format!("unknown event `{name}`"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_is_read_and_not_kept() {
        for (alias, name) in ALIASES {
            let is_event = |name: &str| Event::ALL.iter().any(|event| event.name() == name);
            assert!(!is_event(alias), "{alias} is an event");
            match alias.strip_prefix("*.") {
                Some(_) => assert!(Event::ALL.iter().any(|event| event.is_like(canonical(alias))), "{alias}"),
                None => assert_eq!(Event::parse(alias).map(Event::name), Some(*name), "{alias}"),
            }
        }
    }

    #[test]
    fn suggestions_are_of_the_same_protocol_and_know_other_words() {
        for (wrong, help) in [
            ("smtp.rcp", "did you mean `smtp.rcpt`?"),
            ("smtp.elho", "did you mean `smtp.ehlo`?"),
            ("imap.timeout", "did you mean `imap.lapse`?"),
            ("imap.authenticate.start", "did you mean `imap.auth.start`?"),
            ("smtp.from", "did you mean `smtp.mail`?"),
            ("imap.uid.fetch", "did you mean `imap.fetch`?"),
            ("pop3.banner", "did you mean `pop3.greeting`?"),
            ("pop.retr", "did you mean `pop3.retr`?"),
            ("xyz", "the manual's chapter on scenarios lists all events"),
        ] {
            assert_eq!(unknown_event(wrong), (format!("unknown event `{wrong}`"), help.to_owned()));
        }
    }
}
