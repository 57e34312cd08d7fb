//! The mounted rules.

use super::Pace;
use crate::protocol::Event;

/// The rules of one server. An empty rulebook lets every request be performed and every reply leave as it is.
#[derive(Debug, Default)]
pub(crate) struct Rulebook {
    pace: Vec<(Event, Pace)>,
}

/// What the rulebook says about an exchange.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ruling {
    pub(crate) pace: Option<Pace>,
}

impl Rulebook {
    pub(crate) fn consult(&self, event: Event) -> Ruling {
        let pace = self.pace.iter().find(|(on, _)| *on == event).map(|(_, pace)| *pace);
        Ruling { pace }
    }

    #[cfg(test)]
    pub(crate) fn mount(&mut self, on: Event, pace: Pace) {
        self.pace.push((on, pace));
    }
}
