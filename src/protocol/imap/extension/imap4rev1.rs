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

/// STARTTLS is possible (RFC 3501 §6.2.1).
pub(super) const STARTTLS: Extension = Extension {
    capabilities: &[Capability { name: "STARTTLS", when: Announced::StartTlsPossible }],
    ..Extension::of("RFC 3501", "STARTTLS, which begins TLS on this connection")
};

/// LOGIN is refused (RFC 3501 §6.2.3).
pub(super) const LOGIN_DISABLED: Extension = Extension {
    capabilities: &[Capability { name: "LOGINDISABLED", when: Announced::LoginForbidden }],
    ..Extension::of("RFC 3501", "nothing; it says that LOGIN is refused")
};

/// The SASL mechanisms (RFC 3501 §6.2.2).
pub(super) const AUTHENTICATE: Extension = Extension {
    capabilities: &[Capability { name: "AUTH=", when: Announced::LoginPossible }],
    ..Extension::of("RFC 3501", "AUTHENTICATE with this SASL mechanism")
};
