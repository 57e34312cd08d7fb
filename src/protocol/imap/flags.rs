//! Lists of flags in responses (RFC 3501 §7.2.6, §7.1).

use crate::mail::{Flags, Mailbox};
use crate::protocol::Reply;

/// Writes a list such as `(\Seen $Important)`.
pub(super) fn write_list<'n>(names: impl Iterator<Item = &'n str>, out: &mut Reply) {
    out.push("(");
    for (i, name) in names.enumerate() {
        if i > 0 {
            out.push(" ");
        }
        out.push(name);
    }
    out.push(")");
}

/// Writes FLAGS, the flags of the mailbox, and PERMANENTFLAGS, those that a client can change permanently.
pub(super) fn tell_known(mailbox: &Mailbox, is_read_only: bool, out: &mut Reply) {
    let known = || Flags::SYSTEM.iter().map(|(name, _)| *name).chain(mailbox.keywords.iter().map(|name| &**name));
    out.push("* FLAGS ");
    write_list(known(), out);
    out.push("\r\n* OK [PERMANENTFLAGS ");
    let more = (mailbox.keywords.len() < Flags::MOST_KEYWORDS).then_some("\\*");
    match is_read_only {
        true => out.push("()] Read-only\r\n"),
        false => {
            write_list(known().chain(more), out);
            out.push("] These flags are kept\r\n");
        }
    }
}
