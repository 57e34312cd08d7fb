//! MOVE (RFC 6851): COPY that then expunges the messages.

use super::{Capability, Extension};
use crate::protocol::Event;
use crate::protocol::imap::command::{AllowedIn, CommandSpec, Copy};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("MOVE")],
    commands: &[CommandSpec::new("MOVE", Event::ImapMove, AllowedIn::Selected, |parser, by_uid| {
        Copy::parse(parser, by_uid, true)
    })
    .with_uid_form()],
    ..Extension::of("RFC 6851", "MOVE and UID MOVE")
};
