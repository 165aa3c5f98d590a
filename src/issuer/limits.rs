//! How often each subject, and all of them, may ask.

use std::num::NonZeroUsize;
use std::time::Duration;

use lru::LruCache;
use tokio::time::Instant;

use super::grant::Subject;

/// So many requests at once, and after that one each time the share of the period has passed that it takes up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) requests: u32,
    pub(super) per: Duration,
}

/// The generic cell rate algorithm (ITU-T I.371): of each subject one moment is kept, when it would have used up all that it
/// was given.
#[derive(Debug)]
pub(super) struct Limits {
    of_each: Rate,
    of_all: Rate,
    used_until: LruCache<Subject, Instant>,
    all_used_until: Option<Instant>,
}

/// Whose limit is used up, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exceeded {
    OfSubject(Duration),
    OfAll(Duration),
}

impl Limits {
    /// Of so many subjects it is known when they asked; who asked the longest time ago is forgotten first.
    pub(super) fn new(of_each: Rate, of_all: Rate, subjects: NonZeroUsize) -> Self {
        Self {
            of_each,
            of_all,
            // Not all at once: a hash table of that size would be made for nobody.
            used_until: LruCache::unbounded(),
            all_used_until: None,
        }
        .bounded(subjects)
    }

    fn bounded(mut self, subjects: NonZeroUsize) -> Self {
        self.used_until.resize(subjects);
        self
    }

    /// Counts a request, or says how long to wait.
    ///
    /// One over its subject's limit counts for nothing. One over the limit of all counts for its subject: each of these is
    /// given a time to come back, and whoever asks a thousand times must not have a thousand of them.
    pub(super) fn take(&mut self, subject: &Subject, now: Instant) -> Result<(), Exceeded> {
        self.forget_one(now);
        let of_subject = self.used_until.get(subject).copied();
        let used_until = self
            .of_each
            .take(of_subject, now)
            .map_err(Exceeded::OfSubject)?;
        self.used_until.put(Subject::clone(subject), used_until);
        let all_used_until = self
            .of_all
            .take(self.all_used_until, now)
            .map_err(Exceeded::OfAll)?;
        self.all_used_until = Some(all_used_until);
        Ok(())
    }

    pub(super) fn subjects(&self) -> usize {
        self.used_until.len()
    }

    /// With each request up to two go whose time is over, so that they do not stay until there is no room.
    fn forget_one(&mut self, now: Instant) {
        for _ in 0..2 {
            match self.used_until.peek_lru() {
                Some((_, &until)) if until <= now => self.used_until.pop_lru(),
                _ => return,
            };
        }
    }
}

impl Rate {
    fn take(self, used_until: Option<Instant>, now: Instant) -> Result<Instant, Duration> {
        let share = self.per / self.requests;
        let used_until = used_until.map_or(now, |until| until.max(now));
        let ahead = used_until - now;
        match (ahead + share).checked_sub(self.per) {
            None | Some(Duration::ZERO) => Ok(used_until + share),
            Some(wait) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn rate(requests: u32, seconds: u32) -> Rate {
        Rate {
            requests,
            per: SECOND * seconds,
        }
    }

    fn limits(of_each: Rate, of_all: Rate, subjects: usize) -> Limits {
        Limits::new(of_each, of_all, NonZeroUsize::new(subjects).unwrap())
    }

    #[test]
    fn so_many_at_once_and_then_one_for_each_share_of_the_period() {
        let (mut limits, start) = (
            limits(rate(4, 60), rate(1_000, 60), 9),
            clock::now().monotonic,
        );
        let (one, other): (Subject, Subject) = ("one".into(), "other".into());
        for _ in 0..4 {
            limits.take(&one, start).unwrap();
        }
        let exceeded = Exceeded::OfSubject(15 * SECOND);
        assert_eq!(limits.take(&one, start), Err(exceeded));
        assert_eq!(
            limits.take(&one, start),
            Err(exceeded),
            "and that costs nothing"
        );
        limits.take(&other, start).unwrap();
        assert_eq!(
            limits.take(&one, start + 14 * SECOND),
            Err(Exceeded::OfSubject(SECOND))
        );
        limits.take(&one, start + 15 * SECOND).unwrap();
        assert!(limits.take(&one, start + 15 * SECOND).is_err());
        for _ in 0..4 {
            limits.take(&one, start + 600 * SECOND).unwrap();
        }
        assert!(
            limits.take(&one, start + 600 * SECOND).is_err(),
            "no more than that is saved up"
        );
    }

    #[test]
    fn u4_who_is_over_its_own_limit_uses_up_nothing_of_everybody_s() {
        let (mut limits, now) = (limits(rate(2, 60), rate(5, 60), 9), clock::now().monotonic);
        let greedy: Subject = "greedy".into();
        let refused = (0..1_000).filter(|_| limits.take(&greedy, now).is_err());
        assert_eq!(refused.count(), 998);
        for name in ["a", "b", "c"] {
            limits.take(&name.into(), now).unwrap();
        }
        let over = Exceeded::OfAll(12 * SECOND);
        for expected in [over, over, Exceeded::OfSubject(30 * SECOND)] {
            assert_eq!(limits.take(&"d".into(), now), Err(expected));
        }
        let soon = now + 12 * SECOND;
        limits.take(&"e".into(), soon).unwrap();
    }

    #[test]
    fn what_is_kept_of_subjects_is_bounded_and_goes_with_time() {
        let (mut limits, start) = (
            limits(rate(2, 60), rate(u32::MAX, 1), 100),
            clock::now().monotonic,
        );
        for number in 0..1_000 {
            limits.take(&number.to_string().into(), start).unwrap();
        }
        assert_eq!(limits.subjects(), 100);
        for _ in 0..100 {
            let _ = limits.take(&"late".into(), start + 61 * SECOND);
        }
        assert_eq!(limits.subjects(), 1);
    }
}
