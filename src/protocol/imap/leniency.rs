//! What is forgiven although the grammar (RFC 3501 §9) does not allow it: clients that are in use do it, and Dovecot, which
//! most of them are tried with, takes it. Each has a name; a server that shall be strict forgives none.

/// What is forgiven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leniency {
    /// A bare LF ends a command whose last argument is a literal: APPEND by hand and by scripts. What comes before the LF
    /// is empty, so nothing is smuggled with it.
    pub(super) bare_lf_behind_literal: bool,
    /// A bare LF ends the line DONE, as scripts write it that never had to end another line within IDLE.
    pub(super) bare_lf_behind_done: bool,
    /// Blanks beyond the one between arguments: at the end of a command, behind `(`, before `)`, and several for one.
    pub(super) extra_blanks: bool,
    /// `ID` alone, for `ID NIL` (RFC 2971 §3.1).
    pub(super) id_without_argument: bool,
}

impl Leniency {
    pub(crate) const STRICT: Self = Self {
        bare_lf_behind_literal: false,
        bare_lf_behind_done: false,
        extra_blanks: false,
        id_without_argument: false,
    };
}

impl Default for Leniency {
    fn default() -> Self {
        Self { bare_lf_behind_literal: true, bare_lf_behind_done: true, extra_blanks: true, id_without_argument: true }
    }
}
