//! Searches what is there backwards, for lists that begin with the newest.

/// Number of items to examine before the lock is taken again for more: as many as are wanted, within these bounds.
const PORTION: (usize, usize) = (16, 256);

/// At most `most` items that match, the newest first, and the place before which older ones are, if there are any.
/// `read` returns so many items before a place, the newest first.
pub(super) fn backwards<T, P: Copy>(
    mut before: P,
    most: usize,
    read: impl Fn(P, usize) -> Vec<T>,
    place: impl Fn(&T) -> P,
    matches: impl Fn(&T) -> bool,
) -> (Vec<T>, Option<P>) {
    let mut found = Vec::new();
    while found.len() < most {
        let portion = read(before, (most - found.len()).clamp(PORTION.0, PORTION.1));
        if portion.is_empty() {
            return (found, None);
        }
        for item in portion {
            before = place(&item);
            if matches(&item) {
                found.push(item);
            }
            if found.len() == most {
                break;
            }
        }
    }
    let has_older = !read(before, 1).is_empty();
    (found, has_older.then_some(before))
}
