//! The filters of records, as query parameters and in a webhook.

use utoipa::openapi::schema::{ObjectBuilder, Type};

use super::params::{self, query};
use crate::base::SessionNo;
use crate::journal::{Description, Journal};
use crate::protocol::Event;

query! {
    /// Filters for records, all of which must match.
    #[derive(Clone)]
    pub(super) struct RecordFilters {
        /// Only records of this session.
        pub(super) session: Option<SessionNo>,
        /// Only records of exchanges with this event, such as `smtp.rcpt`.
        event: Option<Event>,
        /// Only records of these kinds, such as `exchange` or `exchange,part`.
        kind: Option<RecordKinds>,
        /// Only requests to the OAuth 2.0 provider with this `grant_type`, such as `refresh_token`.
        grant: Option<String>,
    }
}

/// Kinds of records, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordKinds(Vec<&'static str>);

impl params::Value for RecordKinds {
    fn read(text: &str) -> Result<Self, String> {
        let kinds = text.split(',').map(|text| {
            let known = Description::NAMES.iter().copied().find(|name| *name == text.trim());
            known.ok_or_else(|| {
                let names: Vec<String> = Description::NAMES.iter().map(|name| format!("`{name}`")).collect();
                format!("`{text}` is not a kind of record; write one of {}, or several with commas", names.join(", "))
            })
        });
        kinds.collect::<Result<_, _>>().map(Self)
    }

    fn schema() -> ObjectBuilder {
        let kind = format!("({})", Description::NAMES.join("|"));
        ObjectBuilder::new().schema_type(Type::String).pattern(Some(format!("^{kind}(,{kind})*$")))
    }
}

impl RecordFilters {
    pub(super) fn holds(&self, journal: &Journal, session: Option<SessionNo>, description: &Description<'_>) -> bool {
        self.session.is_none_or(|wanted| session == Some(wanted))
            && self.event.is_none_or(|wanted| description.event(journal) == Some(wanted))
            && self.kind.as_ref().is_none_or(|RecordKinds(wanted)| wanted.contains(&description.name()))
            && self.grant.as_ref().is_none_or(|wanted| description.grant() == Some(wanted))
    }
}
