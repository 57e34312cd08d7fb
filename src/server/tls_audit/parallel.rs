//! Runs that take place at the same time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;

/// Makes something of each item, of at most `jobs` at the same time, and hands the results over in the order of the items.
/// After the first error nothing more is begun.
pub(crate) fn in_parallel<T: Copy + Sync, R: Send, E>(
    items: &[T],
    jobs: usize,
    make: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(T, R) -> Result<(), E>,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let work = |done: Sender<(usize, R)>| {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else { return };
            if done.send((at, make(*item))).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let (done, results) = channel();
        for _ in 0..jobs.clamp(1, items.len().max(1)) {
            let (done, work) = (done.clone(), &work);
            scope.spawn(move || work(done));
        }
        drop(done);
        let (mut waiting, mut taken) = (BTreeMap::new(), 0);
        for (at, result) in results {
            waiting.insert(at, result);
            while let Some(result) = waiting.remove(&taken) {
                take(items[taken], result)?;
                taken += 1;
            }
        }
        Ok(())
    })
}

/// How many runs take place at the same time unless somebody says otherwise.
pub(crate) fn default_jobs() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
