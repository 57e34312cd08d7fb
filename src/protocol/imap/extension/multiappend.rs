//! MULTIAPPEND (RFC 3502): APPEND takes several messages, and appends all or none.

use super::{Capability, Extension};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("MULTIAPPEND")],
    ..Extension::of("RFC 3502", "APPEND of several messages, all or none")
};
