//! Whether tokens of a size can carry a rate of requests under the limit on create requests, and which size can.

use std::time::Duration;

use crate::create_tokens::CreateTokens;
use crate::error::{Error, Kind};

const LARGEST_LIMIT: u64 = 1_000_000;
const LARGEST_COUNT: u32 = 25;
const SHORTEST_LIFETIME: Duration = Duration::from_secs(60);
/// Below that, a burst would spend a token that was sized for a calm rate.
const SMALLEST_LIMIT: u64 = 1_000;

/// Refuses a size that cannot hold at this rate, with the arithmetic.
pub(super) fn check(
    request: &CreateTokens,
    rate: u32,
    soonest_soft_age: Duration,
    per_minute: u32,
) -> Result<(), Error> {
    let (count, limit) = (u64::from(request.get_count()), request.get_request_limit());
    let by_requests = Duration::from_secs(count * limit) / rate.max(1);
    let lasts = by_requests.min(soonest_soft_age);
    if lasts * per_minute >= Duration::from_secs(60) {
        return Ok(());
    }
    let needed = 60.0 / lasts.as_secs_f64();
    let message = format!(
        "{rate} requests a second need new tokens every {:.1} s ({count} tokens of {limit} requests each, a soft point \
         after {:.1} s at the earliest), which is {needed:.1} create requests a minute of the {per_minute} that there \
         are: raise the lifetime, the request limit or the standby, or let size_for choose",
        lasts.as_secs_f64(),
        soonest_soft_age.as_secs_f64(),
    );
    Err(Error::new(Kind::InvalidConfiguration, message))
}

/// The smallest size whose tokens live as long as they should at this rate, and a quarter longer; one stands by
/// in any case. They live shorter than `longest` where what one create request brings would be spent by then: what
/// is spent need not live.
pub(super) fn fit(longest: Duration, rate: u32) -> Result<CreateTokens, Error> {
    let with_a_quarter = |requests: u64| requests.saturating_mul(5) / 4;
    let carried = LARGEST_LIMIT * u64::from(LARGEST_COUNT) / with_a_quarter(rate.into()).max(1);
    let lifetime = longest.min(Duration::from_secs(carried).max(SHORTEST_LIFETIME));
    let needed = with_a_quarter(u64::from(rate).saturating_mul(lifetime.as_secs()));
    let limit = needed.clamp(SMALLEST_LIMIT, LARGEST_LIMIT);
    let count = needed.div_ceil(limit).clamp(2, u64::from(LARGEST_COUNT));
    CreateTokens::default()
        .lifetime(lifetime)?
        .request_limit(limit)?
        .count(u32::try_from(count).unwrap_or(LARGEST_COUNT))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn tokens(limit: u64, count: u32) -> CreateTokens {
        CreateTokens::default()
            .request_limit(limit)
            .unwrap()
            .count(count)
            .unwrap()
    }

    #[test]
    fn what_cannot_hold_is_refused_with_the_arithmetic() {
        // Mobula's default: 5,000 requests, one token.
        let error = check(&tokens(5_000, 1), 1_000, HOUR / 2, 4).unwrap_err();
        assert!(error.is_invalid_configuration());
        let said = error.to_string();
        for part in [
            "1000 requests a second",
            "every 5.0 s",
            "1 tokens of 5000",
            "12.0 create requests a minute of the 4",
        ] {
            assert!(said.contains(part), "{part} is missing in: {said}");
        }
        assert!(
            check(&tokens(5_000, 3), 1_000, HOUR / 2, 4).is_ok(),
            "15 s is just enough"
        );
        assert!(check(&tokens(4_999, 3), 1_000, HOUR / 2, 4).is_err());
        assert!(check(&tokens(1_000_000, 25), u32::MAX, HOUR / 2, 4).is_err());
        assert!(
            check(&tokens(1, 1), 0, HOUR / 2, 4).is_err(),
            "one request a minute is four times too many for it"
        );
    }

    /// T4: also a lifetime alone can ask for too much.
    #[test]
    fn a_lifetime_too_short_for_the_mint_limit_is_refused() {
        let soft_age = Duration::from_secs(30);
        assert!(check(&tokens(1_000_000, 1), 1, soft_age, 2).is_ok());
        assert!(check(&tokens(1_000_000, 1), 1, soft_age, 1).is_err());
    }

    #[test]
    fn what_is_picked_holds() {
        for lifetime in [60, 600, 3_600, 86_400].map(Duration::from_secs) {
            for rate in [0, 1, 7, 100, 1_000, 10_000, 100_000] {
                let request = fit(lifetime, rate).unwrap();
                let checked = check(&request, rate, request.get_lifetime() / 2, 4);
                assert!(checked.is_ok(), "{request:?} at {rate}/s: {checked:?}");
                assert!(request.get_lifetime() <= lifetime);
            }
        }
    }

    #[test]
    fn tokens_live_as_long_as_their_budget_lasts() {
        let picked = |rate| {
            let request = fit(HOUR, rate).unwrap();
            let lifetime = request.get_lifetime().as_secs();
            (lifetime, request.get_request_limit(), request.get_count())
        };
        assert_eq!(picked(0), (3_600, 1_000, 2));
        assert_eq!(picked(100), (3_600, 450_000, 2));
        assert_eq!(picked(1_000), (3_600, 1_000_000, 5));
        assert_eq!(picked(10_000), (2_000, 1_000_000, 25));
        assert_eq!(picked(u32::MAX), (60, 1_000_000, 25), "which check refuses");
        assert!(fit(HOUR / 3_600, 1).is_err(), "no token lives a second");
    }
}
