//! Types that every floor uses: patterns, counts, times and numbers.

mod alert;
mod calendar;
mod certificate;
#[cfg(feature = "serde")]
mod codec;
mod domain;
mod escape;
mod excerpt;
mod identifier;
mod live;
mod login;
mod number;
mod pattern;
mod quantity;
mod suggest;
mod text_filter;
mod times;
mod timestamp;

pub(crate) use alert::{ALERTS, Alert};
pub(crate) use calendar::{DAYS, MONTHS};
pub use certificate::Certificate;
#[cfg(feature = "serde")]
pub(crate) use codec::{base64, parsed};
pub(crate) use escape::{braced, is_name, placeholder, visible};
pub(crate) use excerpt::{common, excerpt, shown};
pub(crate) use identifier::is_identifier;
pub(crate) use live::Live;
pub(crate) use login::{is_login, login_key, same_login};
pub use number::{MessageNo, Seq, SessionNo};
pub(crate) use pattern::PatternMatch;
pub(crate) use pattern::fold_domain;
pub use pattern::{Pattern, PatternError};
pub(crate) use quantity::{count, short, span};
#[cfg(test)]
pub(crate) use suggest::SYNONYMS;
pub(crate) use suggest::{meant, nearest, question, unknown, unknown_word};
#[cfg(test)]
pub(crate) use text_filter::FILTERS;
pub(crate) use text_filter::{TextFilter, filtered};
pub use times::{Times, TimesError};
pub use timestamp::Timestamp;
