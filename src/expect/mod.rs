//! What should have happened: matchers that explain themselves, expectations, near misses and reports. Does not know
//! how anything was received.

mod matcher;
mod report;
mod sessions;
mod verification;

pub(crate) use matcher::Evidence;
pub use matcher::{Matcher, any, attachment, body, from, header, matching, session, subject, to};
pub use report::Report;
pub(crate) use report::{FailureKind, Question, Snapshot, judge};
pub use verification::RulesReport;
#[cfg(feature = "api")]
pub(crate) use verification::near_misses;
