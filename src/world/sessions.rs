//! Ending sessions from outside, by a test.

use std::sync::Arc;

use super::{EndCommand, SessionCommand, World};
use crate::journal::Session;
use crate::protocol::{Protocol, Reply, farewell};

/// What a client is told when a test ends its session.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goodbye<'a> {
    /// Nothing.
    Silent,
    /// This line, whatever the protocol.
    Line(&'a str),
    /// This reason, in the form of the protocol: 421, BYE or -ERR.
    Because(&'a str),
}

impl Goodbye<'_> {
    fn reply(self, protocol: Protocol) -> Reply {
        match self {
            Self::Silent => Reply::default(),
            Self::Line(line) => Reply::default().line(&[line]),
            Self::Because(why) => farewell(protocol, why),
        }
    }
}

impl World {
    /// Ends the open sessions that are meant. Returns them as they are now.
    pub(crate) fn end_sessions(
        &mut self,
        is_meant: impl Fn(&Session) -> bool,
        goodbye: Goodbye<'_>,
    ) -> Vec<Arc<Session>> {
        let open = self.journal.sessions().map(|log| log.facts()).filter(|facts| facts.ended.is_none());
        let meant: Vec<Arc<Session>> = open.filter(|facts| is_meant(facts)).cloned().collect();
        let command =
            |session: &Session| SessionCommand::End(EndCommand::Kick(goodbye.reply(session.listener.protocol())));
        self.commands.extend(meant.iter().map(|session| (session.no, command(session), None)));
        meant
    }
}
