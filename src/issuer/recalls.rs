//! Whose tokens were revoked while requests were being looked at.

use lru::LruCache;

use super::desk::Desk;
use super::grant::Subject;

/// Of so many subjects it is known when they were revoked.
const MOST: usize = 4_096;

/// U6: the hook may have said yes before a logout, and the rest of the request may have come after it, as slowly as whoever
/// sends it likes. Such a request gets nothing.
///
/// Moments are numbers that grow from one to the next, as those of all that the desk does.
#[derive(Debug)]
pub(super) struct Recalls {
    last: LruCache<Subject, u64>,
    /// Of what was revoked up to here, it is not known any more whose it was.
    forgotten_until: u64,
}

impl Recalls {
    /// Notes that all of a subject's tokens are revoked at this moment.
    pub(super) fn note(&mut self, subject: &str, number: u64) {
        self.last.put(subject.into(), number);
        if self.last.len() > MOST {
            let oldest = self.last.pop_lru();
            self.forgotten_until = oldest.map_or(0, |(_, number)| number);
        }
    }

    /// Whether the subject was revoked after this moment, or may have been.
    pub(super) fn is_recalled(&self, subject: &Subject, since: u64) -> bool {
        let last = self.last.peek(subject).copied().unwrap_or_default();
        since < last.max(self.forgotten_until)
    }
}

impl Default for Recalls {
    fn default() -> Self {
        Self {
            // Not all at once: a hash table of that size would be made for nobody.
            last: LruCache::unbounded(),
            forgotten_until: 0,
        }
    }
}

impl Desk {
    /// A number for this moment, larger than those before it.
    pub(super) fn next_number(&self) -> u64 {
        self.lock().next_number()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn u6_who_was_revoked_since_is_known_and_what_is_forgotten_counts_as_revoked() {
        let mut recalls = Recalls::default();
        let (ann, bob) = (Subject::from("ann"), Subject::from("bob"));
        assert!(!recalls.is_recalled(&ann, 1));
        recalls.note("ann", 5);
        assert!(recalls.is_recalled(&ann, 4) && !recalls.is_recalled(&ann, 6));
        assert!(!recalls.is_recalled(&bob, 4));
        for number in 0..MOST as u64 {
            recalls.note(&number.to_string(), 10 + number);
        }
        assert_eq!(recalls.last.len(), MOST);
        assert!(recalls.is_recalled(&bob, 4), "it may have been");
        assert!(!recalls.is_recalled(&bob, 6) && !recalls.is_recalled(&ann, 6));
    }
}
