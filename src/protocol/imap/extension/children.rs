//! CHILDREN (RFC 3348): LIST shows whether a mailbox has children.

use super::{Capability, Extension};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("CHILDREN")],
    ..Extension::of("RFC 3348", "LIST with `\\HasChildren` and `\\HasNoChildren`")
};

/// The attribute of a name in the response of LIST.
pub(in crate::protocol::imap) fn children_attribute(has_children: bool) -> &'static str {
    if has_children { "\\HasChildren" } else { "\\HasNoChildren" }
}
