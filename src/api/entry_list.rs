//! The list of the entries of a mailbox, and waiting for them.

use std::time::Duration;

use axum::Json;

use super::accounts::mailbox;
use super::entries::{EntryFilters, no_mailbox};
use super::entry_json::{EntryList, FoundEntry};
use super::mailbox_path::MailboxPath;
use super::params::{Path, query};
use super::problem::Problem;
use super::target::Target;
use super::wait::{in_vain, wait_until};
use crate::drive::{Engine, Interest, Topic};
use crate::expect::FailedWait;
use crate::journal::Journal;
use crate::mail::Mailbox;
use crate::world::World;

query! {
    /// The query of the list of entries.
    pub(super) struct EntriesQuery {
        /// Filters.
        filters: EntryFilters,
        /// Wait so long for entries that match, such as `5s`.
        wait: Option<Duration>,
        /// How many entries to wait for; default 1. With 0, the request waits until none matches.
        count: Option<u64>,
        /// Whether each entry has `subject`, `from` and `captured`; default `false`.
        details: Option<bool>,
    }
}

/// List the entries of a mailbox, or wait for them.
#[utoipa::path(get, path = "/accounts/{login}/mailboxes/{mailbox}", params(MailboxPath, EntriesQuery), responses(
    (status = 200, description = "The entries, in the order of their UIDs.", body = EntryList),
    (status = 404, description = "There is no such mailbox."),
    (status = 409, description = "The wait was in vain. `entries` has those that match."),
))]
pub(super) async fn list(
    Target(server): Target,
    Path(MailboxPath { login, mailbox: name }): Path<MailboxPath>,
    EntriesQuery { filters, wait, count, details }: EntriesQuery,
) -> Result<Json<EntryList>, Problem> {
    if wait.is_none() && count.is_some() {
        return Err(Problem::field("count", "`count` says how many to wait for, so it needs `wait`"));
    }
    let details = details == Some(true);
    let find = |world: &World| {
        let mailbox = mailbox(world, &login, &name)?;
        Some(filters.find(mailbox, details.then_some(&world.journal)))
    };
    let Some(within) = wait else {
        let found = server.engine().read(find).ok_or_else(|| no_mailbox(&login, &name))?;
        return Ok(Json(EntryList::of(found)));
    };
    let is_enough = |found: usize| match count {
        Some(0) => found == 0,
        count => found as u64 >= count.unwrap_or(1),
    };
    let check = |engine: &Engine| engine.read(find).filter(|found| is_enough(found.len()));
    // A mailbox that does not exist yet has no number to subscribe to.
    let interest = Interest::of([Topic::Everything]);
    if let Some(found) = wait_until(&server, interest, within, check).await? {
        return Ok(Json(EntryList::of(found)));
    }
    let found = server.engine().read(find).ok_or_else(|| no_mailbox(&login, &name))?;
    let wanted = count
        .map_or("1 or more".to_owned(), |count| if count > 0 { format!("{count} or more") } else { "none".to_owned() });
    let failure = format!("within {within:?}, {} entries of {name} of {login} matched, expected {wanted}", found.len());
    Err(in_vain(&server, FailedWait::new(failure)).await?.with("entries", EntryList::of(found).entries))
}

impl EntryFilters {
    fn find(&self, mailbox: &Mailbox, details: Option<&Journal>) -> Vec<FoundEntry> {
        let found = mailbox.entries().iter().filter(|entry| self.accept(mailbox, entry));
        found.map(|entry| FoundEntry::of(mailbox, entry, details)).collect()
    }
}
