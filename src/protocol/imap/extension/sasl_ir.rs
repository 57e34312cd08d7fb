//! SASL-IR (RFC 4959): AUTHENTICATE with an initial response.

use super::{Capability, Extension};
use crate::protocol::imap::parser::{Parsed, Parser, SyntaxError};
use crate::sasl::initial_response;

pub(super) const EXTENSION: Extension = Extension {
    capabilities: &[Capability::always("SASL-IR")],
    ..Extension::of("RFC 4959", "AUTHENTICATE with an initial response")
};

/// Parses and decodes the initial response after the mechanism, if there is one.
pub(in crate::protocol::imap) fn parse_initial_response(parser: &mut Parser<'_>) -> Parsed<Option<Vec<u8>>> {
    if parser.is_at_end() {
        return Ok(None);
    }
    parser.space()?;
    let at = parser.at();
    initial_response(parser.rest()).map(Some).map_err(|rejection| SyntaxError { at, what: rejection.to_string() })
}
