//! Exchanges that a script plays.

use super::World;
use super::record::Which;
use super::turn::Turn;
use crate::base::{SessionNo, Timestamp, excerpt};
use crate::journal::{RecordKind, Weight};
use crate::protocol::{Decoded, Event, Framing, Input, Machine, Next, Reply, masked};
use crate::rule::{Playing, Run, ScriptTurn};

/// What a client sent in a session that a script plays.
pub(crate) struct ScriptInput<R> {
    pub(crate) event: Event,
    pub(crate) input: Input,
    /// The request, if the machine could decode one.
    pub(crate) request: Option<R>,
    pub(crate) is_early: bool,
}

/// What a session's machine refused although a script accepted it.
#[derive(Debug)]
pub(super) struct Refused {
    first: String,
    count: usize,
}

impl World {
    /// The machine refuses a request that a script accepts.
    pub(super) fn refused(&mut self, session: SessionNo, (event, input): (Event, &Input), reply: &Reply) {
        let asked = match input {
            Input::Line(text)
            | Input::LongLine { start: text, .. }
            | Input::Chunk { line: text, .. }
            | Input::Literals { text, .. } => {
                let line = text.split(|byte| *byte == b'\r').next().unwrap_or_default();
                excerpt(&masked(event, line), 0, "\"")
            }
            Input::Body { octets, .. } => format!("{octets} octets of data"),
            Input::Silence => return,
        };
        let reply = reply.text().trim_ascii_end();
        let reply = excerpt(reply.rsplit(|byte| *byte == b'\n').next().unwrap_or_default(), 0, "\"");
        let first = || Refused { first: format!("it refused {asked} with {reply}"), count: 0 };
        self.refused.entry(session).or_insert_with(first).count += 1;
    }

    /// A script hands its session over. Notes what the machine did not follow.
    pub(crate) fn hand_over(&mut self, session: SessionNo, playing: &Playing, now: Timestamp) {
        let Some(Refused { first, count }) = self.refused.remove(&session) else { return };
        let more = if count > 1 { format!(", and {} more", count - 1) } else { String::new() };
        let text = format!("the conforming server is not in step with the script: {first}{more}");
        self.note(session, playing.noted(Weight::Note, text), now);
    }

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
