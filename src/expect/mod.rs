//! Matchers that explain their answer, expectations, near misses, reports and findings. Does not know how anything was received.

mod expectations;
mod failed_wait;
mod finding;
mod matcher;
pub mod matchers;
mod report;
mod sessions;
mod verification;
mod words;

#[cfg(feature = "api")]
pub(crate) use expectations::ExpectationNo;
pub(crate) use expectations::Expectations;
pub(crate) use failed_wait::FailedWait;
pub(crate) use finding::{FailingKinds, FindingScan, Observation};
pub use finding::{Finding, FindingKind};
pub(crate) use matcher::Evidence;
pub use matcher::Matcher;
pub use report::Report;
pub(crate) use report::{FailureKind, Question, Snapshot, UnmetExpectations, verify_expectations};
pub(crate) use verification::{FindingLines, FindingsReport, RulesReport};
#[cfg(feature = "api")]
pub(crate) use verification::{LineNumbers, near_misses};
