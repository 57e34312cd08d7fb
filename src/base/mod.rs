//! Words that every floor uses: patterns, counts, times and the numbers of things.

mod nearest;
mod number;
mod pattern;
mod times;
mod timestamp;

pub(crate) use nearest::{nearest, unknown, unknown_word};
pub use number::{MessageNo, Seq, SessionNo};
pub(crate) use pattern::fold_domain;
pub use pattern::{Pattern, PatternError};
pub use times::{Times, TimesError};
pub use timestamp::Timestamp;
