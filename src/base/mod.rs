//! Words that every floor uses: patterns, counts, times and the numbers of things.

mod number;
mod pattern;
mod suggest;
mod times;
mod timestamp;

pub use number::{MessageNo, Seq, SessionNo};
pub(crate) use pattern::fold_domain;
pub use pattern::{Pattern, PatternError};
pub(crate) use suggest::{nearest, unknown, unknown_word};
pub use times::{Times, TimesError};
pub use timestamp::Timestamp;
