//! What should have happened: matchers that explain themselves, expectations, near misses and reports. Does not know
//! how anything was received.

mod matcher;
mod report;
mod ruling;
mod sessions;

pub(crate) use matcher::Evidence;
pub use matcher::{Matcher, any, attachment, body, from, header, matching, session, subject, to};
pub use report::Report;
pub(crate) use report::{Question, Snapshot, Verdict, judge};
pub use ruling::RulesReport;
#[cfg(feature = "api")]
pub(crate) use ruling::near_misses;
