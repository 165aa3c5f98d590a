//! The plans that a key can be on.

/// The Mobula plan of an API key.
///
/// Short-lived tokens need Startup, Growth or Enterprise, websockets Growth or Enterprise; every plan may call data
/// endpoints with its key (docs.mobula.io/guides/api-key-vs-api-token, docs.mobula.io/pricing).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Plan {
    /// 10,000 credits a month; token management is refused with 403.
    Free,
    /// 125,000 credits a month; tokens allowed.
    Startup,
    /// 1,250,000 credits a month; tokens allowed. The default.
    #[default]
    Growth,
    /// Unlimited credits; tokens allowed.
    Enterprise,
}

impl Plan {
    /// Whether keys on this plan may create and manage short-lived tokens.
    #[must_use]
    pub const fn has_tokens(self) -> bool {
        !matches!(self, Self::Free)
    }

    /// Whether keys on this plan, and their tokens, may use websockets.
    #[must_use]
    pub const fn has_websockets(self) -> bool {
        matches!(self, Self::Growth | Self::Enterprise)
    }

    /// The monthly credit allowance, in credits; what `x-ratelimit-limit` says.
    ///
    /// Enterprise is unlimited, shown as 1,000,000,000 because the header carries a number. The emulator counts
    /// credits for the headers but refuses nothing when they are used up.
    #[must_use]
    pub const fn monthly_credits(self) -> u64 {
        match self {
            Self::Free => 10_000,
            Self::Startup => 125_000,
            Self::Growth => 1_250_000,
            Self::Enterprise => 1_000_000_000,
        }
    }
}
