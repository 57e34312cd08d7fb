//! Whether a mailbox can be renamed (RFC 3501 §6.3.5).

use std::sync::Arc;

use super::MailTxn;
use crate::mail::AccountNo;

/// Why a mailbox cannot be renamed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotRenamed {
    /// There is neither a mailbox of the old name nor one below it.
    Missing,
    /// The new name, or that of a child, is not valid for this reason.
    Name(String),
    /// There is already a mailbox of this name.
    Taken(Box<str>),
    /// The new name is below the old one.
    Below,
}

impl MailTxn<'_> {
    /// Whether a mailbox other than INBOX can be renamed with its children. The names are in their canonical form.
    pub(crate) fn may_be_renamed(&self, account: AccountNo, from: &str, to: &str) -> Result<(), NotRenamed> {
        let namespace = self.accounts().namespace();
        let account = self.account(account).ok_or(NotRenamed::Missing)?;
        let (start, new_start) = (format!("{from}{}", namespace.delimiter), format!("{to}{}", namespace.delimiter));
        if account.named(from).is_none() && account.starting_with(&start).next().is_none() {
            return Err(NotRenamed::Missing);
        }
        if let Some(objection) = namespace.objection(to) {
            return Err(NotRenamed::Name(objection));
        }
        if account.named(to).is_some() {
            return Err(NotRenamed::Taken(to.into()));
        }
        if to.starts_with(&start) {
            return Err(NotRenamed::Below);
        }
        let mut children = account.starting_with(&start);
        if let Some(objection) = children.find_map(|name| namespace.objection_below(name, from, to)) {
            return Err(NotRenamed::Name(objection));
        }
        // The new name of a child may be taken even if that of the parent is not. Names that are themselves renamed
        // become free.
        let is_needed = |taken: &&Arc<str>| {
            let is_left = ***taken == *from || taken.starts_with(&start);
            !is_left && account.named(&format!("{from}{}", &taken[to.len()..])).is_some()
        };
        match account.starting_with(&new_start).find(is_needed) {
            Some(taken) => Err(NotRenamed::Taken((&**taken).into())),
            None => Ok(()),
        }
    }
}
