//! `--color`, and the styles of the output.

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use clap::ValueEnum;

/// When the output has colours.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless NO_COLOR is set or TERM is `dumb`.
    Auto,
    Always,
    Never,
}

impl Color {
    /// The stream, which removes colours where they are not wanted.
    pub(super) fn stream<S: anstream::stream::RawStream>(self, stream: S) -> AutoStream<S> {
        let choice = match self {
            Self::Auto => ColorChoice::Auto,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        AutoStream::new(stream, choice)
    }
}

/// For what matters less.
pub(super) const FAINT: Style = Style::new().dimmed();
/// For mail.
pub(super) const MAIL: Style = AnsiColor::Green.on_default();
/// For logins.
pub(super) const LOGIN: Style = AnsiColor::Cyan.on_default();
/// For rules.
pub(super) const RULE: Style = AnsiColor::Magenta.on_default();
/// For what a client should know but may miss.
pub(super) const WARNING: Style = AnsiColor::Yellow.on_default();
/// For what was refused or failed.
pub(super) const FAILURE: Style = AnsiColor::Red.on_default();
