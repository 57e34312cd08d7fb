//! UIDPLUS (RFC 4315): the UIDs of new messages in the replies to APPEND and COPY, and UID EXPUNGE.

use super::{Capability, Extension};
use crate::protocol::imap::sequence_set::Numbers;

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("UIDPLUS")],
    ..Extension::of("RFC 4315", "UID EXPUNGE; the response codes APPENDUID and COPYUID")
};

/// The response code of APPEND.
pub(in crate::protocol::imap) fn append_uid(uid_validity: u32, uids: &[u32]) -> String {
    format!("[APPENDUID {uid_validity} {}]", Numbers(uids))
}

/// The response code of COPY and MOVE: the old UIDs and the new ones.
pub(in crate::protocol::imap) fn copy_uid(uid_validity: u32, old: &[u32], new: &[u32]) -> String {
    format!("[COPYUID {uid_validity} {} {}]", Numbers(old), Numbers(new))
}
