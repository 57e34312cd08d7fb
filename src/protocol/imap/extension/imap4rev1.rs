//! IMAP4rev1 itself (RFC 3501), as the first row of the table: its commands and capabilities.

use super::{Announced, Capability, Extension};
use crate::protocol::imap::command::{RFC3501, fetch, status};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("IMAP4rev1")],
    commands: RFC3501,
    status_items: status::RFC3501_ITEMS,
    fetch_items: fetch::RFC3501_ITEMS,
    ..Extension::of("RFC 3501", "the base protocol")
};

/// How a client may log in (RFC 3501 §6.1.1, §6.2).
pub(super) const LOGIN: Extension = Extension {
    capabilities: &[
        Capability { name: "STARTTLS", when: Announced::StartTlsPossible },
        Capability { name: "LOGINDISABLED", when: Announced::LoginForbidden },
        Capability { name: "AUTH=", when: Announced::LoginPossible },
    ],
    ..Extension::of("RFC 3501", "how a client can log in")
};
