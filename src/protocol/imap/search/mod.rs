//! SEARCH and UID SEARCH (RFC 3501 §6.4.4, RFC 4731).

mod key;
mod text;

use std::vec::IntoIter;

use super::command::ImapCommand;
use super::parser::{Parsed, Parser, Wrong};
use super::set::Numbers;
use super::view::View;
use super::work::Work;
use super::{Answer, Imap, Progress, Refusal};
use crate::mail::{Entry, Mailbox};
use crate::protocol::{MailTxn, Reply};
use key::{Candidate, Key};

/// How many entries one turn looks at where messages need not be read; each key counts.
const SHALLOW: usize = 4096;
/// How many messages, and octets of them, are read between two turns; each key counts.
const DEEP: usize = 256;
const DEEP_OCTETS: usize = 1 << 20;

#[derive(Debug)]
pub(super) struct Search {
    tag: Box<str>,
    pub(super) by_uid: bool,
    /// None: as RFC 3501 answers.
    wants: Option<Vec<Want>>,
    /// A charset that nobody knows.
    strange: Option<String>,
    key: Key,
}

/// What RETURN asks for (RFC 4731 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Min,
    Max,
    All,
    Count,
}

/// A SEARCH that is under way.
#[derive(Debug)]
pub(super) struct Searching {
    search: Search,
    uids: IntoIter<u32>,
    found: Vec<u32>,
    /// Messages that have to be read: their numbers, and whether they are recent.
    gathered: Vec<(Entry, u32, bool)>,
    /// The next portion was read before its turn.
    is_computed: bool,
    /// An entry was gone when its turn came.
    missed: bool,
}

impl Searching {
    /// Takes the messages that have to be read for the next turn. Gives their octets, each key counting; 0 where the
    /// mailbox says all.
    pub(super) fn gather(&mut self, view: &View, mailbox: &Mailbox) -> u64 {
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

    /// Looks at the messages that were gathered.
    pub(super) fn compute(&mut self) {
        self.is_computed = true;
        for (entry, number, is_recent) in std::mem::take(&mut self.gathered) {
            self.look_at(Candidate { entry: &entry, number, is_recent });
        }
    }

    /// Looks at entries whose messages need not be read.
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

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<ImapCommand> {
    let tag = parser.tag_again();
    parser.space()?;
    let wants = wants(parser)?;
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
    Ok(ImapCommand::Search(Search { tag, by_uid, wants, strange, key }))
}

fn wants(parser: &mut Parser<'_>) -> Parsed<Option<Vec<Want>>> {
    if !parser.eat_word("RETURN") {
        return Ok(None);
    }
    parser.space()?;
    let mut wants = parser.list(|parser| {
        let at = parser.at();
        Ok(match parser.word("MIN, MAX, ALL or COUNT")?.as_str() {
            "MIN" => Want::Min,
            "MAX" => Want::Max,
            "ALL" => Want::All,
            "COUNT" => Want::Count,
            _ => return Err(Wrong { at, what: "expected MIN, MAX, ALL or COUNT".to_owned() }),
        })
    })?;
    parser.space()?;
    if wants.is_empty() {
        wants.push(Want::All);
    }
    Ok(Some(wants))
}

impl Imap {
    pub(super) fn search(&mut self, mut search: Search, txn: &mut MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = self.view()?;
        if let Some(strange) = search.strange {
            let strange = strange.escape_default();
            return Err(Refusal::no(format!(
                "[BADCHARSET (US-ASCII UTF-8)] {strange} is no charset that is known here"
            )));
        }
        if let Some(mailbox) = txn.mailbox(view.place) {
            search.key.resolve(mailbox, view.len() as u32, view.highest_uid());
        }
        let uids = view.uids().to_vec().into_iter();
        let is_deep = search.key.is_deep();
        let searching =
            Searching { search, uids, found: Vec::new(), gathered: Vec::new(), is_computed: false, missed: false };
        match is_deep {
            true => Ok(Progress::More(Work::Search(searching))),
            false => self.go_on_searching(searching, txn, out),
        }
    }

    pub(super) fn go_on_searching(&mut self, mut searching: Searching, txn: &MailTxn<'_>, out: &mut Reply) -> Answer {
        let view = self.view()?;
        if let Some(mailbox) = txn.mailbox(view.place) {
            match searching.search.key.is_deep() {
                // What was gathered before this turn is computed; where nobody gathered, it is done now.
                true if searching.is_computed => {}
                true => {
                    searching.gather(view, mailbox);
                    searching.compute();
                }
                false => searching.look(view, mailbox),
            }
        }
        searching.is_computed = false;
        if searching.uids.len() > 0 {
            return Ok(Progress::More(Work::Search(searching)));
        }
        let Searching { search, found, missed, .. } = searching;
        tell(&search, &found, out);
        // RFC 5530 §3: numbers of messages that are gone are not found, and the client is told of that later.
        Ok(Progress::Done(match missed && !search.by_uid {
            true => "[EXPUNGEISSUED] SEARCH is complete; some messages are gone".to_owned(),
            false => "SEARCH is complete".to_owned(),
        }))
    }
}

fn tell(search: &Search, found: &[u32], out: &mut Reply) {
    let Some(wants) = &search.wants else {
        out.push("* SEARCH");
        found.iter().for_each(|number| out.add(format_args!(" {number}")));
        return out.push("\r\n");
    };
    out.push("* ESEARCH (TAG ");
    out.string(search.tag.as_bytes());
    out.push(if search.by_uid { ") UID" } else { ")" });
    for want in wants {
        match (want, found) {
            (Want::Count, _) => out.add(format_args!(" COUNT {}", found.len())),
            (_, []) => {}
            (Want::Min, [min, ..]) => out.add(format_args!(" MIN {min}")),
            (Want::Max, [.., max]) => out.add(format_args!(" MAX {max}")),
            (Want::All, found) => out.add(format_args!(" ALL {}", Numbers(found))),
        }
    }
    out.push("\r\n");
}
