//! How long a new token lives.

use std::time::{Duration, SystemTime};

use super::jwt_claims::JwtClaims;

/// No right answer tells of less: Mobula makes no token for less than a minute (docs.mobula.io, Auth tokens).
const SHORTEST_USABLE: Duration = Duration::from_secs(1);
const SHORTEST_MADE: Duration = Duration::from_secs(60);

/// `Date`, `iat` and `exp` are whole seconds, and `Date` is of a moment after the token was made: a life that is shorter
/// than asked by less than this is the life that was asked for.
const ROUNDING: Duration = Duration::from_secs(2);

/// All that is known of when a token was made and when it ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct LifetimeClues {
    pub(super) asked: Duration,
    pub(super) expires_at: Option<SystemTime>,
    pub(super) claims: JwtClaims,
    /// The server's clock when it answered.
    pub(super) server_date: Option<SystemTime>,
    /// Our wall clock when we asked.
    pub(super) asked_at: SystemTime,
}

impl LifetimeClues {
    /// The life to count on, from before the request: the shortest that can be told, never more than was asked for.
    ///
    /// `None` where the server contradicts itself: by its own clock the token is dead on arrival, as it looks after a
    /// mix-up of units. Our own clock is not evidence enough for that (T2).
    pub(super) fn lifetime(&self) -> Option<Duration> {
        let JwtClaims {
            issued_at,
            expires_at,
        } = self.claims;
        let by_claims = life(issued_at, expires_at);
        let end = match (self.expires_at, expires_at) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let by_server = life(self.server_date.or(issued_at), end);
        let told = [by_claims, by_server];
        if told
            .into_iter()
            .flatten()
            .any(|life| life < SHORTEST_USABLE)
        {
            return None;
        }
        let by_our_clock = match by_server {
            None => life(Some(self.asked_at), end).filter(|life| *life + ROUNDING >= SHORTEST_MADE),
            Some(_) => None,
        };
        let told = by_claims.into_iter().chain(
            [by_server, by_our_clock]
                .into_iter()
                .flatten()
                .map(|life| self.unrounded(life)),
        );
        Some(told.fold(self.asked, Duration::min))
    }

    /// Where the server said when the token ends, by its own clock.
    pub(super) fn expires_at(&self) -> Option<SystemTime> {
        self.expires_at.or(self.claims.expires_at)
    }

    fn unrounded(&self, life: Duration) -> Duration {
        if life.saturating_add(ROUNDING) >= self.asked {
            self.asked
        } else {
            life
        }
    }
}

/// Zero for an end before the start.
fn life(start: Option<SystemTime>, end: Option<SystemTime>) -> Option<Duration> {
    Some(end?.duration_since(start?).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: u64 = 3_600_000;

    /// Milliseconds, from an arbitrary epoch that the server's clock is right by.
    fn at(ms: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + Duration::from_millis(ms)
    }

    fn clues() -> LifetimeClues {
        LifetimeClues {
            asked: Duration::from_millis(HOUR),
            expires_at: None,
            claims: JwtClaims::default(),
            server_date: None,
            asked_at: at(0),
        }
    }

    fn ms(clues: LifetimeClues) -> Option<u128> {
        clues.lifetime().map(|lifetime| lifetime.as_millis())
    }

    #[test]
    fn without_clues_the_life_is_what_was_asked_for() {
        assert_eq!(ms(clues()), Some(HOUR.into()));
    }

    #[test]
    fn by_the_server_clock_our_own_does_not_matter() {
        for (expires_at, date, expected) in [
            (HOUR, 0, Some(HOUR)),
            (HOUR + 999, 0, Some(HOUR)),
            // Made late in a second, answered in the next one.
            (HOUR, 1_000, Some(HOUR)),
            (HOUR, 2_000, Some(HOUR)),
            (HOUR, 2_001, Some(HOUR - 2_001)),
            (HOUR / 2, 0, Some(HOUR / 2)),
            (HOUR * 1_000, 0, Some(HOUR)),
            (HOUR / 1_000, 0, Some(3_600)),
            (1_000, 0, Some(1_000)),
            (999, 0, None),
            (0, 0, None),
            (0, HOUR, None),
        ] {
            for asked_at in [at(0), at(0) - Duration::from_secs(86_400), at(86_400_000)] {
                let clues = LifetimeClues {
                    expires_at: Some(at(expires_at)),
                    server_date: Some(at(date)),
                    asked_at,
                    ..clues()
                };
                assert_eq!(ms(clues), expected.map(u128::from), "{expires_at} {date}");
            }
        }
    }

    #[test]
    fn the_claims_bound_the_life_and_stand_in_for_the_date() {
        let claims = |iat: u64, exp: u64| JwtClaims {
            issued_at: Some(at(iat)),
            expires_at: Some(at(exp)),
        };
        for (claims, expires_at, date, expected) in [
            (claims(0, HOUR), None, None, Some(HOUR)),
            (claims(0, HOUR - 1_000), None, None, Some(HOUR - 1_000)),
            (claims(0, HOUR), Some(HOUR / 2), None, Some(HOUR / 2)),
            (claims(0, HOUR / 2), Some(HOUR), Some(0), Some(HOUR / 2)),
            (claims(0, HOUR), Some(HOUR), Some(HOUR), None),
            (claims(HOUR, HOUR), Some(HOUR), Some(0), None),
            (claims(HOUR, 0), None, None, None),
        ] {
            let clues = LifetimeClues {
                claims,
                expires_at: expires_at.map(at),
                server_date: date.map(at),
                asked_at: at(40 * HOUR),
                ..clues()
            };
            assert_eq!(ms(clues), expected.map(u128::from), "{clues:?}");
        }
    }

    /// T2: skewed by whatever, our clock makes no good token look dead.
    #[test]
    fn our_own_clock_counts_only_where_it_is_plausible() {
        let year = 365 * 24 * HOUR;
        for (asked_at, expected) in [
            (year, HOUR),
            (year - year, HOUR),
            (year + HOUR / 2, HOUR / 2),
            (year + HOUR - 58_000, 58_000),
            (year + HOUR - 57_999, HOUR),
            (year + HOUR, HOUR),
            (2 * year, HOUR),
        ] {
            let clues = LifetimeClues {
                expires_at: Some(at(year + HOUR)),
                asked_at: at(asked_at),
                ..clues()
            };
            assert_eq!(ms(clues), Some(expected.into()), "{asked_at}");
        }
    }

    #[test]
    fn the_expiry_is_the_one_that_the_answer_names_first() {
        let claims = JwtClaims {
            issued_at: None,
            expires_at: Some(at(1)),
        };
        let clues = LifetimeClues { claims, ..clues() };
        assert_eq!(clues.expires_at(), Some(at(1)));
        let clues = LifetimeClues {
            expires_at: Some(at(2)),
            ..clues
        };
        assert_eq!(clues.expires_at(), Some(at(2)));
    }

    fn cut_to_second(time: SystemTime) -> SystemTime {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
    }

    proptest! {
        /// N4, T2: whatever the server made of the units, whatever it tells, whatever our clock says, the life is never
        /// longer than asked, nor than it is by more than the rounding; and a right answer is never refused.
        #[test]
        fn the_life_is_never_too_long_and_a_good_token_never_refused(
            asked in 60_000..=86_400_000_u64,
            (times, by) in prop::sample::select(vec![(1, 1), (1, 2), (1, 1_000), (1_000, 1)]),
            made_at in 0..10_000_u64,
            answered_after in 0..=1_000_u64,
            our_clock in 0..2_000_000_000_u64,
            [tells_expiry, tells_exp, tells_iat, tells_date] in any::<[bool; 4]>(),
        ) {
            let lives = asked * times / by;
            let (made, end) = (at(made_at), at(made_at + lives));
            let clues = LifetimeClues {
                asked: Duration::from_millis(asked),
                expires_at: tells_expiry.then_some(end),
                claims: JwtClaims {
                    issued_at: tells_iat.then_some(cut_to_second(made)),
                    expires_at: tells_exp.then_some(cut_to_second(end)),
                },
                server_date: tells_date.then_some(cut_to_second(at(made_at + answered_after))),
                asked_at: SystemTime::UNIX_EPOCH + Duration::from_secs(our_clock),
            };
            let lifetime = clues.lifetime();
            let told_by_server = (tells_expiry || tells_exp) && (tells_date || tells_iat);
            if let Some(lifetime) = lifetime {
                prop_assert!(lifetime <= clues.asked);
                prop_assert!(!told_by_server || lifetime <= Duration::from_millis(lives) + ROUNDING);
            }
            if lives >= asked && told_by_server {
                let lifetime = lifetime.expect("a good token");
                prop_assert!(lifetime + Duration::from_secs(1) >= clues.asked);
            }
            prop_assert!(lifetime.is_some() || told_by_server);
        }
    }
}
