//! Matchers that explain their answer, expectations, near misses and reports. Does not know how anything was received.

mod expectations;
mod matcher;
pub mod matchers;
mod report;
mod sessions;
mod verification;

#[cfg(feature = "api")]
pub(crate) use expectations::ExpectationNo;
pub(crate) use expectations::Expectations;
pub(crate) use matcher::Evidence;
pub use matcher::Matcher;
pub use report::Report;
pub(crate) use report::{FailureKind, Question, Snapshot, verify_expectations};
pub(crate) use verification::RulesReport;
#[cfg(feature = "api")]
pub(crate) use verification::near_misses;
