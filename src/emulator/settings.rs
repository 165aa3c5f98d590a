//! The switches: how the emulator answers where Mobula's behaviour is undocumented.

/// What a request without any credential gets.
///
/// In [`RateLimited`](Self::RateLimited) and [`Demo`](Self::Demo) the answers mirror Mobula's two hosts as they have been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keyless {
    /// 401. The default.
    #[default]
    Unauthorized,
    /// 429, as seen on `api.mobula.io`.
    RateLimited,
    /// 200 on data endpoints, as on `demo-api.mobula.io`; 401 on token management.
    Demo,
}

/// The shape of error bodies; Mobula documents none for the token endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorEnvelope {
    /// `{"statusCode":401,"error":"Unauthorized","message":"..."}`, with `code` where a parser refused. The default.
    #[default]
    Detailed,
    /// `{"error":"..."}`.
    ErrorOnly,
    /// The message alone, as `text/plain`.
    PlainText,
}

/// How an answer's JSON is wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum BodyShape {
    /// In one member named after the operation, such as `{"createApiTokens":[..]}` or `{"apiTokens":[..]}`. The default.
    #[default]
    Named,
    /// Not wrapped: `[..]` or `{..}`.
    Bare,
    /// In `{"data":..}`.
    Data,
}

/// The body of a successful revocation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RevokeShape {
    /// `{"deleteApiToken":"<id>"}`. The default.
    #[default]
    Named,
    /// `"<id>"`.
    Bare,
    /// `{"data":"<id>"}`.
    Data,
    /// `{"deleted":true}`, the style of Mobula's agent-key endpoints.
    Deleted,
}

/// Which 2xx codes successful management requests get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuccessCodes {
    /// 200 for all. The default.
    #[default]
    AlwaysOk,
    /// 201 for create, 204 without a body for revoke, 200 for the others.
    ByMethod,
}

/// Whether throttling 429s (creation limit, no credential) say when to come back.
///
/// A 429 for a token whose request limit is used up never does: waiting would not help.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RetryAfter {
    /// No `Retry-After`. The default, since Mobula documents none.
    #[default]
    Absent,
    /// Whole seconds, rounded up.
    Seconds,
    /// An HTTP date on the service's own clock, rounded up to the second.
    HttpDate,
}

/// How `requestLimit` and `remaining` are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LimitFormat {
    /// Decimal strings, as documented. The default.
    #[default]
    Strings,
    /// JSON numbers.
    Numbers,
    /// Strings, and `remaining` is `null`.
    NullRemaining,
}

/// What the value of a short-lived token looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenFormat {
    /// An HS256 JWT with the claims `iat`, `exp`, `jti` (the token's id) and `aud`. The default.
    #[default]
    Jwt,
    /// Three parts like a JWT, but the middle one is no JSON: for clients that read `exp` out of tokens.
    Undecodable,
}

/// Which create requests count against the creation limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CountedCreates {
    /// Every authenticated attempt: refused ones, and those that met a fault, too. The default, and the strictest.
    #[default]
    Attempts,
    /// Only those that brought tokens.
    Successes,
}

/// The window of the creation limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateWindow {
    /// At most 5 in any 60 seconds. The default, and the strictest.
    #[default]
    Sliding,
    /// At most 5 in each window of 60 seconds; a window opens with the first request after the last one closed.
    Fixed,
}

/// All switches, as the builder leaves them.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) keyless: Keyless,
    pub(super) error_envelope: ErrorEnvelope,
    pub(super) create_shape: BodyShape,
    pub(super) read_shape: BodyShape,
    pub(super) revoke_shape: RevokeShape,
    pub(super) success_codes: SuccessCodes,
    pub(super) retry_after: RetryAfter,
    pub(super) limit_format: LimitFormat,
    pub(super) token_format: TokenFormat,
    pub(super) counted_creates: CountedCreates,
    pub(super) create_window: CreateWindow,
    pub(super) flags: Flags,
}

/// The switches that are plainly on or off; all off by default.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each set by a builder method of its own"
)]
pub(super) struct Flags {
    pub(super) token_in_list: bool,
    pub(super) accept_raw_tokens: bool,
    pub(super) accept_bodiless_json: bool,
    pub(super) www_authenticate: bool,
}
