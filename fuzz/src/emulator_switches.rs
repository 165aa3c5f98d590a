//! The emulator's switches, as one number.

use std::time::{Duration, SystemTime};

use mobula_auth::emulator::{
    BodyShape, CountedCreates, CreateWindow, Emulator, ErrorEnvelope, Keyless, LimitFormat, Plan,
    RetryAfter, RevokeShape, SuccessCodes, TokenFormat,
};

/// A decimal digit for each switch; those that are missing are 0, the default.
#[derive(Clone, Copy)]
pub(crate) struct Switches {
    digits: [u8; 16],
}

impl Switches {
    /// `switches=DIGITS`
    pub(crate) fn parse(text: &str) -> Self {
        let mut digits = [0; 16];
        let written = text.strip_prefix("switches=").unwrap_or_default();
        for (digit, char) in digits.iter_mut().zip(written.bytes()) {
            *digit = char.wrapping_sub(b'0') % 10;
        }
        Self { digits }
    }

    pub(crate) fn plan(self) -> Plan {
        self.one_of(
            0,
            [Plan::Growth, Plan::Free, Plan::Startup, Plan::Enterprise],
        )
    }

    pub(crate) fn is_demo(self) -> bool {
        self.keyless() == Keyless::Demo
    }

    pub(crate) fn fixed_window(self) -> bool {
        self.window() == CreateWindow::Fixed
    }

    pub(crate) fn token_in_list(self) -> bool {
        self.is_on(12)
    }

    pub(crate) fn accept_raw_tokens(self) -> bool {
        self.is_on(13)
    }

    pub(crate) fn emulator(self) -> Emulator {
        let shapes = [BodyShape::Named, BodyShape::Bare, BodyShape::Data];
        Emulator::builder()
            .start_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))
            .jwt_secret([7; 32])
            .plan(self.plan())
            .keyless(self.keyless())
            .error_envelope(self.one_of(
                2,
                [
                    ErrorEnvelope::Detailed,
                    ErrorEnvelope::ErrorOnly,
                    ErrorEnvelope::PlainText,
                ],
            ))
            .create_shape(self.one_of(3, shapes))
            .read_shape(self.one_of(4, shapes))
            .revoke_shape(self.one_of(
                5,
                [
                    RevokeShape::Named,
                    RevokeShape::Bare,
                    RevokeShape::Data,
                    RevokeShape::Deleted,
                ],
            ))
            .success_codes(self.one_of(6, [SuccessCodes::AlwaysOk, SuccessCodes::ByMethod]))
            .retry_after(self.one_of(
                7,
                [
                    RetryAfter::Absent,
                    RetryAfter::Seconds,
                    RetryAfter::HttpDate,
                ],
            ))
            .limit_format(self.one_of(
                8,
                [
                    LimitFormat::Strings,
                    LimitFormat::Numbers,
                    LimitFormat::NullRemaining,
                ],
            ))
            .token_format(self.one_of(9, [TokenFormat::Jwt, TokenFormat::Undecodable]))
            .counted_creates(self.one_of(10, [CountedCreates::Attempts, CountedCreates::Successes]))
            .create_window(self.window())
            .token_in_list(self.token_in_list())
            .accept_raw_tokens(self.accept_raw_tokens())
            .accept_bodiless_json(self.is_on(14))
            .www_authenticate(self.is_on(15))
            .build()
    }

    fn keyless(self) -> Keyless {
        self.one_of(
            1,
            [Keyless::Unauthorized, Keyless::RateLimited, Keyless::Demo],
        )
    }

    fn window(self) -> CreateWindow {
        self.one_of(11, [CreateWindow::Sliding, CreateWindow::Fixed])
    }

    fn is_on(self, place: usize) -> bool {
        self.one_of(place, [false, true])
    }

    fn one_of<T: Copy, const N: usize>(self, place: usize, all: [T; N]) -> T {
        all[usize::from(self.digits[place]) % N]
    }
}
