//! The active rules of one exchange: each wraps the rules inside of it, and `pass` runs those.

mod asking;
mod output;
mod outside;
mod remember;
pub(crate) mod scripted;

use std::sync::Arc;
use std::time::Duration;

pub(crate) use asking::is_about_a_message;
use outside::failure;
pub(crate) use outside::{Given, Need};

use crate::journal::{Fired, RecordKind, Stalled, Trace};
use crate::mail::Message;
use crate::protocol::{Event, Framing, Reply, Status};
use crate::rule::clause::RuleNo;
use crate::rule::consult::{Reached, WalkFrom};
use crate::rule::effect::{Delivery, Effect, LateBounce, no_message};
use crate::rule::firing::{By, Counting, Firing, StepId};
use crate::rule::frame::{Frame, Passing, drawn};
use crate::rule::plan::{After, Cue};
use crate::rule::rulebook::{EvalContext, Rulebook};
use crate::rule::stage;
use crate::rule::step::stall::Stall;
use crate::rule::step::tls::Hello;
use crate::rule::step::{Action, StepContext};
use crate::rule::template::{Name, Template};
use scripted::Scripted;

/// An exchange as its rules process it. The caller repeats: get what the run wants, do that, continue.
#[derive(Debug)]
pub(crate) struct Run {
    event: Event,
    framing: Framing,
    /// The rules that fired, the outermost first.
    frames: Vec<Frame>,
    /// The index of the first frame of this event.
    base: usize,
    /// The event that this one is an item of, with its base and framing.
    outer: Option<(Event, usize, Framing)>,
    phase: Phase,
    out: Vec<Cue>,
    /// Whether output is suppressed from now on.
    is_mute: bool,
    /// Whether a finished rule changed the output inside of it.
    is_rewritten: bool,
    /// The status that the conforming server sent in this turn.
    said: Option<Status>,
    /// The status that the client got in earlier turns.
    earlier: Option<Status>,
    hello: Option<Hello>,
    delivery: Option<Delivery>,
    /// The reports about the message being accepted.
    bounces: Vec<LateBounce>,
    /// Whether the server refuses the client's login.
    refuses_login: bool,
    /// The message of a performed request, for a later question about it.
    message: Option<Message>,
    /// The script that plays this exchange, or takes the connection with it.
    script: Option<Scripted>,
    /// To record after the exchange.
    failures: Vec<RecordKind>,
    /// The command that is performed instead of the client's request, and the rule that decided so.
    command: Option<(Vec<u8>, Arc<str>)>,
    /// The counts and the name of the rule that asks.
    asker: Option<(Counting, Arc<str>)>,
    /// What follows the output.
    after: After,
    trace: Trace,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// No rule was evaluated yet.
    Start,
    /// Looks for the next rule inside of this one.
    Walk(Option<RuleNo>),
    /// Waits for the answer whether this rule fires.
    Undecided(RuleNo),
    /// Continues with this rule, which fires if the answer says so.
    Decided(RuleNo, bool),
    /// No rule is left.
    Innermost,
    Steps,
    /// The conforming server continues its reply.
    Part,
    /// The conforming server performs the request.
    Performing,
}

/// What a run needs next.
#[derive(Debug)]
pub(crate) enum Want {
    /// Perform the request.
    Perform,
    /// Apply an effect to the world, now or after a delay.
    Effect { effect: Effect, after: Option<Duration>, by: By },
    /// Get this from outside, without the lock.
    Outside(Need),
    /// Nothing: the run is finished.
    Over,
}

impl Phase {
    /// Where the walk goes on.
    fn place(self) -> WalkFrom {
        match self {
            Self::Walk(Some(after)) => WalkFrom::After(after),
            Self::Decided(no, holds) => WalkFrom::At(no, holds),
            Self::Start
            | Self::Walk(None)
            | Self::Undecided(_)
            | Self::Innermost
            | Self::Steps
            | Self::Part
            | Self::Performing => WalkFrom::Outermost,
        }
    }
}

impl Run {
    pub(crate) fn new(event: Event, framing: Framing) -> Self {
        Self {
            event,
            framing,
            frames: Vec::new(),
            base: 0,
            outer: None,
            phase: Phase::Start,
            out: Vec::new(),
            is_mute: false,
            is_rewritten: false,
            said: None,
            earlier: None,
            hello: None,
            delivery: None,
            bounces: Vec::new(),
            refuses_login: false,
            message: None,
            script: None,
            failures: Vec::new(),
            command: None,
            asker: None,
            after: After::Nothing,
            trace: Trace::default(),
        }
    }

    /// A run that begins while the conforming server performs the request: for the items of its reply.
    pub(crate) fn performing(item: Event, framing: Framing) -> Self {
        let answer = item.answer_of_item().unwrap_or(item);
        Self { phase: Phase::Performing, ..Self::new(answer, framing) }
    }

    pub(crate) fn event(&self) -> Event {
        self.event
    }

    /// Lets the conforming server continue.
    pub(crate) fn perform(&mut self) {
        self.phase = Phase::Part;
    }

    /// Whether the current event is an item of the reply.
    pub(crate) fn is_item(&self) -> bool {
        self.outer.is_some()
    }

    /// What follows the output.
    pub(crate) fn after(&self) -> After {
        self.after
    }

    pub(crate) fn then(&mut self, after: After) {
        let after = self.script.as_ref().map_or(after, |script| script.after(after));
        if self.after == After::Nothing {
            self.after = after;
        }
    }

    /// Begins an item of the reply, which is an event within this one.
    pub(crate) fn enter(&mut self, item: Event, framing: Framing) {
        self.outer = Some((self.event, self.base, std::mem::replace(&mut self.framing, framing)));
        (self.event, self.base, self.phase) = (item, self.frames.len(), Phase::Start);
    }

    /// Ends the item. Returns whether there was one.
    pub(crate) fn leave(&mut self) -> bool {
        let Some((event, base, framing)) = self.outer.take() else { return false };
        (self.event, self.base, self.phase) = (event, base, Phase::Performing);
        self.framing = framing;
        true
    }

    /// Continues until something is needed from outside.
    pub(crate) fn step(&mut self, book: &mut Rulebook, cx: &dyn EvalContext) -> Want {
        loop {
            match self.phase {
                Phase::Start => {
                    book.happened(self.event, cx);
                    self.phase = Phase::Walk(None);
                }
                Phase::Undecided(after) => self.phase = Phase::Walk(Some(after)),
                Phase::Walk(_) if self.is_inside_of_script() => {
                    self.phase = Phase::Performing;
                    return Want::Perform;
                }
                Phase::Walk(_) | Phase::Decided(..) => {
                    match book.next(self.event, self.phase.place(), self.script_rule(), cx) {
                        Reached::Asks(no) => {
                            self.phase = Phase::Undecided(no);
                            if let Some(want) = self.ask_whether(no, book, cx) {
                                return want;
                            }
                        }
                        Reached::Fires(firing) => {
                            self.trace.fired.push(Fired { rule: Arc::clone(&firing.rule.id), n: firing.n });
                            self.frames.push(Frame::new(firing));
                            self.phase = Phase::Steps;
                        }
                        Reached::Nothing => self.phase = Phase::Innermost,
                    }
                }
                Phase::Innermost => {
                    let is_played = self.enter_script();
                    self.phase = if is_played { Phase::Steps } else { Phase::Part };
                }
                Phase::Part => {
                    self.phase = Phase::Performing;
                    return Want::Perform;
                }
                Phase::Performing => self.phase = Phase::Steps,
                Phase::Steps => {
                    if self.frames.len() == self.base {
                        return Want::Over;
                    }
                    if let Some(want) = self.take_step(book, cx) {
                        return want;
                    }
                }
            }
        }
    }

    /// The answer to the ClientHello.
    pub(crate) fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// What went wrong so far.
    pub(crate) fn take_failures(&mut self) -> Vec<RecordKind> {
        std::mem::take(&mut self.failures)
    }

    /// The command that is now performed instead of the client's request, and the rule that decided so.
    pub(crate) fn take_command(&mut self) -> Option<(Vec<u8>, Arc<str>)> {
        self.command.take()
    }

    /// Records that this command was performed instead of the client's request.
    pub(crate) fn performed(&mut self, command: &str, by: &Arc<str>) {
        self.trace.shaped.push((format!("{command:?} performed").into(), Arc::clone(by)));
    }

    /// Sets how the message being accepted is delivered.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        self.delivery = Some(delivery);
    }

    /// How the message that is now accepted is delivered.
    pub(crate) fn take_delivery(&mut self) -> Option<Delivery> {
        self.delivery.take()
    }

    /// The message was accepted, and delivered as decided last.
    pub(crate) fn delivered(&mut self) {
        self.frames.iter_mut().rev().any(Frame::delivered);
        self.frames.iter_mut().for_each(Frame::bounced);
    }

    /// Reports about the message being accepted, if it is accepted.
    pub(crate) fn bounce(&mut self, bounce: LateBounce) {
        self.bounces.push(bounce);
    }

    /// The reports about the message that is now accepted.
    pub(crate) fn take_bounces(&mut self) -> Vec<LateBounce> {
        std::mem::take(&mut self.bounces)
    }

    /// Lets the server refuse the client's login.
    pub(crate) fn refuse_login(&mut self) {
        self.refuses_login = true;
    }

    pub(crate) fn refuses_login(&self) -> bool {
        self.refuses_login
    }

    /// The effect of the last step was applied or deferred; `found` is whether its target exists.
    pub(crate) fn did(&mut self, found: bool) {
        let Some(frame) = self.frames.last_mut() else { return };
        let Some((step, timed)) = frame.current.clone() else { return };
        let is_late = timed.after.is_some();
        match timed.may_miss() {
            true if found && timed.step.is_about_accepted() => match timed.step.replaces_delivery() {
                true => frame.deliver(step, is_late),
                false => frame.bounce(step, is_late),
            },
            true if found && is_late => frame.effect.defer(),
            true => frame.effect.note(step, found),
            false => {}
        }
    }

    /// Runs the next step of the innermost rule.
    fn take_step(&mut self, book: &mut Rulebook, cx: &dyn EvalContext) -> Option<Want> {
        let frame = self.frames.last_mut()?;
        let Some((id, timed)) = frame.begin_step() else {
            // If no step replied, the inside runs last.
            if !frame.has_answered && !frame.has_passed {
                self.pass(Passing::Loud);
                return None;
            }
            self.finish(book, cx);
            return None;
        };
        // The output from inside ends when the rule continues.
        self.end_pass();
        let frame = self.frames.last_mut()?;
        // Nothing is sent after the end of the connection.
        frame.effect.changed |= timed.always_changes() && !(self.is_mute && timed.step.answers());
        let (mounted, Firing { groups, request, .. }) = (book.at(frame.firing.no), &frame.firing);
        // The values may be long: only what the step names is copied.
        let asked = |name: &Name| match name {
            Name::Field(field) => request.iter().find(|(its, _)| its == field).map(|(_, value)| value.clone()),
            Name::Group(_) => None,
        };
        let outer = cx;
        let cx = StepContext {
            named: &|name| asked(name).or_else(|| book.named(mounted, name, cx, groups)),
            framing: &self.framing,
            message: &|id| cx.given(id),
            drawn: &|span| drawn(span, book.seed(), &frame.firing, frame.begun),
            is_late: timed.after.is_some(),
        };
        let missing = timed.step.templates().into_iter().flat_map(Template::messages);
        for id in missing.filter(|id| timed.after.is_none() && (cx.message)(id).is_none()) {
            self.failures.push(failure(&frame.firing.rule.id, no_message(id)));
        }
        let action = timed.step.run(&cx);
        if let Action::Ask(ask) = action {
            return self.ask(ask, book, outer);
        }
        if let Action::Effect = action {
            let effect = Effect::new(&timed.step, &cx);
            let rule = Arc::clone(&frame.firing.rule.id);
            let by = By { rule, step: id, firing: frame.effect.firing.clone() };
            return Some(Want::Effect { effect, after: timed.after, by });
        }
        self.take_action(action, id)
    }

    /// Performs the action of this step of the innermost rule.
    fn take_action(&mut self, action: Action, step: StepId) -> Option<Want> {
        let frame = self.frames.last_mut()?;
        match action {
            Action::Pass(passing, command) => {
                if let Some(line) = command {
                    self.command = Some((line, Arc::clone(&frame.firing.rule.id)));
                }
                self.pass(passing);
            }
            Action::Say(reply) => self.speak(reply),
            Action::Cue(cue) => {
                let is_end = matches!(cue, Cue::End(_));
                self.cue(cue);
                self.is_mute |= is_end;
            }
            Action::Stall(stall) => {
                let by = Arc::clone(&frame.firing.rule.id);
                let is_connection = stall == Stall::Conn;
                if is_connection {
                    self.cue(Cue::Stall);
                }
                self.trace.stalled = Some(Stalled { by, is_connection });
                self.is_mute = true;
            }
            // A rule for many events may await a line where the client cannot send one.
            Action::Need(need) => return stage::is_spoken(self.event).then_some(Want::Outside(need)),
            Action::Script(script) => self.begin_script(&script),
            // An alert is sent whatever profile was chosen. Of profiles, the outermost rule's keys count.
            Action::Hello(Hello::Alert(alert)) => {
                let mut record = Reply::default();
                record.push_labelled("TLS", alert.record().into());
                self.hello = Some(Hello::Alert(alert));
                self.speak(record);
            }
            Action::Hello(Hello::Profile(profile)) => {
                let counts = match &mut self.hello {
                    Some(Hello::Profile(outer)) => outer.fill(&profile),
                    Some(Hello::Alert(_)) => false,
                    None => {
                        self.hello = Some(Hello::Profile(profile));
                        true
                    }
                };
                frame.effect.note(step, counts);
            }
            Action::Filter(filter) => frame.shape(filter, step),
            Action::Ask(_) | Action::Effect => {}
        }
        None
    }

    fn pass(&mut self, passing: Passing) {
        if let Some(frame) = self.frames.last_mut() {
            frame.has_passed = true;
            frame.passing = Some(passing);
            self.phase = Phase::Walk(Some(frame.firing.no));
        }
    }
}
