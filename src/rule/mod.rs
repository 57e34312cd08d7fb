//! Rules: deliberate faults. They are evaluated between decoding a request and performing it; their output and the
//! protocol's become cues for the wire. Does not know sockets.

mod candidates;
mod chance;
mod clause;
mod condition;
mod consult;
mod content;
mod course;
mod effect;
mod field;
mod filter;
mod firing;
mod frame;
mod handshake_field;
mod inquiry;
mod message_part;
mod mounted;
mod near_miss;
mod occurrence;
mod plan;
pub(crate) mod profile;
mod reach;
mod read;
mod rulebook;
mod run;
pub(crate) mod script;
mod stage;
pub(crate) mod step;
mod template;
#[cfg(test)]
mod tests;
mod variables;
mod watch;

pub(crate) use clause::{Nth, On, Per, Rule, RuleNo, Timed};
#[cfg(test)]
pub(crate) use condition::VALUES;
pub(crate) use condition::{Condition, Test, shown};
pub(crate) use content::{Answers, ConditionResult, Questions};
pub(crate) use course::Course;
pub(crate) use effect::{ApplyContext, Delivery, Effect, LateBounce};
pub(crate) use field::{DOTTED, FIELDS, Field, FieldKind};
pub(crate) use firing::By;
pub(crate) use handshake_field::HandshakeField;
pub(crate) use inquiry::{Answer, Closure, HttpUrl, Inquiry, PATIENCE, Respondent};
pub(crate) use mounted::{Mounted, Since};
pub(crate) use near_miss::{FailedCondition, Miss, MissReason};
pub use occurrence::Occurrence;
pub(crate) use plan::{After, Cue, Pace, Plan};
pub(crate) use profile::{ClientAuth, ClientCa, Profile, ProfileEntry, Version};
pub(crate) use rulebook::{EvalContext, First, Rulebook};
pub(crate) use run::scripted::{Playing, ScriptTurn};
pub(crate) use run::{Given, Need, Run, Want, is_about_a_message};
pub(crate) use stage::{has_output, no_answer};
pub(crate) use step::close::CloseMode;
pub(crate) use step::read::Reading;
#[cfg(any(test, feature = "api"))]
pub(crate) use step::set::Variable;
pub(crate) use step::tls::Hello;
pub(crate) use step::{Said, Step, Target};
#[cfg(test)]
pub(crate) use template::REPLACED;
pub(crate) use template::{Name, Template};
pub(crate) use variables::VariableValue;
pub(crate) use watch::{Counted, Expect, Misplaced, Nearest, Wanted, Watch, Watched};
