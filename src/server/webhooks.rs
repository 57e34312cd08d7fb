//! The webhooks of a server: which there are, and how far each has come. Does not know how they are delivered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::AbortHandle;

use crate::base::Seq;

/// Maximum number of webhooks of a server.
pub(crate) const MOST_WEBHOOKS: usize = 100;

/// Every webhook ends with the server, and those that were not there at the start end with a reset.
#[derive(Default)]
pub(crate) struct Webhooks(Mutex<Registered>);

#[derive(Default)]
struct Registered {
    hooks: Vec<(Arc<Webhook>, AbortHandle)>,
    last: u32,
    is_ended: bool,
}

/// A URL that gets messages or records.
pub(crate) struct Webhook {
    pub(crate) no: u32,
    pub(crate) url: String,
    /// What it gets, for people.
    pub(crate) filters: String,
    /// It gets messages, not records.
    pub(crate) gets_messages: bool,
    /// It was there at the start, so a reset does not end it.
    is_lasting: bool,
    is_ended: AtomicBool,
    progress: Mutex<WebhookProgress>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct WebhookProgress {
    /// The position up to which everything was delivered.
    pub(crate) cursor: Seq,
    pub(crate) delivered: u64,
    pub(crate) failed_attempts: u64,
    /// How often what was not delivered yet was discarded because of a limit.
    pub(crate) discarded: u64,
    /// Why the last attempt failed; `None` if it succeeded.
    pub(crate) last_error: Option<String>,
}

/// A webhook to add.
pub(crate) struct NewHook {
    pub(crate) url: String,
    pub(crate) filters: String,
    pub(crate) gets_messages: bool,
    /// It begins after this position.
    pub(crate) cursor: Seq,
    /// A reset does not end it.
    pub(crate) is_lasting: bool,
}

impl Webhook {
    pub(crate) fn progress(&self) -> MutexGuard<'_, WebhookProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether nothing more is to be sent.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    /// An attempt has failed.
    pub(crate) fn note_failure(&self, why: &str) {
        let mut progress = self.progress();
        progress.failed_attempts += 1;
        progress.last_error = Some(why.to_owned());
    }

    /// Everything up to this position was delivered, and what is there.
    pub(crate) fn note_delivery(&self, seq: Seq) {
        let mut progress = self.progress();
        progress.cursor = seq;
        progress.delivered += 1;
        progress.last_error = None;
    }
}

impl Webhooks {
    /// Adds a webhook. `deliver` starts what delivers to it. `None` if there are too many,
    /// or if the server has ended.
    pub(crate) fn add(&self, new: NewHook, deliver: impl FnOnce(Arc<Webhook>) -> AbortHandle) -> Option<Arc<Webhook>> {
        let mut registered = self.lock();
        if registered.hooks.len() >= MOST_WEBHOOKS || registered.is_ended {
            return None;
        }
        registered.last += 1;
        let no = registered.last;
        let NewHook { url, filters, gets_messages, cursor, is_lasting } = new;
        let progress = Mutex::new(WebhookProgress { cursor, ..WebhookProgress::default() });
        let hook = Arc::new(Webhook {
            no,
            url,
            filters,
            gets_messages,
            is_lasting,
            is_ended: AtomicBool::new(false),
            progress,
        });
        let delivering = deliver(Arc::clone(&hook));
        registered.hooks.push((Arc::clone(&hook), delivering));
        Some(hook)
    }

    /// All webhooks, in the order in which they were added.
    pub(crate) fn list(&self) -> Vec<Arc<Webhook>> {
        self.lock().hooks.iter().map(|(hook, _)| Arc::clone(hook)).collect()
    }

    /// Ends a webhook. Returns false if there is none of this number.
    pub(crate) fn remove(&self, no: u32) -> bool {
        self.end(|hook| hook.no == no) > 0
    }

    /// Ends the webhooks that were not there at the start.
    pub(super) fn reset(&self) {
        self.end(|hook| !hook.is_lasting);
    }

    /// Ends all webhooks.
    pub(super) fn stop(&self) {
        self.lock().is_ended = true;
        self.end(|_| true);
    }

    fn end(&self, which: impl Fn(&Webhook) -> bool) -> usize {
        let mut registered = self.lock();
        let ended = registered.hooks.extract_if(.., |(hook, _)| which(hook));
        let end = |(hook, delivering): (Arc<Webhook>, AbortHandle)| {
            // What waits for a thread is not aborted.
            hook.is_ended.store(true, Ordering::Release);
            delivering.abort();
        };
        ended.map(end).count()
    }

    fn lock(&self) -> MutexGuard<'_, Registered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
