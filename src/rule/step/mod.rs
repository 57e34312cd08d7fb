//! The steps of a rule.
//!
//! Each kind of step has its own file: name and description, reading and printing, the events that allow it, its
//! effect, and examples. [`STEPS`] is the table of all kinds: the loader, the printer, the checks, the reference in the
//! manual and the tests are generated from it.
//!
//! To add a step, write its file with a `KIND` and a type that implements [`Step`], and add the file's name to the
//! table below. The loader, the printer, JSON, `Rule::step` in Rust and the suggestions for misspelled names then know
//! it. With `INSTA_UPDATE=always` the test `the_manual_has_the_reference` writes it and its examples into the manual,
//! and `tests/faults.rs` plays the examples. A test demands a method of `Rule` in `src/harness/rules` for each form.

mod example;
mod literal;
mod parse;
mod target;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use example::CONFORMING;
pub(crate) use example::{Example, Then};
pub(crate) use literal::Literal;
pub(crate) use target::{One, Target, Tell, Which};

use super::clause::Timed;
use super::effect::{ApplyContext, Effect};
use super::filter::Filter;
use super::frame::Passing;
use super::plan::Cue;
use super::run::Need;
use super::template::{MessageOf, Name, Template};
use crate::base::Pattern;
use crate::document::{Form, Node, Reader, Tree};
use crate::protocol::{Event, Framing, Reply};
use ask::AskStep;
use close::CloseMode;
use script::ScriptRef;
use set::{Assign, Variable};
use stall::Stall;
use tls::Hello;
use wait::Span;

#[cfg(test)]
pub(crate) mod tests;

macro_rules! steps {
    ($($file:ident)*) => {
        $(pub(crate) mod $file;)*

        /// Every kind of step, in the order of the manual.
        pub(crate) const STEPS: &[&StepKind] = &[$(&$file::KIND),*];
    };
}

// `cargo fmt` does not format files named in macros: format a new file with `rustfmt`.
steps! {
    pass
    reply
    raw
    login
    wait
    stall
    await_line
    ask
    script
    pace
    split
    hold
    cut
    eol
    edit
    pad
    data
    close
    read
    tls
    listen
    set
    deliver
    bounce
    expunge
    flag
    mailbox
    caps
    kick
    token
    note
    fail
}

/// A kind of step.
pub(crate) struct StepKind {
    /// Its key in a file.
    pub(crate) name: &'static str,
    /// The forms of its value, in Markdown.
    #[cfg_attr(not(test), allow(dead_code))] // A test makes the manual of it.
    pub(crate) forms: &'static str,
    /// What it does, in Markdown.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) does: &'static str,
    /// What can be written as its value.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) value: Form,
    pub(crate) role: Role,
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) examples: &'static [Example],
    /// Reads its value.
    pub(crate) read: fn(&mut Reader, &Node) -> Option<Arc<dyn Step>>,
}

/// One thing that a rule does.
///
/// Most defaults follow from the [`Role`]; a step overrides what differs.
pub(crate) trait Step: fmt::Debug + Send + Sync {
    fn kind(&self) -> &'static StepKind;

    /// Its value, as [`StepKind::read`] reads it.
    fn print(&self) -> Tree;

    /// The action when the rule reaches the step.
    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Effect
    }

    /// Changes the world: called after [`run`](Self::run) returned [`Action::Effect`], at once or when it is due.
    /// Returns whether its target exists; fails with the reason why the step is impossible.
    fn apply(&self, _effect: &Effect, _cx: &mut dyn ApplyContext) -> Result<bool, String> {
        Ok(false)
    }

    /// Why it is impossible at this event, if it is.
    fn objection(&self, event: Event) -> Option<&'static str>;

    /// Why it can never change anything, if it cannot.
    fn pointless(&self) -> Option<Objection> {
        None
    }

    /// Whether it is a reply, so that the request is performed only if the rule passes.
    fn answers(&self) -> bool {
        self.kind().role == Role::Answer
    }

    /// Whether it runs the rules inside of this one, or performs the request.
    fn passes(&self) -> bool {
        false
    }

    /// Whether it can be deferred.
    fn may_come_later(&self) -> bool {
        match self.kind().role {
            Role::Answer | Role::Effect | Role::Note => true,
            Role::Flow | Role::Filter => false,
        }
    }

    /// Whether its target may not exist, so that it changes nothing: a line to edit, a message to expunge, an optional
    /// mailbox, a message being accepted, a session with variables, or a session that gets output later.
    fn may_miss(&self, is_late: bool) -> bool {
        match self.kind().role {
            Role::Answer => is_late,
            Role::Filter | Role::Effect => true,
            Role::Flow | Role::Note => false,
        }
    }

    /// Whether it changes nothing that a client can observe.
    fn changes_nothing(&self) -> bool {
        self.kind().role == Role::Note
    }

    /// Whether it concerns output, so that it does nothing once output is suppressed.
    fn is_said(&self) -> bool {
        matches!(self.kind().role, Role::Answer | Role::Filter)
    }

    /// Whether it produces output for filters to change; `_is_spoken` is whether the server sends output at the event.
    fn produces_output(&self, _is_spoken: bool) -> bool {
        false
    }

    /// Whether its only target is the session, so that it finds nothing once that has ended.
    fn is_about_session(&self) -> bool {
        self.kind().role == Role::Answer
    }

    /// Whether it decides what becomes of the message being accepted: its delivery, or a report about it.
    fn is_about_accepted(&self) -> bool {
        false
    }

    /// Of the steps about the message being accepted: whether it replaces what an earlier one decided.
    fn replaces_delivery(&self) -> bool {
        true
    }

    /// Its texts with names in them.
    fn templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The names whose values it uses.
    fn names(&self) -> Vec<Name> {
        self.templates().into_iter().flat_map(Template::names).cloned().collect()
    }

    /// The names that only its own texts can have.
    fn groups(&self) -> Vec<Box<str>> {
        Vec::new()
    }

    /// Its texts that have the form of a protocol.
    fn said(&self) -> Said<'_> {
        Said::Nothing
    }

    /// Whether its answer brings the next steps, which are not known before.
    fn asks(&self) -> bool {
        false
    }

    /// What it awaits, if it awaits a line.
    fn awaited(&self) -> Option<Awaited<'_>> {
        None
    }

    /// The mailbox that it names, and the login of the mailbox's owner.
    fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        (None, None)
    }

    /// The logins that it names, as far as they are fixed.
    fn logins(&self) -> Vec<&[u8]> {
        self.mailbox().1.and_then(Template::constant).into_iter().collect()
    }

    /// The messages of the file that it delivers or sends.
    fn messages(&self) -> Vec<&str> {
        self.templates().into_iter().flat_map(Template::messages).collect()
    }

    /// The variables that it sets.
    fn assignments(&self) -> &[(Variable, Assign)] {
        &[]
    }

    /// The same step with another way to end the connection, if it ends one in the middle of the output.
    fn with_end(&self, _end: CloseMode) -> Option<Arc<dyn Step>> {
        None
    }
}

/// What a step acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The course of the exchange.
    Flow,
    /// The reply, or the end of the connection.
    Answer,
    /// The output of the rule.
    Filter,
    /// Mail, sessions, variables and listeners.
    Effect,
    /// The journal.
    Note,
}

/// What the engine does for a step.
#[derive(Debug)]
pub(crate) enum Action {
    /// Run the rules inside, and handle their output like this. The server performs this command, if there is one,
    /// instead of the client's request.
    Pass(Passing, Option<Vec<u8>>),
    /// Send this to the client.
    Say(Reply),
    /// Give this cue to the wire.
    Cue(Cue),
    /// Send no more.
    Stall(Stall),
    /// Continue in another turn, with the answer to this.
    Ask(AskStep),
    /// Continue in another turn, with what this gives.
    Need(Need),
    /// Hand the connection over to this script.
    Script(ScriptRef),
    /// Answer the ClientHello like this.
    Hello(Hello),
    /// Filter the output of the rule.
    Filter(Box<dyn Filter>),
    /// Change the world: calls [`Step::apply`].
    Effect,
}

/// A line that a step awaits.
pub(crate) struct Awaited<'s> {
    pub(crate) pattern: &'s Pattern,
    /// The steps that follow if the line does not match, instead of the rest of the rule.
    pub(crate) otherwise: Option<&'s Arc<[Timed]>>,
}

/// What a step knows when its rule reaches it.
pub(crate) struct StepContext<'c> {
    /// The value of a name.
    pub(super) named: &'c dyn Fn(&Name) -> Option<String>,
    pub(super) framing: &'c Framing,
    /// The octets of a message of the scenario.
    pub(super) message: MessageOf<'c>,
    /// A duration drawn from a range by the seed.
    pub(super) drawn: &'c dyn Fn(Span) -> Duration,
    /// Whether it is deferred.
    pub(super) is_late: bool,
}

impl StepContext<'_> {
    pub(super) fn fill(&self, template: &Template) -> Vec<u8> {
        template.fill(self.named)
    }

    /// A text to send.
    pub(super) fn reply(&self, template: &Template) -> Reply {
        template.fill_with(self.named, self.message)
    }
}

/// Texts that have the form of a protocol.
pub(crate) enum Said<'s> {
    Nothing,
    /// The lines of a reply.
    Reply(Vec<&'s Template>),
    /// One line of any form.
    Line(&'s Template),
}

/// What is wrong with a step, and what would be right.
pub(crate) type Objection = (String, String);

fn wrong(message: impl Into<String>, help: &str) -> Option<Objection> {
    Some((message.into(), help.to_owned()))
}

/// Help where something is counted from 1.
const FROM_ONE: &str = "numbers begin at 1";

/// An objection to a pattern that can never match inside of a line.
fn never_found(pattern: &Pattern) -> Option<Objection> {
    let message = || format!("`{}` can never be found in a line", pattern.written());
    (!pattern.is_findable()).then(|| (message(), "write the text itself, or `~` and a regular expression".to_owned()))
}

/// The reason why something is impossible, unless it is possible.
fn unless(is_possible: bool, why: &'static str) -> Option<&'static str> {
    (!is_possible).then_some(why)
}

/// Two steps are the same if they are written the same.
impl PartialEq for dyn Step {
    fn eq(&self, other: &Self) -> bool {
        self.kind().name == other.kind().name && self.print() == other.print()
    }
}
