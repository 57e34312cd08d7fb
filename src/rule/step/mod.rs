//! What a rule does, step by step.
//!
//! Each kind of step has a file of its own: its name and description, how it is read and printed, where it can stand,
//! what it does, and examples. [`STEPS`] is the table of them: the loader, the printer, the checks, the reference in the
//! manual and the tests are made of it.
//!
//! To add a step, write its file with a `KIND` and a type that is a [`Step`], and put the file's name into the table below.
//! The loader, the printer, JSON, `Rule::step` in Rust and the suggestions for misspelled names then know it. With
//! `INSTA_UPDATE=always` the test `the_manual_has_the_reference` writes it and its examples into the manual, and
//! `tests/faults.rs` plays these.

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
pub(crate) use target::{Target, Tell, Which};

use super::effect::{ApplyContext, Effect};
use super::filter::Filter;
use super::frame::Passing;
use super::plan::Cue;
use super::template::{Name, Template};
use crate::base::Pattern;
use crate::document::{Node, Reader, Tree};
use crate::protocol::{Event, Framing, Reply};
use close::CloseMode;
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

// One file each. `cargo fmt` does not look into macros: format a new file with `rustfmt`.
steps! {
    pass
    reply
    raw
    wait
    stall
    await_line
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
    expunge
    flag
    mailbox
    caps
    kick
    note
    fail
}

/// A kind of step, as the language knows it.
pub(crate) struct StepKind {
    /// Its key in a file.
    pub(crate) name: &'static str,
    /// The forms of its value, in Markdown.
    #[cfg_attr(not(test), allow(dead_code))] // A test makes the manual of it.
    pub(crate) forms: &'static str,
    /// What it does, in Markdown.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) does: &'static str,
    pub(crate) role: Role,
    #[cfg_attr(not(test), allow(dead_code))]
    pub(crate) examples: &'static [Example],
    /// Reads its value.
    pub(crate) read: fn(&mut Reader, &Node) -> Option<Arc<dyn Step>>,
}

/// One thing that a rule does.
///
/// Most of what is asked here follows from the [`Role`]; a step answers for itself where it differs.
pub(crate) trait Step: fmt::Debug + Send + Sync {
    fn kind(&self) -> &'static StepKind;

    /// Its value, as [`StepKind::read`] reads it.
    fn print(&self) -> Tree;

    /// What it comes to when its rule gets to it.
    fn run(&self, _cx: &StepContext<'_>) -> Action {
        Action::Effect
    }

    /// Changes the world: called where [`run`](Self::run) gave [`Action::Effect`], at once or when it is due. Gives
    /// whether what it is about was there; fails with why it cannot be done.
    fn apply(&self, _effect: &Effect, _cx: &mut dyn ApplyContext) -> Result<bool, String> {
        Ok(false)
    }

    /// Why it is impossible at this event, if it is.
    fn objection(&self, event: Event) -> Option<&'static str>;

    /// Why it can change nothing, wherever it stands, if it cannot.
    fn pointless(&self) -> Option<Objection> {
        None
    }

    /// Whether it is an answer, so that nothing is passed unless a rule says so.
    fn answers(&self) -> bool {
        self.kind().role == Role::Answer
    }

    /// Whether it runs what is inside of the rule.
    fn passes(&self) -> bool {
        false
    }

    /// Whether it can be done later.
    fn may_come_later(&self) -> bool {
        match self.kind().role {
            Role::Answer | Role::Effect | Role::Note => true,
            Role::Flow | Role::Filter => false,
        }
    }

    /// Whether what it is about may not be there, so that it changes nothing: a line to edit, a message to expunge, a
    /// mailbox that can be, a message that is accepted, a session that has variables or was to hear of it later.
    fn may_miss(&self, is_late: bool) -> bool {
        match self.kind().role {
            Role::Answer => is_late,
            Role::Filter | Role::Effect => true,
            Role::Flow | Role::Note => false,
        }
    }

    /// Whether it changes nothing that a client could see.
    fn looks_on(&self) -> bool {
        self.kind().role == Role::Note
    }

    /// Whether it has to do with what is said, so that it does nothing where nothing is said any more.
    fn is_said(&self) -> bool {
        matches!(self.kind().role, Role::Answer | Role::Filter)
    }

    /// Whether it lets something out for filters to change, at an event where the server says something or not.
    fn lets_out(&self, _is_spoken: bool) -> bool {
        false
    }

    /// Whether it gives the message that is accepted its way.
    fn is_about_accepted(&self) -> bool {
        false
    }

    /// The texts in it that name something.
    fn templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The texts in it that have the form of a protocol.
    fn said(&self) -> Said<'_> {
        Said::Nothing
    }

    /// What the client's next line must be, where that is awaited.
    fn awaited(&self) -> Option<&Pattern> {
        None
    }

    /// The mailbox that it names, and the login whose mailbox that is.
    fn mailbox(&self) -> (Option<&str>, Option<&Template>) {
        (None, None)
    }

    /// The message of the file that it delivers.
    fn message(&self) -> Option<&str> {
        None
    }

    /// The variables that it sets.
    fn assignments(&self) -> &[(Variable, Assign)] {
        &[]
    }

    /// The same step with another end of the connection, where it ends one in the midst of the output.
    fn with_end(&self, _end: CloseMode) -> Option<Arc<dyn Step>> {
        None
    }
}

/// What a step has to do with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The course of the exchange.
    Flow,
    /// What is answered, or the end of the connection.
    Answer,
    /// What becomes of what the rule lets out.
    Filter,
    /// Mail, sessions, variables and listeners.
    Effect,
    /// What is written down, for people.
    Note,
}

/// What a step comes to.
#[derive(Debug)]
pub(crate) enum Action {
    /// What is inside of the rule runs, and this becomes of what it says.
    Pass(Passing),
    /// The client is told this.
    Say(Reply),
    /// The wire is told this.
    Cue(Cue),
    /// Nothing is answered any more.
    Stall(Stall),
    /// The client's next line is read.
    Await,
    /// The ClientHello is answered so.
    Hello(Hello),
    /// What the rule lets out goes through this.
    Filter(Box<dyn Filter>),
    /// The world is changed: [`Step::apply`] does that.
    Effect,
}

/// What a step knows when its rule gets to it.
pub(crate) struct StepContext<'c> {
    /// What a name stands for.
    pub(super) named: &'c dyn Fn(&Name) -> Option<String>,
    pub(super) framing: &'c Framing,
    /// A length of time out of a range, drawn by the seed.
    pub(super) drawn: &'c dyn Fn(Span) -> Duration,
    /// It is done later.
    pub(super) is_late: bool,
}

impl StepContext<'_> {
    pub(super) fn fill(&self, template: &Template) -> Vec<u8> {
        template.fill(self.named)
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

/// What is wrong with a pattern that is to be found inside of a line.
fn never_found(pattern: &Pattern) -> Option<Objection> {
    let message = || format!("`{}` can never be found in a line", pattern.written());
    (!pattern.is_findable()).then(|| (message(), "write the text itself, or `~` and a regular expression".to_owned()))
}

/// Says why something is impossible, unless it is possible.
fn unless(is_possible: bool, why: &'static str) -> Option<&'static str> {
    (!is_possible).then_some(why)
}

/// Two steps are the same if they are written the same.
impl PartialEq for dyn Step {
    fn eq(&self, other: &Self) -> bool {
        self.kind().name == other.kind().name && self.print() == other.print()
    }
}
