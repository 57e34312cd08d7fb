//! What shall go wrong: rules are asked between a request and its performance; what they and the protocol say makes
//! cues for the wire. Knows no sockets.

mod chance;
mod clause;
mod condition;
mod consult;
mod content;
mod data;
mod effect;
mod field;
mod filter;
mod frame;
mod index;
mod mounted;
mod near_miss;
mod plan;
mod profile;
mod read;
mod rulebook;
mod run;
mod step;
mod template;
#[cfg(test)]
mod tests;
mod variables;
mod watch;

pub(crate) use clause::{Nth, On, Per, Rule, RuleNo, Timed};
pub(crate) use condition::{Condition, Test, shown};
pub(crate) use content::{Answers, ConditionResult, Questions};
pub(crate) use effect::{By, Delivery, Effect, Target};
pub(crate) use field::{DOTTED, FIELDS, Field, FieldKind, OUTCOMES};
pub(crate) use mounted::Mounted;
pub(crate) use near_miss::{FailedCondition, Miss, MissReason};
pub(crate) use plan::{After, Cue, Pace, Plan};
pub(crate) use profile::{Certificate, ClientAuth, Profile, Versions};
pub(crate) use rulebook::{EvalContext, Rulebook};
pub(crate) use run::{Run, Want};
pub(crate) use step::*;
pub(crate) use template::{Name, Template};
pub(crate) use variables::VariableValue;
pub(crate) use watch::{Expect, Misplaced, Wanted, Watch};
