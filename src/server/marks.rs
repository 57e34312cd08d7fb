//! What clients of Mailpit's API note about captured messages: which were read, and their tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::broadcast;

use crate::base::MessageNo;

/// Changes that a slow reader may be behind.
const MOST_BEHIND: usize = 1024;

/// The marks of one server's messages, and the news about them.
#[derive(Debug)]
pub(crate) struct Marks {
    state: Mutex<MarkState>,
    changes: broadcast::Sender<MarkChange>,
    /// When the server started.
    pub(crate) started: Instant,
}

/// What changed.
#[derive(Debug, Clone)]
pub(crate) enum MarkChange {
    /// A message is read now, or not.
    Read(MessageNo, bool),
    /// A message has these tags now.
    Tagged(MessageNo, BTreeSet<String>),
    /// Tags were renamed or removed.
    Tags,
}

/// How far messages have got the tags that they bring along.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TaggedTo {
    cleared: u64,
    pub(crate) message: Option<MessageNo>,
}

/// The marks. They may include messages that are gone, until [`retain`](Self::retain).
#[derive(Debug, Default)]
pub(crate) struct MarkState {
    read: BTreeSet<MessageNo>,
    tags: BTreeMap<MessageNo, BTreeSet<String>>,
    /// The messages up to this one have got the tags that they bring along.
    tagged_to: Option<MessageNo>,
    /// How often the marks were cleared: the numbers of messages begin again then.
    cleared: u64,
}

impl Default for Marks {
    fn default() -> Self {
        Self { state: Mutex::default(), changes: broadcast::Sender::new(MOST_BEHIND), started: Instant::now() }
    }
}

impl Marks {
    pub(crate) fn with<T>(&self, what: impl FnOnce(&mut MarkState) -> T) -> T {
        what(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Marks messages as read or not, and reports those that change.
    pub(crate) fn set_read(&self, chosen: impl IntoIterator<Item = MessageNo>, read: bool) {
        let set = |state: &mut MarkState, no| if read { state.read.insert(no) } else { state.read.remove(&no) };
        let changed: Vec<MessageNo> = self.with(|state| chosen.into_iter().filter(|no| set(state, *no)).collect());
        changed.into_iter().for_each(|no| self.report(MarkChange::Read(no, read)));
    }

    /// Replaces the tags of these messages, and reports it.
    pub(crate) fn tag(&self, chosen: &[MessageNo], tags: &BTreeSet<String>) {
        self.with(|state| chosen.iter().for_each(|no| state.set_tags(*no, tags.clone())));
        chosen.iter().for_each(|no| self.report(MarkChange::Tagged(*no, tags.clone())));
    }

    /// The changes from now on.
    pub(crate) fn changes(&self) -> broadcast::Receiver<MarkChange> {
        self.changes.subscribe()
    }

    pub(crate) fn report(&self, change: MarkChange) {
        let _nobody_may_listen = self.changes.send(change);
    }

    pub(crate) fn clear(&self) {
        self.with(|state| *state = MarkState { cleared: state.cleared + 1, ..MarkState::default() });
    }
}

impl MarkState {
    pub(crate) fn is_read(&self, no: MessageNo) -> bool {
        self.read.contains(&no)
    }

    /// The tags of a message, in order.
    pub(crate) fn tags(&self, no: MessageNo) -> impl Iterator<Item = &str> {
        self.tags.get(&no).into_iter().flatten().map(String::as_str)
    }

    /// Replaces the tags of a message.
    fn set_tags(&mut self, no: MessageNo, tags: BTreeSet<String>) {
        match tags.is_empty() {
            true => drop(self.tags.remove(&no)),
            false => drop(self.tags.insert(no, tags)),
        }
    }

    /// Every tag, with the number of its messages.
    pub(crate) fn all_tags(&self) -> BTreeMap<&str, usize> {
        let mut all = BTreeMap::new();
        self.tags.values().flatten().for_each(|tag| *all.entry(tag.as_str()).or_default() += 1);
        all
    }

    /// Replaces a tag by another one, or removes it. Returns false if no message has it.
    pub(crate) fn replace_tag(&mut self, tag: &str, by: Option<&str>) -> bool {
        let mut is_found = false;
        self.tags.retain(|_, tags| {
            let had = tags.len();
            tags.retain(|its| !its.eq_ignore_ascii_case(tag));
            if tags.len() < had {
                is_found = true;
                tags.extend(by.map(str::to_owned));
            }
            !tags.is_empty()
        });
        is_found
    }

    /// How far messages have got the tags that they bring along.
    pub(crate) fn tagged_to(&self) -> TaggedTo {
        TaggedTo { cleared: self.cleared, message: self.tagged_to }
    }

    /// Gives messages after `since` the tags that they bring along, unless they have got them meanwhile.
    pub(crate) fn tag_new(&mut self, since: TaggedTo, new: impl IntoIterator<Item = (MessageNo, BTreeSet<String>)>) {
        if since.cleared != self.cleared {
            return;
        }
        let before = self.tagged_to;
        for (no, tags) in new {
            if Some(no) > before {
                self.set_tags(no, tags);
                self.tagged_to = self.tagged_to.max(Some(no));
            }
        }
    }

    /// Forgets the marks of messages that are gone.
    pub(crate) fn retain(&mut self, is_there: impl Fn(MessageNo) -> bool) {
        self.read.retain(|no| is_there(*no));
        self.tags.retain(|no, _| is_there(*no));
    }

    /// The messages that are read.
    pub(crate) fn read(&self) -> impl Iterator<Item = MessageNo> {
        self.read.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tags: &[&str]) -> BTreeSet<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn a_message_gets_the_tags_that_it_brings_along_once() {
        let mut state = MarkState::default();
        state.tag_new(state.tagged_to(), [(MessageNo(1), set(&["a"])), (MessageNo(2), set(&["b"]))]);
        state.set_tags(MessageNo(1), BTreeSet::new());

        state.tag_new(state.tagged_to(), [(MessageNo(1), set(&["a"])), (MessageNo(3), set(&["a", "c"]))]);

        assert_eq!(state.all_tags().into_iter().collect::<Vec<_>>(), [("a", 1), ("b", 1), ("c", 1)]);
        assert_eq!(state.tags(MessageNo(1)).count(), 0);
    }

    #[test]
    fn tags_that_were_found_before_a_reset_are_not_given_to_later_messages() {
        let marks = Marks::default();
        let since = marks.with(|state| state.tagged_to());
        marks.clear();

        marks.with(|state| state.tag_new(since, [(MessageNo(1), set(&["a"]))]));

        assert_eq!(marks.with(|state| state.all_tags().len()), 0);
    }

    #[test]
    fn a_tag_is_renamed_and_removed_in_any_case_of_letters() {
        let mut state = MarkState::default();
        state.tag_new(state.tagged_to(), [(MessageNo(1), set(&["Bill", "x"])), (MessageNo(2), set(&["x"]))]);

        assert!(state.replace_tag("bill", Some("Invoice")));
        assert!(state.replace_tag("X", None));

        assert!(!state.replace_tag("x", None));
        assert_eq!(state.all_tags().into_iter().collect::<Vec<_>>(), [("Invoice", 1)]);
    }

    #[test]
    fn only_real_changes_are_reported() {
        let marks = Marks::default();
        let mut changes = marks.changes();

        marks.set_read([MessageNo(1)], true);
        marks.set_read([MessageNo(1), MessageNo(2)], true);
        marks.set_read([MessageNo(3)], false);

        let mut reported = Vec::new();
        while let Ok(MarkChange::Read(no, read)) = changes.try_recv() {
            reported.push((no.0, read));
        }
        assert_eq!(reported, [(1, true), (2, true)]);
    }
}
