//! The fields of a command that is refused: what can be read of its line.

use super::command::{self, CommandSpec};
use super::parser::{Parsed, Parser};
use super::sequence_set::SequenceSet;
use super::{Ask, Imap};
use crate::protocol::{Event, Input};

/// What can be read of a refused command, up to what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct RefusedCommand {
    pub(super) mailbox: Option<String>,
    /// The messages that it names, and whether by UID.
    pub(super) messages: Option<(SequenceSet, bool)>,
    pub(super) items: Option<String>,
    pub(super) flags: Option<String>,
    pub(super) user: Option<String>,
}

impl Imap {
    /// What can be read of a command, if it is refused.
    pub(super) fn refused(&self, ask: &Ask, input: &Input) -> RefusedCommand {
        let mut read = RefusedCommand::default();
        if let (Ask::Refused(..), Input::Line(line) | Input::Literals { text: line, .. }) = (ask, input) {
            let mut parser = Parser::new(line, &[]).tolerant(self.config.tolerance);
            let _what_is_wrong = read.take(&mut parser);
        }
        read
    }
}

impl RefusedCommand {
    fn take(&mut self, parser: &mut Parser<'_>) -> Parsed<()> {
        parser.tag()?;
        let (CommandSpec { event, .. }, by_uid) = command::find(parser)?;
        parser.space()?;
        let is_set = matches!(event, Event::ImapFetch | Event::ImapStore | Event::ImapCopy | Event::ImapMove)
            || *event == Event::ImapExpunge && by_uid;
        if is_set {
            self.messages = Some((parser.set()?, by_uid));
            parser.space()?;
        }
        if *event == Event::ImapFetch {
            self.items = Some(text(parser.rest()));
        } else if *event == Event::ImapStore {
            let _mode = parser.eat(b'+') || parser.eat(b'-');
            parser.atom("FLAGS")?;
            parser.space()?;
            self.flags = Some(flags(parser)?);
        } else if *event == Event::ImapLogin {
            self.user = Some(text(&parser.astring("a user name")?));
        } else if names_a_mailbox(*event) {
            self.mailbox = Some(parser.mailbox()?);
            if *event == Event::ImapAppend {
                parser.space()?;
                self.flags = Some(flags(parser)?);
            }
        }
        Ok(())
    }
}

/// Whether the first argument, or the one after the messages, is a mailbox.
fn names_a_mailbox(event: Event) -> bool {
    matches!(event, Event::ImapSelect | Event::ImapExamine | Event::ImapStatus | Event::ImapAppend)
        || matches!(event, Event::ImapCreate | Event::ImapDelete | Event::ImapRename)
        || matches!(event, Event::ImapSubscribe | Event::ImapUnsubscribe | Event::ImapCopy | Event::ImapMove)
}

/// One flag, or a list of flags.
fn flags(parser: &mut Parser<'_>) -> Parsed<String> {
    let flags = if parser.peek() == Some(b'(') { parser.list(Parser::flag)? } else { vec![parser.flag()?] };
    Ok(flags.join(" "))
}

fn text(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets).into_owned()
}
