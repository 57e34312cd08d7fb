//! What a step does to the world: at once, or when it is due.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::firing::By;
use super::step::close::CloseMode;
use super::step::set::{Assign, Variable};
use super::step::{Step, StepContext, Target};
use super::template::{Name, Template};
use super::variables::VariableValue;
use crate::base::{Pattern, Timestamp};
use crate::journal::Weight;
use crate::mail::MailboxId;
use crate::protocol::{CapabilityOverride, Destination, Framing, MailTxn, Protocol, Route};

/// A step that is done to the world, now or later, and what it needs of the request for that.
#[derive(Debug)]
pub(crate) struct Effect {
    step: Arc<dyn Step>,
    /// What the names in its texts stood for when its rule got to it.
    names: Vec<(Name, String)>,
    /// The form of an answer to the request.
    framing: Framing,
    /// The mailbox that the event is about.
    here: Target,
}

impl Effect {
    pub(super) fn new(step: &Arc<dyn Step>, cx: &StepContext<'_>) -> Self {
        let names = step.templates().into_iter().flat_map(Template::names);
        let names = names.filter_map(|name| Some((name.clone(), (cx.named)(name)?))).collect();
        Self { step: Arc::clone(step), names, framing: cx.framing.clone(), here: Target::default() }
    }

    /// A step that names no user or mailbox means these.
    pub(crate) fn about(&mut self, login: &str, mailbox: &str) {
        self.here = Target { user: Some(login.to_owned()), mailbox: Some(mailbox.into()) };
    }

    /// Does it. Gives whether what it is about was there; fails with why it cannot be done.
    pub(crate) fn apply(&self, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        self.step.apply(self, cx)
    }

    /// Whether it gives the message that is accepted its way: that has to be known at once.
    pub(crate) fn is_about_accepted(&self) -> bool {
        self.step.is_about_accepted()
    }

    /// What a name in its texts stands for.
    pub(crate) fn named(&self, name: &Name) -> Option<String> {
        self.names.iter().find(|(its, _)| its == name).map(|(_, value)| value.clone())
    }

    pub(super) fn fill(&self, template: &Template) -> Vec<u8> {
        template.fill(&|name| self.named(name))
    }

    pub(super) fn text(&self, template: &Template) -> String {
        String::from_utf8_lossy(&self.fill(template)).into_owned()
    }

    pub(super) fn framing(&self) -> &Framing {
        &self.framing
    }

    /// The mailbox that a step means which names these.
    pub(super) fn target(&self, user: Option<&Template>, mailbox: Option<&str>) -> Target {
        Target {
            user: user.map(|user| self.text(user)).or_else(|| self.here.user.clone()),
            mailbox: mailbox.map(Into::into).or_else(|| self.here.mailbox.clone()),
        }
    }
}

/// What steps may do to the world.
pub(crate) trait ApplyContext {
    /// The session is told this, which nobody asked for.
    fn say(&mut self, octets: Vec<u8>);

    /// The session ends.
    fn end(&mut self, mode: CloseMode);

    /// Other sessions end after this: of this user, of this protocol. Gives whether there are any.
    fn end_sessions(&mut self, user: Option<&Pattern>, protocol: Option<Protocol>, goodbye: Vec<u8>) -> bool;

    /// Every listener is closed for so long.
    fn close_listeners(&mut self, span: Duration);

    /// What an assignment comes to at this moment.
    fn assigned(&self, variable: &Variable, assign: &Assign, effect: &Effect) -> VariableValue;

    /// Gives variables other values. Gives whether any could be set.
    fn set(&mut self, set: Vec<(Variable, VariableValue)>) -> bool;

    /// The message that is accepted is put nowhere.
    fn lose(&mut self);

    /// The message that is accepted is put into this mailbox; fails with why that cannot be.
    fn redirect(&mut self, user: Option<&str>, mailbox: &str) -> Result<(), String>;

    /// A message of the scenario, by its name.
    fn message(&self, name: &str) -> Option<Bytes>;

    /// The mailbox that a target means; fails with why there cannot be one.
    fn mailbox(&mut self, target: &Target) -> Result<MailboxId, String>;

    /// A transaction on the mail.
    fn txn(&mut self) -> MailTxn<'_>;

    /// The session is told now of what changed in its mailbox.
    fn tell_changes(&mut self);

    /// The session is never told that this message went.
    fn conceal(&mut self, mailbox: MailboxId, uid: u32);

    /// From now on the session is told of other capabilities.
    fn announce(&mut self, capabilities: &CapabilityOverride);

    /// Writes a text into the journal.
    fn note(&mut self, weight: Weight, text: String);
}

/// The way of the message that is accepted, where a rule gives it one.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    /// It is captured, and nobody gets it.
    Lost,
    Into(Destination),
    /// It is filed at this time.
    Later(Timestamp, Destination, By),
}

impl Delivery {
    /// What becomes of the message at once.
    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Lost | Self::Later(..) => Route::Nowhere,
            Self::Into(destination) => Route::Into(destination.clone()),
        }
    }
}
