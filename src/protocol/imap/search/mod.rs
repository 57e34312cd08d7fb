//! SEARCH and UID SEARCH (RFC 3501 §6.4.4, RFC 4731).

mod key;
mod text;

use std::vec::IntoIter;

use super::command::Command;
use super::parser::{Parsed, Parser, Wrong};
use super::set::Numbers;
use super::{Answer, Imap, Progress, Refusal, Work};
use crate::protocol::{Desk, Reply};
use key::Key;

/// How many entries one turn looks at: where only the mailbox has to be asked, and where messages have to be read.
const SHALLOW: usize = 4096;
const DEEP: usize = 32;

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
}

pub(super) fn parse(parser: &mut Parser<'_>, by_uid: bool) -> Parsed<Command> {
    let tag = parser.tag_again();
    parser.space()?;
    let wants = wants(parser)?;
    let (mut charset, mut strange) = (None, None);
    if parser.eat_word("CHARSET ") {
        let label = parser.astring("a charset")?;
        charset = charset::Charset::for_label(&label);
        if charset.is_none() {
            strange = Some(String::from_utf8_lossy(&label).into_owned());
        }
        parser.space()?;
    }
    let key = key::parse_all(parser, charset)?;
    Ok(Command::Search(Search { tag, by_uid, wants, strange, key }))
}

fn wants(parser: &mut Parser<'_>) -> Parsed<Option<Vec<Want>>> {
    if !parser.eat_word("RETURN ") {
        return Ok(None);
    }
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
    pub(super) fn search(&mut self, mut search: Search, desk: &mut Desk<'_>, out: &mut Reply) -> Answer {
        let view = self.view()?;
        if let Some(strange) = search.strange {
            let strange = strange.escape_default();
            return Err(Refusal::no(format!(
                "[BADCHARSET (US-ASCII UTF-8)] {strange} is no charset that is known here"
            )));
        }
        search.key.resolve(view.len() as u32, view.highest_uid());
        let uids = view.uids().to_vec().into_iter();
        self.go_on_searching(Searching { search, uids, found: Vec::new() }, desk, out)
    }

    pub(super) fn go_on_searching(&mut self, mut searching: Searching, desk: &Desk<'_>, out: &mut Reply) -> Answer {
        let view = self.view()?;
        let Searching { search, uids, found } = &mut searching;
        let portion = (if search.key.is_deep() { DEEP } else { SHALLOW } / search.key.weight()).max(1);
        if let Some(mailbox) = desk.mailbox(view.place) {
            for uid in uids.by_ref().take(portion) {
                // What others took out meanwhile is found no longer.
                let Some((entry, number)) = mailbox.entry(uid).zip(view.number(uid)) else { continue };
                if search.key.matches(&key::Candidate { entry, number, mailbox, is_recent: view.is_recent(uid) }) {
                    found.push(if search.by_uid { uid } else { number });
                }
            }
        }
        if uids.len() > 0 {
            return Ok(Progress::More(Work::Search(searching)));
        }
        tell(search, found, out);
        Ok(Progress::Done("SEARCH is complete".to_owned()))
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
