//! Kinds of events, and the line for an event, which `serve`, `run` and `follow` print.

use anstyle::Style;

use super::color::{FAILURE, FAINT, LOGIN, MAIL, RULE, WARNING};
use crate::journal::Weight;

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Opened,
    Proxied,
    Secured,
    Unsecured,
    Dropped,
    Login { is_accepted: bool },
    Fired,
    Refused,
    Captured,
    Delivered,
    OAuth { is_refused: bool },
    Noted(Weight),
    Discarded,
    Ended,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Proxied => "proxied",
            Self::Secured => "secured",
            Self::Unsecured => "tls",
            Self::Dropped => "dropped",
            Self::Login { .. } => "login",
            Self::Fired => "fired",
            Self::Refused => "refused",
            Self::Captured => "captured",
            Self::Delivered => "delivered",
            Self::OAuth { .. } => "oauth",
            Self::Noted(weight) => weight.name(),
            Self::Discarded => "discarded",
            Self::Ended => "ended",
        }
    }

    pub(super) fn style(self) -> Style {
        match self {
            Self::Opened
            | Self::Proxied
            | Self::Secured
            | Self::Ended
            | Self::OAuth { is_refused: false }
            | Self::Noted(Weight::Note | Weight::Webhook | Weight::State) => FAINT,
            Self::Captured | Self::Delivered => MAIL,
            Self::Login { is_accepted: true } => LOGIN,
            Self::Fired => RULE,
            Self::Dropped | Self::Discarded => WARNING,
            Self::Login { is_accepted: false }
            | Self::OAuth { is_refused: true }
            | Self::Refused
            | Self::Unsecured
            | Self::Noted(Weight::Failure) => FAILURE,
        }
    }
}

/// The session, what happened, and the facts, with a line end. `what` is as wide as its column.
pub(super) fn event_line(session: &str, what: &str, facts: &str, style: Style) -> String {
    // What matters less is faint as a whole.
    let of_facts = if style == FAINT { FAINT } else { Style::new() };
    let what = if facts.is_empty() { what.trim_end() } else { what };
    let gap = if facts.is_empty() { "" } else { " " };
    format!("{FAINT}{session:<5}{FAINT:#} {style}{what}{style:#}{gap}{of_facts}{facts}{of_facts:#}\n")
}
