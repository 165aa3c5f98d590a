//! What to ask of a source of tokens.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::error::{Error, Kind};

const LIFETIME: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(86_400);
const COUNT: RangeInclusive<u32> = 1..=25;
const REQUEST_LIMIT: RangeInclusive<u64> = 1..=1_000_000;

/// A validated request for short-lived tokens.
///
/// The bounds and the defaults (one token, 1 hour, 5,000 requests) are those of Mobula's create
/// endpoint (docs.mobula.io, Auth tokens).
///
/// ```
/// use std::time::Duration;
///
/// use mobula_auth::CreateTokens;
///
/// let request = CreateTokens::default()
///     .lifetime(Duration::from_secs(600))?
///     .request_limit(100_000)?
///     .count(2)?;
/// assert_eq!(request.get_count(), 2);
/// # Ok::<(), mobula_auth::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CreateTokens {
    lifetime: Duration,
    count: u32,
    request_limit: u64,
}

impl CreateTokens {
    /// How long each token lives: 1 minute to 24 hours, in whole milliseconds; the rest is cut off.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] outside of the bounds.
    pub fn lifetime(self, lifetime: Duration) -> Result<Self, Error> {
        if !LIFETIME.contains(&lifetime) {
            return Err(out_of_bounds("a token's lifetime is 1 minute to 24 hours"));
        }
        let whole_milliseconds = lifetime.as_nanos() / 1_000_000;
        let lifetime = Duration::from_millis(u64::try_from(whole_milliseconds).unwrap_or(u64::MAX));
        Ok(Self { lifetime, ..self })
    }

    /// How many tokens to create with the one request: 1 to 25.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] outside of the bounds.
    pub fn count(self, count: u32) -> Result<Self, Error> {
        if !COUNT.contains(&count) {
            return Err(out_of_bounds("one request creates 1 to 25 tokens"));
        }
        Ok(Self { count, ..self })
    }

    /// How many requests each token is good for: 1 to 1,000,000.
    ///
    /// # Errors
    /// [`Error::is_invalid_configuration`] outside of the bounds.
    pub fn request_limit(self, request_limit: u64) -> Result<Self, Error> {
        if !REQUEST_LIMIT.contains(&request_limit) {
            return Err(out_of_bounds("a token's request limit is 1 to 1,000,000"));
        }
        Ok(Self {
            request_limit,
            ..self
        })
    }

    /// How long each token lives.
    #[must_use]
    pub fn get_lifetime(&self) -> Duration {
        self.lifetime
    }

    /// How many tokens to create.
    #[must_use]
    pub fn get_count(&self) -> u32 {
        self.count
    }

    /// How many requests each token is good for.
    #[must_use]
    pub fn get_request_limit(&self) -> u64 {
        self.request_limit
    }
}

impl Default for CreateTokens {
    fn default() -> Self {
        Self {
            lifetime: Duration::from_secs(3_600),
            count: 1,
            request_limit: 5_000,
        }
    }
}

fn out_of_bounds(message: &'static str) -> Error {
    Error::new(Kind::InvalidConfiguration, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_bounds_hold_on_both_sides() {
        let request = CreateTokens::default();
        let ms = Duration::from_millis;
        for (ok, lifetime) in [
            (false, 59_999),
            (true, 60_000),
            (true, 86_400_000),
            (false, 86_400_001),
        ] {
            assert_eq!(request.lifetime(ms(lifetime)).is_ok(), ok, "{lifetime} ms");
        }
        for (ok, count) in [(false, 0), (true, 1), (true, 25), (false, 26)] {
            assert_eq!(request.count(count).is_ok(), ok, "{count}");
        }
        for (ok, limit) in [(false, 0), (true, 1), (true, 1_000_000), (false, 1_000_001)] {
            assert_eq!(request.request_limit(limit).is_ok(), ok, "{limit}");
        }
        let odd = Duration::from_nanos(60_000_999_999);
        assert_eq!(request.lifetime(odd).unwrap().get_lifetime(), ms(60_000));
    }
}
