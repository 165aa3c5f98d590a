//! What is compared: the stacks by the names that the benches give them, and what the report calls them.

use std::fmt::{Display, Formatter, Result};

/// A stack, by the name of the function that makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stack {
    pub name: &'static str,
    pub label: &'static str,
    pub whose: Whose,
}

/// Which of them have a budget, and how the report shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// No layer: what the others are measured above.
    Nobodys,
    Ours,
    Others,
}

/// In the order of the report.
pub const STACKS: [Stack; 16] = [
    of(Whose::Nobodys, "bare", "no layer"),
    of(
        Whose::Others,
        "floor",
        "one `HeaderMap::insert` of a shared value",
    ),
    of(
        Whose::Others,
        "tower_http_add_authorization",
        "tower-http `AddAuthorization`",
    ),
    of(
        Whose::Others,
        "tower_http_set_request_header",
        "tower-http `SetRequestHeader`",
    ),
    of(Whose::Ours, "api_key_auth", "`ApiKeyAuth`"),
    of(
        Whose::Ours,
        "x_api_key_auth",
        "`ApiKeyAuth` with `x-api-key`",
    ),
    of(Whose::Ours, "bearer_auth", "`BearerAuth`"),
    of(
        Whose::Ours,
        "per_request_auth",
        "`PerRequestAuth`, no credential in the request",
    ),
    of(
        Whose::Ours,
        "per_request_auth_with_a_token",
        "`PerRequestAuth`, a token in the request",
    ),
    of(
        Whose::Ours,
        "token_registry",
        "`TokenRegistry`, a tenant's key in the request",
    ),
    of(
        Whose::Ours,
        "auto_refreshing_token",
        "`AutoRefreshingToken`, fresh token",
    ),
    of(Whose::Others, "aliri_tokens", "aliri_tokens in a service"),
    of(
        Whose::Others,
        "by_hand",
        "by hand: `RwLock<String>`, `format!`, a box",
    ),
    of(
        Whose::Nobodys,
        "azure_core_bare",
        "azure_core without the policy",
    ),
    of(Whose::Others, "azure_core", "azure_core's bearer policy"),
    of(
        Whose::Others,
        "google_cloud_auth",
        "google-cloud-auth in a service",
    ),
];

const fn of(whose: Whose, name: &'static str, label: &'static str) -> Stack {
    Stack { name, label, whose }
}

impl Stack {
    /// The stack that this one is measured above. azure_core's requests are its own.
    #[must_use]
    pub fn above(&self) -> &'static str {
        match self.name {
            "azure_core" => "azure_core_bare",
            _ => "bare",
        }
    }

    /// Whether it is in the README, and not in BENCHMARKING.md alone.
    #[must_use]
    pub fn is_in_brief(&self) -> bool {
        !["x_api_key_auth", "per_request_auth"].contains(&self.name)
    }
}

/// The stack of that name, if the report knows it.
#[must_use]
pub fn stack(name: &str) -> Option<&'static Stack> {
    STACKS.iter().find(|stack| stack.name == name)
}

/// What the report calls a case whose name has parts, some of which may be stacks: `bare, cloned`.
#[must_use]
pub fn label(case: &str) -> String {
    let label = |part| stack(part).map_or(part, |stack| stack.label);
    let parts: Vec<_> = case.split(", ").map(label).collect();
    parts.join(", ")
}

/// A stack, and what is sent through it. Reads `api_key_auth/dropped_headers_8_token_1200`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Case {
    pub stack: String,
    pub load: String,
}

/// What the bars are about: 8 other headers, a token of 1,200 bytes.
pub const MAIN_LOAD: &str = "dropped_headers_8_token_1200";
pub const SHORT_TOKEN: &str = "dropped_headers_8_token_40";
pub const NO_OTHER_HEADERS: &str = "dropped_headers_0_token_1200";
pub const CLONED: &str = "cloned_headers_8_token_1200";

impl Case {
    #[must_use]
    pub fn new(stack: &str, load: &str) -> Self {
        let (stack, load) = (stack.to_owned(), load.to_owned());
        Self { stack, load }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (stack, load) = text.split_once('/')?;
        Some(Self::new(stack, load))
    }
}

impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        write!(f, "{}/{}", self.stack, self.load)
    }
}
