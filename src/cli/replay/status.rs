//! The statuses of a server's answers.

use std::collections::VecDeque;

use crate::cli::record::{Command, Kind, Literals, command};
use crate::protocol::Protocol;

/// Finds the statuses in the lines of a server.
#[derive(Clone)]
pub(super) struct Statuses {
    protocol: Protocol,
    literals: Literals,
    /// Lines up to a dot follow.
    is_in_list: bool,
    /// For each command of POP3 that is not answered, whether a list belongs to a positive answer.
    lists: VecDeque<bool>,
    /// The last answer asks for a line of a SASL exchange.
    asks: bool,
}

impl Statuses {
    pub(super) fn new(protocol: Protocol) -> Self {
        Self { protocol, literals: Literals::default(), is_in_list: false, lists: VecDeque::new(), asks: false }
    }

    /// The client sends this line.
    pub(super) fn sent(&mut self, line: &[u8]) {
        if self.protocol == Protocol::Pop3 && !std::mem::take(&mut self.asks) {
            let mut sent = Command::default();
            command(self.protocol, line, &mut sent, false);
            self.lists.push_back(matches!(sent.kind, Kind::List | Kind::Offers));
        }
    }

    /// Whether more lines belong to the last answer.
    pub(super) fn is_in_list(&self) -> bool {
        self.is_in_list
    }

    /// The status that this line completes, if it does: the reply code; OK, NO, BAD, PREAUTH, BYE or `+`; +OK or -ERR.
    pub(super) fn line(&mut self, line: &[u8]) -> Option<String> {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let word = |word: &[u8]| Some(String::from_utf8_lossy(word).to_uppercase());
        match self.protocol {
            Protocol::Smtp | Protocol::Lmtp if text.get(3) == Some(&b'-') => None,
            Protocol::Smtp | Protocol::Lmtp => word(text.get(..3)?),
            Protocol::Pop3 if self.is_in_list => {
                self.is_in_list = text != b".";
                None
            }
            Protocol::Pop3 => {
                let status = text.split(|byte| *byte == b' ').next()?;
                self.asks = status == b"+";
                if !self.asks {
                    self.is_in_list = self.lists.pop_front().unwrap_or(false) && status == b"+OK";
                }
                word(status)
            }
            Protocol::Imap => {
                let begins_inside = self.literals.is_inside(text);
                let mut words = text.split(|byte| *byte == b' ');
                match (words.next()?, words.next()) {
                    _ if begins_inside => None,
                    (b"+", _) => word(b"+"),
                    (b"*", Some(status @ (b"PREAUTH" | b"BYE"))) => word(status),
                    (b"*", _) | (_, None) => None,
                    (_, Some(status)) => word(status),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_found_among_other_lines() {
        for (protocol, sent, lines, wanted) in [
            (Protocol::Smtp, &[][..], "220-a\r\n220 b\r\n250-x\r\n250 y\r\n451 z\r\n", "220 250 451"),
            (
                Protocol::Imap,
                &[],
                "* OK hi\r\n* 1 FETCH (BODY[] {9}\r\nA1 OK x\r\n)\r\n+ go\r\nA1 no x\r\n* BYE\r\n",
                "+ NO BYE",
            ),
            (
                Protocol::Pop3,
                &["LIST", "LIST 1", "RETR 1", "AUTH PLAIN", "=", "NOOP"],
                "+OK\r\n+OK 1\r\n.\r\n+OK 1 2\r\n-ERR\r\n+ \r\n+OK\r\n+OK\r\n",
                "+OK +OK -ERR + +OK +OK",
            ),
        ] {
            let mut statuses = Statuses::new(protocol);
            sent.iter().for_each(|line: &&str| {
                statuses.asks = *line == "=" || {
                    statuses.sent(line.as_bytes());
                    false
                }
            });
            let found: Vec<_> = lines.split_inclusive('\n').filter_map(|line| statuses.line(line.as_bytes())).collect();
            assert_eq!(found.join(" "), wanted, "{protocol}");
        }
    }
}
