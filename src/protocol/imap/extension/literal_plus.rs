//! LITERAL+ (RFC 7888): a client may send a literal `{n+}` without waiting. The tokenizer reads both forms.

use super::{Capability, Extension};

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("LITERAL+")],
    ..Extension::of("RFC 7888", "literals that the client sends without waiting")
};
