//! The paths of mailboxes and of their entries.

use serde::Deserialize;
use utoipa::IntoParams;

/// The path of a mailbox.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct MailboxPath {
    /// The login of the account.
    pub(super) login: String,
    /// The name of the mailbox, with `%2F` for a `/`.
    pub(super) mailbox: String,
}

/// The path of an entry.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct EntryPath {
    /// The login of the account.
    pub(super) login: String,
    /// The name of the mailbox, with `%2F` for a `/`.
    pub(super) mailbox: String,
    /// The UID of the entry.
    #[param(value_type = u32)]
    pub(super) uid: String,
}
