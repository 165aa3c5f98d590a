//! Builds an emulator that differs from the default one.

use std::{fmt, time::SystemTime};

use super::{
    BodyShape, CountedCreates, CreateWindow, Emulator, ErrorEnvelope, Keyless, LimitFormat, Plan,
    RetryAfter, RevokeShape, SuccessCodes, TokenFormat, clock::wall_time, jwt::JwtKey,
    settings::Settings,
};

/// Builds an [`Emulator`]; every setting has a default, listed at its method.
///
/// ```
/// use mobula_auth::emulator::{Emulator, Keyless, Plan};
///
/// let emulator = Emulator::builder().plan(Plan::Free).keyless(Keyless::RateLimited).build();
/// # let _ = emulator;
/// ```
#[derive(Clone)]
#[must_use = "call `build` to get an emulator"]
pub struct EmulatorBuilder {
    plan: Plan,
    start: Option<SystemTime>,
    jwt_secret: Option<[u8; 32]>,
    settings: Settings,
}

impl EmulatorBuilder {
    pub(super) fn new() -> Self {
        Self {
            plan: Plan::default(),
            start: None,
            jwt_secret: None,
            settings: Settings::default(),
        }
    }

    /// The plan of the first API key (default [`Plan::Growth`]).
    pub fn plan(mut self, plan: Plan) -> Self {
        self.plan = plan;
        self
    }

    /// What the emulator's clock shows at creation, cut to milliseconds (default: the system's time).
    pub fn start_at(mut self, start: SystemTime) -> Self {
        self.start = Some(start);
        self
    }

    /// The 32 bytes that tokens are signed with (default: random for each emulator).
    ///
    /// For tests that check tokens with a JWT library of their own.
    pub fn jwt_secret(mut self, secret: [u8; 32]) -> Self {
        self.jwt_secret = Some(secret);
        self
    }

    /// What requests without a credential get (default [`Keyless::Unauthorized`]).
    pub fn keyless(mut self, keyless: Keyless) -> Self {
        self.settings.keyless = keyless;
        self
    }

    /// The shape of error bodies (default [`ErrorEnvelope::Detailed`]).
    pub fn error_envelope(mut self, envelope: ErrorEnvelope) -> Self {
        self.settings.error_envelope = envelope;
        self
    }

    /// The shape of create answers (default [`BodyShape::Named`], which is documented).
    pub fn create_shape(mut self, shape: BodyShape) -> Self {
        self.settings.create_shape = shape;
        self
    }

    /// The shape of list and inspect answers (default [`BodyShape::Named`], by analogy with create).
    pub fn read_shape(mut self, shape: BodyShape) -> Self {
        self.settings.read_shape = shape;
        self
    }

    /// The shape of revoke answers (default [`RevokeShape::Named`], by analogy with create).
    pub fn revoke_shape(mut self, shape: RevokeShape) -> Self {
        self.settings.revoke_shape = shape;
        self
    }

    /// The 2xx codes of management answers (default [`SuccessCodes::AlwaysOk`]).
    pub fn success_codes(mut self, codes: SuccessCodes) -> Self {
        self.settings.success_codes = codes;
        self
    }

    /// Whether throttling 429s carry `Retry-After` (default [`RetryAfter::Absent`]).
    pub fn retry_after(mut self, retry_after: RetryAfter) -> Self {
        self.settings.retry_after = retry_after;
        self
    }

    /// How `requestLimit` and `remaining` are written (default [`LimitFormat::Strings`]).
    pub fn limit_format(mut self, format: LimitFormat) -> Self {
        self.settings.limit_format = format;
        self
    }

    /// What tokens look like (default [`TokenFormat::Jwt`]).
    pub fn token_format(mut self, format: TokenFormat) -> Self {
        self.settings.token_format = format;
        self
    }

    /// Which create requests count against the creation limit (default [`CountedCreates::Attempts`]).
    pub fn counted_creates(mut self, counted: CountedCreates) -> Self {
        self.settings.counted_creates = counted;
        self
    }

    /// The window of the creation limit (default [`CreateWindow::Sliding`]).
    pub fn create_window(mut self, window: CreateWindow) -> Self {
        self.settings.create_window = window;
        self
    }

    /// Whether list and inspect answers include the token itself (default no, as documented for list).
    pub fn token_in_list(mut self, yes: bool) -> Self {
        self.settings.flags.token_in_list = yes;
        self
    }

    /// Whether `Authorization: <jwt>` without `Bearer` is accepted (default no; it stays a recorded violation).
    ///
    /// Mobula documents `Authorization: Bearer <jwt>` only; its own web app sends the raw form.
    pub fn accept_raw_tokens(mut self, yes: bool) -> Self {
        self.settings.flags.accept_raw_tokens = yes;
        self
    }

    /// Whether `Content-Type: application/json` without a body is tolerated (default no: 400).
    ///
    /// The refusal is Fastify's `FST_ERR_CTP_EMPTY_JSON_BODY` (fastify.dev/docs/latest/Reference/Errors).
    pub fn accept_bodiless_json(mut self, yes: bool) -> Self {
        self.settings.flags.accept_bodiless_json = yes;
        self
    }

    /// Whether 401s carry `WWW-Authenticate` as in RFC 6750 section 3 (default no: never seen from Mobula).
    pub fn www_authenticate(mut self, yes: bool) -> Self {
        self.settings.flags.www_authenticate = yes;
        self
    }

    /// Builds the emulator; needs no async runtime.
    #[must_use]
    pub fn build(self) -> Emulator {
        let jwt_key = self
            .jwt_secret
            .map_or_else(JwtKey::random, |secret| JwtKey::new(&secret));
        Emulator::assemble(
            self.plan,
            self.start.unwrap_or_else(wall_time),
            jwt_key,
            self.settings,
        )
    }
}

impl fmt::Debug for EmulatorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatorBuilder")
            .field("plan", &self.plan)
            .field("start", &self.start)
            .field("jwt_secret", &self.jwt_secret.map(|_| "[REDACTED]"))
            .field("settings", &self.settings)
            .finish()
    }
}
