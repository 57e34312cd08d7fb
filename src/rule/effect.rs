//! What a step does to the world, now or later.

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
use crate::mail::{Bounce, MailboxId};
use crate::protocol::{CapabilityOverride, Destination, Framing, MailTxn, Protocol, Reply, Route};

/// A step that changes the world, now or later, and what it needs of the request.
#[derive(Debug)]
pub(crate) struct Effect {
    step: Arc<dyn Step>,
    /// The values of the names in its texts, taken when its rule reached it.
    names: Vec<(Name, String)>,
    /// The form of a reply to the request.
    framing: Framing,
    /// The mailbox of the event.
    here: Target,
}

impl Effect {
    pub(super) fn new(step: &Arc<dyn Step>, cx: &StepContext<'_>) -> Self {
        let names = step.names().into_iter();
        let names = names.filter_map(|name| (cx.named)(&name).map(|value| (name, value))).collect();
        Self { step: Arc::clone(step), names, framing: cx.framing.clone(), here: Target::default() }
    }

    /// Sets the default user and mailbox of a step that names none.
    pub(crate) fn about(&mut self, login: &str, mailbox: &str) {
        self.here = Target { user: Some(login.to_owned()), mailbox: Some(mailbox.into()) };
    }

    /// Applies the step. Returns whether its target exists; fails with the reason why the step is impossible.
    pub(crate) fn apply(&self, cx: &mut dyn ApplyContext) -> Result<bool, String> {
        self.step.apply(self, cx)
    }

    /// Whether its only target is the session, so that it finds nothing once that has ended.
    pub(crate) fn is_about_session(&self) -> bool {
        self.step.is_about_session()
    }

    /// Whether it decides what becomes of the message being accepted, which must be known at once.
    pub(crate) fn is_about_accepted(&self) -> bool {
        self.step.is_about_accepted()
    }

    /// The value of a name in its texts.
    pub(crate) fn named(&self, name: &Name) -> Option<String> {
        self.names.iter().find(|(its, _)| its == name).map(|(_, value)| value.clone())
    }

    pub(super) fn fill(&self, template: &Template) -> Vec<u8> {
        template.fill(&|name| self.named(name))
    }

    /// A text to send; fails if there is no such message.
    pub(super) fn reply(&self, template: &Template, cx: &dyn ApplyContext) -> Result<Reply, String> {
        if let Some(id) = template.messages().find(|id| cx.message(id).is_none()) {
            return Err(no_message(id));
        }
        Ok(template.fill_with(&|name| self.named(name), &|id| cx.message(id)))
    }

    pub(super) fn text(&self, template: &Template) -> String {
        String::from_utf8_lossy(&self.fill(template)).into_owned()
    }

    pub(super) fn framing(&self) -> &Framing {
        &self.framing
    }

    /// The mailbox of a step with these parameters.
    pub(super) fn target(&self, user: Option<&Template>, mailbox: Option<&str>) -> Target {
        Target {
            user: user.map(|user| self.text(user)).or_else(|| self.here.user.clone()),
            mailbox: mailbox.map(Into::into).or_else(|| self.here.mailbox.clone()),
        }
    }
}

/// Why a step cannot send or deliver a message.
pub(super) fn no_message(id: &str) -> String {
    format!("there is no message `{id}`")
}

/// What steps can do to the world.
pub(crate) trait ApplyContext {
    /// Sends this to the client without a request.
    fn say(&mut self, reply: Reply);

    /// Logs the session in as this user; fails with the reason why this is impossible.
    fn log_in(&mut self, login: &str) -> Result<(), String>;

    /// Lets the server refuse the client's login.
    fn refuse_login(&mut self);

    /// Ends the session.
    fn end(&mut self, mode: CloseMode);

    /// Ends other sessions after this turn: of this user, of this protocol. Returns whether there are any.
    fn end_sessions(&mut self, user: Option<&Pattern>, protocol: Option<Protocol>, goodbye: Vec<u8>) -> bool;

    /// Closes every listener for this time.
    fn close_listeners(&mut self, span: Duration);

    /// The result of an assignment now.
    fn assigned(&self, variable: &Variable, assign: &Assign, effect: &Effect) -> VariableValue;

    /// Sets variables. Returns whether any could be set.
    fn set(&mut self, set: Vec<(Variable, VariableValue)>) -> bool;

    /// Reports about the message being accepted to its sender, once it is accepted.
    fn bounce(&mut self, bounce: Bounce);

    /// Captures the message being accepted, but delivers it nowhere.
    fn lose(&mut self);

    /// Delivers the message being accepted to this mailbox; fails with the reason why this is impossible.
    fn redirect(&mut self, user: Option<&str>, mailbox: &str) -> Result<(), String>;

    /// A message of the scenario, by name.
    fn message(&self, name: &str) -> Option<Bytes>;

    /// The mailbox of a target; fails with the reason why there is none.
    fn mailbox(&mut self, target: &Target) -> Result<MailboxId, String>;

    /// A transaction on the mail.
    fn txn(&mut self) -> MailTxn<'_>;

    /// Sends the session the changes of its mailbox now.
    fn tell_changes(&mut self);

    /// Never tells the session that this message was expunged.
    fn conceal(&mut self, mailbox: MailboxId, uid: u32);

    /// Changes the capabilities that the session announces from now on.
    fn announce(&mut self, capabilities: &CapabilityOverride);

    /// Writes a text into the journal.
    fn note(&mut self, weight: Weight, text: String);
}

/// A report about the message being accepted.
#[derive(Debug, Clone)]
pub(crate) struct LateBounce {
    /// `None` if it is sent as soon as the message is accepted.
    pub(crate) due: Option<Timestamp>,
    pub(crate) bounce: Bounce,
    pub(crate) by: By,
}

/// How the message being accepted is delivered, if a rule decides it.
#[derive(Debug, Clone)]
pub(crate) enum Delivery {
    /// Captured, and delivered to nobody.
    Lost,
    Into(Destination),
    /// Delivered at this time.
    Later(Timestamp, Destination, By),
}

impl Delivery {
    /// How the message is delivered now.
    pub(crate) fn route(&self) -> Route {
        match self {
            Self::Lost | Self::Later(..) => Route::Nowhere,
            Self::Into(destination) => Route::Into(destination.clone()),
        }
    }
}
