//! Deviations from the grammar (RFC 3501 §9) that the server tolerates, because real clients make them and Dovecot,
//! with which most clients are tested, tolerates them. Each has a name. A strict server tolerates none.

/// The deviations that are tolerated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tolerance {
    /// A bare LF ends a command whose last argument is a literal, as in an APPEND sent by hand or by a script. It
    /// cannot be used for command injection, because the line before the LF must be empty.
    pub(super) bare_lf_behind_literal: bool,
    /// A bare LF ends the line DONE, as some scripts send it.
    pub(super) bare_lf_behind_done: bool,
    /// Superfluous blanks: several between arguments, at the end of a command, after `(` and before `)`.
    pub(super) extra_blanks: bool,
    /// `ID` without an argument instead of `ID NIL` (RFC 2971 §3.1).
    pub(super) id_without_argument: bool,
}

impl Tolerance {
    pub(crate) const STRICT: Self = Self {
        bare_lf_behind_literal: false,
        bare_lf_behind_done: false,
        extra_blanks: false,
        id_without_argument: false,
    };
}

impl Default for Tolerance {
    fn default() -> Self {
        Self { bare_lf_behind_literal: true, bare_lf_behind_done: true, extra_blanks: true, id_without_argument: true }
    }
}
