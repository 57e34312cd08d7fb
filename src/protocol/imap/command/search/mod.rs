//! SEARCH and UID SEARCH (RFC 3501 §6.4.4).

mod key;
mod text;

use std::vec::IntoIter;

use super::{AllowedIn, Command, CommandSpec};
use crate::mail::{Accounts, Entry, Mailbox};
use crate::protocol::imap::extension::esearch::{self, ReturnOption};
use crate::protocol::imap::long_command::LongCommand;
use crate::protocol::imap::parser::{Parsed, Parser};
use crate::protocol::imap::view::View;
use crate::protocol::imap::{Answer, Imap, Progress, Refusal};
use crate::protocol::{Event, MailTxn, Reply};
use key::{Candidate, SearchKey};

pub(super) const SEARCH: CommandSpec =
    CommandSpec::new("SEARCH", Event::ImapSearch, AllowedIn::Selected, parse).with_uid_form();

/// One turn tests this many messages if they need not be read, divided by the number of keys.
const SHALLOW: usize = 4096;
/// At most this many messages, divided by the number of keys, and octets times keys are read between two turns.
const DEEP: usize = 256;
const DEEP_OCTETS: usize = 1 << 20;

#[derive(Debug)]
struct Search {
    by_uid: bool,
    /// The options of RETURN. `None` if the response has the form of RFC 3501.
    options: Option<Vec<ReturnOption>>,
    /// An unknown charset.
    strange: Option<String>,
    key: SearchKey,
}

/// The rest of a SEARCH.
#[derive(Debug)]
struct Searching {
    search: Box<Search>,
    tag: Box<str>,
    uids: IntoIter<u32>,
    found: Vec<u32>,
    /// Messages that have to be read, with their sequence numbers, and whether they are recent.
    gathered: Vec<(Entry, u32, bool)>,
    /// Whether the messages of the next turn were tested before it.
    is_computed: bool,
    /// Whether a message was expunged before it could be tested.
    missed: bool,
}

impl Searching {
    fn gather_from(&mut self, view: &View, mailbox: &Mailbox) -> u64 {
        let Self { search, uids, gathered, is_computed, missed, .. } = self;
        if !search.key.is_deep() || *is_computed {
            return 0;
        }
        let weight = search.key.weight();
        let (most, mut octets) = ((DEEP / weight).max(1), 0);
        while octets < DEEP_OCTETS && gathered.len() < most {
            let Some(uid) = uids.next() else { break };
            let Some((entry, number)) = mailbox.entry(uid).zip(view.number(uid)) else {
                *missed = true;
                continue;
            };
            octets += entry.message.raw().len().max(1) * weight;
            gathered.push((entry.clone(), number, view.is_recent(uid)));
        }
        octets as u64
    }

    /// Tests messages that need not be read.
    fn look(&mut self, view: &View, mailbox: &Mailbox) {
        let most = (SHALLOW / self.search.key.weight()).max(1);
        let mut place = 0;
        for _ in 0..most {
            let Some(uid) = self.uids.next() else { return };
            match mailbox.entry(uid).zip(view.number_near(uid, &mut place)) {
                Some((entry, number)) => self.look_at(Candidate { entry, number, is_recent: view.is_recent(uid) }),
                None => self.missed = true,
            }
        }
    }

    fn look_at(&mut self, candidate: Candidate<'_>) {
        if self.search.key.matches(&candidate) {
            self.found.push(if self.search.by_uid { candidate.entry.uid } else { candidate.number });
        }
    }
}

fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Box<dyn Command>> {
    parser.space()?;
    let options = esearch::parse_return(parser)?;
    let (mut charset, mut strange) = (None, None);
    if parser.eat_word("CHARSET") {
        parser.space()?;
        let label = parser.astring("a charset")?;
        charset = charset::Charset::for_label(&label);
        if charset.is_none() {
            strange = Some(String::from_utf8_lossy(&label).into_owned());
        }
        parser.space()?;
    }
    let key = key::parse_all(parser, charset)?;
    Ok(Box::new(Search { by_uid, options, strange, key }))
}

impl Command for Search {
    fn perform(mut self: Box<Self>, imap: &mut Imap, tag: &str, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = imap.view()?;
        if let Some(strange) = &self.strange {
            let strange = strange.escape_default();
            return Err(Refusal::no(format!("[BADCHARSET (US-ASCII UTF-8)] unknown charset {strange}")));
        }
        if let Some(mailbox) = txn.mailbox(view.place) {
            self.key.resolve(mailbox, view.len() as u32, view.highest_uid());
        }
        let is_deep = self.key.is_deep();
        let searching = Box::new(Searching {
            search: self,
            tag: tag.into(),
            uids: view.uids().to_vec().into_iter(),
            found: Vec::new(),
            gathered: Vec::new(),
            is_computed: false,
            missed: false,
        });
        match is_deep {
            true => Ok(Progress::More(searching)),
            false => searching.go_on(imap, txn, out),
        }
    }

    fn may_expunge(&self) -> bool {
        self.by_uid
    }
}

impl LongCommand for Searching {
    /// Takes the messages that have to be read for the next turn. Returns their octets times the number of keys; 0 if
    /// no message has to be read.
    fn gather(&mut self, imap: &Imap, accounts: &Accounts) -> u64 {
        let Some((view, mailbox)) = imap.selected(accounts) else { return 0 };
        self.gather_from(view, mailbox)
    }
    /// Tests the messages that were gathered.
    fn compute(&mut self) {
        self.is_computed = true;
        for (entry, number, is_recent) in std::mem::take(&mut self.gathered) {
            self.look_at(Candidate { entry: &entry, number, is_recent });
        }
    }

    fn go_on(mut self: Box<Self>, imap: &mut Imap, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = imap.view()?;
        if let Some(mailbox) = txn.mailbox(view.place) {
            match self.search.key.is_deep() {
                // If nothing was gathered before this turn, test the messages now.
                true if self.is_computed => {}
                true => {
                    self.gather_from(view, mailbox);
                    self.compute();
                }
                false => self.look(view, mailbox),
            }
        }
        self.is_computed = false;
        if self.uids.len() > 0 {
            return Ok(Progress::More(self));
        }
        let Self { search, tag, found, missed, .. } = *self;
        match &search.options {
            Some(options) => esearch::write(&tag, search.by_uid, options, &found, out),
            None => {
                out.push("* SEARCH");
                found.iter().for_each(|number| out.add(format_args!(" {number}")));
                out.push("\r\n");
            }
        }
        // RFC 5530 §3: expunged messages are not found by sequence number. The client is told of the expunges later.
        Ok(Progress::done(match missed && !search.by_uid {
            true => "[EXPUNGEISSUED] SEARCH is complete; some messages are gone",
            false => "SEARCH is complete",
        }))
    }
}
