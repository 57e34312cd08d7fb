//! Exchanges that a script plays.

use super::World;
use super::record::Which;
use super::turn::Turn;
use crate::base::{SessionNo, Timestamp};
use crate::journal::RecordKind;
use crate::protocol::{Decoded, Event, Framing, Input, Machine, Next};
use crate::rule::{Run, ScriptTurn};

/// What a client sent in a session that a script plays.
pub(crate) struct ScriptInput<R> {
    pub(crate) event: Event,
    pub(crate) input: Input,
    /// The request, if the machine could decode one.
    pub(crate) request: Option<R>,
    pub(crate) is_early: bool,
}

impl World {
    /// The first turn of an exchange that a script plays. The failures are recorded behind it.
    pub(crate) fn script_turn<M: Machine>(
        &mut self,
        session: SessionNo,
        machine: &mut M,
        came: ScriptInput<M::Request>,
        turn: ScriptTurn,
        failures: Vec<RecordKind>,
        now: Timestamp,
    ) -> Turn<M::Request> {
        let ScriptInput { event, input, request, is_early } = came;
        let protocol = self.journal.session(session).map(|log| log.facts().listener.protocol());
        let framing = match (&request, protocol) {
            (Some(request), _) => machine.framing(request),
            (None, Some(protocol)) => Framing::of(protocol),
            (None, None) => Framing::Smtp,
        };
        let run = Box::new(Run::scripted(event, framing, turn));
        let decoded = request.map(|request| Decoded { event, input: input.clone(), request });
        let (rest, run, mut progress) = self.go_on(session, machine, (decoded, Next::Continue), run, is_early, now);
        progress.notes.extend(failures);
        self.recorded(session, Which::First((event, is_early), input), rest, run, progress, now)
    }
}
