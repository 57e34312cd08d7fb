//! The output of a run: it passes through the rules around it, the innermost first.

use std::mem;
use std::sync::Arc;

use super::Run;
use crate::journal::Trace;
use crate::protocol::{Event, Reply, Status};
use crate::rule::frame::{Frame, Passing, Shaping, complete};
use crate::rule::plan::Cue;
use crate::rule::rulebook::{EvalContext, Rulebook};

impl Run {
    /// Adds output of the conforming server.
    pub(crate) fn say(&mut self, reply: Reply, status: Option<Status>) {
        if !reply.is_empty() {
            self.said = status.or(self.said);
            self.emit(self.frames.len(), vec![Cue::send(reply)]);
        }
    }

    /// Adds the server's output that an effect of a rule caused at once.
    pub(crate) fn add(&mut self, reply: Reply) {
        if !reply.is_empty() {
            self.speak(reply);
        }
    }

    /// The last status that the client got for its request.
    pub(crate) fn status(&self) -> Option<Status> {
        self.status_now().or(self.earlier)
    }

    /// Like `status`, for this turn: a changed reply is parsed as the client sees it.
    fn status_now(&self) -> Option<Status> {
        let is_rewritten = self.is_rewritten || self.frames.iter().any(Frame::has_rewritten);
        match is_rewritten || !self.replies().all(Reply::is_own) {
            true => self.framing.status(&self.text()),
            false => self.said,
        }
    }

    /// The output of this turn, without labelled pieces.
    pub(crate) fn text(&self) -> Vec<u8> {
        self.replies().flat_map(Reply::text).copied().collect()
    }

    fn replies(&self) -> impl Iterator<Item = &Reply> {
        self.out.iter().filter_map(|cue| match cue {
            Cue::Send { bytes, .. } => Some(bytes),
            Cue::Wait(_) | Cue::Layer(_) | Cue::Stall | Cue::Read(_) | Cue::Close | Cue::End(_) => None,
        })
    }

    /// Takes the cues to play, the same output as one reply for the record, its status, and its trace.
    pub(crate) fn take(&mut self) -> (Vec<Cue>, Reply, Option<Status>, Trace) {
        let status = self.status_now();
        (self.earlier, self.said) = (status.or(self.earlier), None);
        let mut whole = Reply::default();
        let trace = mem::take(&mut self.trace);
        let cues = mem::take(&mut self.out);
        for cue in &cues {
            if let Cue::Send { bytes, .. } = cue {
                whole.append(bytes.clone());
            }
        }
        if self.event == Event::TlsHello {
            // The octets of a handshake mean nothing to a reader.
            whole.drop_labelled();
        }
        (cues, whole, status, trace)
    }

    /// Adds a reply of the innermost rule.
    pub(super) fn speak(&mut self, reply: Reply) {
        let Some(frame) = self.frames.last() else { return };
        let bytes = reply.by(&frame.firing.rule.id);
        self.cue(Cue::send(bytes));
    }

    /// Adds a cue of the innermost rule.
    pub(super) fn cue(&mut self, cue: Cue) {
        if self.is_mute {
            return;
        }
        let level = self.frames.len() - 1;
        let cues = self.frames[level].filtered(vec![cue]);
        self.emit(level, cues);
    }

    /// Sends cues through the `level` outermost rules.
    fn emit(&mut self, level: usize, mut cues: Vec<Cue>) {
        if self.is_mute {
            return;
        }
        for frame in self.frames[..level].iter_mut().rev() {
            cues = frame.passed(cues);
            cues = frame.filtered(cues);
        }
        for cue in cues {
            // Nothing is sent after the end of the connection.
            if !self.is_mute {
                self.is_mute = matches!(cue, Cue::End(_) | Cue::Stall);
                self.out.push(cue);
            }
        }
    }

    /// Ends the output from inside of the innermost rule.
    pub(super) fn end_pass(&mut self) {
        let Some(frame) = self.frames.last_mut() else { return };
        if let Some(Passing::Status { line, kept: Some(mut kept) }) = frame.passing.take() {
            if let Cue::Send { bytes, .. } = &mut kept {
                bytes.set_author(&frame.firing.rule.id);
                complete(bytes, &self.framing, line);
            }
            let cues = frame.filtered(vec![kept]);
            self.emit(self.frames.len() - 1, cues);
        }
    }

    /// Sends what the filters of every rule hold back: the server waits for the client.
    pub(super) fn release_all(&mut self) {
        for level in (0..self.frames.len()).rev() {
            self.release(level);
        }
    }

    /// Sends what the filters of a rule hold back.
    fn release(&mut self, level: usize) {
        for i in 0..self.frames[level].filters.len() {
            let (shaping, outer) =
                self.frames[level].filters[i..].split_first_mut().expect("`i` is less than the length");
            let cues = outer.iter_mut().fold(shaping.finish(), |cues, shaping| shaping.through(cues));
            self.emit(level, cues);
        }
    }

    /// Ends the innermost rule.
    pub(super) fn finish(&mut self, book: &mut Rulebook, cx: &dyn EvalContext) {
        self.end_pass();
        let level = self.frames.len() - 1;
        self.release(level);
        self.is_rewritten |= self.frames[level].has_rewritten();
        self.frames[level].lose_delivery();
        self.frames[level].lose_bounces();
        let Some(Frame { firing, filters, has_passed, mut effect, .. }) = self.frames.pop() else { return };
        for Shaping { filter, step, changed } in &filters {
            self.trace.is_cut |= filter.has_cut();
            effect.note(*step, *changed);
            if *changed {
                self.trace.shaped.push((filter.description().into(), Arc::clone(&firing.rule.id)));
            }
        }
        book.took_effect(self.event, &firing, &effect, cx);
        if !has_passed || self.is_inside_of_script() {
            book.shadow(self.event, &firing, cx);
        }
    }
}
