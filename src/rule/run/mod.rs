//! The rules at work on one exchange: each wraps what is inside of it, and `pass` runs that.

mod output;

use std::sync::Arc;
use std::time::Duration;

use crate::journal::{Fired, Noted, RecordKind, Stalled, Trace, Weight};
use crate::protocol::{Event, Framing, Reply, RequestField, Status, masked};
use crate::rule::clause::{RuleNo, Timed};
use crate::rule::condition::inserted;
use crate::rule::effect::{By, Delivery, Effect, Target};
use crate::rule::field::Field;
use crate::rule::filter::Filter;
use crate::rule::frame::{Frame, Passing, drawn, parts, shaped};
use crate::rule::mounted::Firing;
use crate::rule::plan::{After, Cue};
use crate::rule::rulebook::{EvalContext, Rulebook};
use crate::rule::step::{Deliver, Hello, Pass, Stall, Step};
use crate::rule::template::{Name, Template};

/// An exchange as its rules see it. Whoever holds it asks what is wanted, does that, and asks again.
#[derive(Debug)]
pub(crate) struct Run {
    event: Event,
    framing: Framing,
    /// The rules that fired, the outermost first.
    frames: Vec<Frame>,
    /// The frames from here on belong to this event.
    base: usize,
    /// The event that this one is an item of, and its base.
    outer: Option<(Event, usize)>,
    phase: Phase,
    out: Vec<Cue>,
    /// Nothing is said any more.
    is_mute: bool,
    /// A rule that is done let something else out than what was said inside of it.
    is_rewritten: bool,
    /// The status of what the conforming server said in this turn.
    said: Option<Status>,
    /// What the client was told of its request in the turns before.
    told: Option<Status>,
    hello: Option<Hello>,
    delivery: Option<Delivery>,
    /// What follows when everything is said.
    after: After,
    trace: Trace,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    /// Nothing was asked yet.
    Start,
    /// The next rule is looked for, inwards of this one.
    Walk(Option<RuleNo>),
    Steps,
    /// The conforming server goes on with a part of its answer.
    Part,
    /// The conforming server is at work.
    Performing,
}

/// What a run needs next.
#[derive(Debug)]
pub(crate) enum Want {
    /// The request is to be performed.
    Perform,
    /// Something is to be done to the world, now or so much later.
    Effect { effect: Effect, after: Option<Duration>, by: By },
    /// The client's next line.
    Await,
    /// Nothing.
    Over,
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
            told: None,
            hello: None,
            delivery: None,
            after: After::Nothing,
            trace: Trace::default(),
        }
    }

    /// A run that joins when the conforming server is already at work: for the items of its answer.
    pub(crate) fn performing(framing: Framing) -> Self {
        Self { phase: Phase::Performing, ..Self::new(Event::ImapFetch, framing) }
    }

    pub(crate) fn event(&self) -> Event {
        self.event
    }

    /// The conforming server goes on.
    pub(crate) fn perform(&mut self) {
        self.phase = Phase::Part;
    }

    /// Whether an item of the answer is what rules are asked about.
    pub(crate) fn is_item(&self) -> bool {
        self.outer.is_some()
    }

    /// What follows when everything is said.
    pub(crate) fn after(&self) -> After {
        self.after
    }

    pub(crate) fn then(&mut self, after: After) {
        if self.after == After::Nothing {
            self.after = after;
        }
    }

    /// An item of the answer is an event of its own, within this one.
    pub(crate) fn enter(&mut self, item: Event) {
        self.outer = Some((self.event, self.base));
        (self.event, self.base, self.phase) = (item, self.frames.len(), Phase::Start);
    }

    /// The item is done, if there was one.
    pub(crate) fn leave(&mut self) -> bool {
        let Some((event, base)) = self.outer.take() else { return false };
        (self.event, self.base, self.phase) = (event, base, Phase::Performing);
        true
    }

    /// What the steps to come will name of the request is asked now: it is there no longer then.
    pub(crate) fn remember(&mut self, cx: &dyn EvalContext) {
        for Frame { firing, next, .. } in &mut self.frames {
            let to_come = firing.rule.steps.get(*next..).unwrap_or_default();
            for name in to_come.iter().flat_map(|timed| timed.step.templates()).flat_map(Template::names) {
                if let Name::Field(field) = name
                    && matches!(field, Field::Request(_))
                    && !firing.request.iter().any(|(its, _)| its == field)
                    && let Some(value) = cx.value(field)
                {
                    firing.request.push((field.clone(), inserted(&value)));
                }
            }
        }
    }

    /// The request logged in: from now on that is the user, whatever the request named.
    pub(crate) fn logged_in(&mut self, user: &str) {
        for Frame { firing, .. } in &mut self.frames {
            firing.request.retain(|(field, _)| *field != Field::Request(RequestField::User));
            firing.request.push((Field::Request(RequestField::User), user.to_owned()));
        }
    }

    /// Goes on until something is wanted from outside.
    pub(crate) fn step(&mut self, book: &mut Rulebook, cx: &dyn EvalContext) -> Want {
        loop {
            match self.phase {
                Phase::Start => {
                    book.happened(self.event, cx);
                    self.phase = Phase::Walk(None);
                }
                Phase::Walk(after) => match book.next(self.event, after, cx) {
                    Some(firing) => {
                        self.trace.fired.push(Fired { rule: Arc::clone(&firing.rule.id), n: firing.n });
                        self.frames.push(Frame::new(firing));
                        self.phase = Phase::Steps;
                    }
                    None => {
                        self.phase = Phase::Performing;
                        return Want::Perform;
                    }
                },
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

    /// The line that was awaited came; what its pattern finds can be named from now on. Gives what is to be recorded
    /// where it is not the right one.
    pub(crate) fn heard(&mut self, line: &str) -> Option<RecordKind> {
        let frame = self.frames.last_mut()?;
        let rule = Arc::clone(&frame.firing.rule);
        let Timed { step: Step::Await(pattern), .. } = rule.steps.get(frame.next.checked_sub(1)?)? else { return None };
        frame.firing.groups.extend(pattern.groups(line));
        if pattern.matches(line) {
            return None;
        }
        let line = masked(self.event, line.as_bytes());
        let line = String::from_utf8_lossy(&line);
        let text = format!("the client sent {line:?} where {} was awaited", pattern.written());
        Some(RecordKind::Noted(Box::new(Noted { by: Some(Arc::clone(&rule.id)), weight: Weight::Failure, text })))
    }

    /// What answers the ClientHello.
    pub(crate) fn hello(&self) -> Option<&Hello> {
        self.hello.as_ref()
    }

    /// A rule gives the message that is accepted its way.
    pub(crate) fn deliver(&mut self, delivery: Delivery) {
        self.delivery = Some(delivery);
    }

    /// The way of a message that is accepted now.
    pub(crate) fn take_delivery(&mut self) -> Option<Delivery> {
        self.delivery.take()
    }

    /// The message was accepted, and went the way that was given last.
    pub(crate) fn delivered(&mut self) {
        self.frames.iter_mut().rev().any(Frame::delivered);
    }

    /// What the last step asked of the world was done, or put off; whether it found what it is about.
    pub(crate) fn did(&mut self, found: bool) {
        let Some(frame) = self.frames.last_mut() else { return };
        let step = frame.next - 1;
        let Some(timed) = frame.firing.rule.steps.get(step) else { return };
        match timed.may_miss() {
            true if found && timed.step.is_about_accepted() => frame.deliver(step),
            true if found && timed.after.is_some() => frame.effect.put_off(),
            true => frame.effect.note(step, found),
            false => {}
        }
    }

    /// The next step of the innermost rule.
    fn take_step(&mut self, book: &mut Rulebook, cx: &dyn EvalContext) -> Option<Want> {
        let Frame { firing, next, has_passed, .. } = self.frames.last_mut()?;
        let rule = Arc::clone(&firing.rule);
        let Some(timed) = rule.steps.get(*next) else {
            // Where nothing answered, what is inside happens last.
            if !rule.answers() && !*has_passed {
                self.pass(Passing::Loud);
                return None;
            }
            self.finish(book, cx);
            return None;
        };
        // What was said inside is over when the rule goes on.
        self.end_pass();
        let frame = self.frames.last_mut()?;
        frame.next += 1;
        let Timed { step, after } = timed;
        // Behind the end of the connection nothing is said.
        frame.effect.changed |= timed.always_changes() && !(self.is_mute && step.answers());
        let at = book.at(frame.firing.no);
        // They may be long: of them only what the step names is copied.
        let Firing { groups, request, .. } = &frame.firing;
        let asked = |name: &Name| match name {
            Name::Field(field) => request.iter().find(|(its, _)| its == field).map(|(_, value)| value.clone()),
            Name::Group(_) => None,
        };
        let named = |name: &Name| asked(name).or_else(|| book.named(at, name, cx, groups));
        let fill = |template: &Template| template.fill(&named);
        let text = |template: &Template| String::from_utf8_lossy(&template.fill(&named)).into_owned();
        let target = |user: &Option<Template>, mailbox: &Option<Box<str>>| Target {
            user: user.as_ref().map(&text),
            mailbox: mailbox.clone(),
        };
        let effect = match step {
            Step::Pass(pass) => {
                let passing = match pass {
                    Pass::Loud => Passing::Loud,
                    Pass::Silent => Passing::Silent,
                    Pass::Status(line) => Passing::Status { line: fill(line), kept: None },
                };
                self.pass(passing);
                return None;
            }
            Step::Reply(lines) => {
                let lines: Vec<Vec<u8>> = lines.iter().map(fill).collect();
                let octets = self.framing.frame(&lines);
                if after.is_none() {
                    self.speak(Reply::from(octets));
                    return None;
                }
                Effect::Say(octets)
            }
            Step::Raw(octets) => {
                let octets = fill(octets);
                if after.is_none() {
                    self.speak(Reply::from(octets));
                    return None;
                }
                Effect::Say(octets)
            }
            Step::Wait(span) => {
                let wait = drawn(*span, book.seed(), &frame.firing, frame.next);
                self.cue(Cue::Wait(wait));
                return None;
            }
            Step::Stall(stall) => {
                let is_connection = *stall == Stall::Conn;
                if is_connection {
                    self.cue(Cue::Stall);
                }
                self.trace.stalled = Some(Stalled { by: Arc::clone(&rule.id), is_connection });
                self.is_mute = true;
                return None;
            }
            Step::Await(_) => return Some(Want::Await),
            Step::Shape(shape) => {
                frame.shape(shaped(shape, &fill), frame.next - 1);
                return None;
            }
            Step::Data(data) => {
                frame.shape(Filter::Parts(parts(data, &fill)), frame.next - 1);
                return None;
            }
            Step::Close(end) => {
                if after.is_none() {
                    self.cue(Cue::End(*end));
                    self.is_mute = true;
                    return None;
                }
                Effect::End(*end)
            }
            Step::Read(reading) => {
                self.cue(Cue::Read(*reading));
                return None;
            }
            Step::Tls(hello) => {
                self.hello = Some(hello.clone());
                return None;
            }
            Step::Listen(down) => Effect::Listen(*down),
            Step::Set(assignments) => {
                let set = assignments.iter().map(|(variable, assign)| {
                    (variable.clone(), book.variables.assigned(variable, assign, cx.session(), &named))
                });
                Effect::Set(set.collect())
            }
            Step::Deliver(Deliver::Lost) => Effect::Lose,
            Step::Deliver(Deliver::Into { user, mailbox, message: None }) => {
                Effect::Redirect(target(user, &Some(mailbox.clone())))
            }
            Step::Deliver(Deliver::Into { user, mailbox, message: Some(message) }) => {
                Effect::Deliver { target: target(user, &Some(mailbox.clone())), message: message.clone() }
            }
            Step::Expunge { which, tell } => {
                Effect::Expunge { target: target(&which.user, &which.mailbox), one: which.one, tell: *tell }
            }
            Step::Flag { which, add, remove, tell } => Effect::Flag {
                target: target(&which.user, &which.mailbox),
                one: which.one,
                add: add.clone(),
                remove: remove.clone(),
                tell: *tell,
            },
            Step::Mailbox(change) => Effect::Mailbox {
                target: target(&change.user, &Some(change.name.clone())),
                uid_validity: change.uid_validity,
                renumber: change.renumber,
            },
            Step::Caps(offer) => Effect::Caps(offer.clone()),
            Step::Kick { user, protocol, reply } => Effect::Kick {
                user: user.clone(),
                protocol: *protocol,
                reply: reply.as_ref().map(|reply| [&fill(reply)[..], b"\r\n"].concat()),
            },
            Step::Note(note) => Effect::Note(text(note)),
            Step::Fail(fail) => Effect::Fail(text(fail)),
        };
        let by = By { rule: Arc::clone(&rule.id), step: frame.next - 1, firing: frame.effect.firing.clone() };
        Some(Want::Effect { effect, after: *after, by })
    }

    fn pass(&mut self, passing: Passing) {
        if let Some(frame) = self.frames.last_mut() {
            frame.has_passed = true;
            frame.passing = Some(passing);
            self.phase = Phase::Walk(Some(frame.firing.no));
        }
    }
}
