//! STATUS=SIZE (RFC 8438): the octets of all messages of a mailbox.

use super::{Capability, Extension};
use crate::protocol::imap::command::status::StatusItem;

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("STATUS=SIZE")],
    status_items: &[StatusItem { name: "SIZE", value: |mailbox| mailbox.octets() }],
    ..Extension::of("RFC 8438", "STATUS with the item SIZE")
};
